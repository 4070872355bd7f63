"""Train an SAE with a decoder that stays near its random start: a control with features that hardly learn.

Korznikov et al. (2026, arXiv:2602.14111) call it a soft-frozen decoder: rows are projected back during training, so
that the cosine of each with its start is never below a limit. Everything else trains freely. Such SAEs reconstruct
almost as well as others, so a result that they show as well does not depend on features that were learned.
"""

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from emomech.saes.beside import LEAST_COSINE

if TYPE_CHECKING:
    from sae_lens.saes.sae import TrainStepOutput
    from sae_lens.training.sae_trainer import SAETrainer


def keep_near_start(trainer: "SAETrainer[Any, Any]", start: Tensor) -> None:
    """Let SAELens's trainer turn the rows of the decoder back to those of `start` (d_sae, d_in) after every step."""
    sae, step = trainer.sae, trainer.step

    def step_and_turn_back(batch: Tensor) -> "TrainStepOutput":
        output = step(batch)
        sae.W_dec.data = turned_back(sae.W_dec.data, start)
        return output

    trainer.step = step_and_turn_back


@torch.no_grad()
def turned_back(rows: Tensor, start: Tensor, least: float = LEAST_COSINE) -> Tensor:
    """Turn rows (n, d) towards those of `start` (n, d) until the cosine of each pair is `least` or more.

    A row keeps its length, and the plane that it spans with its start. Rows that are near enough stay as they are.

    Example:
        >>> import torch
        >>> from emomech.saes.soft_frozen import turned_back
        >>> turned_back(torch.tensor([[0.0, 10.0], [1.0, 0.1]]), torch.tensor([[1.0, 0.0], [1.0, 0.0]]))
        tensor([[8.0000, 6.0000],
                [1.0000, 0.1000]])
    """
    axis = torch.nn.functional.normalize(start, dim=-1)
    along = (rows * axis).sum(-1, keepdim=True)
    length = rows.norm(dim=-1, keepdim=True)
    rest = rows - along * axis
    across = rest / rest.norm(dim=-1, keepdim=True).clamp(min=1e-4 * length)  # nothing but rounding is no direction
    turned = length * (least * axis + (1 - least**2) ** 0.5 * across)
    return torch.where(along < least * length, turned, rows)
