"""How much of the variance of each layer's features each label family explains: the profile of a family in depth.

One forward pass reads all hook points at all places that any family needs. At each hook point, the features are ranked
once per family, and the share is measured in the full sample and in every resample of the texts: random halves, on
which a direction has to hold, and bootstrap draws for intervals. See `stats.explained` for the share.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from emomech.chapters.flow.order import StageProfiles
from emomech.chapters.flow.reads import STAGES, FamilyReads, ReadPlace, stage_of
from emomech.core import progress
from emomech.core.hook_points import HookPoint
from emomech.models.activations import collect
from emomech.models.language_model import LanguageModel
from emomech.models.tokens import TokenizedText
from emomech.saes.encoding import encode
from emomech.saes.sae import Sae
from emomech.stats.estimates import Bools, Floats, bootstrap_weights
from emomech.stats.explained import Contrasts, contrasts, explained, split
from emomech.stats.ranks import Ranks
from emomech.stats.selectivity import Strata
from emomech.stats.testing import permuted_within


@dataclass(frozen=True)
class Resamples:
    """Resamples of the texts, one per row: first the full sample, then pairs of halves, then bootstrap draws."""

    weights: Floats
    """How often each text is drawn (row, text)."""
    n_divisions: int
    """Number of random divisions of the texts into halves."""
    first: Bools
    """Whether a text is in the first half of those that `stats.explained` compares (text)."""

    @classmethod
    def of(cls, clusters: Sequence[str], n_draws: int, n_divisions: int, seed: int) -> "Resamples":
        """Divide and draw whole clusters; `clusters` names the cluster of each text."""
        names, member = np.unique(clusters, return_inverse=True)
        first = np.stack([split(len(names), seed + 1 + i) for i in range(n_divisions)])[:, member]
        halves = np.stack([first, ~first], 1).reshape(2 * n_divisions, -1).astype(float)
        everything = np.ones((1, len(member)))
        weights = np.concatenate([everything, halves, bootstrap_weights(clusters, n_draws, seed)])
        return cls(weights, n_divisions, split(len(names), seed)[member])

    def halves(self, values: Floats) -> Floats:
        """Select the pairs of halves from values by row (division, half, …)."""
        return values[1 : 1 + 2 * self.n_divisions].reshape(self.n_divisions, 2, *values.shape[1:])

    def with_draws(self, values: Floats) -> Floats:
        """Select the full sample and the bootstrap draws from values by row (1 + draw, …)."""
        return np.delete(values, range(1, 1 + 2 * self.n_divisions), axis=0)


@dataclass(frozen=True)
class FamilyProfile:
    """Share of the features' variance that one family explains, by layer."""

    family: str
    explained: Floats
    """Share in each resample (row, layer); around 0 where the family explains nothing, so also below it."""
    by_chance: Floats
    """The same with permuted labels, permuted in the same way in all layers (permutation, layer)."""


@dataclass(frozen=True)
class PlaceProfiles:
    """Profiles of all families at one kind of place, each on the same number of reads."""

    where: ReadPlace
    depth: Floats
    """Relative depth, 0 at the embedding and 1 after the last block (layer)."""
    families: Sequence[FamilyProfile]
    n_reads: int

    def stages(self, resamples: Resamples) -> StageProfiles:
        """Mean share over each stage's families, with draws for intervals.

        A draw is a bootstrap draw of the texts and, added to it, the value of one permutation of the labels. The
        bootstrap hardly sees the noise of a label that explains nothing, if the strata are small; permutations do.
        """
        by_stage = self._by_stage()
        draws = {s: resamples.with_draws(np.mean([f.explained for f in of], axis=0)) for s, of in by_stage.items()}
        noise = self.by_chance()
        return StageProfiles(self.depth, {s: _noisy(draws[s], noise[s]) for s in by_stage}, self.n_reads)

    def halves(self, resamples: Resamples) -> dict[str, Floats]:
        """Mean share over each stage's families in pairs of halves of the texts (division, half, layer)."""
        by_stage = self._by_stage()
        return {s: resamples.halves(np.mean([f.explained for f in of], axis=0)) for s, of in by_stage.items()}

    def by_chance(self) -> dict[str, Floats]:
        """Mean share over each stage's families with permuted labels (permutation, layer)."""
        by_stage = self._by_stage()
        return {stage: np.mean([f.by_chance for f in families], axis=0) for stage, families in by_stage.items()}

    def _by_stage(self) -> dict[str, list[FamilyProfile]]:
        by_stage = {stage: [f for f in self.families if stage_of(f.family) == stage] for stage in STAGES}
        return {stage: families for stage, families in by_stage.items() if families}


def _noisy(draws: Floats, noise: Floats) -> Floats:
    """Add the noise of permuted labels (permutation, layer) to all draws but the first (1 + draw, layer)."""
    added = (noise - noise.mean(0))[np.arange(len(draws) - 1) % len(noise)]
    return np.concatenate([draws[:1], draws[1:] + added])


@dataclass(frozen=True)
class ReadActivations:
    """Activations of one model at every token that any family reads."""

    activations: Mapping[HookPoint, Tensor]
    """Hook point -> activations (row, d_model)."""
    row: Mapping[tuple[int, int], int]
    """(text, token) -> row of the activations."""
    n_layers: int

    @classmethod
    def of(
        cls,
        lm: LanguageModel,
        points: Sequence[HookPoint],
        questions: Sequence[TokenizedText],
        tested: Sequence[FamilyReads],
    ) -> "ReadActivations":
        """Run the model once over all texts that any family reads."""
        places = sorted({place for family in tested for place in family.places()})
        positions: dict[int, list[int]] = {}
        for text, token in places:
            positions.setdefault(text, []).append(token)
        activations = collect(lm, points, [questions[text] for text in positions], list(positions.values()))
        return cls(activations, {place: row for row, place in enumerate(places)}, lm.n_layers)

    def at(self, family: FamilyReads, point: HookPoint) -> Tensor:
        """Activations at the reads of one family (read, d_model)."""
        return self.activations[point][torch.tensor([self.row[place] for place in family.places()])]


@dataclass(frozen=True)
class Labelled:
    """Reads of a family whose labels are prepared for all resamples, once for all layers and conditions."""

    reads: FamilyReads
    resampled: Contrasts
    permuted: Contrasts

    @classmethod
    def of(cls, reads: FamilyReads, resamples: Resamples, n_permutations: int, seed: int) -> "Labelled":
        """Prepare the labels, and `n_permutations` permutations of them inside their strata."""
        strata, first = Strata.of(reads.strata), resamples.first[reads.text]
        rng = np.random.default_rng(seed)
        permutations = permuted_within(reads.label, strata.index, rng, n_permutations)
        return cls(
            reads,
            contrasts(reads.label[None], strata, first, resamples.weights[:, reads.text]),
            contrasts(permutations, strata, first, np.ones((1, len(first)))),
        )


def measure(reads: ReadActivations, saes: Mapping[HookPoint, Sae], tested: Sequence[Labelled]) -> list[PlaceProfiles]:
    """Profile every family, place by place; layers are in the order of `saes`."""
    places: dict[ReadPlace, None] = dict.fromkeys(labelled.reads.where for labelled in tested)
    depth = np.array([point.depth(reads.n_layers) for point in saes])
    return [
        PlaceProfiles(
            where,
            depth,
            [
                _profile(reads, saes, labelled)
                for labelled in progress.counted(tested, f"profiling families at the {where}", "family")
                if labelled.reads.where == where
            ],
            next(len(labelled.reads.text) for labelled in tested if labelled.reads.where == where),
        )
        for where in places
    ]


def _profile(reads: ReadActivations, saes: Mapping[HookPoint, Sae], labelled: Labelled) -> FamilyProfile:
    shares, by_chance = [], []
    for sae in saes.values():
        ranks = Ranks.of(encode(sae, reads.at(labelled.reads, sae.point)))
        shares.append(explained(ranks, labelled.resampled))
        by_chance.append(explained(ranks, labelled.permuted))
    return FamilyProfile(labelled.reads.family, np.stack(shares, 1), np.stack(by_chance, 1))


def with_labels_permuted_in_strata(family: FamilyReads, seed: int) -> FamilyReads:
    """Exchange the labels of a family inside its strata, so that any selectivity is chance."""
    strata, rng = Strata.of(family.strata), np.random.default_rng(seed)
    return replace(family, label=permuted_within(family.label, strata.index, rng, n=1)[0])
