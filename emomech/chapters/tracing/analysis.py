"""Claim C4: do few features carry the prediction?

Features of all layers are ranked on the `discover` texts by the gradient screen. On other texts, ablation to the mean
measures what the answer loses without the first k together, and what it keeps with only these k, compared with the
same number of other parts (`curves`). Single features are ablated one by one (`single_features`), and so is the part of
the activations that the SAEs do not explain. Edits apply at every token except special ones; log-odds are those of a
text's own label.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pandas as pd

from emomech.causal.dictionary import NODES
from emomech.causal.questions import Questions, balanced
from emomech.causal.sample import Sample
from emomech.chapters.tracing.curves import (
    BESIDE,
    EITHER_SIGN,
    FEATURES,
    UNTRAINED,
    Contest,
    Line,
    Lines,
    contest,
    measure_lines,
    size_to_enough,
    text_groups,
)
from emomech.chapters.tracing.single_features import SingleEffect, by_layer, corrected, single_effects
from emomech.core.errors import UsageError
from emomech.core.hook_points import HookPoint
from emomech.stats.tables import DEPTH, INTERVAL, Row, Schema, filled, frame
from emomech.stats.testing import LEVEL
from emomech.study.study import Study

EVERYWHERE = "all hook points"
SIZE, SHARE, KEPT_SIZE = "features to 80 %", "share of alive features", "features kept alone to 80 %"
JOINT, AT_SIZE = "log-odds lost without all features", "share of it lost without these"
MIN_TEXTS = 5
"""Texts of each label that each side of the split needs at least."""
MOST_LISTED = 200
"""Features of the ranking that are listed at most."""
_DEPTH = {"depth": DEPTH}
_LOST = {"loss": "log-odds of the own label that are lost, in nats, mean over the texts", **INTERVAL, "n": "texts"}
SETTING = Schema(
    keys={"model": "the model that is asked"},
    values={
        "accuracy": "balanced accuracy on the report texts",
        **INTERVAL,
        "chance": "accuracy of guessing",
        "log_odds": "mean log-odds of the own label, in nats, unedited",
        "n_alive": "features that fire on the discover texts",
        "n_discover": "discover texts",
        "n": "report texts",
        "untested": "why these texts cannot be analysed; empty if they can",
    },
)
CURVES = Schema(
    keys={
        "condition": "which parts: features as ranked, or what they are compared with",
        "edit": "the first k are ablated, or kept while all others are ablated",
        "measure": "log-odds in nats, or as a share of what ablating all parts of the kind takes",
        "k": "number of parts, of all hook points together",
    },
    values={"value": "log-odds lost if the parts are ablated, kept if only they are kept", **INTERVAL, "n": "texts"},
)
HEADLINE = Schema(
    keys={"texts": "all report texts, or those that the unedited model gets right", "measure": "what is measured"},
    values={"value": "value of the measure", **INTERVAL, "n": "texts"},
)
ADVANTAGE = Schema(
    keys={"texts": HEADLINE.keys["texts"], "baseline": "what the features are compared with"},
    values={
        "k": "number of each that are ablated: the smallest number of features with 80 % of the joint effect",
        "features": "log-odds lost without the features, in nats",
        "other": "log-odds lost without the baseline's parts, in nats",
        "difference": "loss without the features minus loss without the baseline's parts, on the same texts",
        **INTERVAL,
        "n": "texts",
    },
)
SINGLES = Schema(
    keys={"hook_point": "hook point of the SAE", "feature": "its number"},
    values={
        **_DEPTH,
        "kind": "among the first of its hook point by the screen, or drawn from the others",
        "rank": "place in the ranking of all features",
        "estimate": "loss that the screen estimates on the discover texts, in nats",
        **_LOST,
        "q": "p-value, corrected for all features in this table (false discovery rate)",
        "zero": "loss when it is ablated to zero instead of its mean; only for screened features",
        "resample": "loss when it takes its value at a random token; only for screened features",
    },
)
LAYERS = Schema(
    keys={"hook_point": "hook point of the SAE", "kind": "screened, or drawn from the others"},
    values={
        **_DEPTH,
        "n": "features ablated one by one",
        "n_nominal": "features with p < 0.05",
        "expected": "how many would have p < 0.05 if none had an effect",
        "n_found": "features with an effect at a false discovery rate of 5 %",
        "n_needed": "features among these whose ablation costs log-odds",
        "agreement": "rank correlation of screen and exact loss, screened and audited together",
        "same_sign": "share of the features with an effect for which screen and exact loss have the same sign",
        "zero": "rank correlation of the losses by mean and by zero ablation",
        "resample": "rank correlation of the losses by mean and by resample ablation",
    },
)
NODES_LOST = Schema(
    keys={"hook_point": "hook point, or all of them", "node": "what is moved to its mean"}, values={**_DEPTH, **_LOST}
)
FIRST = Schema(
    keys={"rank": "place in the ranking"},
    values={
        "hook_point": "hook point of the SAE",
        "feature": "its number",
        **_DEPTH,
        "estimate": "loss that the screen estimates, in nats",
        "rank_shuffled": "median of its places in the rankings for permuted labels",
        "writes": "label that it writes; empty for none",
    },
)


@dataclass(frozen=True)
class Tracing:
    """How few features carry the prediction, and whether anything else carries it as well."""

    setting: Annotated[pd.DataFrame, SETTING]
    headline: Annotated[pd.DataFrame, HEADLINE]
    advantage: Annotated[pd.DataFrame, ADVANTAGE]
    curves: Annotated[pd.DataFrame, CURVES]
    singles: Annotated[pd.DataFrame, SINGLES]
    layers: Annotated[pd.DataFrame, LAYERS]
    nodes: Annotated[pd.DataFrame, NODES_LOST]
    first: Annotated[pd.DataFrame, FIRST]


def tracing(
    study: Study,
    *,
    n_discover: int = 30,
    n_report: int = 12,
    n_single: int = 3,
    n_resamples: int = 200,
) -> Tracing:
    """Ablate features, and what they are compared with, one by one and together.

    `n_discover` and `n_report` are texts of each label. At each hook point, `n_single` screened features and `n_single`
    others are ablated one by one.
    """
    seed = study.spec.seed
    try:
        discover = Questions.of(study, balanced(study, "discover", n_discover))
        questions = Questions.of(study, balanced(study, "report", n_report))
    except UsageError as error:
        return _untested(study, str(error))
    if min(len(discover), len(questions)) < MIN_TEXTS * len(questions.labels):
        return _untested(study, f"A label has fewer than {MIN_TEXTS} texts on one side of the split.")
    sample = Sample.of(questions, n_resamples, seed).replayed()
    accuracy = sample.balanced_accuracy
    if not accuracy.low > 1 / len(questions.labels):
        return _untested(study, f"The model is at chance: its balanced accuracy is {accuracy}.")
    contested = contest(discover, sample, study.saes, seed)
    lines, k = measure_lines(contested)
    singles = single_effects(sample, contested.dictionary, contested.ranking, n_single, seed)
    depth = {point: point.depth(study.lm.n_layers) for point in study.saes}
    setting: Row = {
        "model": study.lm.name,
        "accuracy": accuracy,
        "chance": 1 / len(questions.labels),
        "log_odds": sample.base.mean(),
        "n_alive": contested.features.n,
        "n_discover": len(discover),
        "n": len(questions),
        "untested": "",
    }
    return Tracing(
        setting=frame(SETTING, [setting]),
        headline=frame(HEADLINE, _headline(sample, lines, k, contested.features.n)),
        advantage=frame(ADVANTAGE, _advantage(sample, lines, k)),
        curves=frame(CURVES, _curves(sample, list(lines.values()))),
        singles=frame(SINGLES, _singles(sample, singles, depth)),
        layers=frame(LAYERS, _layers(sample, singles, depth)),
        nodes=frame(NODES_LOST, _nodes(sample, contested, depth)),
        first=frame(FIRST, _first(contested, k, depth)),
    )


def _untested(study: Study, reason: str) -> Tracing:
    """Make empty tables, with the reason in `setting`."""
    return filled(Tracing, setting=frame(SETTING, [{"model": study.lm.name, "untested": reason}]))


def _headline(sample: Sample, lines: Lines, k: int, n_alive: int) -> Iterator[Row]:
    ablated, kept = lines[FEATURES, "ablated"], lines[EITHER_SIGN, "kept alone"]
    for texts, rows in text_groups(sample).items():
        values = {
            SIZE: size_to_enough(sample, ablated, rows),
            SHARE: size_to_enough(sample, ablated, rows, n_alive),
            KEPT_SIZE: size_to_enough(sample, kept, rows),
            JOINT: sample.mean(ablated.whole, rows),
            AT_SIZE: sample.ratio(ablated.at(k), ablated.whole, rows),
        }
        for measure, value in values.items():
            yield {"texts": texts, "measure": measure, "value": value, "n": len(rows)}


def _advantage(sample: Sample, lines: Lines, k: int) -> Iterator[Row]:
    features = lines[FEATURES, "ablated"].at(k)
    for texts, rows in text_groups(sample).items():
        for condition in BESIDE:
            line = lines[condition, "ablated"]
            other = line.at(k) if k in line.ks else np.full(len(features), np.nan)
            yield {
                "texts": texts,
                "baseline": condition,
                "k": k,
                "features": features[rows].mean(),
                "other": other[rows].mean(),
                "difference": sample.mean(features - other, rows),
                "n": len(rows),
            }


def _curves(sample: Sample, lines: Sequence[Line]) -> Iterator[Row]:
    for line in lines:
        for k, nats in zip(line.ks, line.nats, strict=True):
            row = {"condition": line.condition, "edit": line.edit, "k": k, "n": len(nats)}
            yield {**row, "measure": "nats", "value": sample.mean(nats)}
            if line.condition != UNTRAINED:
                yield {**row, "measure": "share", "value": sample.ratio(nats, line.whole)}


def _singles(sample: Sample, singles: Sequence[SingleEffect], depth: Mapping[HookPoint, float]) -> Iterator[Row]:
    for effect, q in zip(singles, corrected(singles, sample.questions.clusters), strict=True):
        yield {
            "hook_point": str(effect.feature.point),
            "feature": effect.feature.index,
            "depth": depth[effect.feature.point],
            "kind": effect.kind,
            "rank": effect.rank,
            "estimate": effect.estimate,
            "loss": sample.mean(effect.loss),
            "n": len(effect.loss),
            "q": q,
            "zero": effect.zero,
            "resample": effect.resample,
        }


def _layers(sample: Sample, singles: Sequence[SingleEffect], depth: Mapping[HookPoint, float]) -> Iterator[Row]:
    for summary in by_layer(singles, sample.questions.clusters):
        yield {
            "hook_point": str(summary.point) if summary.point else EVERYWHERE,
            "kind": summary.kind,
            "depth": depth[summary.point] if summary.point else np.nan,
            "n": summary.n,
            "n_nominal": summary.n_nominal,
            "expected": LEVEL * summary.n,
            "n_found": summary.n_found,
            "n_needed": summary.n_needed,
            "agreement": summary.agreement,
            "same_sign": summary.same_sign,
            "zero": summary.zero,
            "resample": summary.resample,
        }


def _nodes(sample: Sample, contested: Contest, depth: Mapping[HookPoint, float]) -> Iterator[Row]:
    for node in NODES:
        edits = {point: contested.dictionary.node(point, node) for point in depth}
        losses = sample.losses([*({point: edit} for point, edit in edits.items()), edits])
        places = [*((str(point), at) for point, at in depth.items()), (EVERYWHERE, np.nan)]
        for (point, at), loss in zip(places, losses, strict=True):
            yield {"hook_point": point, "node": node, "depth": at, "loss": sample.mean(loss), "n": len(loss)}


def _first(contested: Contest, k: int, depth: Mapping[HookPoint, float]) -> Iterator[Row]:
    places = [{feature: rank for rank, feature in enumerate(other.features, 1)} for other in contested.permuted]
    ranking = contested.ranking
    for i, feature in enumerate(ranking.features[: min(k, MOST_LISTED, len(contested.labels))]):
        yield {
            "rank": i + 1,
            "hook_point": str(feature.point),
            "feature": feature.index,
            "depth": depth[feature.point],
            "estimate": ranking.loss[i],
            "rank_shuffled": float(np.median([place[feature] for place in places])),
            "writes": contested.labels[i],
        }
