"""The recipe of an embedded model: all numbers of its training and of the training of its SAEs."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from emomech.organism.curriculum import PHASES, Phase


@dataclass(frozen=True)
class Recipe:
    """Sizes, steps and rates of the training of a model and its SAEs."""

    d_model: int = 128
    n_layers: int = 8
    n_heads: int = 4
    context: int = 128
    batch: int = 64
    """Lessons per step."""
    binding: int = 1500
    """Largest number of steps of the first phase; it ends earlier if its drills are solved."""
    appraisal: int = 1200
    """Largest number of steps of the second phase; it ends earlier if its drills are solved."""
    grammar: int = 3000
    """Steps of the last phase."""
    learning_rate: float = 1e-3
    warm_up: int = 50
    """Steps over which the learning rate rises; in the last phase it falls to a tenth along a cosine."""
    d_sae: int = 512
    k: int = 16
    shares: Mapping[str, float] = field(default_factory=dict)
    """Emotion -> share of the answers; emotions that are not named share the rest equally."""
    sae_tokens: int = 600_000
    """Activations on which each SAE is trained."""

    def steps(self, phase: Phase) -> int:
        """Largest number of steps of a phase."""
        return {"binding": self.binding, "appraisal": self.appraisal, "grammar": self.grammar}[phase]

    def rate(self, phase: Phase, step: int) -> float:
        """Learning rate of a step, counted from the beginning of its phase."""
        rise = min(1.0, (step + 1) / self.warm_up) if phase == PHASES[0] else 1.0
        fallen = step / self.grammar if phase == PHASES[-1] else 0.0
        return self.learning_rate * rise * (0.55 + 0.45 * math.cos(math.pi * fallen))
