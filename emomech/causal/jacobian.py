"""J-lens: read a label from an activation through the model's mean Jacobian (Gurnee et al., 2026).

The logit lens applies the final norm and the unembedding to an activation as if no block followed. The J-lens first
carries the activation to the end of the model, to first order and on average over texts: it multiplies it with

    J = mean over texts, mean over source tokens t, sum over target tokens t' of the text, of  ∂ h_final(t') / ∂ h(t),

where h_final is the residual stream after the last block, before the final norm. In a causal model only targets t' ≥ t
contribute, and at the last depth J is the identity. Rows of J are components of h_final, columns are components of h.

Two conventions differ in the tokens that take part, both as sources and as targets:

- "everywhere": all tokens of the prompt that are not special, with the last one. This is the convention of the paper
  (Gurnee et al., 2026, "Verbalizable Representations Form a Global Workspace in Language Models") and of
  its implementations, `anthropics/jacobian-lens` and `transformer_lens.tools.analysis.jacobian_lens`. They also leave
  out the first 16 tokens and the last one; prompts here are shorter than that, and the answer is read at the last.
- "answer": only the last token, as source and as target. Nothing follows it, so this is the part of J that can reach
  the answer from the token at which it is read.

Fit a lens on other texts than those it is read on.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from emomech.causal.patching import read_out
from emomech.causal.questions import Questions
from emomech.core.errors import UsageError
from emomech.core.hook_points import HookPoint
from emomech.core.progress import counted
from emomech.models.architectures import output_head
from emomech.models.hooks import capture, intervene
from emomech.models.replay import Replay, is_residual
from emomech.models.tokens import TokenBatch
from emomech.stats.estimates import Floats

Tokens = Literal["everywhere", "answer"]
"""Tokens that are sources and targets."""
Progress = Callable[[int, int], object]
"""Called after each component of the final stream with the number that is done, and the number in all."""
_EMBEDDING = HookPoint(0, "resid_pre")


@dataclass(frozen=True, eq=False)
class JacobianLens:
    """Mean Jacobians of the final residual stream, and how they were fitted.

    Example:
        >>> import emomech as em
        >>> from emomech.causal.jacobian import JacobianLens
        >>> from emomech.causal.questions import Questions, balanced
        >>> study, points = em.Study(limit=400), [em.HookPoint(4), em.HookPoint(7)]
        >>> fitted, read = (Questions.of(study, balanced(study, split, 1)) for split in ("discover", "report"))
        >>> lens = JacobianLens.fit(fitted, points, "answer")
        >>> lens.read(read, em.HookPoint(4), read.activations(points, "answer")[em.HookPoint(4)]).shape
        (7, 7)
    """

    matrices: Mapping[HookPoint, Tensor] = field(repr=False)
    """Mean Jacobian at each hook point (d_model of the final stream, d_model), float32 on the CPU."""
    tokens: Tokens
    """Tokens that were sources and targets."""
    n_texts: int
    """Texts that were averaged over, each with the same weight."""
    model: str
    """Name of the model that the lens belongs to."""

    @classmethod
    def fit(
        cls, questions: Questions, points: Sequence[HookPoint], tokens: Tokens, progress: Progress | None = None
    ) -> "JacobianLens":
        """Average the Jacobians over the texts of the questions; their labels are not used.

        One backward pass for each batch of texts and each component of the final stream gives the Jacobians at all hook
        points. Raises UsageError without texts.
        """
        if not len(questions):
            raise UsageError("a J-lens needs at least one text to be fitted on.")
        batches, width = questions.batches(tokens), _width(questions)
        sums = {point: torch.zeros(width, width) for point in points}
        for number, (batch, mask) in enumerate(counted(batches, "fitting a J-lens", "batch")):
            for row, gradients in enumerate(_gradients(questions, batch, mask, points, tokens)):
                for point, gradient in zip(points, gradients, strict=True):
                    sums[point][row] += gradient
                if progress:
                    progress(number * width + row + 1, len(batches) * width)
        means = {point: total / len(questions) for point, total in sums.items()}
        return cls(means, tokens, len(questions), questions.lm.name)

    def carry(self, point: HookPoint, x: Tensor) -> Tensor:
        """Carry activations (…, d_model) to the end of the model. Raises UsageError for a point that was not fitted."""
        if point not in self.matrices:
            raise UsageError(f"{point}: the lens has {', '.join(map(str, self.matrices))}.")
        return x.float().cpu() @ self.matrices[point].T

    def read(self, questions: Questions, point: HookPoint, x: Tensor) -> Floats:
        """Logits of the labels (text, label) from an activation per text (text, d_model).

        Raises UsageError for another model than the one that the lens was fitted on.
        """
        if questions.lm.name != self.model:
            raise UsageError(f"the lens was fitted on the model {self.model!r}, not on {questions.lm.name!r}.")
        return read_out(questions, self.carry(point, x))


def _width(questions: Questions) -> int:
    return int(questions.lm.module.config.get_text_config().hidden_size)


def _gradients(
    questions: Questions, batch: TokenBatch, mask: Tensor, points: Sequence[HookPoint], tokens: Tokens
) -> Iterator[list[Tensor]]:
    """Gradient of each component of the final stream at each point, summed over the texts of a batch (d_model).

    Targets are summed and sources averaged over the tokens that `mask` (batch, pos) selects.
    """
    at_answer = _last_tokens(questions, batch, points) if tokens == "answer" else None
    if at_answer:
        final, streams = at_answer
        for component in range(final.shape[-1]):
            slopes = torch.autograd.grad(final[:, component].sum(), streams, retain_graph=True)
            yield [slope.sum(0).float().cpu() for slope in slopes]
        return
    last = HookPoint(questions.lm.n_layers - 1)
    lm = questions.lm
    with torch.enable_grad(), intervene(lm, {_EMBEDDING: _leaf}), capture(lm, [*points, last], graph=True) as seen:
        lm.module(**batch.forward_kwargs(), logits_to_keep=1)
        share = mask / mask.sum(1, keepdim=True).clamp(min=1)
        for component in range(seen[last].shape[-1]):
            total = seen[last][..., component][mask.to(seen[last].device)].sum()
            slopes = torch.autograd.grad(total, [seen[point] for point in points], retain_graph=True)
            yield [torch.einsum("bp,bpd->d", share.to(slope), slope).float().cpu() for slope in slopes]


def _last_tokens(
    questions: Questions, batch: TokenBatch, points: Sequence[HookPoint]
) -> tuple[Tensor, list[Tensor]] | None:
    """Final stream and stream at each point, at the last token of each row (batch, d_model), joined by a graph.

    None if a point is not on the residual stream, or if the model family cannot be replayed.
    """
    head = output_head(questions.lm)
    if head is None or not all(map(is_residual, points)):
        return None
    replay = Replay.of(questions.lm, head, batch, questions.label_ids[list(batch.example)])
    graph = replay.last_token_graph()
    return (graph[0][-1], [graph[0][point.resid_index()] for point in points]) if graph else None


def _leaf(x: Tensor) -> Tensor:
    """Begin the graph at the embedding; the weights need no gradients."""
    return x.detach().clone().requires_grad_()
