"""What a model answers after an edit, from the blocks behind the edit alone.

One pass over a batch records what every block reads and how it is called. An edit at some depth is then the edited
stream, carried through the blocks behind it, the final norm, and the rows of the unembedding that belong to labels.
Texts that an edit leaves as they are keep their answer; tokens before the first that it changes are not run again, for
in a causal model their keys and values are what they were. Edits of the last token alone are run side by side, as so
many tokens at one place that see what stands before them and themselves, but not one another. After the last block
nothing but the norm is left, whatever the family.

All of this is exact: only the order of floating-point sums differs from that of a whole forward pass.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from emomech.errors import UsageError
from emomech.hooks import capture, intervene, record_calls
from emomech.interventions import moved_each
from emomech.models import Ending, LanguageModel, ending
from emomech.questions import Edits, Questions, Where, masked
from emomech.saes import Sae
from emomech.stats import Floats
from emomech.tokens import TokenBatch
from emomech.vocab import HookPoint

_CACHES = ("past_key_values", "layer_past")
"""Argument by which a block of transformers takes the keys and values of earlier tokens."""
_TOKENS = 1024
"""Edited tokens that are carried through the blocks side by side."""


class _Keys:
    """Stands in the place of a cache: keeps the keys and values that it is shown, behind those of earlier tokens."""

    def __init__(self, earlier: tuple[Tensor, Tensor] | None = None) -> None:
        self.earlier = earlier
        self.shown: tuple[Tensor, Tensor] | None = None

    def update(self, keys: Tensor, values: Tensor, *_: Any) -> tuple[Tensor, Tensor]:
        """Attention asks with what is new (batch, head, pos, d_head), and attends to what it is given."""
        self.shown = keys, values
        if self.earlier is None:
            return self.shown
        return torch.cat([self.earlier[0], keys], 2), torch.cat([self.earlier[1], values], 2)


@dataclass(frozen=True, eq=False)
class Replay:
    """A batch as the model read it, to be read again from some depth on."""

    lm: LanguageModel
    batch: TokenBatch
    tokens: Tensor
    """Tokens whose logits are wanted after the last token of each row (batch, label)."""
    stream: Sequence[Tensor] = field(repr=False)
    """What each block reads, and what the last one leaves: by `HookPoint.resid_index` (batch, pos, d_model)."""
    calls: Sequence[dict[str, Any]] = field(repr=False)
    """The other arguments of each block."""
    ending: Ending
    base: Tensor = field(repr=False)
    """Logits of the unedited model (batch, label)."""
    _kept: dict[int, tuple[Tensor, Tensor]] = field(default_factory=dict, repr=False)

    @classmethod
    @torch.inference_mode()
    def of(cls, lm: LanguageModel, end: Ending, batch: TokenBatch, tokens: Tensor) -> "Replay":
        """Read a batch, padded on either side."""
        last = HookPoint(lm.n_layers - 1)
        with record_calls(lm) as calls, capture(lm, [last]) as seen:
            lm.module(**batch.forward_kwargs(), logits_to_keep=1)
        tokens = tokens.to(lm.device)
        base = end.logits(seen[last][torch.arange(len(tokens)), batch.last], tokens)
        return cls(lm, batch, tokens, [*(x for x, _ in calls), seen[last]], [call for _, call in calls], end, base)

    @torch.inference_mode()
    def logits(self, edits: Mapping[HookPoint, Callable[[Tensor], Tensor]]) -> Tensor:
        """Logits (batch, label) with the activation at each hook point edited."""
        if not edits:
            return self.base
        start = min(point.resid_index() if _of_stream(point) else point.layer for point in edits)
        x = self.stream[start]
        now = [point for point in edits if _of_stream(point) and point.resid_index() == start]
        for point in sorted(now):  # what a block leaves before what the next one reads
            x = edits[point](x)
        later = {point: edit for point, edit in edits.items() if point not in now}
        if not later:
            return self.after(start, x)
        with intervene(self.lm, later):
            for block, call in zip(self.lm.blocks[start:], self.calls[start:], strict=True):
                x = _output(block(x, **call))
        return self.ending.logits(self.last(x), self.tokens)

    @torch.inference_mode()
    def after(self, depth: int, x: Tensor) -> Tensor:
        """Logits (batch, label) with the stream at a depth (as `resid_index` counts) replaced (batch, pos, d_model)."""
        changed = (x != self.stream[depth]).any(-1)
        rows, found = changed.any(1).nonzero().flatten(), self.base.clone()
        if not len(rows):
            return found
        if not all(_in_parts(call) for call in self.calls[depth:]):
            rows, first = torch.arange(len(x), device=x.device), 0
        else:
            first = int(changed.any(0).nonzero()[0])
        x = x[rows, first:]
        for layer in range(depth, self.lm.n_layers):
            x = self._block(layer, x, rows, first)
        last = self.batch.last[rows] - first
        found[rows] = self.ending.logits(x[torch.arange(len(x)), last], self.tokens[rows])
        return found

    @torch.inference_mode()
    def after_last_token(self, depth: int, x: Tensor) -> Tensor:
        """Logits (batch, variant, label) with the stream at a row's last token replaced (batch, variant, d_model)."""
        if not all(_in_parts(call) for call in self.calls[depth:]):
            whole, at = self.stream[depth], torch.arange(len(x))
            each = [whole.index_put((at, self.batch.last), one) for one in x.unbind(1)]
            return torch.stack([self.after(depth, one) for one in each], 1)
        for layer in range(depth, self.lm.n_layers):
            x = self._block_at_last(layer, x)
        return self.ending.logits(x, self.tokens)

    def last(self, x: Tensor) -> Tensor:
        """Activations at the last token of each row (batch, d), of (batch, pos, d)."""
        return x[torch.arange(len(x)), self.batch.last]

    def _block(self, layer: int, x: Tensor, rows: Tensor, first: int) -> Tensor:
        """Run a block on some rows (row, pos, d_model) from a column on."""
        block, call = self.lm.blocks[layer], self.calls[layer]
        if len(rows) == len(self.tokens) and not first:
            return _output(block(x, **call))

        def cut(value: Tensor, queries: int) -> Tensor:
            value = value if len(value) == 1 else value[rows]
            return value.narrow(queries, first, value.shape[queries] - first)

        changed: dict[str, Any] = _each(call, lambda value: cut(value, 1))
        mask = call["attention_mask"]
        if first and mask is None:
            mask = _causal(x, self.stream[layer].shape[1])
        changed["attention_mask"] = None if mask is None else cut(mask, 2)
        if first:
            keys, values = self._keys(layer)
            changed[_cache_of(call)] = _Keys((keys[rows, :, :first], values[rows, :, :first]))
        return _output(block(x, **{**call, **changed}))

    def _block_at_last(self, layer: int, x: Tensor) -> Tensor:
        """Run a block on several last tokens of each row (batch, variant, d_model)."""
        block, call, last = self.lm.blocks[layer], self.calls[layer], self.batch.last
        n, width = len(x), self.stream[layer].shape[1]
        row, mask = torch.arange(n, device=x.device), call["attention_mask"]
        hidden = torch.finfo(x.dtype).min
        mask = _causal(x, width) if mask is None else mask
        seen = mask.expand(n, *mask.shape[1:])[row, :, last]  # (batch, 1, key)
        if seen.dtype == torch.bool:
            seen = torch.zeros_like(seen, dtype=x.dtype).masked_fill(~seen, hidden)
        seen = seen.index_put((row, torch.zeros_like(row), last), torch.tensor(hidden, dtype=x.dtype, device=x.device))
        itself = torch.full((x.shape[1], x.shape[1]), hidden, dtype=x.dtype, device=x.device).fill_diagonal_(0)
        visible = [seen[:, :, None].expand(-1, -1, len(itself), -1), itself.expand(n, 1, -1, -1)]
        changed: dict[str, Any] = _each(call, lambda value: value.expand(n, *value.shape[1:])[row, last][:, None])
        changed |= {"attention_mask": torch.cat(visible, -1), _cache_of(call): _Keys(self._keys(layer))}
        return _output(block(x, **{**call, **changed}))

    def _keys(self, layer: int) -> tuple[Tensor, Tensor]:
        """Keys and values of the unedited stream at a block (batch, head, pos, d_head)."""
        if layer not in self._kept:
            keys, call = _Keys(), self.calls[layer]
            self.lm.blocks[layer](self.stream[layer], **{**call, _cache_of(call): keys})
            if keys.shown is None:
                raise TypeError(f"block {layer} of {self.lm.name} does not ask for its keys")
            self._kept[layer] = keys.shown
        return self._kept[layer]


def _of_stream(point: HookPoint) -> bool:
    return point.site in ("resid_pre", "resid_post")


def _in_parts(call: Mapping[str, Any]) -> bool:
    """Whether a block takes its arguments as those of transformers do, so that some of its tokens can be run alone."""
    return "attention_mask" in call and any(name in call for name in _CACHES)


def _cache_of(call: Mapping[str, Any]) -> str:
    return next(name for name in _CACHES if name in call)


def _each(call: Mapping[str, Any], change: Callable[[Tensor], Tensor]) -> dict[str, Any]:
    """Change what a block is told of the places of its tokens, each (batch or 1, pos, …)."""
    found: dict[str, Any] = {}
    if call.get("position_ids") is not None:
        found["position_ids"] = change(call["position_ids"])
    if call.get("position_embeddings") is not None:
        cosine, sine = call["position_embeddings"]
        found["position_embeddings"] = change(cosine), change(sine)
    return found


def _causal(x: Tensor, width: int) -> Tensor:
    """Mask of a batch without padding (1, 1, pos, pos), to be added to the scores."""
    hidden = torch.full((width, width), torch.finfo(x.dtype).min, dtype=x.dtype, device=x.device)
    return hidden.triu(1)[None, None]


def _output(found: Any) -> Tensor:
    return found[0] if isinstance(found, tuple) else found


def logits_of_each(questions: Questions, edits: Sequence[Edits], where: Where = "everywhere") -> Floats:
    """Logits of the labels (edit, text, label) as `Questions.logits` gives them for one edit after another."""
    end = ending(questions.lm)
    if end is None:
        return np.stack([questions.logits(one, where) for one in edits])
    found = np.empty((len(edits), *questions.label_ids.shape))
    for batch, mask in questions.batches(where):
        rows = list(batch.example)
        run = Replay.of(questions.lm, end, batch, questions.label_ids[rows])
        limited = [masked(one, mask) for one in edits]
        beside = _beside(run, limited) if where == "answer" else {}
        for i, one in enumerate(limited):
            found[i, rows] = (beside[i] if i in beside else run.logits(one)).cpu().numpy()
    return found


def _beside(run: Replay, edits: Sequence[Mapping[HookPoint, Callable[[Tensor], Tensor]]]) -> dict[int, Tensor]:
    """Logits (batch, label) of those edits that change the stream of the last tokens at one depth, by number."""
    by_depth: dict[int, list[int]] = {}
    for i, one in enumerate(edits):
        if len(one) == 1 and _of_stream(point := next(iter(one))):
            by_depth.setdefault(point.resid_index(), []).append(i)
    found = {}
    n = max(1, _TOKENS // len(run.tokens))
    for depth, all_here in by_depth.items():
        for here in (all_here[i : i + n] for i in range(0, len(all_here), n)):
            x = [run.last(edit(run.stream[depth])) for i in here for edit in edits[i].values()]
            logits = run.after_last_token(depth, torch.stack(x, 1))
            found |= dict(zip(here, logits.unbind(1), strict=True))
    return found


@torch.inference_mode()
def logits_without_each(questions: Questions, sae: Sae, features: Tensor, offset: Tensor | float = 0.0) -> Floats:
    """Logits of the labels (feature, text, label) with one feature moved to its offset at the answer, for each.

    `offset` is one number or one for each feature (feature). Raises UsageError for a point that is not of the stream,
    and in a family whose final norm is not known.
    """
    end = ending(questions.lm)
    if end is None or not _of_stream(sae.point):
        raise UsageError(
            f"{sae.point} of {questions.lm.name}: cannot be replayed; take a resid point of a known family."
        )
    depth = sae.point.resid_index()
    found = np.empty((len(features), *questions.label_ids.shape))
    targets = torch.as_tensor(offset).expand(len(features))
    for batch, mask in questions.batches("answer"):
        rows = list(batch.example)
        run = Replay.of(questions.lm, end, batch, questions.label_ids[rows])
        x, content = run.last(run.stream[depth]), run.last(mask)
        n = max(1, _TOKENS // len(rows))
        for at in range(0, len(features), n):
            part = slice(at, at + n)
            moved = moved_each(sae, x, features[part], targets[part])
            moved = torch.where(content[:, None, None], moved, x[:, None])
            found[part, rows] = run.after_last_token(depth, moved).transpose(0, 1).cpu().numpy()
    return found
