"""Statistics of activations and features over some texts: means to ablate to, peaks to dose by, matched features.

A random feature is no fair control, as most features fire rarely or weakly. A control is matched to the feature that it
is compared with by hook point, by how often it fires, and by its mean value.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from emomech.causal.questions import Questions, Where
from emomech.core.hook_points import FeatureId, HookPoint, by_point
from emomech.saes.sae import Sae
from emomech.stats.estimates import Floats

_CHUNK = 2048
"""Activations that are encoded at once."""
_N_DRAWN = 512
"""Activations that are kept to resample from."""


@dataclass(frozen=True, eq=False)
class FeatureStats:
    """Statistics of the activation at one hook point, and of its features, over some tokens of some texts."""

    mean: Tensor = field(repr=False)
    """Mean activation (d_in)."""
    error: Tensor = field(repr=False)
    """Mean of what the SAE does not explain (d_in)."""
    features: Tensor = field(repr=False)
    """Mean of each feature (d_sae)."""
    fires: Tensor = field(repr=False)
    """Share of the tokens at which each feature fires (d_sae)."""
    peak: Tensor = field(repr=False)
    """Largest value of each feature (d_sae)."""
    norm: float
    """Median distance of an activation from the mean: the unit of displacements."""
    drawn: Tensor = field(repr=False)
    """Activations at random tokens (read, d_in)."""

    @property
    def alive(self) -> Tensor:
        """Numbers of the features that fire at some token."""
        return self.fires.nonzero().flatten()


@torch.inference_mode()
def feature_stats(
    questions: Questions, saes: Mapping[HookPoint, Sae], where: Where = "everywhere", seed: int = 0
) -> dict[HookPoint, FeatureStats]:
    """Measure every hook point over the tokens of the questions; `seed` decides which activations are kept."""
    return {point: _measure(saes[point], x, seed) for point, x in questions.activations(list(saes), where).items()}


def _measure(sae: Sae, x: Tensor, seed: int) -> FeatureStats:
    device = sae.W_dec.device
    total, fires = torch.zeros(2, sae.d_sae, dtype=torch.double, device=device)
    peak, error = torch.zeros(sae.d_sae, device=device), torch.zeros(sae.d_in, dtype=torch.double, device=device)
    for chunk in (part.to(sae.W_dec) for part in x.split(_CHUNK)):
        features = sae.encode(chunk)
        total += features.sum(0).double()
        fires += (features > 0).sum(0)
        peak = torch.maximum(peak, features.amax(0))
        error += (chunk - sae.decode(features, chunk)).sum(0).double()
    total, fires, peak, error = (tensor.cpu() for tensor in (total, fires, peak, error))
    mean = x.double().mean(0).float()
    drawn = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))[:_N_DRAWN]
    return FeatureStats(
        mean=mean,
        error=(error / len(x)).float(),
        features=(total / len(x)).float(),
        fires=(fires / len(x)).float(),
        peak=peak,
        norm=float((x - mean).norm(dim=-1).median()),
        drawn=x[drawn],
    )


def matched(
    chosen: Sequence[FeatureId], stats: Mapping[HookPoint, FeatureStats], seed: int, n_near: int = 10
) -> list[FeatureId]:
    """Draw, for each feature, another feature of its hook point that fires about as often and as strongly.

    It is drawn from the `n_near` nearest in log rate and log mean. No feature is drawn twice, and none of those given
    is drawn. The result is shorter than the features given if a hook point runs out of features that fire.
    """
    rng = np.random.default_rng(seed)
    matches = []
    for point, features in by_point(chosen).items():
        place = _log_rate_and_mean(stats[point])
        free = [i for i in stats[point].alive.tolist() if i not in set(features)]
        for feature in features:
            if not free:
                break
            near = sorted(free, key=lambda other: float(((place[other] - place[feature]) ** 2).sum()))[:n_near]
            free.remove(match := int(rng.choice(near)))
            matches.append(FeatureId(point, match))
    return matches


def _log_rate_and_mean(stats: FeatureStats) -> Floats:
    """How often and how strongly each feature fires, as logarithms (feature, 2)."""
    both = torch.stack([stats.fires, stats.features], -1).double()
    return np.log(both.clamp(min=1e-6).numpy())
