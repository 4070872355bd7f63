"""The recipe of an SAE: its size and its training. `training` and `topk_training` follow it, `config` records it."""

from dataclasses import dataclass
from typing import Literal

from emomech.core.errors import UsageError
from emomech.saes.beside import Control, named


@dataclass(frozen=True)
class SaeRecipe:
    """Size and training of each SAE.

    Steps are small and many: for the same number of activations this leaves less variance unexplained than few large
    steps, and the data of a step fit into the processor's cache.
    """

    d_sae: int = 512
    """Features."""
    k: int = 16
    """Largest number of features that fire at once."""
    n_tokens: int = 600_000
    """Activations that are trained on, over all passes."""
    seed: int = 0
    learning_rate: float = 3e-3
    """Of Adam; it falls to a tenth over the last quarter of the training."""
    batch: int = 1024
    """Activations per step."""
    pool: int = 400_000
    """Largest number of activations that are read per hook point; further texts are not read."""
    dead_window: int = 50
    """Steps without firing after which a feature counts as dead, and learns from the error of the others to revive.

    It has to be much shorter than the training, and long enough for a rare word to occur.
    """
    control: Control | Literal[""] = ""
    """Keep the decoder from learning, to have a control (Korznikov et al., 2026, arXiv:2602.14111).

    frozen: it stays at its random start; soft-frozen: each row stays within a cosine of 0.8 of its start. Start, order
    of the activations and all else are those of the same recipe without a control. Empty: the decoder learns.
    """

    def check(self) -> None:
        """Raise UsageError for a size below 1, for a k above d_sae, and for an unknown control."""
        for name in ("d_sae", "k", "n_tokens", "batch", "pool"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} {getattr(self, name)}: expected 1 or more.")
        if not 0 < self.k <= self.d_sae:
            raise UsageError(f"k {self.k}: expected 1 to d_sae, which is {self.d_sae}.")
        if self.control:
            named(self.control)
