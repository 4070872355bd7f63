"""Read and edit activations while a model runs; only this module registers hooks.

Where only activations are wanted, `forward_to` ends the forward pass behind the deepest hook point. `capture` leaves it
whole, for its logits.

Hooks run in the order in which their blocks are entered. A `capture` inside an `intervene` sees the edited activation,
as later layers do. A `capture` around an `intervene` sees the activation before the edit.
"""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, TypeVar

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from emomech.core.errors import EmomechError, UsageError
from emomech.core.hook_points import HookPoint
from emomech.models.architectures import module_at
from emomech.models.language_model import LanguageModel
from emomech.models.tokens import TokenBatch

T = TypeVar("T")
Edit = Callable[[Tensor], Tensor]
"""From an activation (batch, pos, d_model) to a new one of the same shape and number format."""


@contextmanager
def capture(
    lm: LanguageModel, points: Iterable[HookPoint], *, graph: bool = False
) -> Iterator[dict[HookPoint, Tensor]]:
    """Record the activation (batch, pos, d_model) at each hook point on every forward pass inside the `with` block.

    Yields a dictionary from hook point to activation: empty at first, filled by a forward pass, and overwritten by the
    next one. Activations have the model's number format. They are detached and on the model's device; with `graph` they
    keep the autograd graph that leads to the logits, and stay on the device of their layer.

    Raises UsageError for a hook point that the model does not have.

    Example:
        >>> from emomech.core.hook_points import HookPoint
        >>> from emomech.models.hooks import capture
        >>> from emomech.models.tokens import batches, tokenize
        >>> from emomech.study.spec import StudySpec
        >>> from emomech.study.study import Study
        >>> lm, point = Study(StudySpec(limit=8)).lm, HookPoint(6)
        >>> (batch,) = batches(tokenize(lm, ["Anna lost the ring."]), pad_id=lm.pad_id, device=lm.device)
        >>> with capture(lm, [point]) as seen:
        ...     logits = lm.module(**batch.forward_kwargs()).logits
        >>> seen[point].shape == (*batch.input_ids.shape, lm.d_model)
        True
    """
    seen: dict[HookPoint, Tensor] = {}

    def record(point: HookPoint, activation: Tensor) -> None:
        seen[point] = activation if graph else activation.detach().to(lm.device)

    with _hooked(lm, {point: partial(record, point) for point in points}):
        yield seen


class _AllRead(Exception):
    """Ends a forward pass as soon as every hook point has been read."""


def forward_to(lm: LanguageModel, batch: TokenBatch, points: Iterable[HookPoint]) -> dict[HookPoint, Tensor]:
    """Run the model up to the deepest of the hook points, and return the activation at each (batch, pos, d_model).

    Later blocks, the final norm and the unembedding are not computed. Activations are those that `capture` records:
    detached, in the model's number format, on the model's device. Edits of an `intervene` around the call act.

    Raises UsageError for a hook point that the model does not have.

    Example:
        >>> from emomech.core.hook_points import HookPoint
        >>> from emomech.models.hooks import forward_to
        >>> from emomech.models.tokens import batches, tokenize
        >>> from emomech.study.spec import StudySpec
        >>> from emomech.study.study import Study
        >>> lm, point = Study(StudySpec(limit=8)).lm, HookPoint(2, "mlp_out")
        >>> (batch,) = batches(tokenize(lm, ["Anna lost the ring."]), pad_id=lm.pad_id, device=lm.device)
        >>> forward_to(lm, batch, [point])[point].shape == (*batch.input_ids.shape, lm.d_model)
        True
    """
    return read_at(lm, batch, points, lambda _, activation: activation.detach().to(lm.device))


def read_at(
    lm: LanguageModel, batch: TokenBatch, points: Iterable[HookPoint], read: Callable[[HookPoint, Tensor], T]
) -> dict[HookPoint, T]:
    """Run the model as `forward_to` does, and return what `read` makes of the hook point and its activation.

    The activation has its autograd graph and is on the device of its layer. Unless `read` keeps it, its memory is free
    for later layers, so that not all hook points are held at once. Values are in the order of `points`.
    """
    wanted = list(dict.fromkeys(points))
    values: dict[HookPoint, T] = {}

    def record(point: HookPoint, activation: Tensor) -> None:
        values[point] = read(point, activation)
        if len(values) == len(wanted):
            raise _AllRead

    with suppress(_AllRead), _hooked(lm, {point: partial(record, point) for point in wanted}):
        if wanted:
            lm.module(**batch.forward_kwargs())
    return {point: values[point] for point in wanted}


@contextmanager
def intervene(lm: LanguageModel, edits: Mapping[HookPoint, Edit]) -> Iterator[None]:
    """Replace the activation at each hook point by `edit(activation)` on every forward pass inside the `with` block.

    An edit takes the activation (batch, pos, d_model) and returns a new tensor of the same shape and number format; it
    must not change its argument in place. Padding is edited too, unless the edit leaves it alone. Nested blocks edit
    one after another, the outer one first.

    Raises UsageError for a hook point that the model does not have. The forward pass raises EmomechError if an edit
    returns anything but a tensor of the activation's shape and number format.

    Example:
        >>> from emomech.core.hook_points import HookPoint
        >>> from emomech.models.hooks import intervene
        >>> from emomech.models.tokens import batches, tokenize
        >>> from emomech.study.spec import StudySpec
        >>> from emomech.study.study import Study
        >>> lm = Study(StudySpec(limit=8)).lm
        >>> (batch,) = batches(tokenize(lm, ["Anna lost the ring."]), pad_id=lm.pad_id, device=lm.device)
        >>> clean = lm.module(**batch.forward_kwargs()).logits
        >>> with intervene(lm, {HookPoint(6): lambda x: 0 * x}):
        ...     edited = lm.module(**batch.forward_kwargs()).logits
        >>> bool((clean - edited).abs().max() > 1)
        True
    """

    def replace(point: HookPoint, edit: Edit, activation: Tensor) -> Tensor:
        edited = edit(activation)
        if not isinstance(edited, Tensor) or (edited.shape, edited.dtype) != (activation.shape, activation.dtype):
            expected, returned = _described(activation), _described(edited)
            raise EmomechError(f"edit at {point}: returns {returned}, expected {expected}, as the activation is.")
        return edited

    with _hooked(lm, {point: partial(replace, point, edit) for point, edit in edits.items()}):
        yield


@contextmanager
def record_calls(lm: LanguageModel) -> Iterator[list[tuple[Tensor, dict[str, Any]]]]:
    """Record the call of each block on a forward pass inside the `with` block.

    Yields a list with one entry per block: its input (batch, pos, d_model), and its other arguments by name.
    """
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


def _described(value: object) -> str:
    return f"{value.dtype} {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__


@contextmanager
def _hooked(lm: LanguageModel, calls: Mapping[HookPoint, Callable[[Tensor], Tensor | None]]) -> Iterator[None]:
    """Register a hook at every point, and remove all of them at the end, also after an error."""
    if not isinstance(lm, LanguageModel):
        raise UsageError(f"lm: expected a LanguageModel, found {type(lm).__name__}; load it with `load_model`.")
    for point in calls:
        if not isinstance(point, HookPoint):
            raise UsageError(f"hook point {point!r}: expected a HookPoint; `HookPoint.parse` reads a name.")
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
    """Call with a block's input, which is its first argument or the argument `hidden_states`."""
    if args:
        edited = call(args[0])
        return None if edited is None else ((edited, *args[1:]), kwargs)
    edited = call(kwargs["hidden_states"])
    return None if edited is None else (args, kwargs | {"hidden_states": edited})


def _on_output(call: Callable[[Tensor], Tensor | None], _: nn.Module, __: tuple[Any, ...], output: Any) -> Any:
    """Call with a module's output, which is a tensor, or a tuple or a list that begins with it."""
    if isinstance(output, tuple | list):
        edited = call(output[0])
        return None if edited is None else type(output)((edited, *output[1:]))
    return call(output)
