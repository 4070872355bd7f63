"""Does what steering gains on one set of texts carry over to another?

Features, operation and dose are chosen on texts of one set, the source, and applied to the texts of each other set, the
target: texts of another style, the same texts with another question, or with other words as answers. A logit bias
fitted on the same labelled texts is carried over in the same way, and so are matched random features.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated

import numpy as np
import pandas as pd

from emomech.causal.dictionary import Dictionary
from emomech.causal.steering.experiment import BIAS, FEATURES, MATCHED
from emomech.causal.steering.label_draws import LabelledPool
from emomech.causal.steering.operations import (
    Move,
    Trial,
    Units,
    ascent,
    best,
    climbed,
    label_support,
    matched_units,
    strongest,
    uniform,
)
from emomech.causal.steering.recognition import Change, Texts, accuracy
from emomech.chapters.stability import STABILITY
from emomech.chapters.transfer import evidence
from emomech.chapters.transfer.evidence import Pair
from emomech.core import progress
from emomech.core.errors import UsageError
from emomech.presets.lookup import listed
from emomech.stats.estimates import Floats, bootstrap_weights
from emomech.stats.tables import INTERVAL, Row, Schema, frame
from emomech.study.study import Study
from emomech.study.variants import TextSet, text_sets

N_FEATURES, N_TUNE = 5, 12
"""Features of each emotion, and texts of each emotion that choose a dose."""
LEAST_WRONG = 2
"""Texts of a set that have to be wrong to begin with; all pairs are judged together."""
METHODS = (FEATURES, BIAS, MATCHED)
LEAST_TEXTS = 40
"""Texts of each emotion that a style or item type needs to become a set."""
_UNTESTED = {"untested": "why it cannot be tested here; empty if it can"}
SETS = Schema(
    keys={"set": "the set of texts"},
    values={
        "kind": "what distinguishes it from the other sets",
        "balanced_accuracy": "balanced accuracy of the unedited model",
        **INTERVAL,
        "chance": "balanced accuracy of guessing",
        "n": "reported texts",
        "operation": "operation that was best on it",
        "dose": "dose that was best on it, in peaks",
        **_UNTESTED,
    },
)
CELLS = Schema(
    keys={"method": "the method", "source": "set on which it was chosen", "target": "set on which it is used"},
    values={
        "gain": "rise of balanced accuracy",
        **INTERVAL,
        "put_right": "texts that were wrong and become right",
        "put_wrong": "texts that were right and become wrong",
        "n": "texts",
        **_UNTESTED,
    },
)
MEANS = Schema(
    keys={"method": "the method", "targets": "sets on which it is used"},
    values={
        "gain": "mean rise of balanced accuracy",
        **INTERVAL,
        "kept": "share of the pairs of sets that do not lose",
        "n": "pairs of sets",
    },
)
LEADS = Schema(
    keys={"versus": "what the causal features are compared with, on other sets"},
    values={"lead": "mean rise of balanced accuracy beyond it", **INTERVAL, "n": "pairs of sets"},
)
KEPT = Schema(
    keys={"quantity": "what is counted, over pairs of different sets"},
    values={"share": "share of the pairs less one half", **INTERVAL, "n": "pairs of sets"},
)


@dataclass(frozen=True)
class Transfer:
    """The sets, what each pair of them gains, and the means on and off the diagonal."""

    sets: Annotated[pd.DataFrame, SETS]
    cells: Annotated[pd.DataFrame, CELLS]
    means: Annotated[pd.DataFrame, MEANS]
    leads: Annotated[pd.DataFrame, LEADS]
    kept: Annotated[pd.DataFrame, KEPT]
    stability: Annotated[pd.DataFrame, STABILITY]


@dataclass(frozen=True, eq=False)
class _Choice:
    """What was chosen on a set: features with a move, matched features, and a bias of the logits (label)."""

    units: Units = field(repr=False)
    matched: Units = field(repr=False)
    move: Move
    bias: Floats

    @classmethod
    def of(cls, study: Study, texts: Texts) -> "_Choice":
        """Choose features, dose and bias; the features are all scaled alike, or by one factor per emotion.

        The bias is fitted on all texts that choose features or doses, so that it knows as many labels.
        """
        tune, labelled = texts.tune, texts.labelled
        dictionary, n = Dictionary.of(tune.questions, study.saes), len(labelled)
        units = strongest(dictionary, label_support(labelled, dictionary, [n], texts.seed)[n], N_FEATURES)
        scaled = climbed(units, tune, uniform("scale", tune.logits, tune.gold))
        start = Trial(scaled, accuracy(tune.questions.logits(units.edits(scaled)), tune.gold))
        move = best([start, *ascent(units, tune.questions, start)]).move
        _, bias = LabelledPool(texts, dictionary).own(n).bias()
        return cls(units, matched_units(units, texts.seed), move, bias)

    def after(self, target: Texts, method: str) -> Floats:
        """Logits of the labels of a target's reported texts (text, label); matched features are moved as the others."""
        if method == BIAS:
            return target.report.logits + self.bias
        edits = (self.units if method == FEATURES else self.matched).edits(self.move)
        return target.report.questions.logits(edits) if edits else target.report.logits


@dataclass(frozen=True, eq=False)
class _Set:
    """A set with its texts, what was chosen on it, and why it cannot be a target."""

    about: TextSet
    texts: Texts | None = field(default=None, repr=False)
    choice: _Choice | None = field(default=None, repr=False)
    untested: str = ""


def transfer(
    study: Study,
    *,
    n_labelled: int = 5,
    prompts: str = "then",
    words: str = "reactions",
    n_report: int = 20,
    n_resamples: int = 1000,
) -> Transfer:
    """Choose on every set and steer on every set; `prompts` and `words` are presets, separated by commas.

    A set on which the model is at chance, or leaves no room, is no target; its row says why. Raises UsageError for an
    unknown preset.
    """
    every = text_sets(study, listed(prompts), listed(words), LEAST_TEXTS)
    counted = progress.counted(every, "choosing on every set", "set")
    sets = [_set(about, n_labelled, n_report, n_resamples) for about in counted]
    weights = _weights(sets, n_resamples, study.spec.seed)
    changes = {
        (method, source.about.name, target.about.name): _change(source.choice, target, method, weights)
        for method in METHODS
        for source in sets
        for target in sets
        if source.choice is not None and target.texts is not None and not target.untested
    }
    pairs = _pairs(changes)
    return Transfer(
        sets=frame(SETS, map(_row, sets)),
        cells=frame(CELLS, _cells(sets, changes)),
        means=frame(MEANS, evidence.means(pairs, METHODS)),
        leads=frame(LEADS, evidence.leads(pairs)),
        kept=frame(KEPT, evidence.kept(pairs)),
        stability=frame(STABILITY, evidence.without_each_set(pairs)),
    )


def _pairs(changes: Mapping[tuple[str, str, str], Change]) -> dict[tuple[str, str], Pair]:
    """What each method does to the reported texts of each pair of sets."""
    pairs = {}
    for (method, source, target), change in changes.items():
        if method == FEATURES:
            right = {name: changes[name, source, target].right[1] for name in METHODS}
            pairs[source, target] = Pair(change.gold, change.right[0], right, change.weights)
    return pairs


def _set(about: TextSet, n_labelled: int, n_report: int, n_resamples: int) -> _Set:
    if about.untested:
        return _Set(about, untested=about.untested)
    try:
        texts = Texts.of(about.study, n_labelled, N_TUNE, n_report, n_resamples)
    except UsageError as error:
        return _Set(about, untested=str(error))
    choice = None if texts.unusable() else _Choice.of(about.study, texts)
    return _Set(about, texts, choice, texts.untested(LEAST_WRONG))


def _weights(sets: Sequence[_Set], n_resamples: int, seed: int) -> Mapping[str, Floats]:
    """Bootstrap weights of every set's reported texts (resample, text); a cluster has the same weight in all sets."""
    by_set = {member.about.name: member.texts.report.questions.clusters for member in sets if member.texts is not None}
    clusters = sorted({cluster for of_set in by_set.values() for cluster in of_set})
    place = {cluster: i for i, cluster in enumerate(clusters)}
    drawn = bootstrap_weights(clusters, n_resamples, seed) if clusters else np.zeros((n_resamples, 0))
    return {name: drawn[:, [place[cluster] for cluster in of_set]] for name, of_set in by_set.items()}


def _change(choice: _Choice, target: _Set, method: str, weights: Mapping[str, Floats]) -> Change:
    assert target.texts is not None
    report, after = target.texts.report, choice.after(target.texts, method)
    return Change(report.gold, report.logits, after, weights[target.about.name])


def _row(text_set: _Set) -> Row:
    about, texts, choice = text_set.about, text_set.texts, text_set.choice
    row = {"set": about.name, "kind": about.kind, "n": 0, "operation": "", "untested": text_set.untested}
    if texts is None or not len(texts.report):
        return row
    score = texts.report.balanced_accuracy
    row |= {"balanced_accuracy": score, "chance": 1 / len(texts.report.labels), "n": score.n}
    return row if choice is None else {**row, "operation": choice.move.operation, "dose": choice.move.dose}


def _cells(sets: Sequence[_Set], changes: Mapping[tuple[str, str, str], Change]) -> Iterator[Row]:
    for method in METHODS:
        for source in sets:
            for target in sets:
                key = (method, source.about.name, target.about.name)
                row = dict(zip(CELLS.keys, key, strict=True))
                if key in changes:
                    gain, (right, wrong, _) = changes[key].gain(), changes[key].flips
                    yield {**row, "gain": gain, "put_right": right, "put_wrong": wrong, "n": gain.n, "untested": ""}
                else:
                    reason = target.untested or f"nothing was chosen on the source: {source.untested}"
                    yield {**row, "put_right": 0, "put_wrong": 0, "n": 0, "untested": reason}
