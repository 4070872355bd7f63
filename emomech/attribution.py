"""How much each feature matters, for all features of all layers from one forward and one backward pass.

The effect of moving feature i of a token from f to f* is, to first order, (f* - f) · scale · (g · W_dec[i]), with g the
gradient of the log-odds with respect to the residual stream of the unmodified model (attribution patching with
pass-through of the SAE's error; Marks et al., 2025, arXiv:2403.19647). No SAE stands in the graph, so one
backward pass serves every layer and any dictionary. It is a screen: saturated attention and effects that cancel hide
from it (Kramár et al., 2024, arXiv:2403.00745), so what it finds, and some of what it does not find, is to be verified
by ablation.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from emomech.hooks import capture, intervene
from emomech.questions import Questions, Where
from emomech.sae_sets import portions
from emomech.saes import Sae
from emomech.stats import Floats, Ints
from emomech.tokens import TokenBatch
from emomech.vocab import HookPoint

_EMBEDDING = HookPoint(0, "resid_pre")


@dataclass(frozen=True, eq=False)
class Attribution:
    """Estimated change of the log-odds, in nats, at one hook point, mean over the texts of each group."""

    effect: Floats = field(repr=False)
    """When the feature is moved to its target (group, d_sae)."""
    error: Floats = field(repr=False)
    """When what the SAE leaves unexplained is moved to its target (group)."""


def attribute(
    questions: Questions,
    saes: Mapping[HookPoint, Sae],
    targets: Mapping[HookPoint, tuple[Tensor, Tensor]],
    where: Where = "everywhere",
    groups: Ints | None = None,
) -> dict[HookPoint, Attribution]:
    """Estimate the effect of moving each feature, at the given tokens, to its target.

    `targets` are values of the features (d_sae) and of the error (d_in), by hook point: their means, or zeros.
    `groups` numbers the group of each text (text); by default its label.
    """
    groups = questions.gold if groups is None else groups
    n = max(len(questions.labels), int(groups.max(initial=-1)) + 1)
    effect = {point: np.zeros((n, len(targets[point][0]))) for point in saes}
    error = {point: np.zeros(n) for point in saes}
    for portion in portions(_slopes(questions, list(saes), where), lambda one: one.n_bytes):
        for point in saes:
            sae = saes[point]
            for one in portion:
                member = torch.nn.functional.one_hot(torch.from_numpy(groups[one.text]), n).float().T
                x, slope = (part.to(sae.W_dec) for part in one.at[point])
                moved, left = _moves(sae, x, slope, *targets[point])
                effect[point] += (member.to(moved.device) @ moved).cpu().numpy()
                error[point] += (member.to(left.device) @ left).cpu().numpy()
    count = np.maximum(np.bincount(groups, minlength=n), 1)
    return {point: Attribution(effect[point] / count[:, None], error[point] / count) for point in saes}


@dataclass(frozen=True, eq=False)
class _Slopes:
    """What one pass gives: the text of each token (token), and activation and gradient at each point (token, d_in)."""

    text: Ints
    at: Mapping[HookPoint, tuple[Tensor, Tensor]]

    @property
    def n_bytes(self) -> int:
        return sum(2 * x.nbytes for x, _ in self.at.values())


def _slopes(questions: Questions, points: Sequence[HookPoint], where: Where) -> Iterator[_Slopes]:
    """Go through the questions batch by batch."""
    for batch, mask in questions.batches(where):
        text = torch.tensor(batch.example)[:, None].expand(mask.shape)[mask.cpu()]
        found = gradients(questions, batch, points)
        at = {point: (x[mask.to(x.device)], slope[mask.to(x.device)]) for point, (x, slope) in found.items()}
        yield _Slopes(text.numpy(), at)


@torch.no_grad()
def _moves(sae: Sae, x: Tensor, gradient: Tensor, features: Tensor, error: Tensor) -> tuple[Tensor, Tensor]:
    """Effect of each feature's move (token, d_sae) and of the error's (token)."""
    now = sae.encode(x)
    slope = (gradient @ sae.W_dec.T) * sae.scale(x)
    left = x - sae.decode(now, x)
    return (features.to(now) - now) * slope, ((error.to(left) - left) * gradient).sum(-1)


def gradients(
    questions: Questions, batch: TokenBatch, points: Sequence[HookPoint]
) -> dict[HookPoint, tuple[Tensor, Tensor]]:
    """Activations at each point, and the gradient of each row's log-odds with respect to them (batch, pos, d_model)."""
    rows = list(batch.example)
    lm = questions.lm
    with torch.enable_grad(), intervene(lm, {_EMBEDDING: _leaf}), capture(lm, points, graph=True) as seen:
        logits = lm.module(**batch.forward_kwargs(), logits_to_keep=1).logits[:, -1].float()
        labels = logits.gather(1, questions.label_ids[rows].to(logits.device))
        own = torch.from_numpy(questions.gold[rows]).to(labels.device)[:, None]
        others = labels.scatter(1, own, -torch.inf).logsumexp(1)
        total = (labels.gather(1, own)[:, 0] - others).sum()
        found = torch.autograd.grad(total, [seen[point] for point in points])
    return {point: (seen[point].detach(), gradient) for point, gradient in zip(points, found, strict=True)}


def _leaf(x: Tensor) -> Tensor:
    """Begin the graph here: the weights need no gradients."""
    return x.detach().clone().requires_grad_()
