"""SAE features with their statistics, from which the edits that ablate or keep them follow."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from emomech.causal.attribution import Attribution, Targets, attribute, attribute_each
from emomech.causal.feature_stats import Reference, references
from emomech.causal.questions import Edits, Questions
from emomech.core.hook_points import FeatureId, HookPoint, by_point
from emomech.saes.controls import dimensions
from emomech.saes.edits import MaskedEdit, MoveFeatures, Reconstruct, Replace, ResampleFeatures
from emomech.saes.sae import Sae
from emomech.stats.estimates import Floats

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


Support = Mapping[HookPoint, Floats]
"""By how much each feature supports the label of each text, in nats (text, d_sae)."""


@dataclass(frozen=True, eq=False)
class Dictionary:
    """SAEs, and what is usual of their features."""

    saes: Mapping[HookPoint, Sae]
    usual: Mapping[HookPoint, Reference]

    def at(self, point: HookPoint) -> "Dictionary":
        """Keep one hook point."""
        return Dictionary({point: self.saes[point]}, {point: self.usual[point]})

    def support(self, questions: Questions) -> Support:
        """Screen how much every feature supports every text's label."""
        return _lost(attribute(questions, self.saes, self._means, groups=np.arange(len(questions))))

    def support_and_firing(self, questions: Questions) -> tuple[Support, dict[HookPoint, Floats]]:
        """Screen the same, and how much every feature supports each label by firing: against zero (label, d_sae)."""
        zero = {p: (torch.zeros(sae.d_sae), torch.zeros(sae.d_in)) for p, sae in self.saes.items()}
        asked = [(self._means, np.arange(len(questions))), (zero, questions.gold)]
        support, fired = attribute_each(questions, self.saes, asked)
        return _lost(support), _lost(fired)

    @property
    def _means(self) -> Targets:
        return {point: (usual.features, usual.error) for point, usual in self.usual.items()}

    def ablated(self, features: Sequence[FeatureId]) -> Edits:
        """Move features to their means."""
        means = {point: self.usual[point].features[index] for point, index in by_point(features).items()}
        return {p: MoveFeatures(self.saes[p], i, offset=means[p]) for p, i in by_point(features).items()}

    def doubled(self, features: Sequence[FeatureId]) -> Edits:
        """Make features twice what they are."""
        return {p: MoveFeatures(self.saes[p], i, factor=2.0) for p, i in by_point(features).items()}


def _lost(found: Mapping[HookPoint, Attribution]) -> dict[HookPoint, Floats]:
    return {point: -one.effect for point, one in found.items()}
