"""Measure this machine: free memory, free disk space and speed."""

import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from emomech.core import devices, hub
from emomech.core.settings import Settings

MOST_AT_ONCE = 2
"""Notebooks executed in parallel; each holds a model and its SAEs in memory."""
_MEASURED_SECONDS = 0.3
_SIZE = 1024
"""Rows and columns of the matrices that are multiplied."""


@dataclass(frozen=True)
class Machine:
    """Free bytes and speed of a machine at the time of measuring."""

    device: Literal["cpu", "cuda"]
    host: int
    """Bytes of memory that are available to programs."""
    gpus: tuple[int, ...]
    """Free bytes of each GPU that torch can use."""
    disk: int
    """Free bytes where files of the hub are kept."""
    rate: float
    """Floating-point operations per second on the device; a multiply-add counts as two."""
    host_rate: float
    """Floating-point operations per second on the processor, where SAEs compute."""


def this_machine(device: str | None = None) -> Machine:
    """Measure this machine, which takes about a second. Raises UsageError for `cuda` without a GPU.

    `device` is auto, cpu or cuda; None reads `EMOMECH_DEVICE`.
    """
    import psutil
    import torch

    where = devices.chosen(device or Settings.from_environment().device)
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
    """Measure the operations per second of a product of square float32 matrices."""
    import torch

    a, b = torch.randn(2, _SIZE, _SIZE, device=device)
    n, began = -1, time.perf_counter()
    while n < 1 or time.perf_counter() - began < _MEASURED_SECONDS:
        a = (a @ b) / _SIZE**0.5
        float(a[0, 0])  # wait for the device
        n += 1
        if n == 0:
            began = time.perf_counter()  # the first multiplication warms up
    return 2 * _SIZE**3 * n / (time.perf_counter() - began)


def _existing(folder: Path) -> Path:
    """The folder itself, or the nearest folder above it that exists."""
    folder = Path(os.path.abspath(folder))
    return next(path for path in (folder, *folder.parents) if path.exists())
