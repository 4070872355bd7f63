"""Where a model computes, and in which number format: what the user asked for, or what the machine has.

`EMOMECH_DEVICE` is auto, cpu or cuda, as the command line's `--device` sets it; `EMOMECH_DTYPE` goes before a preset's
number format.
"""

import importlib.util
import os
from typing import Any, Literal, get_args

from emomech.core.errors import UsageError, unknown

Device = Literal["auto", "cpu", "cuda"]
NumberFormat = Literal["float32", "bfloat16", "float16"]
DEVICE, DTYPE = "EMOMECH_DEVICE", "EMOMECH_DTYPE"
WIDTH: dict[str, int] = {"float32": 4, "bfloat16": 2, "float16": 2}
"""Bytes of a number."""
_FILLED = 0.9
"""Share of a GPU's free memory that weights may take: the rest is for a batch."""


def chosen(asked: str | None = None) -> Literal["cpu", "cuda"]:
    """Say where to compute; without a name, as the environment says.

    Raises UsageError for a name that is none, and for a GPU that is not there.
    """
    import torch

    name = asked or os.environ.get(DEVICE) or "auto"
    if name not in get_args(Device):
        raise unknown("device", name, get_args(Device))
    there = torch.cuda.is_available()
    if name == "cuda" and not there:
        raise UsageError(
            "--device cuda (or EMOMECH_DEVICE): this machine has no GPU that torch can use; take cpu or auto."
        )
    return "cuda" if there and name != "cpu" else "cpu"


def number_format(preset: NumberFormat) -> NumberFormat:
    """Give the number format to compute in: `EMOMECH_DTYPE`, or else the preset's. Raises UsageError for no such."""
    asked = os.environ.get(DTYPE)
    for one in get_args(NumberFormat):
        if one == (asked or preset):
            return one
    raise unknown("number format", str(asked), get_args(NumberFormat), f"{DTYPE} names it.")


def placement(name: str, n_bytes: int) -> dict[str, Any]:
    """Say how the weights of a model are spread over the GPUs: empty where one GPU, the first, holds all of them.

    Raises UsageError where all GPUs together are too small, and where `accelerate`, which spreads them, is missing.
    """
    import torch

    free = [int(torch.cuda.mem_get_info(i)[0] * _FILLED) for i in range(torch.cuda.device_count())]
    if n_bytes <= free[0]:
        return {}
    if n_bytes > sum(free):
        raise UsageError(
            f"model {name!r}: its weights take {n_bytes / 1e9:.1f} GB, and of the GPU memory {sum(free) / 1e9:.1f} GB "
            f"are free for them. Take --device cpu, {DTYPE}=bfloat16 or a smaller model; `emomech plan` compares."
        )
    if importlib.util.find_spec("accelerate") is None:
        raise UsageError(
            f"model {name!r}: its weights have to be spread over {len(free)} GPUs, for which accelerate is missing. "
            "Install it: pip install accelerate"
        )
    return {"device_map": "auto", "max_memory": dict(enumerate(free))}
