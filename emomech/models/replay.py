"""Compute the logits of edited activations from the blocks after the edit only.

One forward pass over a batch records the input and the arguments of every block. To evaluate an edit, the edited
residual stream goes through the later blocks, the final norm, and the rows of the unembedding that belong to labels.

- Texts that the edit does not change keep their logits.
- Tokens before the first changed one are not run again: in a causal model their keys and values stay the same.
- Several edits of the last token are run together, as several tokens at the same position. Each sees the tokens before
  it and itself, but no other variant.
- After the last block only the norm is left, in every family.

The result is exact except for the order of floating-point sums, which differs from that of a whole forward pass. In
blocks whose arguments are not those of transformers, tokens cannot be run alone, and whole rows are run instead.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from emomech.core.hook_points import HookPoint
from emomech.models.architectures import OutputHead
from emomech.models.hooks import forward_to, intervene, record_calls
from emomech.models.language_model import LanguageModel
from emomech.models.tokens import TokenBatch

_CACHES = ("past_key_values", "layer_past")
"""Names of the argument with which a transformers block takes the keys and values of earlier tokens."""


class _KeysRecorded(Exception):
    """Ends a block as soon as its keys and values are known."""


class _KeyRecorder:
    """Takes the place of a cache, to record the keys and values of a block (batch, head, pos, d_head)."""

    keys: Tensor
    values: Tensor

    def update(self, keys: Tensor, values: Tensor, *_: Any) -> tuple[Tensor, Tensor]:
        """Record the keys and values, and stop the block."""
        self.keys, self.values = keys, values
        raise _KeysRecorded


@dataclass(frozen=True, eq=False)
class _KeysBefore:
    """Takes the place of a cache, with the keys and values of earlier tokens (batch, head, pos, d_head)."""

    keys: Tensor
    values: Tensor

    def update(self, keys: Tensor, values: Tensor, *_: Any) -> tuple[Tensor, Tensor]:
        """Return the earlier keys and values with the new ones appended; attention calls it."""
        return torch.cat([self.keys, keys], 2), torch.cat([self.values, values], 2)

    def before(self, column: int, rows: Tensor) -> "_KeysBefore":
        """Select the tokens before a column, in some rows."""
        return _KeysBefore(self.keys[rows, :, :column], self.values[rows, :, :column])


@dataclass(frozen=True, eq=False)
class Replay:
    """A recorded forward pass over a batch, to be repeated from some depth on."""

    lm: LanguageModel
    batch: TokenBatch
    tokens: Tensor
    """Tokens whose logits are computed after the last token of each row (batch, label)."""
    stream: Sequence[Tensor] = field(repr=False)
    """Residual stream before each block and after the last one (batch, pos, d_model), by `HookPoint.resid_index`."""
    calls: Sequence[dict[str, Any]] = field(repr=False)
    """Other arguments of each block, by name."""
    head: OutputHead
    base: Tensor = field(repr=False)
    """Logits of the unedited model (batch, label)."""
    _keys_by_layer: dict[int, _KeysBefore] = field(default_factory=dict, repr=False)

    @classmethod
    @torch.no_grad()
    def of(cls, lm: LanguageModel, head: OutputHead, batch: TokenBatch, tokens: Tensor) -> "Replay":
        """Record a forward pass over a batch, padded on either side."""
        last = HookPoint(lm.n_layers - 1)
        with record_calls(lm) as calls:
            seen = forward_to(lm, batch, [last])
        tokens = tokens.to(lm.device)
        base = head.logits(seen[last][torch.arange(len(tokens)), batch.last], tokens)
        return cls(lm, batch, tokens, [*(x for x, _ in calls), seen[last]], [call for _, call in calls], head, base)

    @torch.inference_mode()
    def logits(self, edits: Mapping[HookPoint, Callable[[Tensor], Tensor]]) -> Tensor:
        """Compute the logits (batch, label) with the activation at each hook point edited."""
        if not edits:
            return self.base
        start, x, later = self._begun(edits)
        if not later:
            return self.after(start, x)
        return self.head.logits(self.last(self._through(start, x, later)), self.tokens)

    @torch.inference_mode()
    def final_stream(self, edits: Mapping[HookPoint, Callable[[Tensor], Tensor]]) -> Tensor:
        """Compute the stream after the last block (batch, pos, d_model) with the activation at each point edited."""
        return self._through(*self._begun(edits)) if edits else self.stream[-1]

    def _begun(
        self, edits: Mapping[HookPoint, Callable[[Tensor], Tensor]]
    ) -> tuple[int, Tensor, Mapping[HookPoint, Callable[[Tensor], Tensor]]]:
        """Make the first edits; return the depth, the edited stream there, and the edits within later blocks."""
        start = min(point.resid_index() if is_residual(point) else point.layer for point in edits)
        x = self.stream[start]
        first = [point for point in edits if is_residual(point) and point.resid_index() == start]
        for point in sorted(first):  # the output of a block before the input of the next one
            x = edits[point](x)
        return start, x, {point: edit for point, edit in edits.items() if point not in first}

    def _through(self, start: int, x: Tensor, later: Mapping[HookPoint, Callable[[Tensor], Tensor]]) -> Tensor:
        """Run the blocks from a depth on, with the edits within them."""
        with intervene(self.lm, later):
            for block, call in zip(self.lm.blocks[start:], self.calls[start:], strict=True):
                x = _output(block(x, **call))
        return x

    @torch.inference_mode()
    def after(self, depth: int, x: Tensor) -> Tensor:
        """Compute the logits (batch, label) with the stream replaced at a depth, by `resid_index`.

        `x` is the new stream (batch, pos, d_model).
        """
        changed = (x != self.stream[depth]).any(-1)
        rows, logits = changed.any(1).nonzero().flatten(), self.base.clone()
        if not len(rows):
            return logits
        if not all(_runs_tokens_alone(call) for call in self.calls[depth:]):
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
        logits[rows] = self.head.logits(x, self.tokens[rows])
        return logits

    @torch.inference_mode()
    def after_last_token(self, depth: int, x: Tensor) -> Tensor:
        """Compute the logits of several variants of the last token (batch, variant, label).

        `x` replaces the stream at each row's last token (batch, variant, d_model), at a depth by `resid_index`.
        """
        if not all(_runs_tokens_alone(call) for call in self.calls[depth:]):
            stream, row = self.stream[depth], torch.arange(len(x))
            variants = [stream.index_put((row, self.batch.last), variant) for variant in x.unbind(1)]
            return torch.stack([self.after(depth, variant) for variant in variants], 1)
        for layer in range(depth, self.lm.n_layers):
            x = self._at_last(layer, x, torch.arange(len(x), device=x.device), self._keys(layer))
        return self.head.logits(x, self.tokens)

    def last_token_graph(self) -> tuple[list[Tensor], Tensor] | None:
        """Return the stream at each row's last token, by depth (batch, d_model), and the logits (batch, label).

        They are connected by an autograd graph. In a causal model nothing but the logits depends on the last token.
        None if the blocks cannot be run on some tokens alone.
        """
        if not all(_runs_tokens_alone(call) for call in self.calls):
            return None
        rows = torch.arange(len(self.tokens), device=self.tokens.device)
        with torch.enable_grad():
            stream = [self.last(self.stream[0]).clone().requires_grad_()]
            for layer in range(self.lm.n_layers):
                stream.append(self._at_last(layer, stream[-1][:, None], rows, self._keys(layer))[:, 0])
            return stream, self.head.logits(stream[-1], self.tokens)

    def last(self, x: Tensor) -> Tensor:
        """Select the activations at the last token of each row: (batch, pos, d) to (batch, d)."""
        return x[torch.arange(len(x)), self.batch.last]

    def _block(self, layer: int, x: Tensor, rows: Tensor, first: int) -> Tensor:
        """Run a block on some rows, from a column on (row, pos, d_model)."""
        call = self.calls[layer]
        if len(rows) < len(self.tokens) or first:
            call = self._cut(layer, rows, first)
        if first:
            call = {**call, _cache_of(call): self._keys(layer).before(first, rows)}
        return _output(self.lm.blocks[layer](x, **call))

    def _cut(self, layer: int, rows: Tensor, first: int) -> dict[str, Any]:
        """Return the arguments of a block for some rows, from a column on."""

        def cut(value: Tensor, pos: int) -> Tensor:
            value = value if len(value) == 1 else value[rows]
            return value.narrow(pos, first, value.shape[pos] - first)

        call, mask = self.calls[layer], self.calls[layer]["attention_mask"]
        mask = self._mask(layer) if first else mask
        mask = None if mask is None else cut(mask, 2)
        return {**call, **_position_arguments(call, lambda value: cut(value, 1)), "attention_mask": mask}

    def _last_block(self, x: Tensor, rows: Tensor, first: int) -> Tensor:
        """Run the last block on some rows from a column on; return its output at each row's last token (row, d_model).

        The other tokens only contribute keys and values.
        """
        layer, last = self.lm.n_layers - 1, self.batch.last[rows] - first
        last_token = x[torch.arange(len(x)), last][:, None]
        if not _runs_tokens_alone(self.calls[layer]):
            output = self._block(layer, x, rows, first)
            return output[torch.arange(len(x)), last]
        keys = self._record_keys(layer, x, self._cut(layer, rows, first))
        if first:
            keys = _KeysBefore(*self._keys(layer).before(first, rows).update(keys.keys, keys.values))
        return self._at_last(layer, last_token, rows, keys)[:, 0]

    def _at_last(self, layer: int, x: Tensor, rows: Tensor, keys: _KeysBefore) -> Tensor:
        """Run a block on variants of some rows' last token (row, variant, d_model), given the keys before it."""
        call, last = self.calls[layer], self.batch.last[rows]
        mask = self._mask(layer)
        earlier = mask.expand(len(self.tokens), *mask.shape[1:])[rows, :, last]  # (row, 1, key)
        is_last = torch.arange(earlier.shape[-1], device=x.device) == last[:, None, None]
        earlier = earlier.masked_fill(is_last, torch.finfo(x.dtype).min)  # the variants replace the original last token
        itself = earlier.new_full((x.shape[1], x.shape[1]), torch.finfo(x.dtype).min).fill_diagonal_(0)
        visible = [earlier[:, :, None].expand(-1, -1, len(itself), -1), itself.expand(len(x), 1, -1, -1)]
        positions = _position_arguments(
            call, lambda value: value.expand(len(self.tokens), *value.shape[1:])[rows, last][:, None]
        )
        changed = {**positions, "attention_mask": torch.cat(visible, -1), _cache_of(call): keys}
        return _output(self.lm.blocks[layer](x, **{**call, **changed}))

    def _mask(self, layer: int) -> Tensor:
        """Return what a block adds to its attention scores (batch or 1, 1, query, key)."""
        x, mask = self.stream[layer], self.calls[layer]["attention_mask"]
        hidden = torch.finfo(x.dtype).min
        if mask is None:
            return x.new_full((1, 1, x.shape[1], x.shape[1]), hidden).triu(1)
        return mask if mask.dtype != torch.bool else torch.zeros_like(mask, dtype=x.dtype).masked_fill(~mask, hidden)

    def _keys(self, layer: int) -> _KeysBefore:
        """Return the keys and values of a block on the unedited stream."""
        if layer not in self._keys_by_layer:
            self._keys_by_layer[layer] = self._record_keys(layer, self.stream[layer], self.calls[layer])
        return self._keys_by_layer[layer]

    @torch.no_grad()
    def _record_keys(self, layer: int, x: Tensor, call: dict[str, Any]) -> _KeysBefore:
        """Return the keys and values that a block computes from a stream."""
        recorder = _KeyRecorder()
        with suppress(_KeysRecorded):
            self.lm.blocks[layer](x, **{**call, _cache_of(call): recorder})
        return _KeysBefore(recorder.keys, recorder.values)


def is_residual(point: HookPoint) -> bool:
    """Whether a hook point is on the residual stream between blocks."""
    return point.site in ("resid_pre", "resid_post")


def _runs_tokens_alone(call: Mapping[str, Any]) -> bool:
    """Whether a block takes the arguments of transformers blocks, so that some of its tokens can be run alone."""
    return "attention_mask" in call and any(name in call for name in _CACHES)


def _cache_of(call: Mapping[str, Any]) -> str:
    return next(name for name in _CACHES if name in call)


def _position_arguments(call: Mapping[str, Any], change: Callable[[Tensor], Tensor]) -> dict[str, Any]:
    """Return the arguments of a block about the positions of its tokens, changed; each is (batch or 1, pos, …)."""
    positions: dict[str, Any] = {}
    if call.get("position_ids") is not None:
        positions["position_ids"] = change(call["position_ids"])
    if call.get("position_embeddings") is not None:
        positions["position_embeddings"] = tuple(map(change, call["position_embeddings"]))
    return positions


def _output(output: Any) -> Tensor:
    return output[0] if isinstance(output, tuple | list) else output
