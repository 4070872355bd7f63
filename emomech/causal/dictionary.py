"""SAEs with the statistics of their features, and the edits of the model that follow from a choice of features.

An edit moves features and keeps what the SAE does not explain: x' = x + (f' - f) · scale · W_dec. Ablation moves a
feature to its mean over the texts that chose it (mean ablation; Wang et al., 2023, arXiv:2211.00593), because zero may
be a value that the following blocks never see; zero and resampled values are available for comparison. A dimension of
the residual stream is read as two features, one for each sign, so that the same methods apply to it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from emomech.causal.attribution import Targets
from emomech.causal.feature_stats import FeatureStats, feature_stats
from emomech.causal.questions import Edits, Questions
from emomech.core.errors import UsageError
from emomech.core.hook_points import FeatureId, HookPoint, by_point
from emomech.saes.controls import dimensions
from emomech.saes.edits import MaskedEdit, MoveFeatures, Reconstruct, Replace, ResampleFeatures
from emomech.saes.sae import Sae
from emomech.stats.estimates import Floats

Style = Literal["mean", "zero", "resample"]
"""What replaces an ablated feature: its mean, zero, or its value at a random token."""
Node = Literal["SAE error", "all features", "whole activation"]
NODES: tuple[Node, ...] = ("SAE error", "all features", "whole activation")


@dataclass(frozen=True, eq=False)
class MoveFeaturesAndError(MoveFeatures):
    """Move features, and replace what the SAE does not explain by a constant."""

    error: Tensor | None = field(default=None, repr=False)
    """The constant (d_in); None for zero."""

    def __call__(self, x: Tensor) -> Tensor:
        """Activations (batch, pos, d_in) with the features moved and the error replaced."""
        moved = super().__call__(x)
        shift = Reconstruct(self.sae, self.error, self.mask)(x) - x  # zero where the mask is false
        return moved + shift


@dataclass(frozen=True, eq=False)
class Dictionary:
    """The features of some SAEs, or the dimensions of the residual stream, with their statistics over some texts.

    Example:
        >>> import emomech as em
        >>> from emomech.causal.dictionary import Dictionary
        >>> study = em.Study(limit=400)
        >>> questions = study.questions("discover", per_label=2)
        >>> point = em.HookPoint(6)
        >>> dictionary = Dictionary.of(questions, {point: study.saes[point]})
        >>> edits = dictionary.ablate(dictionary.alive[:20])
        >>> questions.log_odds(edits).shape == questions.log_odds().shape
        True
    """

    saes: Mapping[HookPoint, Sae]
    stats: Mapping[HookPoint, FeatureStats]
    halves: int = 1
    """SAE features that make one feature of the dictionary: a dimension has one for each sign."""

    @classmethod
    def of(cls, questions: Questions, saes: Mapping[HookPoint, Sae], seed: int = 0) -> "Dictionary":
        """Take the features of SAEs, with their statistics over all content tokens of the questions."""
        return cls(saes, feature_stats(questions, saes, seed=seed))

    @classmethod
    def dimensions(cls, questions: Questions, points: Iterable[HookPoint]) -> "Dictionary":
        """Take the dimensions of the residual stream, with their statistics over the questions."""
        saes = dimensions(points, questions.lm.d_model)
        return cls(saes, feature_stats(questions, saes), halves=2)

    def at(self, point: HookPoint) -> "Dictionary":
        """Keep one hook point. Raises UsageError for one without an SAE."""
        return Dictionary({point: self._sae(point)}, {point: self.stats[point]}, self.halves)

    @property
    def alive(self) -> list[FeatureId]:
        """Features that fire at any token of the questions, in order of depth."""
        return [FeatureId(point, i) for point in self.saes for i in np.flatnonzero(self._rate(point)).tolist()]

    @property
    def means(self) -> Targets:
        """The mean of every feature and of every SAE's error: what `attribute` moves them to."""
        return {point: (stats.features, stats.error) for point, stats in self.stats.items()}

    @property
    def zeros(self) -> Targets:
        """Zero for every feature and every SAE's error."""
        return {point: (torch.zeros(sae.d_sae), torch.zeros(sae.d_in)) for point, sae in self.saes.items()}

    def ablate(self, features: Iterable[FeatureId], style: Style = "mean") -> Edits:
        """Ablate features, at every hook point that has some of them.

        Raises UsageError for a feature or a hook point that the SAEs do not have.
        """
        return {point: self._ablate(point, index, style) for point, index in by_point(features).items()}

    def keep_only(self, features: Iterable[FeatureId], error: bool = True) -> Edits:
        """Ablate all other features to their means; without `error`, the SAEs' error goes to its mean as well.

        Raises UsageError as `ablate` does.
        """
        kept = set(features)
        for point, index in by_point(kept).items():
            self._index(point, index)  # refuses unknown features
        others = by_point(feature for feature in self.alive if feature not in kept)
        if error:
            return {point: self._ablate(point, index, "mean") for point, index in others.items()}
        edits = {}
        for point, sae in self.saes.items():
            index, stats = self._index(point, others.get(point, [])), self.stats[point]
            edits[point] = MoveFeaturesAndError(sae, index, offset=stats.features[index], error=stats.error)
        return edits

    def scale(self, features: Iterable[FeatureId], factor: float | Tensor) -> Edits:
        """Multiply features where they fire; `factor` is one number, or one for each feature (feature).

        Raises UsageError as `ablate` does.
        """
        edits = {}
        for point, index, rows in self._grouped(features):
            factors = factor[rows].repeat(self.halves) if isinstance(factor, Tensor) else factor
            edits[point] = MoveFeatures(self.saes[point], index, factor=factors)
        return edits

    def add(self, features: Iterable[FeatureId], peaks: float | Tensor) -> Edits:
        """Add to features at every token; `peaks` is in units of each feature's peak, one number or (feature).

        Raises UsageError as `ablate` does.
        """
        edits = {}
        for point, index, rows in self._grouped(features):
            edits[point] = MoveFeatures(self.saes[point], index, 1.0, self._of_peaks(point, index, rows, peaks))
        return edits

    def clamp(self, features: Iterable[FeatureId], peaks: float | Tensor, firing: bool = False) -> Edits:
        """Set features to a share of their peaks, one number or (feature); with `firing`, only where they fire.

        Raises UsageError as `ablate` does.
        """
        edits = {}
        for point, index, rows in self._grouped(features):
            values = self._of_peaks(point, index, rows, peaks)
            edits[point] = MoveFeatures(self.saes[point], index, offset=values, firing=firing)
        return edits

    def node(self, point: HookPoint, node: Node) -> MaskedEdit:
        """Move the error, all features, or the whole activation of a hook point to its mean."""
        stats = self.stats[point]
        if node == "SAE error":
            return MoveFeaturesAndError(self.saes[point], [], error=stats.error)
        if node == "whole activation":
            return Replace(stats.mean)
        return self._ablate(point, np.flatnonzero(self._rate(point)).tolist(), "mean")

    def _ablate(self, point: HookPoint, features: Sequence[int], style: Style) -> MaskedEdit:
        sae, index = self._sae(point), self._index(point, features)
        if style == "resample":
            return ResampleFeatures(sae, index, self.stats[point].drawn)
        return MoveFeatures(sae, index, offset=self.stats[point].features[index] if style == "mean" else 0.0)

    def _sae(self, point: HookPoint) -> Sae:
        if point not in self.saes:
            raise UsageError(f"{point}: has no SAE; there are SAEs at {', '.join(map(str, self.saes))}.")
        return self.saes[point]

    def _rate(self, point: HookPoint) -> Floats:
        return self.stats[point].fires.numpy().reshape(self.halves, -1).max(0)

    def _index(self, point: HookPoint, features: Sequence[int]) -> Tensor:
        """SAE features of some features of the dictionary; those of the positive sign come first."""
        sae = self._sae(point)
        size = sae.d_sae // self.halves
        for feature in features:
            if not 0 <= feature < size:
                raise UsageError(f"feature {feature}: SAE {sae.name} at {point} has features 0..{size - 1}.")
        return torch.tensor([i + half * size for half in range(self.halves) for i in features], dtype=torch.long)

    def _grouped(self, features: Iterable[FeatureId]) -> list[tuple[HookPoint, Tensor, list[int]]]:
        """Features by hook point, in order of depth: SAE features, and positions among the features given."""
        every = list(features)
        rows: dict[HookPoint, list[int]] = {}
        for row, feature in enumerate(every):
            rows.setdefault(feature.point, []).append(row)
        groups = sorted(rows.items(), key=lambda group: group[0].resid_index())
        return [(point, self._index(point, [every[row].index for row in places]), places) for point, places in groups]

    def _of_peaks(self, point: HookPoint, index: Tensor, rows: list[int], peaks: float | Tensor) -> Tensor:
        """Values of SAE features; the negative sign of a dimension goes to zero."""
        positive = index[: len(rows)]
        amount = (peaks[rows] if isinstance(peaks, Tensor) else peaks) * self.stats[point].peak[positive]
        return torch.cat([amount, torch.zeros(len(index) - len(rows))])
