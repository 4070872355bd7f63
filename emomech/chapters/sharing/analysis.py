"""Claim C2: are emotion features a pool shared by several emotions, and a specific set for each?

For every SAE feature at the answer, `membership` says to which emotions it belongs, by two kinds of evidence: what it
separates, and what it does to the prediction. There is a pool if more features are shared than if every emotion chose
its features independently (`independence`); specific features belong to one emotion only. Features that write label
words are also counted apart, since a feature that writes the word of one emotion is specific by construction. Shared
features are compared with the circumplex (Russell, 1980): if they stand for valence or arousal, their activation
follows that axis from emotion to emotion.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated

import numpy as np
import pandas as pd

from emomech.causal.questions import Questions
from emomech.chapters.conditions import TRAINED, Condition
from emomech.chapters.sharing.controls import conditions, one_per_cluster
from emomech.chapters.sharing.independence import Counts, estimate_columns
from emomech.chapters.sharing.membership import (
    AnswerSample,
    Memberships,
    selective,
    stepwise,
    supporting,
    writes_label,
)
from emomech.chapters.sharing.relations import (
    ALL,
    AXES,
    COUNTED_COLUMNS,
    PAIRS,
    READ_COLUMNS,
    SILENT,
    VALENCE_PAIRS,
    CountsByKey,
    Evidence,
    FeatureSet,
    MembershipsByKey,
    axis_table,
    key_columns,
    pair_table,
    valence_pair_table,
)
from emomech.core.errors import UsageError
from emomech.core.hook_points import HookPoint
from emomech.stats.auroc import Bools
from emomech.stats.classification import balanced_accuracy
from emomech.stats.tables import DEPTH, INTERVAL, Schema, filled, frame
from emomech.study.study import Study

SHARED = "shared by two or more, beyond independent assignment"
MIN_TEXTS = 10
"""Fewest texts of an emotion on each split."""
MIN_EMOTIONS = 3
MOST_LISTED = 1000
"""Most features that are listed for each kind of evidence."""
_SHARE = {"share": "share of the features that fire", **INTERVAL}
_N = {"n": "number of features"}
NUMBERS = Schema(
    keys=COUNTED_COLUMNS | {"emotions": "number of emotions to which a feature belongs"},
    values={
        **_SHARE,
        "expected": "share if every emotion chose its features independently",
        "expected_low": "lower end of the range that holds 95 % of independent choices",
        "expected_high": "upper end of the range that holds 95 % of independent choices",
        **_N,
    },
)
SPECIFIC = Schema(
    keys=COUNTED_COLUMNS | {"emotion": "the only emotion to which the features belong"}, values=_SHARE | _N
)
SHARING = Schema(
    keys=COUNTED_COLUMNS,
    values={"excess": "share of features of two or more emotions, minus the expected share", **INTERVAL, **_N},
)
ADVANTAGE = Schema(
    keys={name: COUNTED_COLUMNS[name] for name in ("evidence", "features")}
    | {"baseline": "the control", "quantity": "the shared features, or the features of one emotion only"},
    values={
        "difference": "share in the trained model minus share in the control",
        **INTERVAL,
        "n": "number of features that fire",
    },
)
DEPTHS = Schema(
    keys=READ_COLUMNS | {"kind": "features of one emotion, or of several", "hook_point": "place in the model"},
    values={"depth": DEPTH, **_SHARE, **_N},
)
FEATURES = Schema(
    keys={
        "evidence": COUNTED_COLUMNS["evidence"],
        "hook_point": "place of the SAE",
        "feature": "number of the feature",
    },
    values={
        "emotions": "emotions to which the feature belongs",
        "number": "number of these emotions",
        "rate": "share of the texts on which the feature fires",
        "writes_label": "whether the feature's decoder direction promotes a label word",
    },
)
SETTING = Schema(
    keys={"model": "model that is asked"},
    values={
        "accuracy": "balanced accuracy on the texts of the report split",
        **INTERVAL,
        "chance": "balanced accuracy of guessing",
        "n_discover": "number of texts on which memberships are found",
        "n": "number of texts on which memberships are confirmed",
        "untested": "why the claim cannot be tested; empty if it can",
    },
)


@dataclass(frozen=True)
class Sharing:
    """How many emotions the features belong to, which emotions share them, and what shared features follow."""

    setting: Annotated[pd.DataFrame, SETTING]
    numbers: Annotated[pd.DataFrame, NUMBERS]
    sharing: Annotated[pd.DataFrame, SHARING]
    specific: Annotated[pd.DataFrame, SPECIFIC]
    advantage: Annotated[pd.DataFrame, ADVANTAGE]
    depths: Annotated[pd.DataFrame, DEPTHS]
    pairs: Annotated[pd.DataFrame, PAIRS]
    valence_pairs: Annotated[pd.DataFrame, VALENCE_PAIRS]
    axes: Annotated[pd.DataFrame, AXES]
    features: Annotated[pd.DataFrame, FEATURES]


def sharing(
    study: Study, *, most: int = 100, n_permutations: int = 200, n_resamples: int = 200, n_draws: int = 200
) -> Sharing:
    """Find each feature's emotions on at most `most` texts per emotion and split, and count what emotions share.

    Thresholds come from `n_permutations` permutations of the labels, intervals from `n_resamples` bootstrap draws of
    whole clusters, expected shares from `n_draws` independent assignments. If the claim cannot be tested, all tables
    but `setting` are empty and `setting` says why: few emotions or texts, labels with the same first token, or a model
    at chance.
    """
    seed = study.spec.seed
    try:
        splits = [Questions.of(study, one_per_cluster(study, split, most)) for split in ("discover", "report")]
        setting = _setting(splits[0], splits[1], seed)
    except UsageError as error:
        setting = frame(SETTING, [{"model": study.lm.name, "n_discover": 0, "n": 0, "untested": str(error)}])
    if setting.untested[0]:
        return filled(Sharing, setting=setting)
    samples = [AnswerSample.of(q, study.saes, n_resamples, seed + i) for i, q in enumerate(splits)]
    labels = splits[0].labels
    by_key: dict[tuple[Evidence, Condition], Memberships] = {}
    counted: dict[tuple[Evidence, Condition, FeatureSet], Counts] = {}
    rows: list[dict[str, object]] = []
    for condition, (saes, (first, second)) in conditions(study, samples).items():
        by_rank = selective(saes, first, second, n_permutations, seed)
        by_evidence: dict[Evidence, Memberships] = {
            "selective": by_rank,
            "stepwise": stepwise(saes, first, second, by_rank, n_permutations, seed),
            "supporting": supporting(saes, first, second),
        }
        for evidence, memberships in by_evidence.items():
            writes = {point: writes_label(splits[0], saes[point], m) for point, m in memberships.items()}
            silent = {point: m.keep(~writes[point]) for point, m in memberships.items()}
            by_key[evidence, condition] = memberships
            counted[evidence, condition, ALL] = Counts.of(memberships, n_draws, seed)
            counted[evidence, condition, SILENT] = Counts.of(silent, n_draws, seed)
            rows += _feature_rows(evidence, memberships, writes, labels) if condition == TRAINED else []
    return Sharing(
        setting=setting,
        numbers=_by_count(NUMBERS, counted, Counts.number_rows),
        sharing=_by_count(SHARING, counted, Counts.excess_rows),
        specific=_by_count(SPECIFIC, counted, partial(Counts.specific_rows, labels=labels)),
        advantage=_advantage(counted, labels),
        depths=_depths(by_key, study.lm.n_layers),
        pairs=pair_table(counted, labels),
        valence_pairs=valence_pair_table(counted, labels),
        axes=axis_table(by_key, labels),
        features=frame(FEATURES, rows),
    )


def _setting(discover: Questions, report: Questions, seed: int) -> pd.DataFrame:
    """Table of how well the model recognises the emotions, with a reason if that is no better than chance.

    Raises UsageError for too few emotions or texts.
    """
    n_labels = len(discover.labels)
    fewest = min(np.bincount(q.gold, minlength=n_labels).min() for q in (discover, report))
    if n_labels < MIN_EMOTIONS or fewest < MIN_TEXTS:
        reason = f"{n_labels} emotions with at least {fewest} independent texts each on both sides of the split; "
        raise UsageError(f"{reason}{MIN_EMOTIONS} emotions with {MIN_TEXTS} texts are needed. Take more texts.")
    accuracy = balanced_accuracy(report.gold, report.logits().argmax(1), n_labels, report.clusters, seed)
    at_chance = "the model does not recognise the emotions better than chance"
    row = {
        "model": discover.lm.name,
        "accuracy": accuracy,
        "chance": 1 / n_labels,
        "n_discover": len(discover),
        "n": len(report),
        "untested": "" if accuracy.low > 1 / n_labels else at_chance,
    }
    return frame(SETTING, [row])


def _by_count(
    schema: Schema, counted: CountsByKey, rows_of: Callable[[Counts], Sequence[Mapping[str, object]]]
) -> pd.DataFrame:
    """Table of the rows that `rows_of` makes from the counts of each evidence, condition and set of features."""
    rows = [
        {**key_columns(evidence, condition), "features": features, **row}
        for (evidence, condition, features), counts in counted.items()
        for row in rows_of(counts)
    ]
    return frame(schema, rows)


def _advantage(counted: CountsByKey, labels: Sequence[str]) -> pd.DataFrame:
    """Compare the trained model with each control, draw by draw."""
    rows = []
    for (evidence, condition, features), control in counted.items():
        if condition != TRAINED:
            trained = counted[evidence, TRAINED, features]
            shares = [np.column_stack([counts.excess(), counts.specific()]) for counts in (trained, control)]
            for quantity, values in zip((SHARED, *labels), (shares[0] - shares[1]).T, strict=True):
                keys = {"evidence": evidence, "features": features, "baseline": condition, "quantity": quantity}
                rows.append({**keys, **estimate_columns("difference", values, trained.n_active)})
    return frame(ADVANTAGE, rows)


def _depths(by_key: MembershipsByKey, n_layers: int) -> pd.DataFrame:
    rows = []
    for key, memberships in by_key.items():
        for point, membership in memberships.items():
            numbers = membership.member.sum(2)
            for kind, is_kind in (("of one emotion", numbers == 1), ("of several", numbers > 1)):
                place = {"kind": kind, "hook_point": str(point), "depth": point.depth(n_layers)}
                share = is_kind.sum(1) / max(1, len(membership.feature))
                estimate = estimate_columns("share", share, int(is_kind[0].sum()), least=0)
                rows.append({**key_columns(*key), **place, **estimate})
    return frame(DEPTHS, rows)


def _feature_rows(
    evidence: Evidence, memberships: Memberships, writes: Mapping[HookPoint, Bools], labels: Sequence[str]
) -> list[dict[str, object]]:
    """Rows of the features that belong to at least one emotion, those of most emotions first."""
    numbers: list[int] = []
    rows: list[dict[str, object]] = []
    for point, membership in memberships.items():
        for i in np.flatnonzero(membership.member[0].any(1)):
            names = [label for label, belongs in zip(labels, membership.member[0, i], strict=True) if belongs]
            numbers.append(len(names))
            rows.append(
                {
                    "evidence": evidence,
                    "hook_point": str(point),
                    "feature": int(membership.feature[i]),
                    "emotions": ", ".join(names),
                    "number": len(names),
                    "rate": float(membership.rate[i]),
                    "writes_label": "yes" if writes[point][i] else "no",
                }
            )
    order = sorted(range(len(rows)), key=lambda row: -numbers[row])
    return [rows[i] for i in order[:MOST_LISTED]]
