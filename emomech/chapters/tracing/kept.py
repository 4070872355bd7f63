"""Sufficiency: what the answer keeps with only k features of one hook point, at the answer token.

Everything else at this hook point and token is set to its mean over the answer tokens of other texts, what the SAE does
not explain included. Earlier tokens stay as they are. The hook point is chosen on the texts that rank the features: it
has to carry the prediction at the answer, so that with no feature kept little more than guessing is left, and of those
that do, the one that needs fewest features is taken.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import torch

from emomech.causal.ablation import Ranking, rank_features, rank_shuffled
from emomech.causal.dictionary import Dictionary
from emomech.causal.effects import logits_of_each
from emomech.causal.feature_stats import feature_stats
from emomech.causal.logit_attribution import written_labels
from emomech.causal.questions import Questions, log_odds
from emomech.causal.sample import Sample, doubling
from emomech.chapters.tracing.curves import N_PERMUTED, matched_sets
from emomech.chapters.tracing.evidence import (
    DIMENSIONS,
    FEATURES,
    MATCHED,
    RANDOM,
    SHUFFLED,
    SILENT,
    SUFFICIENCY,
    VARIANTS,
    ContenderName,
    Evidence,
    reached,
)
from emomech.core.hook_points import FeatureId, HookPoint
from emomech.saes.controls import dimensions, random_like
from emomech.saes.sae import Sae
from emomech.stats.estimates import Floats

PASSES = 0.8
"""Share of the accuracy above guessing that is lost with no feature kept, at a hook point that carries the answer."""
_MOST = 256
"""Largest size of a set of matched features, residual dimensions or random directions."""


@dataclass(frozen=True, eq=False)
class KeptLine:
    """Answers with only the first k of one ranking, for several k, the first of which is 0."""

    condition: ContenderName
    ks: Sequence[int]
    right: Floats = field(repr=False)
    """1 for a right answer, else 0; the mean over several sets, if there are several (size, text)."""
    odds: Floats = field(repr=False)
    """Log-odds of the own label, in nats (size, text)."""

    def at(self, k: int) -> Floats:
        """Right answers at one size (text)."""
        return self.right[list(self.ks).index(k)]


@dataclass(frozen=True, eq=False)
class Screened:
    """Features of one hook point, ranked at the answer token of some texts, with what they are compared with."""

    discover: Questions = field(repr=False)
    dictionary: Dictionary = field(repr=False)
    orders: Mapping[ContenderName, Sequence[FeatureId]] = field(repr=False)
    """Both rankings of the features, best first."""

    @classmethod
    def of(cls, discover: Questions, saes: Mapping[HookPoint, Sae]) -> dict[HookPoint, "Screened"]:
        """Rank the features of every hook point by the gradient screen, with means over the answer tokens."""
        every = at_answer(discover, saes)
        ranking = rank_features(discover, every, where="answer")
        screened = {}
        for point in saes:
            order = [feature for feature in ranking.features if feature.point == point]
            writes = written_labels(discover, saes, order)
            silent = [feature for feature, label in zip(order, writes, strict=True) if not label]
            screened[point] = cls(discover, every.at(point), {FEATURES: order, SILENT: silent})
        return screened

    @property
    def point(self) -> HookPoint:
        """The hook point."""
        return next(iter(self.dictionary.saes))

    def sizes(self, variant: ContenderName) -> list[int]:
        """Sizes at which a ranking is measured."""
        return [0, *doubling(len(self.orders[variant]))]

    def kept(self, questions: Questions, variant: ContenderName, ks: Sequence[int]) -> KeptLine:
        """Keep the first k of one of the rankings."""
        return kept_line(questions, variant, self.dictionary, [[self.orders[variant][:k]] for k in ks], ks)


def at_answer(discover: Questions, saes: Mapping[HookPoint, Sae]) -> Dictionary:
    """Take SAEs with their statistics over the answer tokens."""
    return Dictionary(saes, feature_stats(discover, saes, "answer"))


def kept_line(
    questions: Questions,
    condition: ContenderName,
    dictionary: Dictionary,
    sets: Iterable[Sequence[Sequence[FeatureId]]],
    ks: Sequence[int],
) -> KeptLine:
    """Keep sets of features only, at the answer token; for each k there are one or several sets."""
    every = [list(of_size) for of_size in sets]
    edits = [dictionary.keep_only(kept, error=False) for of_size in every for kept in of_size]
    logits = logits_of_each(questions, edits, "answer")
    right = (logits.argmax(2) == questions.gold).astype(float)
    odds = np.stack([log_odds(one, questions.gold) for one in logits])
    edges = np.cumsum([0, *map(len, every)])
    parts = [slice(int(start), int(end)) for start, end in pairwise(edges)]
    return KeptLine(
        condition,
        ks,
        np.stack([right[part].mean(0) for part in parts]),
        np.stack([odds[part].mean(0) for part in parts]),
    )


@dataclass(frozen=True, eq=False)
class Chosen:
    """Hook point and number of features of one ranking, as they follow from the texts that rank."""

    screened: Screened = field(repr=False)
    variant: ContenderName
    k: int


def choose(
    screened: Mapping[HookPoint, Screened], questions: Questions, right: Floats, variant: ContenderName, most: int
) -> Chosen:
    """Choose hook point and k for one ranking, on some of the texts that ranked it; `most` if no size tried is enough.

    If no hook point carries the answer, the one is taken at which most accuracy is lost with no feature kept.
    """
    candidates = []
    sizes = {point: [k for k in one.sizes(variant) if k <= 4 * most] for point, one in screened.items()}
    edits = [
        one.dictionary.keep_only(one.orders[variant][:k], error=False)
        for point, one in screened.items()
        for k in sizes[point]
    ]
    answers = (logits_of_each(questions, edits, "answer").argmax(2) == questions.gold).astype(float)
    for point, one in screened.items():
        kept, answers = answers[: len(sizes[point])], answers[len(sizes[point]) :]
        passes = (right - kept[0]).mean() / max(1e-9, right.mean() - 1 / len(questions.labels))
        k = reached(sizes[point][1:], kept[1:], kept[0], right, 0)
        candidates.append((passes >= PASSES, passes, k or np.inf, one))
    carrying = [candidate for candidate in candidates if candidate[0]]
    if carrying:
        _, _, k, one = min(carrying, key=lambda candidate: candidate[2])
    else:
        _, _, k, one = max(candidates, key=lambda candidate: candidate[1])
    return Chosen(one, variant, min(int(k) if np.isfinite(k) else most, len(one.orders[variant])))


@dataclass(frozen=True, eq=False)
class Sufficiency:
    """Curves at the chosen hook points, and the evidence that follows from them."""

    lines: Sequence[tuple[ContenderName, str, KeptLine]]
    """The ranking that chose the hook point, the hook point, and a curve."""
    evidence: Sequence[Evidence]
    chosen: Sequence[Chosen]


def sufficiency(
    discover: Questions, choose_on: Sample, sample: Sample, saes: Mapping[HookPoint, Sae], most: int
) -> Sufficiency:
    """Measure, for both rankings, what is kept at the hook point that the texts of `choose_on` choose."""
    questions, right = sample.questions, sample.right.astype(float)
    screened, on = Screened.of(discover, saes), choose_on.right.astype(float)
    chosen = [choose(screened, choose_on.questions, on, variant, most) for variant in VARIANTS]
    lines, evidence = [], []
    for one in chosen:
        measured = _measured(one, questions, sample.seed)
        lines += [(one.variant, str(one.screened.point), line) for line in measured]
        evidence.append(evidence_of(one, questions, right, measured))
    return Sufficiency(lines, evidence, chosen)


def _measured(chosen: Chosen, questions: Questions, seed: int) -> list[KeptLine]:
    """Curves of a ranking and of its controls at one hook point."""
    screened, k, variant = chosen.screened, chosen.k, chosen.variant
    discover, own, point = screened.discover, screened.dictionary, screened.point
    order = screened.orders[variant]
    sae, stats = own.saes[point], own.stats[point]
    random = random_like(sae, stats.drawn, seed, l0=float(stats.fires.sum()))
    shuffled = rank_shuffled(discover, own, N_PERMUTED, seed, "answer")
    wide = sorted({k, *(size for size in screened.sizes(FEATURES) if size <= _MOST)})
    lines = [screened.kept(questions, variant, sorted({k, *screened.sizes(variant)}))]
    ks = [size for size in wide if size <= len(order) // 2]
    ks = sorted({*ks, k})
    lines.append(kept_line(questions, MATCHED, own, [matched_sets(order[:size], own, seed) for size in ks], ks))
    lines.append(kept_line(questions, SHUFFLED, own, [_firsts(shuffled, size) for size in ks], ks))
    alike_saes: dict[ContenderName, Sae] = {DIMENSIONS: dimensions([point], sae.d_in)[point], RANDOM: random}
    for name, other in alike_saes.items():
        halves = 2 if name == DIMENSIONS else 1
        alike = Dictionary({point: other}, feature_stats(discover, {point: other}, "answer"), halves)
        ranking = [rank_features(discover, alike, where="answer")]
        lines.append(kept_line(questions, name, alike, [_firsts(ranking, size) for size in ks], ks))
    return lines


def _firsts(rankings: Sequence[Ranking], k: int) -> list[Sequence[FeatureId]]:
    return [ranking.features[:k] for ranking in rankings]


def evidence_of(chosen: Chosen, questions: Questions, right: Floats, lines: Sequence[KeptLine]) -> Evidence:
    """The evidence of one ranking, of which the first line is, from its curve and those of its controls."""
    own, screened = lines[0], chosen.screened
    fires = firing(questions, screened.dictionary)
    order = [feature.index for feature in screened.orders[chosen.variant]]
    counted = np.concatenate([np.zeros((1, len(questions))), np.cumsum(fires[:, order], 1).T])
    return Evidence(
        part=SUFFICIENCY,
        variant=chosen.variant,
        ks=own.ks[1:],
        values=own.right[1:],
        nothing=own.right[0],
        everything=right,
        active=fires.sum(1),
        firing=counted[list(own.ks[1:])],
        k=chosen.k,
        others={line.condition: line.at(chosen.k) for line in lines[1:]},
        n_features=len(screened.orders[FEATURES]),
        n_dimensions=questions.lm.d_model,
        point=str(screened.point),
    )


@torch.inference_mode()
def firing(questions: Questions, dictionary: Dictionary) -> Floats:
    """1 for each feature that fires at the answer token, else 0 (text, d_sae), at the dictionary's one hook point."""
    (point, sae), *_ = dictionary.saes.items()
    x = questions.activations([point], "answer")[point]
    return (sae.encode(x.to(sae.W_dec)) > 0).double().cpu().numpy()
