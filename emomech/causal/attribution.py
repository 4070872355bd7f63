"""How much each feature matters, for all features of all layers from one forward and one backward pass.

To first order, moving feature i at a token from f to f* changes the log-odds by

    (f* - f) · scale · (g · W_dec[i]),

where g is the gradient of the log-odds with respect to the residual stream of the unmodified model (attribution
patching with pass-through of the SAE's error; Marks et al., 2025, arXiv:2403.19647). No SAE is part of the graph, so
one backward pass serves every layer and any dictionary, and the gradient of a token meets only the decoder rows of the
features that fire there.

This is a screen. It misses saturated attention and effects that cancel (Kramár et al., 2024, arXiv:2403.00745); verify
what it ranks first, and a sample of the rest, by ablation.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from emomech.causal.feature_stats import feature_stats
from emomech.causal.questions import Questions, Where
from emomech.causal.recordings import recorded
from emomech.core import progress
from emomech.core.hook_points import HookPoint
from emomech.models.architectures import output_head
from emomech.models.hooks import capture, intervene
from emomech.models.replay import Replay, is_residual
from emomech.models.tokens import TokenBatch
from emomech.saes.collection import portions
from emomech.saes.encoding import firing
from emomech.saes.sae import Sae
from emomech.stats.estimates import Floats, Ints

Targets = Mapping[HookPoint, tuple[Tensor, Tensor]]
"""Values to move features (d_sae) and the SAE's error (d_in) to, by hook point: their means, or zeros."""
_EMBEDDING = HookPoint(0, "resid_pre")
_IN_CACHE, _IN_GPU = 2**19, 2**26
"""Decoder entries per product: on a CPU, few enough for its cache; on a GPU, many, because each call costs time."""


@dataclass(frozen=True, eq=False)
class Attribution:
    """Estimated changes of the log-odds at one hook point, in nats, mean over the texts of each group."""

    effect: Floats = field(repr=False)
    """Effect of moving each feature to its target (group, d_sae)."""
    error: Floats = field(repr=False)
    """Effect of moving what the SAE does not explain to its target (group)."""


def attribute(
    questions: Questions,
    saes: Mapping[HookPoint, Sae],
    targets: Targets | None = None,
    where: Where = "everywhere",
    groups: Ints | None = None,
) -> dict[HookPoint, Attribution]:
    """Estimate the effect on the log-odds of moving each feature alone to its target, at all tokens of `where`.

    `targets` are the features' means over the same tokens by default; an important feature then has a negative effect.
    `groups` numbers the group of each text (text), by default its label.

    Example:
        >>> import emomech as em
        >>> from emomech.causal.attribution import attribute
        >>> study = em.Study(limit=400)
        >>> questions, point = study.questions("discover", per_label=2), em.HookPoint(6)
        >>> effect = attribute(questions, {point: study.saes[point]})[point].effect
        >>> effect.shape == (len(questions.labels), study.saes[point].d_sae)
        True
    """
    if targets is None:
        stats = feature_stats(questions, saes, where)
        targets = {point: (at_point.features, at_point.error) for point, at_point in stats.items()}
    return attribute_each(questions, saes, [(targets, questions.gold if groups is None else groups)], where)[0]


def attribute_each(
    questions: Questions,
    saes: Mapping[HookPoint, Sae],
    moves: Sequence[tuple[Targets, Ints]],
    where: Where = "everywhere",
) -> list[dict[HookPoint, Attribution]]:
    """Estimate several moves in one pass; `moves` are pairs of targets and the number of each text's group (text)."""
    totals = [_Sums.zero(questions, saes, groups) for _, groups in moves]
    with progress.track("estimating effects", len(questions) * len(saes), "text") as bar:
        for portion in portions(_slopes(questions, list(saes), where), lambda slopes: slopes.n_bytes):
            for point in saes:
                for slopes in portion:
                    terms = _Terms.of(saes[point], *slopes.at[point])
                    for sums, (targets, _) in zip(totals, moves, strict=True):
                        sums.add(point, slopes.text, terms, *targets[point])
                    bar.advance(len(np.unique(slopes.text)))
    return [sums.means() for sums in totals]


@dataclass(frozen=True, eq=False)
class _Sums:
    """Effects of one move of every feature, summed over the texts of each group."""

    group: Ints
    """Number of each text's group (text)."""
    count: Ints
    """Texts of each group (group)."""
    effect: Mapping[HookPoint, Floats]
    error: Mapping[HookPoint, Floats]

    @classmethod
    def zero(cls, questions: Questions, saes: Mapping[HookPoint, Sae], group: Ints) -> "_Sums":
        count = np.bincount(group, minlength=len(questions.labels))
        effect = {point: np.zeros((len(count), sae.d_sae)) for point, sae in saes.items()}
        return cls(group, count, effect, {point: np.zeros(len(count)) for point in saes})

    def add(self, point: HookPoint, text: Ints, terms: "_Terms", features: Tensor, error: Tensor) -> None:
        """Add the effects at some tokens of these texts of moving features (d_sae) and error (d_in) to targets."""
        groups, row = np.unique(self.group[text], return_inverse=True)
        effect, error_effect = terms.summed(torch.from_numpy(row), len(groups), features, error)
        self.effect[point][groups] += effect.cpu().numpy()
        self.error[point][groups] += error_effect.cpu().numpy()

    def means(self) -> dict[HookPoint, Attribution]:
        n = np.maximum(self.count, 1)
        return {point: Attribution(self.effect[point] / n[:, None], self.error[point] / n) for point in self.effect}


@dataclass(frozen=True, eq=False)
class _Slopes:
    """One batch: the text of each token (token), and activation and gradient at each point (token, d_in)."""

    text: Ints
    at: Mapping[HookPoint, tuple[Tensor, Tensor]]

    @property
    def n_bytes(self) -> int:
        return sum(2 * x.nbytes for x, _ in self.at.values())


def _slopes(questions: Questions, points: Sequence[HookPoint], where: Where) -> Iterator[_Slopes]:
    """Run the model forward and backward, batch by batch."""
    head = output_head(questions.lm) if where == "answer" and all(map(is_residual, points)) else None
    if head is not None:
        for run, mask in recorded(questions, head, where):
            at_answer = _at_answer(questions, run, points)
            yield at_answer or _at(questions, run.batch, mask, points)
        return
    for batch, mask in questions.batches(where):
        yield _at(questions, batch, mask, points)


def _at(questions: Questions, batch: TokenBatch, mask: Tensor, points: Sequence[HookPoint]) -> _Slopes:
    """Activations and gradients at the tokens of a mask (batch, pos)."""
    text = torch.tensor(batch.example)[:, None].expand(mask.shape)[mask.cpu()]
    slopes = gradients(questions, batch, points)
    at = {point: (x[mask.to(x.device)], slope[mask.to(x.device)]) for point, (x, slope) in slopes.items()}
    return _Slopes(text.numpy(), at)


@dataclass(frozen=True, eq=False)
class _Terms:
    """The terms of the estimate at some tokens that do not depend on the targets.

    A move from f to f* is a move from f to zero, and from zero to f*. Only features that fire have the first. The
    second is linear in the gradient, so the gradients are summed over tokens before they meet the whole decoder.
    """

    sae: Sae
    slope: Tensor
    """Gradient with respect to the reconstruction before it is scaled (token, d_in)."""
    gradient: Tensor
    """(token, d_in)"""
    token: Tensor
    feature: Tensor
    """Token and number of each feature that fires (firing)."""
    share: Tensor
    """First-order contribution of each of them to the log-odds (firing)."""
    error_share: Tensor
    """First-order contribution of what the SAE does not explain (token)."""

    @classmethod
    @torch.no_grad()
    def of(cls, sae: Sae, x: Tensor, gradient: Tensor) -> "_Terms":
        """Multiply the gradient with the decoder rows of the features that fire at activations x (token, d_in)."""
        x, gradient = x.to(sae.W_dec), gradient.to(sae.W_dec)
        slope = gradient * sae.scale(x)
        token, feature, value = firing(sae, x)
        n = max(1, (_IN_CACHE if x.device.type == "cpu" else _IN_GPU) // sae.d_in)
        pairs = zip(token.split(n), feature.split(n), strict=True)
        products = [torch.linalg.vecdot(slope.index_select(0, i), sae.W_dec.index_select(0, j)) for i, j in pairs]
        share = value * torch.cat([value.new_zeros(0), *products])
        error_share = ((x - sae.decode_nothing(x)) * gradient).sum(-1).index_add_(0, token, -share)
        return cls(sae, slope, gradient, token, feature, share, error_share)

    @torch.no_grad()
    def summed(self, group: Tensor, n: int, features: Tensor, error: Tensor) -> tuple[Tensor, Tensor]:
        """Sum the effects of moves to targets over each of n groups of tokens: (group, d_sae), the error's (group)."""
        group = group.to(self.slope.device)
        slope = self.slope.new_zeros(n, self.sae.d_in).index_add_(0, group, self.slope)
        effect = (slope @ self.sae.W_dec.T) * features.to(slope)
        fires = group[self.token] * self.sae.d_sae + self.feature
        effect.view(-1).index_add_(0, fires, -self.share)
        moved = self.gradient @ error.to(self.gradient) - self.error_share
        return effect, moved.new_zeros(n).index_add_(0, group, moved)


def gradients(
    questions: Questions, batch: TokenBatch, points: Sequence[HookPoint]
) -> dict[HookPoint, tuple[Tensor, Tensor]]:
    """Activations at each point, and the gradient of each row's log-odds with respect to them (batch, pos, d_model)."""
    lm = questions.lm
    with torch.enable_grad(), intervene(lm, {_EMBEDDING: _leaf}), capture(lm, points, graph=True) as seen:
        logits = lm.module(**batch.forward_kwargs(), logits_to_keep=1).logits[:, -1].float()
        rows = list(batch.example)
        total = _log_odds(questions, rows, logits.gather(1, questions.label_ids[rows].to(logits.device)))
        slopes = torch.autograd.grad(total, [seen[point] for point in points])
    return {point: (seen[point].detach(), slope) for point, slope in zip(points, slopes, strict=True)}


def _at_answer(questions: Questions, run: Replay, points: Sequence[HookPoint]) -> _Slopes | None:
    """Activations and gradients at the last token of each row (batch, d_model), differentiating only that token.

    None if the blocks cannot be run on some tokens alone.
    """
    graph = replace(run, _keys_by_layer={}).last_token_graph()  # other uses of the keys leave them without gradients
    if graph is None:
        return None
    stream, logits = graph
    rows, read = list(run.batch.example), [stream[point.resid_index()] for point in points]
    slopes = torch.autograd.grad(_log_odds(questions, rows, logits), read)
    at = {point: (x.detach(), slope) for point, x, slope in zip(points, read, slopes, strict=True)}
    return _Slopes(np.array(rows), at)


def _log_odds(questions: Questions, rows: Sequence[int], labels: Tensor) -> Tensor:
    """Sum of the log-odds of some texts' own labels, from the logits of all labels (text, label)."""
    gold = torch.from_numpy(questions.gold[rows]).to(labels.device)[:, None]
    others = labels.scatter(1, gold, -torch.inf).logsumexp(1)
    return (labels.gather(1, gold)[:, 0] - others).sum()


def _leaf(x: Tensor) -> Tensor:
    """Begin the graph at the embedding; the weights need no gradients."""
    return x.detach().clone().requires_grad_()
