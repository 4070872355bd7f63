"""What is usual at a hook point: means to ablate to, scales to dose by, and random features to compare with.

A random feature is no fair control: most features fire rarely or weakly. Controls are matched to the features that they
stand beside by hook point, by how often they fire, and by how strongly.
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
_N_DRAWN = 512
"""Activations that are kept to resample from."""


@dataclass(frozen=True, eq=False)
class Reference:
    """What the activation and its features usually are, over some tokens of some texts."""

    mean: Tensor = field(repr=False)
    """Mean activation (d_in)."""
    error: Tensor = field(repr=False)
    """Mean of what the SAE leaves unexplained (d_in)."""
    features: Tensor = field(repr=False)
    """Mean of each feature (d_sae)."""
    fires: Tensor = field(repr=False)
    """Share of the tokens at which each feature fires (d_sae)."""
    peak: Tensor = field(repr=False)
    """Largest value of each feature (d_sae)."""
    norm: float
    """Median distance of an activation from the mean: the unit of doses that do not depend on a feature."""
    drawn: Tensor = field(repr=False)
    """Some of the activations, at random (read, d_in)."""

    @property
    def alive(self) -> Tensor:
        """Features that fire at all, by number."""
        return self.fires.nonzero().flatten()


@torch.inference_mode()
def references(
    questions: Questions, saes: Mapping[HookPoint, Sae], where: Where = "everywhere", seed: int = 0
) -> dict[HookPoint, Reference]:
    """Measure every hook point over the tokens of the questions."""
    return {p: _reference(saes[p], x, seed) for p, x in questions.activations(list(saes), where).items()}


def _reference(sae: Sae, x: Tensor, seed: int) -> Reference:
    device = sae.W_dec.device
    total, fires = torch.zeros(2, sae.d_sae, dtype=torch.double, device=device)
    peak, error = torch.zeros(sae.d_sae, device=device), torch.zeros(sae.d_in, dtype=torch.double, device=device)
    for chunk in (part.to(sae.W_dec) for part in x.split(_CHUNK)):
        features = sae.encode(chunk)
        total += features.sum(0).double()
        fires += (features > 0).sum(0)
        peak = torch.maximum(peak, features.amax(0))
        error += (chunk - sae.decode(features, chunk)).sum(0).double()
    total, fires, peak, error = (found.cpu() for found in (total, fires, peak, error))
    mean = x.double().mean(0).float()
    drawn = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))[:_N_DRAWN]
    return Reference(
        mean=mean,
        error=(error / len(x)).float(),
        features=(total / len(x)).float(),
        fires=(fires / len(x)).float(),
        peak=peak,
        norm=float((x - mean).norm(dim=-1).median()),
        drawn=x[drawn],
    )


def matched(
    chosen: Sequence[FeatureId], usual: Mapping[HookPoint, Reference], seed: int, n_near: int = 10
) -> list[FeatureId]:
    """Draw for each feature another one of its hook point that fires about as often and as strongly.

    One of the `n_near` nearest in log rate and log mean, none twice and none of the chosen; fewer than asked for where
    a hook point runs out of features that fire.
    """
    rng = np.random.default_rng(seed)
    found = []
    for point, wanted in by_point(chosen).items():
        where = _place_of(usual[point])
        free = [i for i in usual[point].alive.tolist() if i not in set(wanted)]
        for index in wanted:
            if not free:
                break
            near = sorted(free, key=lambda other: float(((where[other] - where[index]) ** 2).sum()))[:n_near]
            free.remove(drawn := int(rng.choice(near)))
            found.append(FeatureId(point, drawn))
    return found


def _place_of(usual: Reference) -> Floats:
    """How often and how strongly each feature fires, as logarithms (feature, 2)."""
    both = torch.stack([usual.fires, usual.features], -1).double()
    return np.log(both.clamp(min=1e-6).numpy())
