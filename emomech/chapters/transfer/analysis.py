"""Does what steering gains on one set of texts carry over to another?

Features, operation and dose are chosen on labelled texts of one set, the source, and given to the texts of each other,
the target: texts of another style, the same asked about in another way, or answered in other words. A logit bias that
was fitted on the same labelled texts goes along.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated

import numpy as np
import pandas as pd

from emomech.causal.feature_stats import references
from emomech.causal.steering.baselines import logit_bias
from emomech.causal.steering.experiment import BIAS, FEATURES
from emomech.causal.steering.operations import DOSES, Move, Units, ascent, best, strongest, support, tried, uniform
from emomech.causal.steering.recognition import Change, Texts, accuracy
from emomech.core.errors import UsageError
from emomech.presets.lookup import listed
from emomech.stats.estimates import Floats, bootstrap_weights, interval
from emomech.stats.tables import INTERVAL, Schema, frame
from emomech.study.study import Study
from emomech.study.variants import TextSet, text_sets

SAME, OTHER = "the set it was chosen on", "other sets"
N_FEATURES, N_TUNE = 5, 12
"""Features of each emotion, and texts of each emotion on which a dose is chosen."""
LEAST_TEXTS = 40
"""A style or item type with fewer texts of some emotion is no set of its own."""
_UNTESTED = {"untested": "why it cannot be tested here; empty where it can"}
SETS = Schema(
    keys={"set": "the set of texts"},
    values={
        "kind": "what makes it another set",
        "balanced_accuracy": "of the model as it is",
        **INTERVAL,
        "chance": "balanced accuracy of guessing",
        "n": "reported texts",
        "operation": "that was best on it",
        "dose": "that was best on it, in peaks",
        **_UNTESTED,
    },
)
CELLS = Schema(
    keys={"method": "what is done", "source": "where it was chosen", "target": "where it is used"},
    values={
        "gain": "rise of balanced accuracy",
        **INTERVAL,
        "put_right": "texts that were wrong and are now right",
        "put_wrong": "texts that were right and are now wrong",
        "n": "texts",
        **_UNTESTED,
    },
)
MEANS = Schema(
    keys={"method": "what is done", "targets": "where it is used"},
    values={
        "gain": "mean rise of balanced accuracy",
        **INTERVAL,
        "kept": "share of the pairs of sets that do not lose",
        "n": "pairs of sets",
    },
)


@dataclass(frozen=True)
class Transfer:
    """The sets, what each pair of them gains, and the means on and off the diagonal."""

    sets: Annotated[pd.DataFrame, SETS]
    cells: Annotated[pd.DataFrame, CELLS]
    means: Annotated[pd.DataFrame, MEANS]


@dataclass(frozen=True, eq=False)
class _Source:
    """What was chosen on a set."""

    units: Units = field(repr=False)
    move: Move
    bias: Floats

    @classmethod
    def of(cls, study: Study, texts: Texts) -> "_Source":
        """Choose features, operation, dose and bias; scaling all alike, or by one factor per emotion."""
        tune, logits = texts.tune, texts.tune_logits
        every = Units(study.saes, references(tune, study.saes), ((),) * len(tune.labels))
        n = len(texts.labelled)
        units = strongest(every, support(texts.labelled, every, [n], texts.seed)[n], N_FEATURES)
        trials = tried(units, tune, uniform("scale", logits, tune.gold), logits)
        move = best([*trials, *ascent(units, tune, best(trials))]).move
        bias = logit_bias(texts.labelled.logits(), texts.labelled.gold)
        scores = [round(accuracy(logits + dose * bias, tune.gold), 9) for dose in DOSES]
        return cls(units, move, DOSES[int(np.argmax(scores))] * bias)

    def after(self, target: Texts, method: str) -> Floats:
        """Logits of the labels of a target's reported texts (text, label)."""
        if method == BIAS:
            return target.report_logits + self.bias
        edits = self.units.edits(self.move)
        return target.report.logits(edits) if edits else target.report_logits


@dataclass(frozen=True, eq=False)
class _Side:
    """A set with its questions, what was chosen on it, and why it cannot be source or target."""

    about: TextSet
    texts: Texts | None = field(default=None, repr=False)
    source: _Source | None = field(default=None, repr=False)
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

    A set on which the model is at chance, or leaves no room, says so and is no target. Raises UsageError for a preset
    that does not exist.
    """
    asked = text_sets(study, listed(prompts), listed(words), LEAST_TEXTS)
    sides = [_side(one, n_labelled, n_report, n_resamples) for one in asked]
    weights = _weights(sides, n_resamples, study.spec.seed)
    changes = {
        (method, source.about.name, target.about.name): _change(source.source, target, method, weights)
        for method in (FEATURES, BIAS)
        for source in sides
        for target in sides
        if source.source is not None and target.texts is not None and not target.untested
    }
    return Transfer(
        sets=frame(SETS, map(_set, sides)),
        cells=frame(CELLS, _cells(sides, changes)),
        means=frame(MEANS, _means(changes)),
    )


def _side(about: TextSet, n_labelled: int, n_report: int, n_resamples: int) -> _Side:
    if about.untested:
        return _Side(about, untested=about.untested)
    try:
        texts = Texts.of(about.study, n_labelled, N_TUNE, n_report, n_resamples)
    except UsageError as error:
        return _Side(about, untested=str(error))
    source = None if texts.unread() else _Source.of(about.study, texts)
    return _Side(about, texts, source, texts.untested())


def _weights(sides: Sequence[_Side], n_resamples: int, seed: int) -> Mapping[str, Floats]:
    """Draw bootstrap weights of every set's texts (resample, text); texts of one cluster have the same in all sets."""
    told = {side.about.name: side.texts.report.clusters for side in sides if side.texts is not None}
    clusters = sorted({cluster for here in told.values() for cluster in here})
    place = {cluster: i for i, cluster in enumerate(clusters)}
    drawn = bootstrap_weights(clusters, n_resamples, seed) if clusters else np.zeros((n_resamples, 0))
    return {name: drawn[:, [place[cluster] for cluster in here]] for name, here in told.items()}


def _change(source: _Source, target: _Side, method: str, weights: Mapping[str, Floats]) -> Change:
    assert target.texts is not None
    after = source.after(target.texts, method)
    return Change(target.texts.report.gold, target.texts.report_logits, after, weights[target.about.name])


def _set(side: _Side) -> tuple:
    what = (side.about.name, side.about.kind)
    if side.texts is None or not len(side.texts.report):
        return (*what, *(np.nan,) * 4, 0, "", np.nan, side.untested)
    standing, source = side.texts.standing(), side.source
    told = (standing, 1 / len(side.texts.report.labels), standing.n)
    chosen = ("", np.nan) if source is None else (source.move.operation, source.move.dose)
    return (*what, *told, *chosen, side.untested)


def _cells(sides: Sequence[_Side], changes: Mapping[tuple[str, str, str], Change]) -> Iterator[tuple]:
    for method in (FEATURES, BIAS):
        for source in sides:
            for target in sides:
                key = (method, source.about.name, target.about.name)
                if key in changes:
                    gain = changes[key].gain()
                    yield (*key, gain, *changes[key].flips[:2], gain.n, "")
                else:
                    why = target.untested or f"nothing was chosen on the source: {source.untested}"
                    yield (*key, *(np.nan,) * 3, 0, 0, 0, why)


def _means(changes: Mapping[tuple[str, str, str], Change]) -> Iterator[tuple]:
    """Average over the pairs of different sets, and over the sets with themselves."""
    for method in (FEATURES, BIAS):
        for targets in (OTHER, SAME):
            here = [c for (m, a, b), c in changes.items() if m == method and (a == b) == (targets == SAME)]
            if here:
                value = np.array([change.gains()[0] for change in here])
                mean = interval(float(value.mean()), np.mean([c.gains(c.weights) for c in here], 0), len(here))
                yield (method, targets, mean, float((value >= 0).mean()), mean.n)
