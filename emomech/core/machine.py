"""Measure this machine: free memory, free disk space and speed. Or describe another, from its vendor's data sheet.

Example:
    >>> from emomech.core.machine import described
    >>> machine = described("h100-80gb", number_format="bfloat16")
    >>> machine.device, machine.gpus, f"{machine.rate:.2e}"
    ('cuda', (80000000000,), '9.89e+14')
"""

import os
import shutil
import time
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

from emomech.core import devices, hub
from emomech.core.devices import Device, NumberFormat
from emomech.core.errors import UsageError, unknown
from emomech.core.settings import Settings

DESCRIBED = Path(__file__).with_name("machines.toml")
"""The machines that are known by name; the file says what its entries mean."""

MOST_AT_ONCE = 2
"""Notebooks executed in parallel; each holds a model and its SAEs in memory."""
_MEASURED_SECONDS = 0.3
_SIZE = 1024
"""Rows and columns of the matrices that are multiplied."""
_SYSTEM, _DISK = 4 * 10**9, 200 * 10**9
"""Bytes of memory that the system takes, and free bytes of a disk, on a machine that is only described."""


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
    core_rate: float = 0.0
    """Floating-point operations per second of one core, in processor time; 0: all cores together have `host_rate`."""
    name: str = ""
    """Name of a machine that is described; empty for this machine, which is measured."""
    source: str = ""
    """Where the description comes from."""


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
        core_rate=core_rate(),
    )


def described(name: str, device: str = "auto", number_format: NumberFormat = "float32") -> Machine:
    """Describe the machine `name`, as if it did nothing else, for a model that computes in `number_format`.

    `device` is auto, cpu or cuda. Raises UsageError for an unknown machine, an unknown device, and for `cuda` on a
    machine without a GPU.
    """
    machines = _machines()
    if name not in machines:
        raise unknown("machine", name, machines, "Leave --for out to plan for this one.")
    if device not in get_args(Device):
        raise unknown("device", device, get_args(Device))
    sheet = machines[name]
    if device == "cuda" and "gpu" not in sheet:
        raise UsageError(f"--device cuda: {name} has no GPU; use cpu or auto, or another machine.")
    on_gpu = device != "cpu" and "gpu" in sheet
    narrow = "float32" if number_format == "float32" else "bfloat16"
    host_rate = sheet["host_float32"] * 1e12
    return Machine(
        device="cuda" if on_gpu else "cpu",
        host=sheet["memory"] * 10**9 - _SYSTEM,
        gpus=(sheet["gpu"] * 10**9,) if on_gpu else (),
        disk=_DISK,
        rate=sheet[narrow] * 1e12 if on_gpu else host_rate,
        host_rate=host_rate,
        core_rate=host_rate / sheet["cores"],
        name=name,
        source=sheet["source"],
    )


def named(name: str | None, device: str = "auto", number_format: NumberFormat = "float32") -> Machine:
    """Describe the machine `name`, or measure this one if it is None. Raises UsageError as both do."""
    return this_machine(device) if name is None else described(name, device, number_format)


@cache
def _machines() -> dict[str, dict[str, Any]]:
    return tomllib.loads(DESCRIBED.read_text(encoding="utf-8"))


def core_rate(n_turns: int = 9) -> float:
    """Measure the operations per second of one core: the best of several products, in processor time.

    Other programs hardly change it, because the time that they take is not counted.
    """
    import torch

    a, b = torch.randn(2, _SIZE, _SIZE)
    threads, taken = torch.get_num_threads(), []
    torch.set_num_threads(1)
    try:
        for _ in range(n_turns):
            began = time.process_time()
            _ = a @ b
            taken.append(time.process_time() - began)
    finally:
        torch.set_num_threads(threads)
    return 2 * (_SIZE) ** 3 / min(taken)


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
