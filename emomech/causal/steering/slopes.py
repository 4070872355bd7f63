"""How the logits of the labels, and the prediction of neutral text, change with the dose of each of many features.

To first order, a feature that is moved at some tokens by its dose changes a logit by

    Σ over tokens  change · scale · (g · W_dec[i]),

where g is the gradient of the logit with respect to the residual stream of the unedited model, and the change is the
feature's own value for a factor, and its peak for a vector that is added everywhere. One backward pass per label gives
this for all texts, all hook points and all features at once, so that doses can be fitted again on every draw of the
labelled texts without the model.

The cost for language is measured on neutral text. For small doses d, the Kullback-Leibler divergence from the unedited
model's predictions is half of d' F d, with F the Fisher information of the doses (Amari, 1998). F is the mean product
of scores, the gradients of the log-probability of next tokens that are drawn from the model's own predictions.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from emomech.causal.dictionary import Dictionary
from emomech.causal.questions import Questions, Where, places
from emomech.causal.steering.operations import Operation
from emomech.core import progress
from emomech.core.hook_points import FeatureId, HookPoint
from emomech.models.hooks import capture, intervene
from emomech.models.language_model import LanguageModel
from emomech.models.tokens import TokenBatch, batches, tokenize
from emomech.saes.edits import encode_some
from emomech.stats.estimates import Floats

PARTS: tuple[Where, ...] = ("text", "answer")
"""Parts of a question whose slopes are kept apart; "everywhere" is their sum."""
N_SCORES = 3
"""Next tokens that are drawn after each neutral token."""
_EMBEDDING = HookPoint(0, "resid_pre")


@dataclass(frozen=True, eq=False)
class Slopes:
    """Slopes of some features of one dictionary, in units of a logit per peak.

    Example:
        >>> import numpy as np
        >>> from emomech.causal.steering.slopes import Slopes
        >>> from emomech.core.hook_points import FeatureId, HookPoint
        >>> one = FeatureId(HookPoint(3), 7)
        >>> slopes = Slopes((one,), {("fitted factors", "answer"): np.ones((4, 2, 1))}, {})
        >>> slopes.of_texts("fitted factors", "answer", [one]).shape
        (4, 2, 1)
    """

    features: tuple[FeatureId, ...]
    labels: Mapping[tuple[Operation, Where], Floats] = field(repr=False)
    """Slope of each label's logit by operation and part of the question (text, label, feature)."""
    neutral: Mapping[Operation, Floats] = field(repr=False)
    """Scores on neutral text by operation (score, feature); their squares sum to the information per token."""

    def of_texts(self, operation: Operation, where: Where, features: Sequence[FeatureId]) -> Floats:
        """Slopes of some features (text, label, feature)."""
        columns = self._columns(features)
        parts = PARTS if where == "everywhere" else (where,)
        return sum((self.labels[operation, part][..., columns] for part in parts), np.zeros(1))

    def of_neutral(self, operation: Operation, features: Sequence[FeatureId]) -> Floats:
        """Scores of some features (score, feature)."""
        return self.neutral[operation][:, self._columns(features)]

    def _columns(self, features: Sequence[FeatureId]) -> list[int]:
        place = {feature: i for i, feature in enumerate(self.features)}
        return [place[feature] for feature in features]


@dataclass(frozen=True, eq=False)
class Candidates:
    """Features of one dictionary whose doses may be fitted."""

    dictionary: Dictionary
    features: tuple[FeatureId, ...]

    def at(self) -> Iterator[tuple[HookPoint, list[int], Tensor]]:
        """Hook point by hook point: places among the features, and their numbers in the SAE (feature)."""
        for point in self.dictionary.saes:
            rows = [i for i, feature in enumerate(self.features) if feature.point == point]
            if rows:
                yield point, rows, torch.tensor([self.features[i].index for i in rows])


def slopes(questions: Questions, every: Sequence[Candidates], neutral: Sequence[str], seed: int) -> list[Slopes]:
    """Measure the slopes of the features of some dictionaries on questions and on neutral texts.

    All dictionaries share the passes: one forward and, for each label, one backward. The seed draws the next tokens.
    """
    return [
        Slopes(candidates.features, of_labels, of_neutral)
        for candidates, of_labels, of_neutral in zip(
            every, _of_labels(questions, every), _of_neutral(questions.lm, every, neutral, seed), strict=True
        )
    ]


def _of_labels(questions: Questions, every: Sequence[Candidates]) -> list[dict[tuple[Operation, Where], Floats]]:
    shape = questions.label_ids.shape
    found: list[dict[tuple[Operation, Where], Floats]] = [
        {(form, part): np.zeros((*shape, len(c.features))) for form in _FORMS for part in PARTS} for c in every
    ]
    for batch, _ in progress.counted(questions.batches("everywhere"), "measuring slopes", "batch"):
        rows = list(batch.example)
        ids = questions.label_ids[rows]
        masks: Mapping[Where, Tensor] = {part: places(batch, part) for part in PARTS}

        def read(logits: Tensor, ids: Tensor = ids) -> list[Tensor]:
            return list(logits[:, -1].float().gather(1, ids.to(logits.device)).sum(0))

        for number, form, part, label, values in _in_batch(questions.lm, batch, every, masks, read, keep=1):
            found[number][form, part][rows, label] += values
    return found


def _of_neutral(
    lm: LanguageModel, every: Sequence[Candidates], texts: Sequence[str], seed: int
) -> list[dict[Operation, Floats]]:
    found: list[dict[Operation, Floats]] = [
        {form: np.zeros((len(texts), N_SCORES, len(c.features))) for form in _FORMS} for c in every
    ]
    generator, n_tokens = torch.Generator().manual_seed(seed), 0
    read_texts = batches(tokenize(lm, texts), pad_id=lm.pad_id, max_tokens=lm.tokens_with_logits, device=lm.device)
    for batch in progress.counted(list(read_texts), "measuring slopes on neutral text", "batch"):
        scored = batch.content_mask[:, 1:]
        n_tokens += int(scored.sum())

        def read(logits: Tensor, scored: Tensor = scored) -> list[Tensor]:
            log_probs = logits[:, :-1][scored.to(logits.device)].float().log_softmax(-1)
            chances = log_probs.detach().exp().cpu()
            drawn = torch.multinomial(chances, N_SCORES, replacement=True, generator=generator).to(logits.device)
            return list(log_probs.gather(1, drawn).sum(0))

        masks: Mapping[Where, Tensor] = {"everywhere": batch.content_mask}
        for number, form, _, draw, values in _in_batch(lm, batch, every, masks, read, keep=0):
            found[number][form][list(batch.example), draw] += values
    scale = np.sqrt(max(1, n_tokens) * N_SCORES)
    return [{form: np.concatenate(list(of)) / scale for form, of in forms.items()} for forms in found]


_FORMS: tuple[Operation, ...] = ("fitted factors", "fitted vector")


def _in_batch(
    lm: LanguageModel,
    batch: TokenBatch,
    every: Sequence[Candidates],
    masks: Mapping[Where, Tensor],
    read: Callable[[Tensor], Sequence[Tensor]],
    keep: int,
) -> Iterator[tuple[int, Operation, Where, int, Floats]]:
    """Yield number of the candidates, operation, part, number of the scalar, and slopes (row, feature).

    `read` takes the logits of the last `keep` tokens, or of all, and returns scalars to differentiate.
    """
    points = list(dict.fromkeys(point for candidates in every for point, _, _ in candidates.at()))
    if not points:
        return
    with torch.enable_grad(), intervene(lm, {_EMBEDDING: _leaf}), capture(lm, points, graph=True) as seen:
        scalars = read(lm.module(**batch.forward_kwargs(), logits_to_keep=keep).logits)
    changes = [list(_changes(candidates, seen, masks)) for candidates in every]
    for i, scalar in enumerate(scalars):
        slopes = torch.autograd.grad(scalar, [seen[point] for point in points], retain_graph=i + 1 < len(scalars))
        slope_at = dict(zip(points, slopes, strict=True))
        for number, (candidates, of) in enumerate(zip(every, changes, strict=True)):
            shape = (len(batch.example), len(candidates.features))
            found: dict[tuple[Operation, Where], Floats] = {key: np.zeros(shape) for key in _keys(masks)}
            for point, rows, written, values in of:
                along = slope_at[point].to(written) @ written.T
                for key, change in values.items():
                    found[key][:, rows] = (along * change).sum(1).double().cpu().numpy()
            for (form, part), values in found.items():
                yield number, form, part, i, values


def _keys(masks: Mapping[Where, Tensor]) -> list[tuple[Operation, Where]]:
    return [(form, part) for form in _FORMS for part in masks]


@torch.no_grad()
def _changes(
    candidates: Candidates, seen: Mapping[HookPoint, Tensor], masks: Mapping[Where, Tensor]
) -> Iterator[tuple[HookPoint, list[int], Tensor, dict[tuple[Operation, Where], Tensor]]]:
    """Yield point, places, decoder rows (feature, d_in), and the change per dose (batch, pos, feature)."""
    for point, rows, index in candidates.at():
        sae, x = candidates.dictionary.saes[point], seen[point].detach()
        index = index.to(sae.W_dec.device)
        x = x.to(sae.W_dec)
        value, scale = encode_some(sae, x, index), sae.scale(x)
        peak = candidates.dictionary.stats[point].peak.to(value)[index].expand_as(value)
        change = {}
        for part, mask in masks.items():
            at = mask[..., None].to(value)
            change["fitted factors", part] = value * scale * at
            change["fitted vector", part] = peak * scale * at
        yield point, rows, sae.W_dec[index], change


def _leaf(x: Tensor) -> Tensor:
    """Begin the graph at the embedding; the weights need no gradients."""
    return x.detach().clone().requires_grad_()
