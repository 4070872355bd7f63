"""Necessity: what the answer loses when the first k features of all hook points are ablated at every token.

The ranking of the features is compared with others of the same size: features that fire alike, the ranking for permuted
labels, the dimensions of the residual stream, random directions, and random directions in a network with random
weights. The whole that shares refer to is the log-odds that the model has above those of guessing: a set without which
the model only guesses carries all of the prediction. What is lost when *all* features are ablated is no such ceiling:
a confident wrong answer has lower log-odds than a guess, so fewer features can cost more.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from emomech.causal.ablation import Ranking, rank_features, rank_shuffled
from emomech.causal.dictionary import Dictionary, Style
from emomech.causal.feature_stats import matched
from emomech.causal.logit_attribution import written_labels
from emomech.causal.questions import Edits, Questions
from emomech.causal.sample import Sample, doubling
from emomech.chapters.tracing.evidence import (
    BASELINES,
    DIMENSIONS,
    FEATURES,
    MATCHED,
    NECESSITY,
    RANDOM,
    SHUFFLED,
    SILENT,
    UNTRAINED,
    VARIANTS,
    ContenderName,
    Evidence,
    reached,
)
from emomech.core.hook_points import FeatureId, HookPoint
from emomech.models.language_model import randomised
from emomech.saes.controls import random_like
from emomech.saes.sae import Sae
from emomech.stats.estimates import Floats

CurveEdit = Literal["ablated", "ablated to zero", "ablated to random values", "kept alone"]
ABLATED: CurveEdit = "ablated"
STYLES: Mapping[CurveEdit, Style] = {"ablated to zero": "zero", "ablated to random values": "resample"}
"""Other ways to ablate than to the mean."""
DOSES = (-0.5, 0.5, 1.0)
"""Shares of their value by which the first k features are lowered; the first raises them."""
N_DRAWS = 2
"""Sets of matched features that are averaged."""
N_PERMUTED = 3
"""Rankings for permuted labels that are averaged."""
_SPARE = 8
"""At most one in `_SPARE` of the features is matched, so that enough are left to choose from."""
_FINE = 4
"""Every power of two is tried up to this many times what counts as few, and every second one beyond."""
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

    def at(self, k: int) -> Floats:
        """Log-odds at one size (text)."""
        return self.nats[list(self.ks).index(k)]


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

    def ablated(self, ks: Sequence[int], edit: CurveEdit = ABLATED, on: Sample | None = None) -> Line:
        """Ablate the first k, on the sample or on another one."""
        sizes, sample = sorted({k for k in ks if k <= self.n}), on or self.sample
        style = STYLES.get(edit, "mean")
        lost = self._lost(sample, [[self.dictionary.ablate(one, style) for one in self.first(k)] for k in sizes])
        return Line(self.condition, edit, sizes, lost)

    def kept(self, ks: Sequence[int], whole: Floats) -> Line:
        """Ablate all but the first k; `whole` is what is lost without all of them (text)."""
        lost = self._lost(self.sample, [[self.dictionary.keep_only(one) for one in self.first(k)] for k in ks])
        return Line(self.condition, "kept alone", ks, whole - lost)

    @staticmethod
    def _lost(sample: Sample, edits: Sequence[Sequence[Edits]]) -> Floats:
        """Log-odds lost by each group of edits, mean over the group (group, text), from one pass over the texts."""
        lost = sample.losses(edit for group in edits for edit in group)
        ends = np.cumsum([len(group) for group in edits])[:-1]
        means = [part.mean(0) for part in np.split(lost, ends)] if edits else []
        return np.reshape(means, (len(edits), len(sample)))


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
    def n_active(self) -> float:
        """Mean number of features that fire at a token, of all hook points together."""
        return float(sum(stats.fires.sum() for stats in self.dictionary.stats.values()))


def contest(discover: Questions, sample: Sample, saes: Mapping[HookPoint, Sae], seed: int) -> Contest:
    """Rank features, and what they are compared with, on `discover`, to be ablated on the sample."""
    dictionary = Dictionary.of(discover, saes)
    ranking = rank_features(discover, dictionary)
    others = rank_shuffled(discover, dictionary, N_PERMUTED, seed)
    labels = written_labels(discover, saes, ranking.features[:_N_READ])
    silent = [feature for feature, label in zip(ranking.features, labels) if not label]
    n = len(ranking.features)
    contenders = [
        Contender(FEATURES, sample, dictionary, lambda k: [ranking.features[:k]], n),
        Contender(SILENT, sample, dictionary, lambda k: [silent[:k]], len(silent)),
        Contender(
            MATCHED, sample, dictionary, lambda k: matched_sets(ranking.features[:k], dictionary, seed), n // _SPARE
        ),
        Contender(SHUFFLED, sample, dictionary, lambda k: [other.features[:k] for other in others], n),
        _ranked(DIMENSIONS, discover, sample, Dictionary.dimensions(discover, saes)),
        _ranked(RANDOM, discover, sample, random_directions(discover, dictionary, seed)),
        _random_weights(discover, sample, dictionary, seed),
    ]
    return Contest(dictionary, ranking, others, labels, {contender.condition: contender for contender in contenders})


def matched_sets(features: Sequence[FeatureId], dictionary: Dictionary, seed: int) -> list[list[FeatureId]]:
    """Draw several sets of features that fire as the given ones do."""
    return [matched(features, dictionary.stats, seed + draw) for draw in range(N_DRAWS)]


def random_directions(questions: Questions, dictionary: Dictionary, seed: int) -> Dictionary:
    """Draw random directions, of the number and sparsity of the features, that read the model of the questions."""
    read = Dictionary.of(questions, dictionary.saes).stats
    saes = {
        point: random_like(sae, read[point].drawn, seed, l0=float(dictionary.stats[point].fires.sum()))
        for point, sae in dictionary.saes.items()
    }
    return Dictionary.of(questions, saes)


def _ranked(condition: ContenderName, discover: Questions, sample: Sample, dictionary: Dictionary) -> Contender:
    """Rank the features of another dictionary, or of another model, by themselves."""
    ranking = rank_features(discover, dictionary)
    return Contender(condition, sample, dictionary, lambda k: [ranking.features[:k]], len(ranking.features))


def _random_weights(discover: Questions, sample: Sample, dictionary: Dictionary, seed: int) -> Contender:
    """Rank random directions, of the number and sparsity of the features, in a network with random weights."""
    untrained = randomised(discover.lm, seed)
    asked = discover.on(untrained)
    return _ranked(UNTRAINED, asked, sample.on(untrained).replayed(), random_directions(asked, dictionary, seed))


@dataclass(frozen=True, eq=False)
class Necessity:
    """All curves, and the evidence that follows from them."""

    lines: Sequence[Line]
    evidence: Sequence[Evidence]
    """Of the ranking, and of the ranking without features that write a label."""
    all_ablated: Floats = field(repr=False)
    """Log-odds lost when all features are ablated (text)."""
    doses: Floats = field(repr=False)
    """Log-odds lost when the first k features are lowered by each of `DOSES` (dose, text)."""


def necessity(contest: Contest, choose_on: Sample, most: int) -> Necessity:
    """Measure all curves. Sizes of comparisons are chosen on `choose_on`; `most` if no size tried is enough there."""
    features, sample = contest.contenders[FEATURES], contest.contenders[FEATURES].sample
    every = doubling(features.n)
    few = [k for k in every if k <= _FINE * most]
    ks: dict[ContenderName, int] = {
        variant: _chosen(contest.contenders[variant], choose_on, few, most) for variant in VARIANTS
    }
    all_ablated = sample.losses([contest.dictionary.ablate(contest.dictionary.alive)])[0]
    some = sorted({*few[::2], *ks.values()})
    wide = sorted({*every[::2], features.n})
    lines = [features.ablated(sorted({*few, *wide, *ks.values()}))]
    lines += [contest.contenders[SILENT].ablated(sorted({*few, *ks.values()}))]
    lines += [contest.contenders[name].ablated(some) for name in BASELINES[NECESSITY]]
    lines += [features.ablated(few, edit) for edit in STYLES]
    lines += [features.kept(wide, all_ablated)]
    chosen = features.first(ks[FEATURES])[0]
    doses = sample.losses(contest.dictionary.scale(chosen, 1 - dose) for dose in DOSES)
    by_name: dict[ContenderName, Line] = {line.condition: line for line in lines if line.edit == ABLATED}
    evidence = [_evidence(contest, by_name, variant, k) for variant, k in ks.items()]
    return Necessity(lines, evidence, all_ablated, doses)


def whole_of(sample: Sample) -> Floats:
    """Log-odds of each text's own label above those of a guess among all labels, in nats (text)."""
    return sample.base + np.log(len(sample.labels) - 1)


def _chosen(contender: Contender, sample: Sample, ks: Sequence[int], most: int) -> int:
    line = contender.ablated(ks, on=sample)
    k = reached(line.ks, line.nats, np.zeros(len(sample)), whole_of(sample), most)
    return min(k, contender.n)


def _evidence(contest: Contest, lines: Mapping[ContenderName, Line], variant: ContenderName, k: int) -> Evidence:
    line, sample = lines[variant], contest.contenders[FEATURES].sample
    missing = np.full(len(sample), np.nan)
    others: dict[ContenderName, Floats] = {
        name: lines[name].at(k) if k in lines[name].ks else missing for name in BASELINES[NECESSITY]
    }
    return Evidence(
        part=NECESSITY,
        variant=variant,
        ks=line.ks,
        values=line.nats,
        nothing=np.zeros(len(sample)),
        everything=whole_of(sample),
        active=np.full(len(sample), contest.n_active),
        firing=np.repeat(np.array(line.ks, float)[:, None], len(sample), 1),
        k=k,
        others=others,
        n_features=contest.contenders[FEATURES].n,
        n_dimensions=sample.questions.lm.d_model,
    )
