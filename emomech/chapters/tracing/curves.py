"""Share of the joint effect of all features that the first k of a ranking have, in comparison with k other parts.

The ranking of the features is compared with others of the same size: features that fire alike, the ranking for permuted
labels, the dimensions of the residual stream, and random directions in a network with random weights.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

import numpy as np

from emomech.causal.ablation import Ranking, first_reaching, rank_features
from emomech.causal.dictionary import Dictionary
from emomech.causal.feature_stats import matched
from emomech.causal.logit_attribution import written_labels
from emomech.causal.questions import Questions
from emomech.causal.sample import Sample, doubling
from emomech.core.hook_points import FeatureId, HookPoint
from emomech.models.language_model import randomised
from emomech.saes.controls import random_like
from emomech.saes.sae import Sae
from emomech.stats.estimates import Estimate, Floats, Ints, from_draws
from emomech.stats.testing import permuted

ContenderName = Literal[
    "SAE features",
    "matched features",
    "shuffled labels",
    "residual dimensions",
    "writing no label",
    "either sign",
    "random weights",
]
"""The ranking of the features; features that fire alike; the ranking for permuted labels; residual dimensions, ranked
alike; the ranking without features that write a label; features by the size of their effect, whether their ablation
costs or helps; random directions, ranked alike, in a network with random weights."""
FEATURES: ContenderName = "SAE features"
MATCHED: ContenderName = "matched features"
UNTRAINED: ContenderName = "random weights"
SILENT: ContenderName = "writing no label"
EITHER_SIGN: ContenderName = "either sign"
BESIDE: tuple[ContenderName, ...] = (MATCHED, "shuffled labels", "residual dimensions", SILENT, UNTRAINED)
"""What is ablated beside the features."""
KEPT: tuple[ContenderName, ...] = (EITHER_SIGN, MATCHED, "residual dimensions", UNTRAINED)
"""What is kept alone beside the features."""
CurveEdit = Literal["ablated", "kept alone", "kept alone, error at its mean"]
ALL_TEXTS, RECOGNISED = "all texts", "recognised texts"
ENOUGH = 0.8
"""Share of the joint effect of all features at which the first k count as carrying it."""
_N_DRAWS = 2
"""Sets of matched features that are averaged."""
_N_PERMUTED = 4
"""Rankings for permuted labels that are averaged."""
_SPARE = 8
"""At most one in `_SPARE` of the features is matched, so that enough are left to choose from."""
_N_READ = 512
"""First features of the ranking that are tested for writing a label."""


@dataclass(frozen=True, eq=False)
class Line:
    """Log-odds lost without the first k features, or kept with only them, for several k."""

    condition: ContenderName
    edit: CurveEdit
    ks: Sequence[int]
    nats: Floats = field(repr=False)
    """Log-odds (size, text)."""
    whole: Floats = field(repr=False)
    """Log-odds lost when all features of the kind are ablated (text): the denominator of shares."""

    def at(self, k: int) -> Floats:
        """Log-odds at one size (text)."""
        return self.nats[list(self.ks).index(k)]


def text_groups(sample: Sample) -> dict[str, Ints]:
    """Numbers of the texts that are reported on together: all, and those that the unedited model gets right."""
    return {ALL_TEXTS: np.arange(len(sample)), RECOGNISED: np.flatnonzero(sample.right)}


def size_to_enough(sample: Sample, line: Line, rows: Ints, unit: int = 1) -> Estimate:
    """Smallest size tried that has `ENOUGH` of the joint effect, divided by `unit`; undefined if there is no effect."""
    at = first_reaching(line.nats[:, rows], line.whole[rows], ENOUGH, sample.weights[:, rows])
    return from_draws(np.where(at < 0, np.nan, np.array(line.ks)[at] / unit), len(rows))


@dataclass(frozen=True, eq=False)
class Contender:
    """Features of one kind in the order in which they are taken."""

    condition: ContenderName
    sample: Sample = field(repr=False)
    dictionary: Dictionary = field(repr=False)
    first: Callable[[int], Sequence[Sequence[FeatureId]]] = field(repr=False)
    """The first k: one set, or several sets that are averaged."""
    n: int
    """Number of features to take from."""
    whole: Floats = field(repr=False)
    """Log-odds lost when all features of the kind are ablated (text)."""

    def sizes(self, wanted: Sequence[int]) -> list[int]:
        """Keep the sizes up to the number of features."""
        return sorted({k for k in wanted if k <= self.n})

    def ablated(self, ks: Sequence[int]) -> Line:
        """Ablate the first k to their means."""
        return self._line("ablated", ks, self.dictionary.ablate)

    def kept(self, ks: Sequence[int], error: bool = True) -> Line:
        """Ablate all but the first k; without `error`, also what the SAEs do not explain."""
        edit: CurveEdit = "kept alone" if error else "kept alone, error at its mean"
        line = self._line(edit, ks, partial(self.dictionary.keep_only, error=error))
        return Line(line.condition, edit, line.ks, self.whole - line.nats, self.whole)

    def _line(self, edit: CurveEdit, ks: Sequence[int], edits: Callable) -> Line:
        sizes = self.sizes(ks)
        nats = [self.sample.losses(map(edits, self.first(k))).mean(0) for k in sizes]
        return Line(self.condition, edit, sizes, np.stack(nats), self.whole)


@dataclass(frozen=True, eq=False)
class Contest:
    """Features ranked on the texts of `discover`, and what they are compared with."""

    dictionary: Dictionary = field(repr=False)
    ranking: Ranking = field(repr=False)
    permuted: Sequence[Ranking] = field(repr=False)
    """The same features ranked for permuted labels, once for each permutation."""
    labels: Sequence[str] = field(repr=False)
    """Label that each of the first features of the ranking writes; empty for none."""
    contenders: Mapping[ContenderName, Contender]

    @property
    def features(self) -> Contender:
        """The ranking that is tested."""
        return self.contenders[FEATURES]


def contest(discover: Questions, sample: Sample, saes: Mapping[HookPoint, Sae], seed: int) -> Contest:
    """Rank features, and what they are compared with, on `discover`, to be ablated on the sample."""
    dictionary = Dictionary.of(discover, saes)
    ranking = rank_features(discover, dictionary)
    rng = np.random.default_rng(seed)
    others = [rank_features(discover, dictionary, permuted(discover.gold, rng)) for _ in range(_N_PERMUTED)]
    labels = written_labels(discover, saes, ranking.features[:_N_READ])
    silent = [feature for feature, label in zip(ranking.features, labels) if not label]
    either = [ranking.features[i] for i in np.argsort(-np.abs(ranking.loss), kind="stable")]
    joint_loss = sample.losses([dictionary.ablate(dictionary.alive)])[0]

    def from_model(condition: ContenderName, first: Callable, n: int) -> Contender:
        return Contender(condition, sample, dictionary, first, n, joint_loss)

    n = len(ranking.features)
    contenders = [
        from_model(FEATURES, lambda k: [ranking.features[:k]], n),
        from_model(MATCHED, lambda k: matched_sets(ranking.features[:k], dictionary, seed), n // _SPARE),
        from_model("shuffled labels", lambda k: [other.features[:k] for other in others], n),
        from_model(SILENT, lambda k: [silent[:k]], len(silent)),
        from_model(EITHER_SIGN, lambda k: [either[:k]], n),
        _ranked_alone("residual dimensions", discover, sample, Dictionary.dimensions(discover, saes)),
        _random_weights(discover, sample, dictionary, seed),
    ]
    return Contest(dictionary, ranking, others, labels, {contender.condition: contender for contender in contenders})


def matched_sets(features: Sequence[FeatureId], dictionary: Dictionary, seed: int) -> list[list[FeatureId]]:
    """Draw several sets of features that fire as the given ones do."""
    return [matched(features, dictionary.stats, seed + draw) for draw in range(_N_DRAWS)]


def _ranked_alone(condition: ContenderName, discover: Questions, sample: Sample, dictionary: Dictionary) -> Contender:
    """Rank the features of another dictionary, or of another model, by themselves."""
    ranking = rank_features(discover, dictionary)
    joint_loss = sample.losses([dictionary.ablate(dictionary.alive)])[0]
    n = len(ranking.features)
    return Contender(condition, sample, dictionary, lambda k: [ranking.features[:k]], n, joint_loss)


def _random_weights(discover: Questions, sample: Sample, dictionary: Dictionary, seed: int) -> Contender:
    """Rank random directions, of the number and sparsity of the features, in a network with random weights."""
    untrained = randomised(discover.lm, seed)
    untrained_discover = discover.on(untrained)
    stats = Dictionary.of(untrained_discover, dictionary.saes).stats
    saes = {
        point: random_like(sae, stats[point].drawn, seed, l0=float(dictionary.stats[point].fires.sum()))
        for point, sae in dictionary.saes.items()
    }
    random = Dictionary.of(untrained_discover, saes)
    return _ranked_alone(UNTRAINED, untrained_discover, sample.on(untrained).replayed(), random)


Lines = Mapping[tuple[ContenderName, CurveEdit], Line]


def measure_lines(contest: Contest) -> tuple[Lines, int]:
    """Measure all curves, and find the smallest size at which the first features have enough of the joint effect.

    Features are ablated, and kept by the size of their effect, at every size. Everything else is measured at every
    second size, and at the size that is enough.
    """
    ks = doubling(contest.features.n)
    first = contest.features.ablated(ks)
    at = int(first_reaching(first.nats, first.whole, ENOUGH, np.ones((1, first.nats.shape[1])))[0])
    k = ks[at]
    some = sorted({*ks[::2], k, ks[-1]})
    lines = [first, contest.features.kept(some), contest.features.kept(some, error=False)]
    lines += [contest.contenders[condition].ablated(some) for condition in BESIDE]
    lines += [contest.contenders[condition].kept(ks if condition == EITHER_SIGN else some) for condition in KEPT]
    return {(line.condition, line.edit): line for line in lines}, k
