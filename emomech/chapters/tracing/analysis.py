"""Claim C4: do few features carry the prediction?

Features of all layers are ranked on some texts by the gradient screen; what the answer loses without the first k of
them together, and what it keeps with these k alone, is measured on other texts by ablation to the mean, beside what as
many other parts do (`ablation_curves`). Single features are ablated one by one (`single_effects`), and what the SAEs do
not explain by itself. Edits are made at every token but special ones; log-odds are those of a text's own label.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pandas as pd

from emomech.causal.dictionary import NODES
from emomech.causal.questions import Questions, balanced
from emomech.chapters.tracing.curves import (
    BESIDE,
    EITHER_SIGN,
    FEATURES,
    UNTRAINED,
    Contest,
    Line,
    Lines,
    Reported,
    contest,
    measured,
)
from emomech.chapters.tracing.single_features import LEVEL, SingleEffect, by_layer, corrected, single_effects
from emomech.core.errors import UsageError
from emomech.core.hook_points import HookPoint
from emomech.stats.tables import DEPTH, INTERVAL, Schema, filled, frame
from emomech.study.study import Study

EVERYWHERE = "all hook points"
SIZE, SHARE, KEPT_SIZE = "features to 80 %", "share of alive features", "features kept alone to 80 %"
JOINT, AT_SIZE = "log-odds lost without all features", "share of it lost without these"
MIN_TEXTS = 5
"""Fewer texts of each label on either side say nothing."""
MOST_LISTED = 200
"""Features of the ranking that are named one by one."""
_DEPTH = {"depth": DEPTH}
_LOST = {"loss": "log-odds of the own label that are lost, in nats, mean over the texts", **INTERVAL, "n": "texts"}
SETTING = Schema(
    keys={"model": "the model that is asked"},
    values={
        "accuracy": "balanced accuracy on the texts that report",
        **INTERVAL,
        "chance": "accuracy of guessing",
        "log_odds": "mean log-odds of the own label, in nats, unedited",
        "n_alive": "features that fire on the texts that choose",
        "n_discover": "texts that choose",
        "n": "texts that report",
        "untested": "why nothing can be said; empty if something can",
    },
)
CURVES = Schema(
    keys={
        "condition": "what is taken: features as ranked, or what they are compared with",
        "edit": "the first k are ablated, or kept while all others are ablated",
        "measure": "log-odds in nats, or as a share of what ablating all parts of the kind takes",
        "k": "how many parts, of all hook points together",
    },
    values={"value": "lost where they are ablated, kept where they are kept alone", **INTERVAL, "n": "texts"},
)
HEADLINE = Schema(
    keys={"texts": "all that report, or those that the unedited model gets right", "measure": "what is measured"},
    values={"value": "its value", **INTERVAL, "n": "texts"},
)
ADVANTAGE = Schema(
    keys={"texts": HEADLINE.keys["texts"], "baseline": "what the features are compared with"},
    values={
        "k": "how many of each are ablated: as many features as have 80 % of the joint effect",
        "features": "log-odds lost without the features, in nats",
        "other": "log-odds lost without the others",
        "difference": "the features' loss less the other's, same texts",
        **INTERVAL,
        "n": "texts",
    },
)
SINGLES = Schema(
    keys={"hook_point": "where the SAE stands", "feature": "its number"},
    values={
        **_DEPTH,
        "kind": "among the first of its hook point by the screen, or drawn from the others",
        "rank": "place in the ranking of all features",
        "estimate": "log-odds that it costs by the screen, on the texts that chose, in nats",
        **_LOST,
        "q": "p-value, corrected for all features in this table (false discovery rate)",
        "zero": "loss when it is ablated to zero instead of its mean; only of the screened",
        "resample": "loss when it takes its value at a random token; only of the screened",
    },
)
LAYERS = Schema(
    keys={"hook_point": "where the SAE stands", "kind": "screened, or drawn from the others"},
    values={
        **_DEPTH,
        "n": "features ablated one by one",
        "n_nominal": "those with p < 0.05",
        "expected": "how many that would be if none had an effect",
        "n_found": "those with an effect at a false discovery rate of 5 %",
        "n_needed": "those among them whose ablation costs log-odds",
        "agreement": "rank correlation of screen and exact loss, screened and audited together",
        "same_sign": "share of the found for which screen and exact loss have one sign",
        "zero": "rank correlation of the losses by mean and by zero ablation",
        "resample": "rank correlation of the losses by mean and by resample ablation",
    },
)
NODES_LOST = Schema(keys={"hook_point": "where it stands", "node": "what goes to its mean"}, values={**_DEPTH, **_LOST})
FIRST = Schema(
    keys={"rank": "place in the ranking"},
    values={
        "hook_point": "where the SAE stands",
        "feature": "its number",
        **_DEPTH,
        "estimate": "log-odds that it costs by the screen, in nats",
        "rank_shuffled": "its place in the rankings that exchanged labels give, their median",
        "writes": "label that it writes; empty for none",
    },
)


@dataclass(frozen=True)
class Tracing:
    """How few features carry the prediction, and whether anything else does so as well."""

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

    `n_discover` and `n_report` are texts of each label, `n_single` screened and as many other features of each hook
    point are ablated one by one.
    """
    seed = study.spec.seed
    try:
        chooses = Questions.of(study, balanced(study, "discover", n_discover))
        questions = Questions.of(study, balanced(study, "report", n_report))
    except UsageError as error:
        return _untested(study, str(error))
    if min(len(chooses), len(questions)) < MIN_TEXTS * len(questions.labels):
        return _untested(study, f"A label has fewer than {MIN_TEXTS} texts on one side of the split.")
    reported = Reported.of(questions, n_resamples, seed)
    accuracy = reported.accuracy(seed)
    if not accuracy.low > 1 / len(questions.labels):
        return _untested(study, f"The model is at chance: its balanced accuracy is {accuracy}.")
    found = contest(chooses, reported.asked, study.saes, seed)
    lines, k = measured(found)
    singles = single_effects(reported.asked, found.parts, found.ranking, n_single, seed)
    depth = {point: point.depth(study.lm.n_layers) for point in study.saes}
    stands = (accuracy, 1 / len(questions.labels), reported.asked.base.mean(), found.features.n)
    return Tracing(
        setting=frame(SETTING, [(study.lm.name, *stands, len(chooses), len(questions), "")]),
        headline=_headline(reported, lines, k, found.features.n),
        advantage=_advantage(reported, lines, k),
        curves=_curves(reported, list(lines.values())),
        singles=_singles(reported, singles, depth),
        layers=_layers(reported, singles, depth),
        nodes=_nodes(reported, found, depth),
        first=_first(found, k, depth),
    )


def _untested(study: Study, reason: str) -> Tracing:
    """Say why nothing can be said."""
    nothing = [float("nan")] * (len(SETTING.columns) - 2)
    return filled(Tracing, setting=frame(SETTING, [(study.lm.name, *nothing, reason)]))


def _headline(reported: Reported, lines: Lines, k: int, n_alive: int) -> pd.DataFrame:
    rows, ablated, kept = [], lines[FEATURES, "ablated"], lines[EITHER_SIGN, "kept alone"]
    for texts, among in reported.groups.items():
        values = {
            SIZE: reported.size(ablated, among),
            SHARE: reported.size(ablated, among, n_alive),
            KEPT_SIZE: reported.size(kept, among),
            JOINT: reported.mean(ablated.whole, among),
            AT_SIZE: reported.ratio(ablated.at(k), ablated.whole, among),
        }
        rows += [(texts, measure, value, len(among)) for measure, value in values.items()]
    return frame(HEADLINE, rows)


def _advantage(reported: Reported, lines: Lines, k: int) -> pd.DataFrame:
    ours = lines[FEATURES, "ablated"].at(k)
    rows = []
    for texts, among in reported.groups.items():
        for condition in BESIDE:
            line = lines[condition, "ablated"]
            other = line.at(k) if k in line.ks else np.full(len(ours), np.nan)
            means = ours[among].mean(), other[among].mean()
            rows.append((texts, condition, k, *means, reported.mean(ours - other, among), len(among)))
    return frame(ADVANTAGE, rows)


def _curves(reported: Reported, lines: Sequence[Line]) -> pd.DataFrame:
    rows = []
    for line in lines:
        for k, nats in zip(line.ks, line.nats, strict=True):
            place = line.condition, line.edit
            rows.append((*place, "nats", k, reported.mean(nats), len(nats)))
            if line.condition != UNTRAINED:
                rows.append((*place, "share", k, reported.ratio(nats, line.whole), len(nats)))
    return frame(CURVES, rows)


def _singles(reported: Reported, singles: Sequence[SingleEffect], depth: Mapping[HookPoint, float]) -> pd.DataFrame:
    rows, q = [], corrected(singles, reported.asked.questions.clusters)
    for one, value in zip(singles, q, strict=True):
        place = (str(one.part.point), one.part.index, depth[one.part.point], one.kind, one.rank, one.estimate)
        rows.append((*place, reported.mean(one.loss), len(one.loss), value, one.zero, one.resample))
    return frame(SINGLES, rows)


def _layers(reported: Reported, singles: Sequence[SingleEffect], depth: Mapping[HookPoint, float]) -> pd.DataFrame:
    rows = []
    for found in by_layer(singles, reported.asked.questions.clusters):
        point, at = (str(found.point), depth[found.point]) if found.point else (EVERYWHERE, float("nan"))
        counts = (found.n, found.n_nominal, LEVEL * found.n, found.n_found, found.n_needed)
        rows.append((point, found.kind, at, *counts, found.agreement, found.same_sign, found.zero, found.resample))
    return frame(LAYERS, rows)


def _nodes(reported: Reported, found: Contest, depth: Mapping[HookPoint, float]) -> pd.DataFrame:
    rows = []
    for node in NODES:
        edits = {point: found.parts.node(point, node) for point in depth}
        losses = reported.asked.losses([*({point: edit} for point, edit in edits.items()), edits])
        places = [*((str(point), at) for point, at in depth.items()), (EVERYWHERE, float("nan"))]
        for (point, at), loss in zip(places, losses, strict=True):
            rows.append((point, node, at, reported.mean(loss), len(loss)))
    return frame(NODES_LOST, rows)


def _first(found: Contest, k: int, depth: Mapping[HookPoint, float]) -> pd.DataFrame:
    places = [{part: rank for rank, part in enumerate(one.parts, 1)} for one in found.shuffled]
    rows = []
    for i, part in enumerate(found.ranking.parts[: min(k, MOST_LISTED, len(found.labels))]):
        where = (str(part.point), part.index, depth[part.point])
        exchanged = float(np.median([place[part] for place in places]))
        rows.append((i + 1, *where, found.ranking.loss[i], exchanged, found.labels[i]))
    return frame(FIRST, rows)
