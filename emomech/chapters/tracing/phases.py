"""Where in depth the few features that carry the prediction are, and what is lost without those of each phase.

Phases are ranges of depth, such as those of the staged information flow. The first k features of the ranking are
ablated phase by phase, on texts that did not rank them, and so are features that fire as they do. The losses of the
phases need not add up: a feature of a late phase may only pass on what one of an early phase computes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pandas as pd

from emomech.causal.ablation import rank_features
from emomech.causal.dictionary import Dictionary
from emomech.causal.questions import Questions, balanced
from emomech.causal.sample import Sample
from emomech.chapters.tracing.curves import matched_sets
from emomech.chapters.tracing.evidence import FEATURES, MATCHED
from emomech.core.hook_points import FeatureId
from emomech.stats.tables import Row, Schema, frame
from emomech.study.study import Study

THIRDS = (0.0, 0.33, 0.67)
PHASES = Schema(
    keys={"phase": "number of the phase", "condition": "the first k features, or matched ones"},
    values={
        "start": "depth at which it begins: 0 at the embedding, 1 after the last block",
        "n_alive": "features that fire there",
        "n_first": "how many of the first k are there",
        "expected": "how many would be there if they were distributed as all features are",
        "loss": "log-odds of the own label lost without these, in nats, mean over the texts",
        "low": "lower end of the 95 % interval",
        "high": "upper end of the 95 % interval",
        "n": "texts",
        "share": "share of what ablating all of the first k takes; phases need not add up",
    },
)


@dataclass(frozen=True)
class Phases:
    """What the first k features of each phase carry."""

    phases: Annotated[pd.DataFrame, PHASES]


def phases(
    study: Study,
    *,
    k: int,
    starts: Sequence[float] = (),
    n_discover: int = 30,
    n_report: int = 12,
    n_resamples: int = 200,
) -> Phases:
    """Ablate the first k features phase by phase; an empty table for k = 0.

    `starts` are the depths at which phases begin, by default thirds. They are compared rounded to two decimals, and
    what lies before the first belongs to it. Raises UsageError for labels that begin with the same token.
    """
    rows: list[Row] = []
    if k:
        discover = Questions.of(study, balanced(study, "discover", n_discover))
        questions = Questions.of(study, balanced(study, "report", n_report))
        sample = Sample.of(questions, n_resamples, study.spec.seed).replayed()
        dictionary = Dictionary.of(discover, study.saes)
        first = rank_features(discover, dictionary).features[:k]
        sets = {FEATURES: [first], MATCHED: matched_sets(first, dictionary, study.spec.seed)}
        joint_loss = sample.losses([dictionary.ablate(first)])[0]
        edges = sorted(round(float(start), 2) for start in starts or THIRDS)

        def phase(feature: FeatureId) -> int:
            depth = round(feature.point.depth(study.lm.n_layers), 2)
            return max(0, sum(depth >= edge for edge in edges) - 1)

        alive = np.bincount([phase(feature) for feature in dictionary.alive], minlength=len(edges))
        for condition, drawn in sets.items():
            for number, start in enumerate(edges):
                of_phase = [[feature for feature in features if phase(feature) == number] for features in drawn]
                loss = sample.losses(map(dictionary.ablate, of_phase)).mean(0)
                rows.append(
                    {
                        "phase": number + 1,
                        "condition": condition,
                        "start": start,
                        "n_alive": int(alive[number]),
                        "n_first": float(np.mean([len(features) for features in of_phase])),
                        "expected": k * alive[number] / alive.sum(),
                        "loss": sample.mean(loss),
                        "n": len(loss),
                        "share": sample.ratio(loss, joint_loss).value,
                    }
                )
    return Phases(frame(PHASES, rows))
