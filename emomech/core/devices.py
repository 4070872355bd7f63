"""Choose the device and the number format that a model computes in.

`settings` reads what the user asks for: `EMOMECH_DEVICE` (auto, cpu or cuda), which the command line's `--device` sets,
and `EMOMECH_DTYPE`, which overrides a preset's number format.
"""

import importlib.util
from typing import Any, Literal, get_args

from emomech.core.errors import UsageError, unknown

Device = Literal["auto", "cpu", "cuda"]
NumberFormat = Literal["float32", "bfloat16", "float16"]
DEVICE, DTYPE = "EMOMECH_DEVICE", "EMOMECH_DTYPE"
WIDTH: dict[str, int] = {"float32": 4, "bfloat16": 2, "float16": 2}
"""Bytes of a number in each format."""
MAX_BATCH_LOGITS = 2**28
"""Most logits of one batch, token times vocabulary entry; 1 GB in float32."""
_CPU_TOKENS, _GPU_TOKENS = 1024, 8192
"""Tokens of a batch. Small batches stay in a CPU's cache, which makes a forward pass about twice as fast."""
_FILLED = 0.9
"""Share of a GPU's free memory for weights; the rest is for a batch."""


def chosen(asked: str = "auto") -> Literal["cpu", "cuda"]:
    """Choose the device to compute on: `auto` takes a GPU if there is one.

    Raises UsageError for an unknown device, and for `cuda` on a machine without a GPU.
    """
    import torch

    if asked not in get_args(Device):
        raise unknown("device", asked, get_args(Device))
    has_gpu = torch.cuda.is_available()
    if asked == "cuda" and not has_gpu:
        raise UsageError(
            "--device cuda (or EMOMECH_DEVICE): this machine has no GPU that torch can use; use cpu or auto."
        )
    return "cuda" if has_gpu and asked != "cpu" else "cpu"


def tokens_at_once(device: object) -> int:
    """Return the number of tokens of a batch at which a device is fast; a name, or a device of torch.

    Example:
        >>> from emomech.core.devices import tokens_at_once
        >>> tokens_at_once("cpu"), tokens_at_once("cuda:1")
        (1024, 8192)
    """
    return _CPU_TOKENS if str(device).partition(":")[0] == "cpu" else _GPU_TOKENS


def number_format(preset: NumberFormat, asked: str = "") -> NumberFormat:
    """Choose the number format to compute in: the one asked for, or the preset's if none is.

    Raises UsageError for an unknown number format.
    """
    for known in get_args(NumberFormat):
        if known == (asked or preset):
            return known
    raise unknown("number format", asked, get_args(NumberFormat), f"It comes from {DTYPE}.")


def placement(name: str, n_bytes: int) -> dict[str, Any]:
    """Arguments that let transformers spread a model's weights over all GPUs; empty if they fit on the first GPU.

    `n_bytes` is the size of the weights. Raises UsageError if all GPUs together are too small, or if `accelerate`,
    which spreads the weights, is not installed.
    """
    import torch

    free = [int(torch.cuda.mem_get_info(i)[0] * _FILLED) for i in range(torch.cuda.device_count())]
    if n_bytes <= free[0]:
        return {}
    if n_bytes > sum(free):
        raise UsageError(
            f"model {name!r}: its weights take {n_bytes / 1e9:.1f} GB, and the GPUs have {sum(free) / 1e9:.1f} GB free "
            f"for weights. Use --device cpu, {DTYPE}=bfloat16 or a smaller model; `emomech plan` compares."
        )
    if importlib.util.find_spec("accelerate") is None:
        raise UsageError(
            f"model {name!r}: its weights have to be spread over {len(free)} GPUs, which needs accelerate. Install it: "
            "pip install accelerate"
        )
    return {"device_map": "auto", "max_memory": dict(enumerate(free))}
