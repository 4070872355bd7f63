"""Are emotion features a shared pool and specific sets? How many emotions each feature belongs to, and which.

Counted at every hook point at the answer, by two kinds of evidence (`belonging`): what a feature tells, and what it
does to the prediction. The pool is what more features share than if every emotion chose its features independently;
specific are features of one emotion alone. Features that write label words are set apart, since the word of one
emotion is specific by itself. Shared features are compared with the circumplex (Russell, 1980): if they stand for
valence or arousal, their activation follows it from emotion to emotion.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Literal, TypeAlias

import numpy as np
import pandas as pd

from emomech.causal.questions import Questions
from emomech.chapters.sharing.circumplex import AXIS_NAMES, axes, fit
from emomech.chapters.sharing.controls import TRAINED, Condition, conditions, one_per_cluster
from emomech.chapters.sharing.independence import Counts, ends
from emomech.chapters.sharing.membership import Belonging, Side, label_writing, selective, stepwise, supporting
from emomech.core.errors import UsageError
from emomech.core.hook_points import HookPoint
from emomech.stats.auroc import Bools
from emomech.stats.classification import standing
from emomech.stats.tables import INTERVAL, Schema, filled, frame
from emomech.study.study import Study

Evidence = Literal["selective", "stepwise", "supporting"]
Features = Literal["all features", "writing no label"]
ALL: Features = "all features"
SILENT: Features = "writing no label"
SHARED = "shared by two or more, beyond independent assignment"
SAME, DIFFERENT, CONTRAST = "same valence", "different valence", "same less different"
MIN_TEXTS = 10
"""An emotion with fewer texts on either side cannot be told from the others."""
MIN_EMOTIONS = 3
MOST_LISTED = 1000
"""Features that are listed, of each kind of evidence."""
_COUNTED = {
    "evidence": "selective: ranks higher on an emotion's texts; stepwise: also on another's, the first put aside; "
    "supporting: to move it to the usual would lower the label's odds",
    "condition": "the trained model, or a control",
    "features": "all that fire at the answer, or those that write no label word",
}
_READ = {name: _COUNTED[name] for name in ("evidence", "condition")}
_SHARE = {"share": "share of the features that fire", **INTERVAL}
NUMBERS = Schema(
    keys=_COUNTED | {"emotions": "to how many emotions a feature belongs"},
    values={
        **_SHARE,
        "expected": "the same if emotions chose their features independently",
        "expected_low": "lower end of 95 % of such choices",
        "expected_high": "upper end of 95 % of such choices",
        "n": "features",
    },
)
SPECIFIC = Schema(
    keys=_COUNTED | {"emotion": "the emotion to which alone they belong"}, values=_SHARE | {"n": "features"}
)
SHARING = Schema(
    keys=_COUNTED,
    values={"excess": "share of features of two emotions or more, less that expected", **INTERVAL, "n": "features"},
)
ADVANTAGE = Schema(
    keys={name: _COUNTED[name] for name in ("evidence", "features")}
    | {"baseline": "what is compared with", "quantity": "the pool, or the features of one emotion alone"},
    values={"difference": "the trained model's share less the control's", **INTERVAL, "n": "features that fire"},
)
DEPTHS = Schema(
    keys=_READ | {"kind": "of one emotion or of several", "hook_point": "where in the model"},
    values={"depth": "0 at the embedding, 1 after the last block", **_SHARE, "n": "features"},
)
PAIRS = Schema(
    keys=_READ | {"emotion": "one emotion", "other": "another"},
    values={
        "valence": "whether the circumplex puts both on one side",
        "jaccard": "features of both among features of either",
        "excess": "the same less that expected under independent assignment",
        **INTERVAL,
        "n": "features of both",
    },
)
VALENCE_PAIRS = Schema(
    keys=_READ | {"pairs": "which pairs of emotions"},
    values={"excess": "mean overlap of the pairs beyond the expected", **INTERVAL, "n": "pairs"},
)
AXES = Schema(
    keys=_READ | {"axis": "axis of the circumplex"},
    values={
        "fit": "how much of a shared feature's profile over emotions follows the axis: mean squared correlation",
        "low": "lower end of 95 % of the fits with emotion names exchanged",
        "high": "upper end of 95 % of the fits with emotion names exchanged",
        "p": "share of all exchanges of names that fit as well",
        "least_p": "smallest p that so few emotions allow",
        "n": "shared features",
        "untested": "why it cannot be tested; empty if it can",
    },
)
FEATURES = Schema(
    keys={"evidence": _COUNTED["evidence"], "hook_point": "where the SAE stands", "feature": "its number"},
    values={
        "emotions": "those to which it belongs",
        "number": "how many",
        "rate": "share of the texts on which it fires",
        "writes_label": "whether its direction promotes a label word",
    },
)
SETTING = Schema(
    keys={"model": "the model that is asked"},
    values={
        "accuracy": "balanced accuracy on the texts that report",
        **INTERVAL,
        "chance": "accuracy of guessing",
        "n_discover": "texts that choose",
        "n": "texts on which it has to show again",
        "untested": "why nothing can be said; empty if something can",
    },
)


@dataclass(frozen=True)
class Sharing:
    """How many emotions the features belong to, which they share, and what shared ones stand for."""

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


_Key: TypeAlias = tuple[Evidence, Condition]
_Read: TypeAlias = Mapping[HookPoint, Belonging]
_Counted: TypeAlias = Mapping[tuple[Evidence, Condition, Features], Counts]
_Rows: TypeAlias = list[tuple[object, ...]]


def sharing(
    study: Study, *, most: int = 100, n_permutations: int = 200, n_resamples: int = 200, n_draws: int = 200
) -> Sharing:
    """Find each feature's emotions on at most `most` texts per emotion and split, and count what they share.

    Thresholds come from `n_permutations` shuffles of the labels, intervals from `n_resamples` bootstrap draws of whole
    clusters, what is expected from `n_draws` independent assignments. Where the study cannot speak the tables are
    empty, and `setting` says why: few emotions or texts, labels that one token cannot tell apart, a model at chance.
    """
    try:
        chosen, again = (Questions.of(study, one_per_cluster(study, split, most)) for split in ("discover", "report"))
        setting = _setting(chosen, again, study.spec.seed)
    except UsageError as error:
        setting = frame(SETTING, [(study.lm.name, *[float("nan")] * 4, 0, 0, str(error))])
    if setting.untested[0]:
        return filled(Sharing, setting=setting)
    seed = study.spec.seed
    sides = [Side.of(q, study.saes, n_resamples, seed + i) for i, q in enumerate((chosen, again))]
    found: dict[_Key, _Read] = {}
    counted: dict[tuple[Evidence, Condition, Features], Counts] = {}
    rows: _Rows = []
    for condition, (saes, (first, second)) in conditions(study, sides).items():
        told = selective(saes, first, second, n_permutations, seed)
        read: dict[Evidence, _Read] = {
            "selective": told,
            "stepwise": stepwise(saes, first, second, told, n_permutations, seed),
            "supporting": supporting(saes, first, second),
        }
        for evidence, places in read.items():
            wrote = {point: label_writing(chosen, saes[point], one) for point, one in places.items()}
            silent = {point: one.keep(~wrote[point]) for point, one in places.items()}
            found[evidence, condition] = places
            counted[evidence, condition, ALL] = Counts.of(places, n_draws, seed)
            counted[evidence, condition, SILENT] = Counts.of(silent, n_draws, seed)
            rows += _features(evidence, places, wrote, chosen.labels) if condition == TRAINED else []
    return Sharing(
        setting=setting,
        numbers=_by_count(NUMBERS, counted, Counts.number_rows),
        sharing=_by_count(SHARING, counted, Counts.excess_rows),
        specific=_by_count(SPECIFIC, counted, partial(Counts.specific_rows, labels=chosen.labels)),
        advantage=_advantage(counted, chosen.labels),
        depths=_depths(found, study.lm.n_layers),
        pairs=_pairs(counted, chosen.labels),
        valence_pairs=_valence_pairs(counted, chosen.labels),
        axes=_axes(found, chosen.labels),
        features=frame(FEATURES, rows),
    )


def _setting(chosen: Questions, again: Questions, seed: int) -> pd.DataFrame:
    """Say how well the model tells the emotions, and whether these texts can speak."""
    n_labels = len(chosen.labels)
    fewest = min(np.bincount(q.gold, minlength=n_labels).min() for q in (chosen, again))
    if n_labels < MIN_EMOTIONS or fewest < MIN_TEXTS:
        reason = f"{n_labels} emotions with at least {fewest} independent texts each on either side; "
        raise UsageError(f"{reason}{MIN_EMOTIONS} emotions with {MIN_TEXTS} texts are needed. Take more texts.")
    found = standing(again.gold, again.logits().argmax(1), n_labels, again.clusters, seed)
    untested = "" if found.low > 1 / n_labels else "the model does not recognise the emotions better than chance"
    scores = (found, 1 / n_labels)
    return frame(SETTING, [(chosen.lm.name, *scores, len(chosen), len(again), untested)])


def _by_count(schema: Schema, counted: _Counted, rows: Callable[[Counts], _Rows]) -> pd.DataFrame:
    """Make a table from what each condition's counts say."""
    return frame(schema, [(*key, *row) for key, one in counted.items() for row in rows(one)])


def _advantage(counted: _Counted, labels: Sequence[str]) -> pd.DataFrame:
    """Compare the trained model with each control, resample by resample."""
    rows: _Rows = []
    for (evidence, condition, kept), control in counted.items():
        if condition != TRAINED:
            trained = counted[evidence, TRAINED, kept]
            both = [np.column_stack([one.excess(), one.specific()]) for one in (trained, control)]
            for quantity, values in zip((SHARED, *labels), (both[0] - both[1]).T, strict=True):
                rows.append((evidence, kept, condition, quantity, *ends(values, trained.n_active)))
    return frame(ADVANTAGE, rows)


def _depths(found: Mapping[_Key, _Read], n_layers: int) -> pd.DataFrame:
    rows: _Rows = []
    for key, places in found.items():
        for point, one in places.items():
            numbers = one.member.sum(2)
            for kind, is_so in (("of one emotion", numbers == 1), ("of several", numbers > 1)):
                share = is_so.sum(1) / max(1, len(one.feature))
                rows.append((*key, kind, str(point), point.depth(n_layers), *ends(share, int(is_so[0].sum()), 0)))
    return frame(DEPTHS, rows)


def _features(evidence: Evidence, places: _Read, wrote: Mapping[HookPoint, Bools], labels: Sequence[str]) -> _Rows:
    """List the features that belong to any emotion, those of most emotions first."""
    rows: _Rows = []
    for point, one in places.items():
        for i in np.flatnonzero(one.member[0].any(1)):
            names = [label for label, is_of in zip(labels, one.member[0, i], strict=True) if is_of]
            told = (", ".join(names), len(names), float(one.rate[i]), "yes" if wrote[point][i] else "no")
            rows.append((evidence, str(point), int(one.feature[i]), *told))
    return sorted(rows, key=lambda row: -int(str(row[4])))[:MOST_LISTED]


def _pairs(counted: _Counted, labels: Sequence[str]) -> pd.DataFrame:
    side = axes(labels).get("valence")
    rows: _Rows = []
    for (evidence, condition, kept), one in counted.items():
        if kept == ALL:
            for a, b, *values in one.pair_rows():
                where = "" if side is None else SAME if side[a] == side[b] else DIFFERENT
                rows.append((evidence, condition, labels[a], labels[b], where, *values))
    return frame(PAIRS, rows)


def _valence_pairs(counted: _Counted, labels: Sequence[str]) -> pd.DataFrame:
    """Compare pairs of the same valence with the others; none where a kind has no pair."""
    side = axes(labels).get("valence")
    rows: _Rows = []
    if side is None:
        return frame(VALENCE_PAIRS, rows)
    pairs = np.triu_indices(len(labels), 1)
    same = side[pairs[0]] == side[pairs[1]]
    for (evidence, condition, kept), one in counted.items():
        if kept == ALL and 0 < same.sum() < len(same):
            excess = one.jaccard_excess()[:, *pairs]
            means = {SAME: excess[:, same].mean(1), DIFFERENT: excess[:, ~same].mean(1)}
            means[CONTRAST] = means[SAME] - means[DIFFERENT]
            n = {SAME: int(same.sum()), DIFFERENT: int((~same).sum()), CONTRAST: len(same)}
            rows += [(evidence, condition, kind, *ends(values, n[kind])) for kind, values in means.items()]
    return frame(VALENCE_PAIRS, rows)


def _axes(found: Mapping[_Key, _Read], labels: Sequence[str]) -> pd.DataFrame:
    rows: _Rows = []
    known = axes(labels)
    for key, places in found.items():
        shared = np.concatenate([one.profile[one.member[0].sum(1) > 1] for one in places.values()])
        for name in AXIS_NAMES:
            if name not in known:
                rows.append((*key, name, *[float("nan")] * 5, len(shared), "the circumplex does not have these labels"))
                continue
            one = fit(shared, known[name])
            why = "" if len(shared) else "no feature is shared"
            rows.append((*key, name, one.value, one.low, one.high, one.p, one.least_p, len(shared), why))
    return frame(AXES, rows)
