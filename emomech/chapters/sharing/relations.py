"""Which emotions share features, and what shared features follow: pairs of emotions, and axes of the circumplex."""

import math
from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

import numpy as np
import pandas as pd

from emomech.chapters.conditions import SECOND_SAES, TRAINED, Condition
from emomech.chapters.sharing.circumplex import AXIS_NAMES, axes, fit
from emomech.chapters.sharing.independence import Counts, estimate_columns
from emomech.chapters.sharing.membership import Memberships
from emomech.stats.estimates import Floats
from emomech.stats.tables import INTERVAL, Schema, frame

Evidence = Literal["selective", "stepwise", "supporting"]
FeatureSet = Literal["all features", "writing no label"]
ALL: FeatureSet = "all features"
SILENT: FeatureSet = "writing no label"
SAME, DIFFERENT, CONTRAST = "same valence", "different valence", "same less different"
COUNTED_COLUMNS = {
    "evidence": "selective: the feature ranks higher on the emotion's texts; stepwise: also for a second emotion, when "
    "texts of the first are left out; supporting: moving the feature to its mean would lower the odds of the label",
    "condition": "the trained model, or a control",
    "features": "all features that fire at the answer, or only those that write no label word",
}
READ_COLUMNS = {name: COUNTED_COLUMNS[name] for name in ("evidence", "condition")}
OWN: tuple[Condition, ...] = (TRAINED, SECOND_SAES)
"""Conditions that are no control."""
NOTHING = "none"
"""In place of a control: the share itself."""
SHARED = "shared by two or more, beyond independent choice"
ADVANTAGE = Schema(
    keys=COUNTED_COLUMNS
    | {
        "baseline": "the control; none: the share itself",
        "quantity": "the shared features, or the features of one emotion only",
    },
    values={
        "difference": "share in this condition minus share in the control, on the same resamples of the texts; as a "
        "share of this condition's features of any emotion",
        **INTERVAL,
        "n": "number of features of any emotion in this condition",
    },
)
PAIRS = Schema(
    keys=READ_COLUMNS | {"emotion": "one emotion", "other": "the other emotion"},
    values={
        "valence": "whether the circumplex gives both emotions the same valence",
        "jaccard": "features of both emotions as a share of the features of either",
        "excess": "this share minus that expected under independent choice among relevant features",
        **INTERVAL,
        "n": "number of features of both emotions",
    },
)
VALENCE_PAIRS = Schema(
    keys=READ_COLUMNS | {"pairs": "kind of pairs of emotions"},
    values={"excess": "mean excess overlap of these pairs", **INTERVAL, "n": "number of pairs"},
)
SIDES = Schema(
    keys=READ_COLUMNS | {"kind": "features of two emotions or more: all of one valence, or of different ones"},
    values={
        "excess": "share of the features of any emotion, minus that under independent choice",
        **INTERVAL,
        "share": "share of the features of any emotion",
        "n": "number of these features",
    },
)
ONE_VALENCE, ACROSS = "of one valence", "across valences"
AXES = Schema(
    keys=READ_COLUMNS | {"axis": "axis of the circumplex"},
    values={
        "fit": "mean squared correlation between the axis and the mean activations of a shared feature by emotion",
        "low": "lower end of the range that holds 95 % of the fits with exchanged emotion names",
        "high": "upper end of the range that holds 95 % of the fits with exchanged emotion names",
        "p": "share of all exchanges of emotion names that fit at least as well",
        "least_p": "smallest p-value possible with this number of emotions",
        "n": "number of shared features",
        "untested": "why the axis cannot be tested; empty if it can",
    },
)

MembershipsByKey: TypeAlias = Mapping[tuple[Evidence, Condition], Memberships]
CountsByKey: TypeAlias = Mapping[tuple[Evidence, Condition, FeatureSet], Counts]


def key_columns(evidence: Evidence, condition: Condition) -> dict[str, object]:
    """Columns with which every row begins."""
    return {"evidence": evidence, "condition": condition}


def advantage_table(counted: CountsByKey, labels: Sequence[str]) -> pd.DataFrame:
    """Compare the model's SAEs, and second SAEs, with each control, draw by draw; see `ADVANTAGE`."""
    rows = []
    for (evidence, condition, features), counts in counted.items():
        if condition not in OWN:
            continue
        keys = {**key_columns(evidence, condition), "features": features}
        controls = {c: other for (e, c, f), other in counted.items() if c not in OWN and (e, f) == (evidence, features)}
        for baseline, control in {NOTHING: None, **controls}.items():
            for quantity, values in zip((SHARED, *labels), leads(counts, control).T, strict=True):
                estimate = estimate_columns("difference", values, counts.n_any, least=-math.inf)
                rows.append({**keys, "baseline": baseline, "quantity": quantity, **estimate})
    return frame(ADVANTAGE, rows)


def leads(counts: Counts, control: Counts | None) -> Floats:
    """Shared, then specific features (draw, quantity), minus those of a control, per feature of any emotion."""
    shares = counts.structure
    return counts.per_feature(shares if control is None else shares - control.structure)


def pair_table(counted: CountsByKey, labels: Sequence[str]) -> pd.DataFrame:
    """Overlap of the features of every two emotions; the table is described by `PAIRS`."""
    valence = dict(zip(labels, axes(labels).get("valence", ()), strict=False))
    rows = []
    for (evidence, condition, features), counts in counted.items():
        if features == ALL:
            for row in counts.pair_rows(labels):
                pair = [valence.get(str(row[name])) for name in ("emotion", "other")]
                kind = "" if None in pair else SAME if pair[0] == pair[1] else DIFFERENT
                rows.append({**key_columns(evidence, condition), "valence": kind, **row})
    return frame(PAIRS, rows)


def valence_pair_table(counted: CountsByKey, labels: Sequence[str]) -> pd.DataFrame:
    """Compare pairs of the same valence with the others; without a row if one kind has no pair."""
    valence = axes(labels).get("valence")
    if valence is None:
        return frame(VALENCE_PAIRS)
    pairs = np.triu_indices(len(labels), 1)
    same = valence[pairs[0]] == valence[pairs[1]]
    rows = []
    for (evidence, condition, features), counts in counted.items():
        if features == ALL and 0 < same.sum() < len(same):
            excess = counts.jaccard_excess()[1][:, *pairs]
            means = {SAME: excess[:, same].mean(1), DIFFERENT: excess[:, ~same].mean(1)}
            means[CONTRAST] = means[SAME] - means[DIFFERENT]
            n = {SAME: int(same.sum()), DIFFERENT: int((~same).sum()), CONTRAST: len(same)}
            rows += [
                {**key_columns(evidence, condition), "pairs": kind, **estimate_columns("excess", values, n[kind])}
                for kind, values in means.items()
            ]
    return frame(VALENCE_PAIRS, rows)


def side_table(counted: CountsByKey, labels: Sequence[str]) -> pd.DataFrame:
    """Split the shared features into those of emotions of one valence and the others; see `SIDES`.

    A feature of several emotions of one valence may be a feature of that valence. Without a row if the circumplex lacks
    a label.
    """
    valence = axes(labels).get("valence")
    if valence is None:
        return frame(SIDES)
    rows = []
    for (evidence, condition, features), counts in counted.items():
        if features == ALL:
            on_one, expected = counts.of_one_side(np.unique(valence, return_inverse=True)[1])
            several = counts.numbers()[:, 1:].sum(1)
            shares = np.column_stack([on_one, several - on_one])
            excess = counts.per_feature(np.column_stack([on_one - expected, counts.excess() - (on_one - expected)]))
            for i, kind in enumerate((ONE_VALENCE, ACROSS)):
                estimate = estimate_columns("excess", excess[:, i], round(shares[0, i] * counts.n_active))
                share = counts.per_feature(shares)[0, i]
                rows.append({**key_columns(evidence, condition), "kind": kind, **estimate, "share": share})
    return frame(SIDES, rows)


def axis_table(by_key: MembershipsByKey, labels: Sequence[str]) -> pd.DataFrame:
    """Fit of shared features to each axis of the circumplex; the table is described by `AXES`."""
    rows = []
    known = axes(labels)
    for key, memberships in by_key.items():
        shared = np.concatenate([m.profile[m.member[0].sum(1) > 1] for m in memberships.values()])
        for name in AXIS_NAMES:
            keys = {**key_columns(*key), "axis": name, "n": len(shared)}
            if name not in known:
                rows.append({**keys, "untested": "the circumplex does not have these labels"})
                continue
            axis = fit(shared, known[name])
            range_of_fits = {"low": axis.low, "high": axis.high, "p": axis.p, "least_p": axis.least_p}
            untested = "" if len(shared) else "no feature is shared"
            rows.append({**keys, "fit": axis.value, **range_of_fits, "untested": untested})
    return frame(AXES, rows)
