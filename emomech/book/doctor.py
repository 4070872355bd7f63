"""Say what this installation has and lacks, for reports of problems and before long computations.

Each part is looked at on its own. A part that cannot be looked at is a line as well, so that the report is complete on
a broken installation, too. Modules are therefore imported where they are needed.

Example:
    >>> from emomech.book.doctor import examine
    >>> [line.part for line in examine()][:4]
    ['emomech', 'Python', 'torch', 'libraries']
"""

import os
import platform
import re
import sys
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from emomech.core.errors import EmomechError
from emomech.core.paths import CHECKOUT

HUB_SECONDS = 2.0
"""Longest time to wait for the hub."""
_SHOWN = ("transformers", "sae-lens", "jupyter-book")
_REQUIRED = ("emomech", "Python", "torch", "libraries")
_OLDEST_PYTHON = (3, 11)


@dataclass(frozen=True)
class Line:
    """One part of the installation."""

    part: str
    state: Literal["ok", "missing"]
    text: str
    """What is there, or what is missing and the way out."""
    required: bool = False
    """Whether nothing works without it."""


def examine() -> list[Line]:
    """Look at every part, in about three seconds; nothing is loaded or fetched, and no error is raised."""
    return [_line(part, look) for part, look in _PARTS.items()]


def _line(part: str, look: Callable[[], str]) -> Line:
    required = part in _REQUIRED
    try:
        return Line(part, "ok", look(), required)
    except EmomechError as error:  # says what is missing, and the way out
        return Line(part, "missing", str(error), required)
    except Exception as error:  # whatever is broken, the other lines are needed
        return Line(part, "missing", f"cannot be examined: {type(error).__name__}: {error}", required)


def _emomech() -> str:
    from emomech.core.origin import described
    from emomech.core.paths import PACKAGE
    from emomech.study.identity import commit

    return f"{described(commit())}; its code is in {PACKAGE}"


def _python() -> str:
    version = f"{platform.python_version()} on {platform.platform()}, {sys.executable}"
    if sys.version_info < _OLDEST_PYTHON:
        raise EmomechError(f"{version}; 3.11 or newer is needed. Make an environment with it: make PYTHON=python3.12")
    return version


def _torch() -> str:
    import torch

    build = f"for CUDA {torch.version.cuda}" if torch.version.cuda else "for processors only"
    n_gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    gpus = [torch.cuda.get_device_properties(i) for i in range(n_gpus)]
    devices = [f"{gpu.name}, {_gb(gpu.total_memory)}" for gpu in gpus]
    return f"{torch.__version__}, {build}; {'; '.join(devices) or 'no GPU that it can use'}"


def _libraries() -> str:
    needed = [re.split(r"[^\w.-]", text)[0] for text in metadata.requires("emomech") or [] if "extra ==" not in text]
    if absent := [name for name in needed if _version(name) is None]:
        raise EmomechError(f"not installed: {', '.join(absent)}. Install them: pip install -c constraints.txt -e .")
    return f"all {len(needed)} are installed; {', '.join(f'{name} {_version(name)}' for name in _SHOWN)}"


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _browser() -> str:
    from emomech.book.pdf import find_browser

    return find_browser()


def _cache() -> str:
    import shutil

    from emomech.core import hub
    from emomech.saes.releases import cache_folder

    folders = {"models and data": hub.cache_folder(), "SAEs": cache_folder()}
    sizes = [f"{_gb(_bytes_below(folder))} of {what} in {folder}" for what, folder in folders.items()]
    existing = next(path for path in (hub.cache_folder(), *hub.cache_folder().parents) if path.exists())
    return f"{'; '.join(sizes)}; {_gb(shutil.disk_usage(existing).free)} of disk are free"


def _bytes_below(folder: Path) -> int:
    files = (Path(where, name) for where, _, names in os.walk(folder) for name in names)
    return sum(file.lstat().st_size for file in files)


def _hub() -> str:
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        raise EmomechError("HF_HUB_OFFLINE forbids it, so only files in the cache are used. Unset it to fetch others.")
    answers: list[str] = []
    asking = threading.Thread(target=lambda: answers.append(_asked(constants.ENDPOINT)), daemon=True)
    asking.start()
    asking.join(HUB_SECONDS)  # a name may take longer to look up than the request may last
    answer = answers[0] if answers else f"no answer within {HUB_SECONDS:.0f} s"
    if answer:
        raise EmomechError(
            f"{constants.ENDPOINT}: {answer}. The book needs no network; public models do, or files in the cache."
        )
    return f"{constants.ENDPOINT} answers"


def _asked(endpoint: str) -> str:
    """Ask the hub for its front page; empty if it answers, else what went wrong."""
    from huggingface_hub import get_session

    try:
        get_session().head(endpoint, timeout=HUB_SECONDS)
    except Exception as error:  # of a network library that the hub's client chooses
        return type(error).__name__
    return ""


def _machine() -> str:
    import psutil

    memory = psutil.virtual_memory()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{_gb(memory.available)} of {_gb(memory.total)} of memory are free; {cores} cores"


def _settings() -> str:
    shown = [f"{name}={value}" for name, value in sorted(os.environ.items()) if name.startswith("EMOMECH_")]
    shown += [f"{name}={os.environ[name]}" for name in ("HF_HOME", "HF_HUB_CACHE") if name in os.environ]
    return ", ".join(shown) or "no variables are set"


def _book() -> str:
    from emomech.book import build, runner
    from emomech.book.edition import Edition

    n_notebooks = len(runner.notebooks())
    states = build.status(Edition())
    pages = states.pop("html")
    counts = ", ".join(f"{n} {state}" for state, n in Counter(states.values()).items())
    text = f"{n_notebooks} notebooks in {CHECKOUT}; results: {counts}; pages: {pages}"
    if pages == "missing":
        raise EmomechError(f"{text}. Build it: make book")
    return text


def _gb(n_bytes: float) -> str:
    return f"{n_bytes / 1e9:.1f} GB"


_PARTS: dict[str, Callable[[], str]] = {
    "emomech": _emomech,
    "Python": _python,
    "torch": _torch,
    "libraries": _libraries,
    "machine": _machine,
    "settings": _settings,
    "cache": _cache,
    "hub": _hub,
    "browser": _browser,
    "book": _book,
}
