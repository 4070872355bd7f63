"""What the answer loses without a set of features, at many hook points together, and what it keeps with them alone.

Necessity and sufficiency are different questions (Heimersheim and Nanda, 2024, arXiv:2404.15255): a set whose ablation
takes the log-odds may need what is left to have its effect, and features that stand in for one another hide when they
are ablated one by one. Features are ablated to their means over the texts that chose them; what the SAEs do not explain
stays, unless it is said that it goes to its mean too (Marks et al., 2025, arXiv:2403.19647). A dimension of the
residual stream is read as two features, one for each sign, so that all of this applies to it as well.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from emomech.attribution import attribute
from emomech.exact_effects import logits_of_each
from emomech.interventions import MaskedEdit, MoveFeatures, Reconstruct, Replace, ResampleFeatures
from emomech.questions import Edits, Questions, log_odds
from emomech.reference import Reference, by_point, references
from emomech.saes import Sae, dimensions
from emomech.stats import Floats, Ints
from emomech.vocab import FeatureId, HookPoint

Style = Literal["mean", "zero", "resample"]
"""What takes a feature's place: its mean, nothing, or its value at a token drawn at random."""
Node = Literal["SAE error", "all features", "whole activation"]
NODES: tuple[Node, ...] = ("SAE error", "all features", "whole activation")


@dataclass(frozen=True, eq=False)
class MoveFeaturesAndError(MoveFeatures):
    """Move features, and put a constant in the place of what the SAE does not explain."""

    error: Tensor | None = field(default=None, repr=False)
    """What is put there (d_in)."""

    def __call__(self, x: Tensor) -> Tensor:
        """Activations (batch, pos, d_in) with the features moved and the error replaced."""
        moved = super().__call__(x)
        shift = Reconstruct(self.sae, self.error, self.mask)(x) - x  # nothing where the mask is false
        return moved + shift


@dataclass(frozen=True, eq=False)
class Parts:
    """What activations are taken apart into, features or dimensions, and what is usual of them."""

    saes: Mapping[HookPoint, Sae]
    usual: Mapping[HookPoint, Reference]
    halves: int = 1
    """Features of the dictionary that make one part: a dimension has one for each sign."""

    @classmethod
    def of(cls, questions: Questions, saes: Mapping[HookPoint, Sae]) -> "Parts":
        """Take the features of SAEs, with their means over the questions' tokens."""
        return cls(saes, references(questions, saes))

    @classmethod
    def dimensions(cls, questions: Questions, points: Iterable[HookPoint]) -> "Parts":
        """Take the dimensions of the residual stream."""
        saes = dimensions(points, questions.lm.d_model)
        return cls(saes, references(questions, saes), halves=2)

    @property
    def alive(self) -> list[FeatureId]:
        """Parts that are ever other than zero, in order of depth."""
        return [FeatureId(point, i) for point in self.saes for i in np.flatnonzero(self._fires(point)).tolist()]

    def _fires(self, point: HookPoint) -> Floats:
        return self.usual[point].fires.numpy().reshape(self.halves, -1).max(0)

    def _index(self, point: HookPoint, parts: Sequence[int]) -> Tensor:
        size = self.saes[point].d_sae // self.halves
        return torch.tensor([i + half * size for half in range(self.halves) for i in parts], dtype=torch.long)

    def ablate(self, parts: Iterable[FeatureId], style: Style = "mean") -> Edits:
        """Ablate parts, at every hook point that has some of them."""
        return {point: self._ablate(point, index, style) for point, index in by_point(parts).items()}

    def _ablate(self, point: HookPoint, parts: Sequence[int], style: Style) -> MaskedEdit:
        index, sae, usual = self._index(point, parts), self.saes[point], self.usual[point]
        if style == "resample":
            return ResampleFeatures(sae, index, usual.drawn)
        return MoveFeatures(sae, index, offset=usual.features[index] if style == "mean" else 0.0)

    def keep_only(self, parts: Iterable[FeatureId], error: bool = True) -> Edits:
        """Ablate to their means all parts but some; the SAEs' error stays or goes to its mean as well."""
        kept = set(parts)
        others = by_point(part for part in self.alive if part not in kept)
        if error:
            return {point: self._ablate(point, index, "mean") for point, index in others.items()}
        found = {}
        for point, sae in self.saes.items():
            index, usual = self._index(point, others.get(point, [])), self.usual[point]
            found[point] = MoveFeaturesAndError(sae, index, offset=usual.features[index], error=usual.error)
        return found

    def node(self, point: HookPoint, node: Node) -> MaskedEdit:
        """Move all of one kind that stands at a hook point to its mean."""
        usual = self.usual[point]
        if node == "SAE error":
            return MoveFeaturesAndError(self.saes[point], [], error=usual.error)
        if node == "whole activation":
            return Replace(usual.mean)
        return self._ablate(point, np.flatnonzero(self._fires(point)).tolist(), "mean")


@dataclass(frozen=True)
class Ranking:
    """Parts of all hook points together, the one whose ablation should cost most first."""

    parts: tuple[FeatureId, ...] = field(repr=False)
    loss: Floats = field(repr=False)
    """Estimated loss of log-odds when the part alone is ablated to its mean, in nats, mean over the texts (part)."""


def ranked(questions: Questions, parts: Parts, gold: Ints | None = None) -> Ranking:
    """Rank all parts by the gradient screen; with `gold`, as if these were the texts' labels (text)."""
    asked = questions if gold is None else replace(questions, gold=gold)
    targets = {point: (usual.features, usual.error) for point, usual in parts.usual.items()}
    screened = attribute(asked, parts.saes, targets, groups=np.zeros(len(asked), dtype=int))
    loss = {point: -found.effect[0].reshape(parts.halves, -1).sum(0) for point, found in screened.items()}
    alive = parts.alive
    values = np.array([loss[part.point][part.index] for part in alive])
    order = np.argsort(-values, kind="stable")
    return Ranking(tuple(alive[i] for i in order), values[order])


@dataclass(frozen=True, eq=False)
class Asked:
    """Questions, and what the unedited model answers."""

    questions: Questions = field(repr=False)
    logits: Floats = field(repr=False)
    """Logits of the labels (text, label)."""

    @classmethod
    def of(cls, questions: Questions) -> "Asked":
        """Ask the model that the questions name."""
        return cls(questions, logits_of_each(questions, [{}])[0])

    @property
    def base(self) -> Floats:
        """Log-odds of each text's own label (text), in nats."""
        return log_odds(self.logits, self.questions.gold)

    def losses(self, edits: Iterable[Edits]) -> Floats:
        """Log-odds that each of several edits takes (edit, text), in nats."""
        gold = self.questions.gold
        return np.stack([self.base - log_odds(one, gold) for one in logits_of_each(self.questions, list(edits))])


def reached(curve: Floats, whole: Floats, level: float, weights: Floats) -> Ints:
    """Find the first row of a curve (size, text) at which its sum reaches a level of that of `whole` (text).

    One answer for each resample of `weights` (resample, text); -1 where `whole` sums to no loss at all, or the curve
    stays below.
    """
    total = weights @ whole
    enough = weights @ curve.T >= level * total[:, None]
    return np.where((total > 0) & enough.any(1), enough.argmax(1), -1)
