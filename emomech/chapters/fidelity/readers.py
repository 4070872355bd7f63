"""The kinds of units that are read: SAE features, and what they are compared with."""

from collections.abc import Mapping, Sequence
from typing import Literal

import torch

from emomech.chapters.conditions import BARELY_TRAINED, FROZEN, RANDOM_WEIGHTS, SECOND_SAES, SOFT_FROZEN, Condition
from emomech.chapters.fidelity.units import Units
from emomech.core.hook_points import HookPoint
from emomech.models.activations import collect
from emomech.models.language_model import randomised
from emomech.saes.controls import dimensions, random_like
from emomech.saes.encoding import encode
from emomech.saes.sae import Sae
from emomech.study.study import Study

Reader = Literal["SAE features", "random directions", "residual dimensions", "linear probe"] | Condition
"""Features of the SAE; the same number of random directions, equally sparse; dimensions of the residual stream; random
directions in the same network with random weights; features of SAEs with a decoder that stays near its random start, or
at it; a logistic regression on all dimensions; features of SAEs of another seed."""
FEATURES: Reader = "SAE features"
RANDOM: Reader = "random directions"
DIMENSIONS: Reader = "residual dimensions"
PROBE: Reader = "linear probe"
SECOND: Reader = SECOND_SAES
OWN: tuple[Reader, ...] = (FEATURES, SECOND)
"""Readers that are no baseline."""
BASELINES: tuple[Reader, ...] = (DIMENSIONS, RANDOM, RANDOM_WEIGHTS, SOFT_FROZEN, FROZEN)
"""Readers with single units, which need no SAE or one that hardly learned."""
ABLATED: tuple[Reader, ...] = (DIMENSIONS, RANDOM, SOFT_FROZEN, FROZEN)
"""Baselines whose units can be ablated: a network with random weights gives no answer to lose."""
Readers = Mapping[tuple[Reader, HookPoint], tuple[Sae, torch.Tensor]]
"""The units of a reader at a hook point as an SAE, and what it reads at the answer (text, d_model). A dimension of the
residual stream has two features, one for each sign; its SAE is named `DIRECTIONS`."""
DIRECTIONS = "directions"


def readers_of(study: Study, l0: Mapping[HookPoint, float]) -> Readers:
    """All readers of single units; random directions have the sparsity `l0` of the SAE at their hook point.

    Readers with SAEs that hardly learned, and second SAEs, are there only if the model has them.
    """
    seed, questions = study.spec.seed, study.tokens
    ends = [[len(question.ids) - 1] for question in questions]
    activations = collect(study.lm, list(study.saes), questions, ends)
    untrained = collect(randomised(study.lm, seed), list(study.saes), questions, ends)
    beside: dict[Reader, Mapping[HookPoint, Sae]] = {FEATURES: study.saes, SECOND: study.other_saes}
    for control in BARELY_TRAINED:
        beside[control] = study.control_saes.get(control, {})
    readers: dict[tuple[Reader, HookPoint], tuple[Sae, torch.Tensor]] = {}
    axes = dimensions(study.saes, study.lm.d_model)
    for point, sae in study.saes.items():
        x, of_untrained = activations[point], untrained[point]
        readers[DIMENSIONS, point] = axes[point], x
        readers[RANDOM, point] = random_like(sae, x, seed, l0=l0[point]), x
        readers[RANDOM_WEIGHTS, point] = random_like(sae, of_untrained, seed, l0=l0[point]), of_untrained
        readers |= {(reader, point): (saes[point], x) for reader, saes in beside.items() if point in saes}
    return readers


def units_of(sae: Sae, x: torch.Tensor) -> Units:
    """Activations of the units (text, unit); a dimension is one unit, with both signs."""
    return x.numpy() if sae.name == DIRECTIONS else encode(sae, x)


def halves(sae: Sae, unit: int) -> Sequence[int]:
    """Features of an SAE that make one unit."""
    return [unit, unit + sae.d_sae // 2] if sae.name == DIRECTIONS else [unit]
