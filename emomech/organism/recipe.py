"""All numbers of the training of an embedded model and its SAEs."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from emomech.organism.curriculum import PHASES, Phase


@dataclass(frozen=True)
class Recipe:
    """All numbers of the training of model and SAEs."""

    d_model: int = 128
    n_layers: int = 8
    n_heads: int = 4
    context: int = 128
    batch: int = 64
    """Lessons per step."""
    binding: int = 1500
    """Most steps of the first phase."""
    appraisal: int = 1200
    """Most steps of the second phase."""
    grammar: int = 3000
    """Steps of the last phase."""
    learning_rate: float = 1e-3
    warm_up: int = 50
    """Steps over which the learning rate rises at the beginning; in the last phase it falls to a tenth by a cosine."""
    d_sae: int = 512
    k: int = 16
    shares: Mapping[str, float] = field(default_factory=dict)
    """Emotion to its share of the answers; what is not named shares the rest equally."""
    sae_tokens: int = 600_000
    """Activations from which each SAE learns."""

    def steps(self, phase: Phase) -> int:
        """Most steps of a phase."""
        return {"binding": self.binding, "appraisal": self.appraisal, "grammar": self.grammar}[phase]

    def rate(self, phase: Phase, step: int) -> float:
        """Learning rate of a step of a phase, counted from the phase's own beginning."""
        rise = min(1.0, (step + 1) / self.warm_up) if phase == PHASES[0] else 1.0
        fallen = step / self.grammar if phase == PHASES[-1] else 0.0
        return self.learning_rate * rise * (0.55 + 0.45 * math.cos(math.pi * fallen))
