"""How much of the joint effect of all features the first k of a ranking have, and how much as many other parts have.

The ranking is compared with others that take as many parts: features that fire alike, the ranking that exchanged labels
give, the dimensions of the residual stream, and random directions in a network with random weights.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

import numpy as np

from emomech.causal.ablation import Asked, Ranking, ranked, reached
from emomech.causal.dictionary import Parts
from emomech.causal.feature_stats import matched
from emomech.causal.logit_attribution import written_labels
from emomech.causal.questions import Questions
from emomech.causal.sample import doubling
from emomech.core.hook_points import FeatureId, HookPoint
from emomech.models.language_model import randomised
from emomech.saes.controls import random_sae
from emomech.saes.sae import Sae
from emomech.stats.classification import standing
from emomech.stats.estimates import Estimate, Floats, Ints, interval, with_resamples

Condition = Literal[
    "SAE features",
    "matched features",
    "shuffled labels",
    "residual dimensions",
    "writing no label",
    "either sign",
    "random weights",
]
"""The ranking; as many features that fire alike; the ranking that exchanged labels give; dimensions, ranked alike; the
ranking without features that write a label; features by the size of their effect, whether ablating them costs or helps;
random directions, ranked alike, in a network with random weights."""
FEATURES: Condition = "SAE features"
MATCHED: Condition = "matched features"
UNTRAINED: Condition = "random weights"
SILENT: Condition = "writing no label"
EITHER_SIGN: Condition = "either sign"
BESIDE: tuple[Condition, ...] = (MATCHED, "shuffled labels", "residual dimensions", SILENT, UNTRAINED)
"""What is ablated beside the features."""
KEPT: tuple[Condition, ...] = (EITHER_SIGN, MATCHED, "residual dimensions", UNTRAINED)
"""What is kept alone beside the features."""
Edit = Literal["ablated", "kept alone", "kept alone, error at its mean"]
ALL_TEXTS, RECOGNISED = "all texts", "recognised texts"
ENOUGH = 0.8
"""Share of the joint effect of all features that the first k must have to count as carrying it."""
_N_DRAWS = 2
"""Sets of matched features, of which the mean is taken."""
_N_EXCHANGED = 4
"""Rankings for exchanged labels, of which the mean is taken."""
_SPARE = 8
"""Features are matched as long as there are so many times as many to choose from."""
_N_READ = 512
"""Features, from the first of the ranking on, of which it is known whether they write a label."""


@dataclass(frozen=True, eq=False)
class Line:
    """What is lost without the first k parts, or gained by keeping them when all others are ablated, for some k."""

    condition: Condition
    edit: Edit
    ks: Sequence[int]
    nats: Floats = field(repr=False)
    """Log-odds (size, text)."""
    whole: Floats = field(repr=False)
    """Log-odds that are lost when all parts of the kind are ablated (text): what a share is a share of."""

    def at(self, k: int) -> Floats:
        """Log-odds at one size (text)."""
        return self.nats[list(self.ks).index(k)]


@dataclass(frozen=True, eq=False)
class Reported:
    """The texts that report, and how often each is drawn (resample, text); the first row is the texts themselves."""

    asked: Asked = field(repr=False)
    weights: Floats = field(repr=False)

    @classmethod
    def of(cls, questions: Questions, n_resamples: int, seed: int) -> "Reported":
        """Ask the unedited model, and draw the texts' clusters again."""
        return cls(Asked.of(questions), with_resamples(questions.clusters, n_resamples, seed))

    def accuracy(self, seed: int) -> Estimate:
        """Balanced accuracy of the unedited model, with the interval of its posterior."""
        asked = self.asked.questions
        return standing(asked.gold, self.asked.logits.argmax(1), len(asked.labels), asked.clusters, seed)

    def mean(self, values: Floats, among: Ints | None = None) -> Estimate:
        """Mean of values (text) with its interval, among some of the texts."""
        return self.ratio(values, np.ones(len(values)), among)

    def ratio(self, top: Floats, bottom: Floats, among: Ints | None = None) -> Estimate:
        """Ratio of two sums over the texts with its interval; undefined where the lower is not positive."""
        among = np.arange(len(top)) if among is None else among
        with np.errstate(divide="ignore", invalid="ignore"):
            found = (self.weights[:, among] @ top[among]) / (self.weights[:, among] @ bottom[among])
        found = np.where(self.weights[:, among] @ bottom[among] > 0, found, np.nan)
        return interval(float(found[0]), found[1:], len(among))

    def size(self, line: Line, among: Ints, unit: int = 1) -> Estimate:
        """Smallest size tried that has enough of the joint effect, in units; undefined where there is none to have."""
        at = reached(line.nats[:, among], line.whole[among], ENOUGH, self.weights[:, among])
        found = np.where(at < 0, np.nan, np.array(line.ks)[at] / unit)
        return interval(float(found[0]), found[1:], len(among))

    @property
    def groups(self) -> dict[str, Ints]:
        """Which texts are reported on together."""
        right = self.asked.logits.argmax(1) == self.asked.questions.gold
        return {ALL_TEXTS: np.arange(len(right)), RECOGNISED: np.flatnonzero(right)}


@dataclass(frozen=True, eq=False)
class Contender:
    """Parts of one kind in the order in which they are taken."""

    condition: Condition
    asked: Asked = field(repr=False)
    parts: Parts = field(repr=False)
    first: Callable[[int], Sequence[Sequence[FeatureId]]] = field(repr=False)
    """The first k: one set, or several of which the mean is taken."""
    n: int
    """How many there are to take."""
    whole: Floats = field(repr=False)
    """Log-odds that are lost when all parts of the kind are ablated (text)."""

    def sizes(self, wanted: Sequence[int]) -> list[int]:
        """Keep the sizes that it can have."""
        return sorted({k for k in wanted if k <= self.n})

    def ablated(self, ks: Sequence[int]) -> Line:
        """Ablate the first k to their means."""
        return self._line("ablated", ks, self.parts.ablate)

    def kept(self, ks: Sequence[int], error: bool = True) -> Line:
        """Ablate all but the first k, and with them, if `error` is not kept, what the SAEs do not explain."""
        edit: Edit = "kept alone" if error else "kept alone, error at its mean"
        line = self._line(edit, ks, partial(self.parts.keep_only, error=error))
        return Line(line.condition, edit, line.ks, self.whole - line.nats, self.whole)

    def _line(self, edit: Edit, ks: Sequence[int], edits: Callable) -> Line:
        taken = self.sizes(ks)
        nats = [self.asked.losses(map(edits, self.first(k))).mean(0) for k in taken]
        return Line(self.condition, edit, taken, np.stack(nats), self.whole)


@dataclass(frozen=True, eq=False)
class Contest:
    """Features ranked on the texts that choose, and what they are compared with."""

    parts: Parts = field(repr=False)
    ranking: Ranking = field(repr=False)
    shuffled: Sequence[Ranking] = field(repr=False)
    """The same features as ranked for labels that were exchanged, once for each draw."""
    labels: Sequence[str] = field(repr=False)
    """Label that each of the first features of the ranking writes, empty for none."""
    contenders: Mapping[Condition, Contender]

    @property
    def features(self) -> Contender:
        """The ranking that is tested."""
        return self.contenders[FEATURES]


def contest(chooses: Questions, reports: Asked, saes: Mapping[HookPoint, Sae], seed: int) -> Contest:
    """Rank features, and what they are compared with, on one split, to be ablated on another."""
    parts = Parts.of(chooses, saes)
    ranking = ranked(chooses, parts)
    rng = np.random.default_rng(seed)
    shuffled = [ranked(chooses, parts, rng.permutation(chooses.gold)) for _ in range(_N_EXCHANGED)]
    labels = written_labels(chooses, saes, ranking.parts[:_N_READ])
    silent = [part for part, label in zip(ranking.parts, labels) if not label]
    either = [ranking.parts[i] for i in np.argsort(-np.abs(ranking.loss), kind="stable")]
    whole = reports.losses([parts.ablate(parts.alive)])[0]

    def from_model(condition: Condition, first: Callable, n: int) -> Contender:
        return Contender(condition, reports, parts, first, n, whole)

    n = len(ranking.parts)
    found = [
        from_model(FEATURES, lambda k: [ranking.parts[:k]], n),
        from_model(MATCHED, lambda k: matched_sets(ranking.parts[:k], parts, seed), n // _SPARE),
        from_model("shuffled labels", lambda k: [one.parts[:k] for one in shuffled], n),
        from_model(SILENT, lambda k: [silent[:k]], len(silent)),
        from_model(EITHER_SIGN, lambda k: [either[:k]], n),
        _by_itself("residual dimensions", chooses, reports, Parts.dimensions(chooses, saes)),
        _random_weights(chooses, reports, parts, seed),
    ]
    return Contest(parts, ranking, shuffled, labels, {one.condition: one for one in found})


def matched_sets(features: Sequence[FeatureId], parts: Parts, seed: int) -> list[list[FeatureId]]:
    """Draw several sets of features that fire as the given ones do."""
    return [matched(features, parts.usual, seed + draw) for draw in range(_N_DRAWS)]


def _by_itself(condition: Condition, chooses: Questions, reports: Asked, parts: Parts) -> Contender:
    """Rank parts of another kind, or of another model, in their own right."""
    ranking = ranked(chooses, parts)
    whole = reports.losses([parts.ablate(parts.alive)])[0]
    return Contender(condition, reports, parts, lambda k: [ranking.parts[:k]], len(ranking.parts), whole)


def _random_weights(chooses: Questions, reports: Asked, parts: Parts, seed: int) -> Contender:
    """Rank random directions, as many as there are features and as sparse, in a network with random weights."""
    untrained = randomised(chooses.lm, seed)
    asked = Asked.of(reports.questions.on(untrained))
    read = Parts.of(chooses.on(untrained), parts.saes).usual
    saes = {
        point: random_sae(point, read[point].drawn, sae.d_sae, float(parts.usual[point].fires.sum()), seed)
        for point, sae in parts.saes.items()
    }
    return _by_itself(UNTRAINED, chooses.on(untrained), asked, Parts.of(chooses.on(untrained), saes))


Lines = Mapping[tuple[Condition, Edit], Line]


def measured(found: Contest) -> tuple[Lines, int]:
    """Measure all curves, and find the size at which the first features have enough of the joint effect.

    Features are ablated, and kept by the size of their effect, at every size; all else is tried at every other one, and
    at the size found.
    """
    ks = doubling(found.features.n)
    first = found.features.ablated(ks)
    at = int(reached(first.nats, first.whole, ENOUGH, np.ones((1, first.nats.shape[1])))[0])
    k = ks[at]
    some = sorted({*ks[::2], k, ks[-1]})
    lines = [first, found.features.kept(some), found.features.kept(some, error=False)]
    lines += [found.contenders[condition].ablated(some) for condition in BESIDE]
    lines += [found.contenders[condition].kept(ks if condition == EITHER_SIGN else some) for condition in KEPT]
    return {(line.condition, line.edit): line for line in lines}, k
