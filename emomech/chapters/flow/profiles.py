"""How much of each layer's features is about each label family: the profile of a family in depth.

One forward pass reads all hook points at all places that any family needs. At each hook point the features
are ranked once per family, and the share that is selective is counted in the full sample and, at the same threshold,
in every resample of the texts: halves for held-out error, bootstrap draws for intervals.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from emomech.chapters.flow.reads import STAGES, Reading, Where, stage_of
from emomech.core.hook_points import HookPoint
from emomech.models.activations import collect
from emomech.models.language_model import LanguageModel
from emomech.models.tokens import TokenizedText
from emomech.saes.encoding import encode
from emomech.saes.sae import Sae
from emomech.stats.depth_profiles import centre_of_gravity
from emomech.stats.estimates import Floats, bootstrap_weights
from emomech.stats.selectivity import LEVEL, Selectivity, Strata

N_HALVES = 50
"""Divisions of the texts into halves, over which held-out error is averaged."""


@dataclass(frozen=True)
class Resamples:
    """How often each text stands in each resample (row, text): all once; pairs of halves; bootstrap draws."""

    weights: Floats

    @classmethod
    def of(cls, clusters: Sequence[str], n_draws: int, seed: int) -> "Resamples":
        """Divide and draw whole clusters."""
        names, member = np.unique(clusters, return_inverse=True)
        rng = np.random.default_rng(seed)
        first = np.stack([rng.permutation(len(names)) < len(names) / 2 for _ in range(N_HALVES)])[:, member]
        halves = np.stack([first, ~first], 1).reshape(2 * N_HALVES, -1).astype(float)
        everything = np.ones((1, len(member)))
        return cls(np.concatenate([everything, halves, bootstrap_weights(clusters, n_draws, seed)]))

    @staticmethod
    def halves(values: Floats) -> Floats:
        """Pick the pairs of halves from values by row (division, half, …)."""
        return values[1 : 1 + 2 * N_HALVES].reshape(N_HALVES, 2, *values.shape[1:])

    @staticmethod
    def draws(values: Floats) -> Floats:
        """Pick the bootstrap draws from values by row (draw, …)."""
        return values[1 + 2 * N_HALVES :]


@dataclass(frozen=True)
class FamilyProfile:
    """One family through the depth of the model."""

    family: str
    n_selective: Floats
    """Selective features in each resample (row, layer)."""
    n_active: Floats
    """Features that fire on any of the family's reads (layer)."""
    n_by_chance: Floats
    """Selective features when the labels are permuted, alike in all layers (permutation, layer)."""

    @property
    def share(self) -> Floats:
        """Selective among active features (row, layer); 0 where none is active."""
        return self.n_selective / np.maximum(self.n_active, 1)


@dataclass(frozen=True)
class Profiles:
    """All families at one kind of place, on the same number of reads each."""

    where: Where
    depth: Floats
    """Relative depth (layer)."""
    families: Sequence[FamilyProfile]
    n_reads: int

    def stages(self) -> dict[str, Floats]:
        """Mean share over each stage's families (row, layer)."""
        return {stage: np.mean([f.share for f in found], axis=0) for stage, found in self._by_stage().items()}

    def present(self) -> set[str]:
        """Stages with more selective features, over all layers, than 95 % of the permutations of their labels show."""
        totals = {
            stage: (sum(f.n_selective[0].sum() for f in found), sum(f.n_by_chance.sum(1) for f in found))
            for stage, found in self._by_stage().items()
        }
        return {stage for stage, (n, by_chance) in totals.items() if n > np.quantile(by_chance, 1 - LEVEL)}

    def centres(self) -> dict[str, Floats]:
        """Depth centre of gravity of each stage (row); NaN for a stage that is not present."""
        present = self.present()
        return {
            stage: centre_of_gravity(self.depth, profile if stage in present else 0 * profile)
            for stage, profile in self.stages().items()
        }

    def _by_stage(self) -> dict[str, list[FamilyProfile]]:
        found = {stage: [f for f in self.families if stage_of(f.family) == stage] for stage in STAGES}
        return {stage: families for stage, families in found.items() if families}


@dataclass(frozen=True)
class Reads:
    """The activations of one model at every place that any reading needs."""

    activations: Mapping[HookPoint, Tensor]
    """(read, d_model)."""
    row: Mapping[tuple[int, int], int]
    """(text, token) to its read."""
    n_layers: int

    @classmethod
    def of(
        cls,
        lm: LanguageModel,
        points: Sequence[HookPoint],
        questions: Sequence[TokenizedText],
        tested: Sequence[Reading],
    ) -> "Reads":
        """Run the model once over the questions that are read."""
        places = sorted({place for reading in tested for place in reading.places()})
        positions: dict[int, list[int]] = {}
        for text, token in places:
            positions.setdefault(text, []).append(token)
        found = collect(lm, points, [questions[text] for text in positions], list(positions.values()))
        return cls(found, {place: row for row, place in enumerate(places)}, lm.n_layers)

    def at(self, reading: Reading, point: HookPoint) -> Tensor:
        """Activations that a reading is about (read, d_model)."""
        return self.activations[point][torch.tensor([self.row[place] for place in reading.places()])]


def measure(
    reads: Reads,
    saes: Mapping[HookPoint, Sae],
    tested: Sequence[Reading],
    resamples: Resamples,
    n_permutations: int,
    seed: int,
) -> Iterator[Profiles]:
    """Profile every family, place by place; hook points in the order of `saes`."""
    places: dict[Where, None] = dict.fromkeys(reading.where for reading in tested)
    for where in places:
        here = [reading for reading in tested if reading.where == where]
        counts = [
            [_count(reads, sae, reading, resamples, n_permutations, seed) for sae in saes.values()] for reading in here
        ]
        families = [
            FamilyProfile(
                reading.family,
                np.stack([counted.n_selective for counted in layers], 1),
                np.array([counted.n_active for counted in layers]),
                np.stack([counted.n_by_chance for counted in layers], 1),
            )
            for reading, layers in zip(here, counts, strict=True)
        ]
        depth = np.array([point.depth(reads.n_layers) for point in saes])
        yield Profiles(where, depth, families, len(here[0].text))


@dataclass(frozen=True)
class _Counted:
    """Selective features of one hook point in each resample, active ones, and selective ones in each permutation."""

    n_selective: Floats
    n_active: int
    n_by_chance: Floats


def _count(reads: Reads, sae: Sae, reading: Reading, resamples: Resamples, n_permutations: int, seed: int) -> _Counted:
    features = encode(sae, reads.at(reading, sae.point))
    tested = Selectivity.of(features, reading.label, Strata.of(reading.strata))
    null = tested.null(n_permutations, seed)
    n_selective = tested.n_selective(null.threshold, resamples.weights[:, reading.text])
    return _Counted(n_selective.astype(float), tested.n_active, null.n_selective().astype(float))


def with_labels_shuffled(reading: Reading, seed: int) -> Reading:
    """Exchange a reading's labels inside its strata: what is then found is found by chance."""
    return replace(reading, label=Strata.of(reading.strata).permute(reading.label, 1, seed)[0])
