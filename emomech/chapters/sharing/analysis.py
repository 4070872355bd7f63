"""Claim C2: are emotion features a pool shared by several emotions, and a specific set for each?

For every SAE feature at the answer, `membership` says to which emotions it belongs, by two kinds of evidence: what it
separates, and what it does to the prediction. There is a pool if more features are shared than if each emotion chose
its features independently among those that concern emotion (`independence`); specific features belong to one emotion
only. Features that write label words are also counted apart, since a feature that writes the word of one emotion is
specific by construction. Shared features are compared with the circumplex (Russell, 1980): if they stand for valence or
arousal, their activation follows that axis from emotion to emotion.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated

import numpy as np
import pandas as pd

from emomech.causal.questions import Questions
from emomech.causal.sample import Sample
from emomech.chapters.conditions import SHUFFLED_LABELS, TRAINED, Condition
from emomech.chapters.sharing.controls import conditions, one_per_cluster
from emomech.chapters.sharing.independence import Counts, estimate_columns
from emomech.chapters.sharing.membership import (
    FOUND,
    AnswerSample,
    Memberships,
    chance_of_finding,
    selective,
    stepwise,
    supporting,
    writes_label,
)
from emomech.chapters.sharing.relations import (
    ADVANTAGE,
    ALL,
    AXES,
    COUNTED_COLUMNS,
    PAIRS,
    READ_COLUMNS,
    SIDES,
    SILENT,
    VALENCE_PAIRS,
    CountsByKey,
    Evidence,
    FeatureSet,
    MembershipsByKey,
    advantage_table,
    axis_table,
    key_columns,
    pair_table,
    side_table,
    valence_pair_table,
)
from emomech.chapters.sharing.stability import quantities, redrawn
from emomech.chapters.sharing.tracks import tracks
from emomech.chapters.stability import STABILITY, stability_rows
from emomech.core import progress
from emomech.core.errors import UsageError
from emomech.core.hook_points import HookPoint
from emomech.saes.encoding import encode
from emomech.saes.sae import Sae
from emomech.stats.auroc import Bools
from emomech.stats.tables import DEPTH, INTERVAL, Schema, filled, frame
from emomech.study.study import Study

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
        "expected": "share if each emotion chose independently among the features that concern emotion",
        "expected_low": "lower end of the 95 % interval of the expected share",
        "expected_high": "upper end of the 95 % interval of the expected share",
        **_N,
    },
)
SPECIFIC = Schema(
    keys=COUNTED_COLUMNS | {"emotion": "the only emotion to which the features belong"}, values=_SHARE | _N
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
        "power": f"chance with which a feature with an AUROC of {FOUND} for an emotion is found",
        "untested": "why the claim cannot be tested; empty if it can",
    },
)


@dataclass(frozen=True)
class Sharing:
    """How many emotions the features belong to, which emotions share them, and what shared features follow."""

    setting: Annotated[pd.DataFrame, SETTING]
    numbers: Annotated[pd.DataFrame, NUMBERS]
    specific: Annotated[pd.DataFrame, SPECIFIC]
    advantage: Annotated[pd.DataFrame, ADVANTAGE]
    depths: Annotated[pd.DataFrame, DEPTHS]
    pairs: Annotated[pd.DataFrame, PAIRS]
    valence_pairs: Annotated[pd.DataFrame, VALENCE_PAIRS]
    sides: Annotated[pd.DataFrame, SIDES]
    axes: Annotated[pd.DataFrame, AXES]
    features: Annotated[pd.DataFrame, FEATURES]
    stability: Annotated[pd.DataFrame, STABILITY]


def sharing(
    study: Study, *, most: int = 100, n_permutations: int = 200, n_resamples: int = 200, n_draws: int = 5
) -> Sharing:
    """Find each feature's emotions on at most `most` texts per emotion and split, and count what emotions share.

    Thresholds come from `n_permutations` permutations of the labels, intervals from `n_resamples` bootstrap draws of
    whole clusters of texts and of tracks of features. `n_draws` divisions of the texts say whether a direction holds
    on other texts. If the claim cannot be tested, all tables but `setting` are empty and `setting` says why: few
    emotions or texts, labels with the same first token, or a model at chance.
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
    found = _Found()
    for condition, (saes, sides) in progress.counted(conditions(study, samples).items(), "conditions", "condition"):
        found.add(condition, saes, sides, _Sizes(n_permutations, n_draws - 1, seed))
    threshold = max(membership.threshold for membership in found.members["selective", TRAINED].values())
    n_texts = [len(split) // len(labels) for split in splits]
    return Sharing(
        setting=setting.assign(power=chance_of_finding(n_texts, len(labels), threshold)),
        numbers=_by_count(NUMBERS, found.counted, Counts.number_rows),
        specific=_by_count(SPECIFIC, found.counted, partial(Counts.specific_rows, labels=labels)),
        advantage=advantage_table(found.counted, labels),
        depths=_depths(found.members, study.lm.n_layers),
        pairs=pair_table(found.counted, labels),
        valence_pairs=valence_pair_table(found.counted, labels),
        sides=side_table(found.counted, labels),
        axes=axis_table(found.members, labels),
        features=frame(FEATURES, found.rows),
        stability=frame(STABILITY, stability_rows(found.quantities)),
    )


@dataclass(frozen=True)
class _Sizes:
    n_permutations: int
    n_more: int
    """Further divisions of the texts."""
    seed: int


@dataclass(frozen=True)
class _Found:
    """Memberships and counts of the conditions so far."""

    members: dict[tuple[Evidence, Condition], Memberships] = field(default_factory=dict)
    counted: dict[tuple[Evidence, Condition, FeatureSet], Counts] = field(default_factory=dict)
    again: dict[Condition, list[Counts]] = field(default_factory=dict)
    """Counts on other divisions of the texts."""
    rows: list[dict[str, object]] = field(default_factory=list)
    """Rows of the table of features."""

    def add(
        self, condition: Condition, saes: Mapping[HookPoint, Sae], samples: Sequence[AnswerSample], sizes: _Sizes
    ) -> None:
        """Find the memberships of a condition. Evidence that decides nothing is found for two conditions only."""
        first, second = samples
        by_rank = selective(saes, first, second, sizes.n_permutations, sizes.seed)
        by_evidence: dict[Evidence, Memberships] = {"selective": by_rank}
        if condition in (TRAINED, SHUFFLED_LABELS):
            by_evidence["stepwise"] = stepwise(saes, first, second, by_rank)
            by_evidence["supporting"] = supporting(saes, first, second)
        encoded = {point: encode(sae, first.activations[point]) for point, sae in saes.items()}
        of_track = tracks(encoded, by_rank)
        # The same dictionary has the same features in every resample; other dictionaries have features of their own.
        draws = sizes.seed + (0 if condition in (TRAINED, SHUFFLED_LABELS) else 1 + len(self.again))
        for evidence, memberships in by_evidence.items():
            writes = {point: writes_label(first.questions, saes[point], m) for point, m in memberships.items()}
            self.members[evidence, condition] = memberships
            every, silent = ({point: ~wrote | all_of for point, wrote in writes.items()} for all_of in (True, False))
            self.counted[evidence, condition, ALL] = Counts.of(memberships, of_track, draws, every)
            self.counted[evidence, condition, SILENT] = Counts.of(memberships, of_track, draws, silent)
            if condition == TRAINED:
                self.rows.extend(_feature_rows(evidence, memberships, writes, first.questions.labels))
        self.again[condition] = redrawn(saes, samples, by_rank, sizes.n_more, condition == TRAINED)

    @property
    def quantities(self) -> dict[str, list[float]]:
        """What the rule reads, on each division of the texts."""
        own: dict[Condition, Counts] = {name: self.counted["selective", name, ALL] for name in self.again}
        again: dict[Condition, Counts] = {name: counts[0] for name, counts in self.again.items()}
        return quantities(own, again, (self.counted["stepwise", TRAINED, ALL], self.again[TRAINED][-1]))


def _setting(discover: Questions, report: Questions, seed: int) -> pd.DataFrame:
    """Table of how well the model recognises the emotions, with a reason if that is no better than chance.

    Raises UsageError for too few emotions or texts.
    """
    n_labels = len(discover.labels)
    fewest = min(np.bincount(q.gold, minlength=n_labels).min() for q in (discover, report))
    if n_labels < MIN_EMOTIONS or fewest < MIN_TEXTS:
        reason = f"{n_labels} emotions with at least {fewest} independent texts each on both sides of the split; "
        raise UsageError(f"{reason}{MIN_EMOTIONS} emotions with {MIN_TEXTS} texts are needed. Take more texts.")
    sample = Sample.of(report, 0, seed)
    at_chance = "the model does not recognise the emotions better than chance"
    row = {
        "model": discover.lm.name,
        "accuracy": sample.balanced_accuracy,
        "chance": 1 / n_labels,
        "n_discover": len(discover),
        "n": len(report),
        "untested": "" if sample.above_chance else at_chance,
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
