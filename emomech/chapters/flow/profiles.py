"""What share of each layer's features is selective for each label family: the profile of a family in depth.

One forward pass reads all hook points at all places that any family needs. At each hook point, the features are ranked
once per family, and the selective ones are counted in the full sample and, at the same threshold, in every resample of
the texts: halves for held-out error, bootstrap draws for intervals.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from emomech.chapters.flow.reads import STAGES, FamilyReads, ReadPlace, stage_of
from emomech.core.hook_points import HookPoint
from emomech.models.activations import collect
from emomech.models.language_model import LanguageModel
from emomech.models.tokens import TokenizedText
from emomech.saes.encoding import encode
from emomech.saes.sae import Sae
from emomech.stats.depth_profiles import centre_of_gravity, ramp_error, segment, step_error
from emomech.stats.estimates import Floats, bootstrap_weights
from emomech.stats.selectivity import Selectivity, Strata
from emomech.stats.testing import LEVEL, permuted_within

N_HALVES = 50
"""Number of random divisions of the texts into halves; held-out error is averaged over them."""
MAX_PHASES = 5
RAMP = "ramp"


@dataclass(frozen=True)
class Resamples:
    """Resamples of the texts, one per row: first the full sample, then pairs of halves, then bootstrap draws."""

    weights: Floats
    """How often each text is drawn (row, text)."""

    @classmethod
    def of(cls, clusters: Sequence[str], n_draws: int, seed: int) -> "Resamples":
        """Divide and draw whole clusters; `clusters` names the cluster of each text."""
        names, member = np.unique(clusters, return_inverse=True)
        rng = np.random.default_rng(seed)
        first = np.stack([rng.permutation(len(names)) < len(names) / 2 for _ in range(N_HALVES)])[:, member]
        halves = np.stack([first, ~first], 1).reshape(2 * N_HALVES, -1).astype(float)
        everything = np.ones((1, len(member)))
        return cls(np.concatenate([everything, halves, bootstrap_weights(clusters, n_draws, seed)]))

    @staticmethod
    def halves(values: Floats) -> Floats:
        """Select the pairs of halves from values by row (division, half, …)."""
        return values[1 : 1 + 2 * N_HALVES].reshape(N_HALVES, 2, *values.shape[1:])

    @staticmethod
    def draws(values: Floats) -> Floats:
        """Select the bootstrap draws from values by row (draw, …)."""
        return values[1 + 2 * N_HALVES :]


@dataclass(frozen=True)
class FamilyProfile:
    """Counts of selective features for one family, by layer."""

    family: str
    n_selective: Floats
    """Number of selective features in each resample (row, layer)."""
    n_active: Floats
    """Number of features that fire on any of the family's reads (layer)."""
    n_by_chance: Floats
    """Number of selective features when the labels are permuted, in the same way in all layers (permutation, layer)."""

    @property
    def share(self) -> Floats:
        """Share of active features that are selective (row, layer); 0 if none is active."""
        return self.n_selective / np.maximum(self.n_active, 1)


@dataclass(frozen=True)
class PlaceProfiles:
    """Profiles of all families at one kind of place, each on the same number of reads."""

    where: ReadPlace
    depth: Floats
    """Relative depth, 0 at the embedding and 1 after the last block (layer)."""
    families: Sequence[FamilyProfile]
    n_reads: int

    def stages(self) -> dict[str, Floats]:
        """Mean share over each stage's families (row, layer)."""
        return {stage: np.mean([f.share for f in families], axis=0) for stage, families in self._by_stage().items()}

    def present(self) -> set[str]:
        """Stages with more selective features, over all layers, than in 95 % of the permutations of their labels."""
        totals = {
            stage: (sum(f.n_selective[0].sum() for f in families), sum(f.n_by_chance.sum(1) for f in families))
            for stage, families in self._by_stage().items()
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
        by_stage = {stage: [f for f in self.families if stage_of(f.family) == stage] for stage in STAGES}
        return {stage: families for stage, families in by_stage.items() if families}


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


def measure(
    reads: ReadActivations,
    saes: Mapping[HookPoint, Sae],
    tested: Sequence[FamilyReads],
    resamples: Resamples,
    n_permutations: int,
    seed: int,
) -> Iterator[PlaceProfiles]:
    """Profile every family, place by place; layers are in the order of `saes`."""
    places: dict[ReadPlace, None] = dict.fromkeys(family.where for family in tested)
    for where in places:
        of_place = [family for family in tested if family.where == where]
        counts = [
            [_count(reads, sae, family, resamples, n_permutations, seed) for sae in saes.values()]
            for family in of_place
        ]
        families = [
            FamilyProfile(
                family.family,
                np.stack([layer.n_selective for layer in layers], 1),
                np.array([layer.n_active for layer in layers]),
                np.stack([layer.n_by_chance for layer in layers], 1),
            )
            for family, layers in zip(of_place, counts, strict=True)
        ]
        depth = np.array([point.depth(reads.n_layers) for point in saes])
        yield PlaceProfiles(where, depth, families, len(of_place[0].text))


@dataclass(frozen=True)
class _LayerCounts:
    """Counts of features at one hook point for one family."""

    n_selective: Floats
    """In each resample (row)."""
    n_active: int
    n_by_chance: Floats
    """Selective features in each permutation of the labels (permutation)."""


def _count(
    reads: ReadActivations, sae: Sae, family: FamilyReads, resamples: Resamples, n_permutations: int, seed: int
) -> _LayerCounts:
    features = encode(sae, reads.at(family, sae.point))
    tested = Selectivity.of(features, family.label, Strata.of(family.strata))
    null = tested.null(n_permutations, seed)
    n_selective = tested.n_selective(null.threshold, resamples.weights[:, family.text])
    return _LayerCounts(n_selective.astype(float), tested.n_active, null.n_selective().astype(float))


def held_out_errors(place: PlaceProfiles) -> list[tuple[str, float, str]]:
    """Held-out error of one to five phases and of a ramp, and where the phases begin: (form, error, starts).

    Each stage of the claim that is present is divided by its largest share, so that all stages have equal weight.
    """
    present = place.present() - {"lexical"}
    scaled = [shares / shares[0].max() for stage, shares in place.stages().items() if stage in present]
    if not scaled:
        return []
    profile = np.stack(scaled, -1)
    pairs = [pair for first, second in Resamples.halves(profile) for pair in ((first, second), (second, first))]
    n_phases = range(1, min(MAX_PHASES, len(place.depth)) + 1)
    errors = {f"K={k}": np.mean([step_error(*pair, k) for pair in pairs]) for k in n_phases}
    starts = {f"K={k}": " ".join(f"{place.depth[i]:.2f}" for i in segment(profile[0], k)) for k in n_phases}
    errors[RAMP] = np.mean([ramp_error(*pair, place.depth) for pair in pairs])
    constant = max(errors["K=1"], 1e-12)
    return [(form, float(error / constant), starts.get(form, "")) for form, error in errors.items()]


def with_labels_permuted_in_strata(family: FamilyReads, seed: int) -> FamilyReads:
    """Exchange the labels of a family inside its strata, so that any selectivity is chance."""
    strata, rng = Strata.of(family.strata), np.random.default_rng(seed)
    return replace(family, label=permuted_within(family.label, strata.index, rng, n=1)[0])
