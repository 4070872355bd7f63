"""What this machine has: memory, disk, and how fast it multiplies."""

import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from emomech.core import devices, hub

_MEASURED_SECONDS = 0.3
_SIZE = 1024


@dataclass(frozen=True)
class Machine:
    """Free bytes and multiplications per second, as they are at the moment."""

    device: Literal["cpu", "cuda"]
    host: int
    """Bytes of memory that programs can have."""
    gpus: tuple[int, ...]
    """Free bytes of each GPU that torch can use."""
    disk: int
    """Free bytes where the hub's files are kept."""
    rate: float
    """Multiplications with additions, as two operations each, per second on the device."""
    host_rate: float
    """The same on the processor, where SAEs are."""


def this_machine(device: str | None = None) -> Machine:
    """Look at the machine, and let it multiply for a moment. Raises UsageError for a GPU that is not there."""
    import psutil
    import torch

    where = devices.chosen(device)
    host_rate = _rate("cpu")
    gpus = tuple(torch.cuda.mem_get_info(i)[0] for i in range(torch.cuda.device_count())) if where == "cuda" else ()
    folder = _existing(hub.cache_folder())
    return Machine(
        device=where,
        host=psutil.virtual_memory().available,
        gpus=gpus,
        disk=shutil.disk_usage(folder).free,
        rate=_rate("cuda") if where == "cuda" else host_rate,
        host_rate=host_rate,
    )


def _rate(device: str) -> float:
    """Multiply square matrices of float32 for a moment, and count the operations of a second."""
    import torch

    a, b = torch.randn(2, _SIZE, _SIZE, device=device)
    n, began = -1, time.perf_counter()
    while n < 1 or time.perf_counter() - began < _MEASURED_SECONDS:
        a = (a @ b) / _SIZE**0.5
        float(a[0, 0])  # waits for the device
        n += 1
        if n == 0:
            began = time.perf_counter()  # the first one warms up
    return 2 * _SIZE**3 * n / (time.perf_counter() - began)


def _existing(folder: Path) -> Path:
    """Find the nearest folder above that is there."""
    folder = Path(os.path.abspath(folder))
    return next(one for one in (folder, *folder.parents) if one.exists())
