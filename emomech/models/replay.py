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
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from emomech.core.hook_points import HookPoint
from emomech.models.architectures import Ending
from emomech.models.hooks import capture, intervene, record_calls
from emomech.models.language_model import LanguageModel
from emomech.models.tokens import TokenBatch

_CACHES = ("past_key_values", "layer_past")
"""Argument by which a block of transformers takes the keys and values of earlier tokens."""


class _KnowsKeys(Exception):
    """Ends the run of a block of which nothing else is wanted."""


class _Look:
    """Stands in the place of a cache, to see the keys and values of a block (batch, head, pos, d_head)."""

    keys: Tensor
    values: Tensor

    def update(self, keys: Tensor, values: Tensor, *_: Any) -> tuple[Tensor, Tensor]:
        """Attention tells what is new."""
        self.keys, self.values = keys, values
        raise _KnowsKeys


@dataclass(frozen=True, eq=False)
class _Behind:
    """Stands in the place of a cache, and puts keys and values behind those of other tokens."""

    keys: Tensor
    values: Tensor

    def update(self, keys: Tensor, values: Tensor, *_: Any) -> tuple[Tensor, Tensor]:
        """Attention tells what is new, and attends to what it is given."""
        return torch.cat([self.keys, keys], 2), torch.cat([self.values, values], 2)

    def before(self, column: int, rows: Tensor) -> "_Behind":
        """Keep the tokens before a column, of some rows."""
        return _Behind(self.keys[rows, :, :column], self.values[rows, :, :column])


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
    _kept: dict[int, _Behind] = field(default_factory=dict, repr=False)

    @classmethod
    @torch.no_grad()
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
        start = min(point.resid_index() if of_stream(point) else point.layer for point in edits)
        x = self.stream[start]
        now = [point for point in edits if of_stream(point) and point.resid_index() == start]
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
        for layer in range(depth, self.lm.n_layers - 1):
            x = self._block(layer, x, rows, first)
        if depth < self.lm.n_layers:
            x = self._last_block(x, rows, first)
        else:
            x = x[torch.arange(len(x)), self.batch.last[rows] - first]
        found[rows] = self.ending.logits(x, self.tokens[rows])
        return found

    @torch.inference_mode()
    def after_last_token(self, depth: int, x: Tensor) -> Tensor:
        """Logits (batch, variant, label) with the stream at a row's last token replaced (batch, variant, d_model)."""
        if not all(_in_parts(call) for call in self.calls[depth:]):
            whole, at = self.stream[depth], torch.arange(len(x))
            each = [whole.index_put((at, self.batch.last), one) for one in x.unbind(1)]
            return torch.stack([self.after(depth, one) for one in each], 1)
        for layer in range(depth, self.lm.n_layers):
            x = self._at_last(layer, x, torch.arange(len(x), device=x.device), self._keys(layer))
        return self.ending.logits(x, self.tokens)

    def last_token_graph(self) -> tuple[list[Tensor], Tensor] | None:
        """The stream at each row's last token, by depth (batch, d_model), and the logits (batch, label), as a graph.

        Of a causal model nothing else depends on that token. None where blocks cannot be run on some tokens alone.
        """
        if not all(_in_parts(call) for call in self.calls):
            return None
        rows = torch.arange(len(self.tokens), device=self.tokens.device)
        with torch.enable_grad():
            found = [self.last(self.stream[0]).clone().requires_grad_()]
            for layer in range(self.lm.n_layers):
                found.append(self._at_last(layer, found[-1][:, None], rows, self._keys(layer))[:, 0])
            return found, self.ending.logits(found[-1], self.tokens)

    def last(self, x: Tensor) -> Tensor:
        """Activations at the last token of each row (batch, d), of (batch, pos, d)."""
        return x[torch.arange(len(x)), self.batch.last]

    def _block(self, layer: int, x: Tensor, rows: Tensor, first: int) -> Tensor:
        """Run a block on some rows (row, pos, d_model) from a column on."""
        call = self.calls[layer]
        if len(rows) < len(self.tokens) or first:
            call = self._cut(layer, rows, first)
        if first:
            call = {**call, _cache_of(call): self._keys(layer).before(first, rows)}
        return _output(self.lm.blocks[layer](x, **call))

    def _cut(self, layer: int, rows: Tensor, first: int) -> dict[str, Any]:
        """Arguments of a block for some rows, and columns from one on."""

        def cut(value: Tensor, queries: int) -> Tensor:
            value = value if len(value) == 1 else value[rows]
            return value.narrow(queries, first, value.shape[queries] - first)

        call, mask = self.calls[layer], self.calls[layer]["attention_mask"]
        mask = self._mask(layer) if first else mask
        mask = None if mask is None else cut(mask, 2)
        return {**call, **_placed(call, lambda value: cut(value, 1)), "attention_mask": mask}

    def _last_block(self, x: Tensor, rows: Tensor, first: int) -> Tensor:
        """Run the last block on some rows from a column on, for what it leaves at each row's last token (row, d_model).

        All tokens give keys and values, but of the others nothing more is wanted.
        """
        layer, last = self.lm.n_layers - 1, self.batch.last[rows] - first
        one = x[torch.arange(len(x)), last][:, None]
        if not _in_parts(self.calls[layer]):
            whole = self._block(layer, x, rows, first)
            return whole[torch.arange(len(x)), last]
        shown = self._look(layer, x, self._cut(layer, rows, first))
        if first:
            shown = _Behind(*self._keys(layer).before(first, rows).update(shown.keys, shown.values))
        return self._at_last(layer, one, rows, shown)[:, 0]

    def _at_last(self, layer: int, x: Tensor, rows: Tensor, keys: _Behind) -> Tensor:
        """Run a block on several last tokens of some rows (row, variant, d_model), behind the others' keys."""
        call, last = self.calls[layer], self.batch.last[rows]
        mask = self._mask(layer)
        seen = mask.expand(len(self.tokens), *mask.shape[1:])[rows, :, last]  # (row, 1, key)
        own = torch.arange(seen.shape[-1], device=x.device) == last[:, None, None]
        seen = seen.masked_fill(own, torch.finfo(x.dtype).min)  # it is among the variants, if anywhere
        itself = seen.new_full((x.shape[1], x.shape[1]), torch.finfo(x.dtype).min).fill_diagonal_(0)
        visible = [seen[:, :, None].expand(-1, -1, len(itself), -1), itself.expand(len(x), 1, -1, -1)]
        places = _placed(call, lambda value: value.expand(len(self.tokens), *value.shape[1:])[rows, last][:, None])
        changed = {**places, "attention_mask": torch.cat(visible, -1), _cache_of(call): keys}
        return _output(self.lm.blocks[layer](x, **{**call, **changed}))

    def _mask(self, layer: int) -> Tensor:
        """What is added to the scores of a block (batch or 1, 1, query, key)."""
        x, mask = self.stream[layer], self.calls[layer]["attention_mask"]
        hidden = torch.finfo(x.dtype).min
        if mask is None:
            return x.new_full((1, 1, x.shape[1], x.shape[1]), hidden).triu(1)
        return mask if mask.dtype != torch.bool else torch.zeros_like(mask, dtype=x.dtype).masked_fill(~mask, hidden)

    def _keys(self, layer: int) -> _Behind:
        """Keys and values of the unedited stream at a block."""
        if layer not in self._kept:
            self._kept[layer] = self._look(layer, self.stream[layer], self.calls[layer])
        return self._kept[layer]

    @torch.no_grad()
    def _look(self, layer: int, x: Tensor, call: dict[str, Any]) -> _Behind:
        """Keys and values that a block makes of a stream."""
        look = _Look()
        with suppress(_KnowsKeys):
            self.lm.blocks[layer](x, **{**call, _cache_of(call): look})
        return _Behind(look.keys, look.values)


def of_stream(point: HookPoint) -> bool:
    """Whether an edit there is an edit of the stream between two blocks."""
    return point.site in ("resid_pre", "resid_post")


def _in_parts(call: Mapping[str, Any]) -> bool:
    """Whether a block takes its arguments as those of transformers do, so that some of its tokens can be run alone."""
    return "attention_mask" in call and any(name in call for name in _CACHES)


def _cache_of(call: Mapping[str, Any]) -> str:
    return next(name for name in _CACHES if name in call)


def _placed(call: Mapping[str, Any], change: Callable[[Tensor], Tensor]) -> dict[str, Any]:
    """Change what a block is told of the places of its tokens, each (batch or 1, pos, …)."""
    found: dict[str, Any] = {}
    if call.get("position_ids") is not None:
        found["position_ids"] = change(call["position_ids"])
    if call.get("position_embeddings") is not None:
        found["position_embeddings"] = tuple(map(change, call["position_embeddings"]))
    return found


def _output(found: Any) -> Tensor:
    return found[0] if isinstance(found, tuple) else found
