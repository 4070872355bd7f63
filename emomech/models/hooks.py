"""Read and change activations while a model runs: the only module that registers hooks.

Hooks run in the order in which they are entered: a `capture` inside an `intervene` sees the edited activation, as the
blocks after it do, and one that is entered before it sees what would have been there.
"""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from emomech.core.errors import EmomechError
from emomech.core.hook_points import HookPoint
from emomech.models.architectures import module_at
from emomech.models.language_model import LanguageModel

Edit = Callable[[Tensor], Tensor]


@contextmanager
def capture(
    lm: LanguageModel, points: Iterable[HookPoint], *, graph: bool = False
) -> Iterator[dict[HookPoint, Tensor]]:
    """Record the activation at each point (batch, pos, d_model) on every forward pass inside the block.

    Detached and on the model's device, unless the `graph` that leads from it to the logits is wanted: then on the
    block's device. Raises UsageError for a point that the model does not have.
    """
    seen: dict[HookPoint, Tensor] = {}

    def record(point: HookPoint, activation: Tensor) -> None:
        seen[point] = activation if graph else activation.detach().to(lm.device)

    with _hooked(lm, {point: partial(record, point) for point in points}):
        yield seen


@contextmanager
def intervene(lm: LanguageModel, edits: Mapping[HookPoint, Edit]) -> Iterator[None]:
    """Replace the activation at each point by `edit(activation)` on every forward pass inside the block.

    Raises UsageError for a point that the model does not have, and, in the forward pass, EmomechError for an edit that
    gives anything but a tensor of the activation's shape and number format. An edit must not work in place.
    """

    def replace(point: HookPoint, edit: Edit, activation: Tensor) -> Tensor:
        edited = edit(activation)
        if not isinstance(edited, Tensor) or (edited.shape, edited.dtype) != (activation.shape, activation.dtype):
            expected, found = _described(activation), _described(edited)
            raise EmomechError(f"edit at {point}: it gives {found}, expected {expected}, as the activation is.")
        return edited

    with _hooked(lm, {point: partial(replace, point, edit) for point, edit in edits.items()}):
        yield


@contextmanager
def record_calls(lm: LanguageModel) -> Iterator[list[tuple[Tensor, dict[str, Any]]]]:
    """Record what each block reads (batch, pos, d_model), and the other arguments by name, on a forward pass inside."""
    calls: list[tuple[Tensor, dict[str, Any]]] = []

    def record(block: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        named = {**inspect.signature(block.forward).bind_partial(*args).arguments, **kwargs}
        stream = next(iter(inspect.signature(block.forward).parameters))
        calls.append((named.pop(stream), named))

    handles = [block.register_forward_pre_hook(record, with_kwargs=True) for block in lm.blocks]
    try:
        yield calls
    finally:
        for handle in handles:
            handle.remove()


def _described(found: object) -> str:
    return f"{found.dtype} {tuple(found.shape)}" if isinstance(found, Tensor) else type(found).__name__


@contextmanager
def _hooked(lm: LanguageModel, calls: Mapping[HookPoint, Callable[[Tensor], Tensor | None]]) -> Iterator[None]:
    """Hook every point, and take the hooks off whatever happens."""
    places = [(*module_at(lm, point), call) for point, call in calls.items()]
    handles: list[RemovableHandle] = []
    try:
        for module, side, call in places:
            if side == "input":
                handles.append(module.register_forward_pre_hook(partial(_on_input, call), with_kwargs=True))
            else:
                handles.append(module.register_forward_hook(partial(_on_output, call)))
        yield
    finally:
        for handle in handles:
            handle.remove()


def _on_input(
    call: Callable[[Tensor], Tensor | None], _: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    """A block's input is its first argument, or is named."""
    if args:
        edited = call(args[0])
        return None if edited is None else ((edited, *args[1:]), kwargs)
    edited = call(kwargs["hidden_states"])
    return None if edited is None else (args, kwargs | {"hidden_states": edited})


def _on_output(call: Callable[[Tensor], Tensor | None], _: nn.Module, __: tuple[Any, ...], output: Any) -> Any:
    """A module's output is a tensor, or a tuple that begins with it."""
    if isinstance(output, tuple):
        edited = call(output[0])
        return None if edited is None else (edited, *output[1:])
    return call(output)
