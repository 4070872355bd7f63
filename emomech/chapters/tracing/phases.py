"""Where in depth the few features that carry the prediction stand, and what is lost without those of each phase.

Phases are ranges of depth, such as those that the staged information flow has. The first k features of the ranking are
ablated phase by phase, on texts that did not rank them, and so are features that fire as they do. What phases lose
need not add up: a feature of a late phase may only pass on what one of an early phase has made.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pandas as pd

from emomech.causal.ablation import ranked
from emomech.causal.dictionary import Parts
from emomech.causal.questions import Questions, balanced
from emomech.chapters.tracing.curves import FEATURES, MATCHED, Reported, matched_sets
from emomech.core.hook_points import FeatureId
from emomech.stats.tables import Schema, frame
from emomech.study.study import Study

THIRDS = (0.0, 0.33, 0.67)
PHASES = Schema(
    keys={"phase": "its number", "condition": "the first k features, or matched ones"},
    values={
        "start": "depth at which it begins: 0 at the embedding, 1 after the last block",
        "n_alive": "features that fire there",
        "n_first": "how many of the first k are there",
        "expected": "how many that would be if they were spread as all features are",
        "loss": "log-odds of the own label that are lost without these, in nats, mean over the texts",
        "low": "lower end of the 95 % interval",
        "high": "upper end of the 95 % interval",
        "n": "texts",
        "share": "of what ablating all of the first k takes; phases need not add up",
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
    """Ablate the first k features phase by phase; an empty table for none.

    `starts` are depths at which phases begin, by default thirds; they are compared as they are written, to two
    decimals, and what lies before the first of them belongs to it. Raises UsageError for labels that one token cannot
    score.
    """
    rows: list[tuple[object, ...]] = []
    if k:
        chooses = Questions.of(study, balanced(study, "discover", n_discover))
        questions = Questions.of(study, balanced(study, "report", n_report))
        reported = Reported.of(questions, n_resamples, study.spec.seed)
        parts = Parts.of(chooses, study.saes)
        first = ranked(chooses, parts).parts[:k]
        sets = {FEATURES: [first], MATCHED: matched_sets(first, parts, study.spec.seed)}
        whole = reported.asked.losses([parts.ablate(first)])[0]
        edges = sorted(round(float(start), 2) for start in starts or THIRDS)

        def phase(part: FeatureId) -> int:
            depth = round(part.point.depth(study.lm.n_layers), 2)
            return max(0, sum(depth >= edge for edge in edges) - 1)

        there = np.bincount([phase(part) for part in parts.alive], minlength=len(edges))
        for condition, drawn in sets.items():
            for number, start in enumerate(edges):
                here = [[part for part in one if phase(part) == number] for one in drawn]
                loss = reported.asked.losses(map(parts.ablate, here)).mean(0)
                found, share = reported.mean(loss), reported.ratio(loss, whole).value
                counts = (int(there[number]), float(np.mean([len(one) for one in here])))
                expected = k * there[number] / there.sum()
                place = (number + 1, condition, start, *counts, expected)
                rows.append((*place, found, len(loss), share))
    return Phases(frame(PHASES, rows))
