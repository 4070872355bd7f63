"""How much each feature matters, for all features of all layers from one forward and one backward pass.

The effect of moving feature i of a token from f to f* is, to first order, (f* - f) · scale · (g · W_dec[i]), with g the
gradient of the log-odds with respect to the residual stream of the unmodified model (attribution patching with
pass-through of the SAE's error; Marks et al., 2025, arXiv:2403.19647). No SAE stands in the graph, so one
backward pass serves every layer and any dictionary; and of the decoder a token's gradient meets only the rows of
features that fire there. It is a screen: saturated attention and effects that cancel hide from it (Kramár et al., 2024,
arXiv:2403.00745), so what it finds, and some of what it does not find, is to be verified by ablation.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from emomech.causal.questions import Questions, Where
from emomech.core.hook_points import HookPoint
from emomech.models.architectures import ending
from emomech.models.hooks import capture, intervene
from emomech.models.replay import Replay, of_stream
from emomech.models.tokens import TokenBatch
from emomech.saes.collection import portions
from emomech.saes.encoding import firing
from emomech.saes.sae import Sae
from emomech.stats.estimates import Floats, Ints

Targets = Mapping[HookPoint, tuple[Tensor, Tensor]]
"""What features (d_sae) and the error (d_in) are moved to, by hook point: their means, or zeros."""
_EMBEDDING = HookPoint(0, "resid_pre")
_IN_CACHE, _IN_GPU = 2**19, 2**26
"""Numbers of the decoder that meet the gradient at once: few enough for a processor's cache, and many for a GPU, on
which each call takes its time."""


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
    targets: Targets,
    where: Where = "everywhere",
    groups: Ints | None = None,
) -> dict[HookPoint, Attribution]:
    """Estimate the effect of moving each feature, at the given tokens, to its target.

    `groups` numbers the group of each text (text); by default its label.
    """
    return attribute_each(questions, saes, [(targets, questions.gold if groups is None else groups)], where)[0]


def attribute_each(
    questions: Questions,
    saes: Mapping[HookPoint, Sae],
    asked: Sequence[tuple[Targets, Ints]],
    where: Where = "everywhere",
) -> list[dict[HookPoint, Attribution]]:
    """Estimate the same for several targets, each with its groups of texts, from one pass."""
    found = [_Sums.none(questions, saes, groups) for _, groups in asked]
    for portion in portions(_slopes(questions, list(saes), where), lambda one: one.n_bytes):
        for point in saes:
            for one in portion:
                moves = _Moves.of(saes[point], *one.at[point])
                for sums, (targets, _) in zip(found, asked, strict=True):
                    sums.add(point, one.text, moves, *targets[point])
    return [sums.means() for sums in found]


@dataclass(frozen=True, eq=False)
class _Sums:
    """Effects of one move of all features, summed over the texts of each group."""

    group: Ints
    """Number of each text's group (text)."""
    count: Ints
    """Texts of each group (group)."""
    effect: Mapping[HookPoint, Floats]
    error: Mapping[HookPoint, Floats]

    @classmethod
    def none(cls, questions: Questions, saes: Mapping[HookPoint, Sae], group: Ints) -> "_Sums":
        count = np.bincount(group, minlength=len(questions.labels))
        effect = {point: np.zeros((len(count), sae.d_sae)) for point, sae in saes.items()}
        return cls(group, count, effect, {point: np.zeros(len(count)) for point in saes})

    def add(self, point: HookPoint, text: Ints, moves: "_Moves", features: Tensor, error: Tensor) -> None:
        """Add the moves at some tokens of these texts to targets (d_sae), (d_in)."""
        here, row = np.unique(self.group[text], return_inverse=True)
        effect, left = moves.summed(torch.from_numpy(row), len(here), features, error)
        self.effect[point][here] += effect.cpu().numpy()
        self.error[point][here] += left.cpu().numpy()

    def means(self) -> dict[HookPoint, Attribution]:
        n = np.maximum(self.count, 1)
        return {point: Attribution(self.effect[point] / n[:, None], self.error[point] / n) for point in self.effect}


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
        if where == "answer" and (found := _at_answer(questions, batch, points)):
            yield _Slopes(np.array(batch.example), found)
            continue
        text = torch.tensor(batch.example)[:, None].expand(mask.shape)[mask.cpu()]
        found = gradients(questions, batch, points)
        at = {point: (x[mask.to(x.device)], slope[mask.to(x.device)]) for point, (x, slope) in found.items()}
        yield _Slopes(text.numpy(), at)


@dataclass(frozen=True, eq=False)
class _Moves:
    """What moving features of some tokens does, apart from where they are moved to.

    A move from f to f* is one from f to zero and one from there to f*. Only features that fire have the first. The
    second is linear in the gradient, and so asked of sums over tokens: no gradient meets every row of the decoder.
    """

    sae: Sae
    slope: Tensor
    """Gradient with respect to what is decoded, before it is scaled (token, d_in)."""
    gradient: Tensor
    """(token, d_in)"""
    token: Tensor
    feature: Tensor
    """Which features fire at which tokens (firing)."""
    share: Tensor
    """What each of them adds, to first order (firing)."""
    left: Tensor
    """What the SAE leaves unexplained adds (token)."""

    @classmethod
    @torch.no_grad()
    def of(cls, sae: Sae, x: Tensor, gradient: Tensor) -> "_Moves":
        """Meet the gradient with the features that fire at activations x (token, d_in)."""
        x, gradient = x.to(sae.W_dec), gradient.to(sae.W_dec)
        slope = gradient * sae.scale(x)
        token, feature, value = firing(sae, x)
        n = max(1, (_IN_CACHE if x.device.type == "cpu" else _IN_GPU) // sae.d_in)
        pairs = zip(token.split(n), feature.split(n), strict=True)
        met = [torch.linalg.vecdot(slope.index_select(0, i), sae.W_dec.index_select(0, j)) for i, j in pairs]
        share = value * torch.cat([value.new_zeros(0), *met])
        left = ((x - sae.decode_nothing(x)) * gradient).sum(-1).index_add_(0, token, -share)
        return cls(sae, slope, gradient, token, feature, share, left)

    @torch.no_grad()
    def summed(self, group: Tensor, n: int, features: Tensor, error: Tensor) -> tuple[Tensor, Tensor]:
        """Sum the moves to targets over each of n groups of tokens (token): (group, d_sae), the error's (group)."""
        group = group.to(self.slope.device)
        slope = self.slope.new_zeros(n, self.sae.d_in).index_add_(0, group, self.slope)
        effect = (slope @ self.sae.W_dec.T) * features.to(slope)
        fires = group[self.token] * self.sae.d_sae + self.feature
        effect.view(-1).index_add_(0, fires, -self.share)
        moved = self.gradient @ error.to(self.gradient) - self.left
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
        found = torch.autograd.grad(total, [seen[point] for point in points])
    return {point: (seen[point].detach(), gradient) for point, gradient in zip(points, found, strict=True)}


def _at_answer(
    questions: Questions, batch: TokenBatch, points: Sequence[HookPoint]
) -> dict[HookPoint, tuple[Tensor, Tensor]]:
    """The same at the last token of each row (batch, d_model), which alone is differentiated.

    Empty for points beside the stream, and in a family that cannot be replayed.
    """
    end, rows = ending(questions.lm), list(batch.example)
    if end is None or not all(map(of_stream, points)):
        return {}
    graph = Replay.of(questions.lm, end, batch, questions.label_ids[rows]).last_token_graph()
    if graph is None:
        return {}
    stream, logits = graph
    read = [stream[point.resid_index()] for point in points]
    found = torch.autograd.grad(_log_odds(questions, rows, logits), read)
    return {point: (x.detach(), slope) for point, x, slope in zip(points, read, found, strict=True)}


def _log_odds(questions: Questions, rows: Sequence[int], labels: Tensor) -> Tensor:
    """Sum of the log-odds of some texts' own labels, from the logits of all labels (text, label)."""
    own = torch.from_numpy(questions.gold[rows]).to(labels.device)[:, None]
    others = labels.scatter(1, own, -torch.inf).logsumexp(1)
    return (labels.gather(1, own)[:, 0] - others).sum()


def _leaf(x: Tensor) -> Tensor:
    """Begin the graph here: the weights need no gradients."""
    return x.detach().clone().requires_grad_()
