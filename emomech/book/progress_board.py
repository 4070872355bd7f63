"""Show how far the notebooks of a book are, and what the kernel of each does just now.

On a terminal there is a bar for the whole book, and below it a line for each notebook that runs. Elsewhere there is a
line every half minute. A kernel writes what it does to a file (`core.progress`), which is read here.
"""

import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tqdm import tqdm

from emomech.core.progress import CHANNEL, LINE_SECONDS

_DRAWN_SECONDS = 0.5
"""Seconds between two drawings on a terminal."""
_WIDEST = 120
"""Most characters of a line on a terminal."""


@dataclass
class Shown:
    """A notebook that runs."""

    name: str
    channel: Path
    """File in which its kernel says what it does."""
    started: float = field(default_factory=lambda: time.monotonic())
    done: int = 0
    total: int = 0

    @property
    def environment(self) -> dict[str, str]:
        """Variables of its kernel."""
        return {CHANNEL: str(self.channel)}

    def on_cell(self, done: int, total: int) -> None:
        """Count its cells; see `runner.execute`."""
        self.done, self.total = done, total

    def __str__(self) -> str:
        """Write which cell runs, and how far the loops in it are."""
        try:
            state = self.channel.read_text(encoding="utf-8")
        except OSError:
            state = ""
        cell = f"cell {min(self.done + 1, self.total)} of {self.total}" if self.total else "starting"
        return f"{self.name}: {', '.join(part for part in (cell, state) if part)}"


class Board:
    """Counts notebooks that are done, and shows those that run; threads may use it in parallel."""

    def __init__(self, seconds: Mapping[str, float], n_workers: int, say: Callable[[str], None]) -> None:
        """Notebooks to execute, each with the seconds that it is expected to take; `say` prints a line.

        A single notebook has no bar.
        """
        self._seconds = dict(seconds)
        self._n_workers = n_workers
        self._say = say
        self._running: dict[str, Shown] = {}
        self._took: dict[str, float] = {}
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._folder = tempfile.TemporaryDirectory(prefix="emomech-", ignore_cleanup_errors=True)
        self._bars: list[tqdm[Any]] = []
        self._thread = threading.Thread(target=self._keep_showing, daemon=True)

    def __enter__(self) -> Self:
        if self._seconds and sys.stderr is not None and sys.stderr.isatty():
            formats = ["{desc}|{bar}|"] * (len(self._seconds) > 1) + ["{desc}"] * self._n_workers
            self._bars = [
                tqdm(total=1.0, bar_format=form, leave=False, dynamic_ncols=True, position=row)
                for row, form in enumerate(formats)
            ]
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        for bar in reversed(self._bars):
            bar.close()
        self._folder.cleanup()

    @property
    def is_drawn(self) -> bool:
        """Whether it is on a terminal."""
        return bool(self._bars)

    def say(self, line: str) -> None:
        """Print a line, above the bars."""
        with tqdm.external_write_mode(file=sys.stderr):
            self._say(line)

    @contextmanager
    def running(self, name: str) -> Iterator[Shown]:
        """Show a notebook while the block runs, and count it as done at its end."""
        shown = Shown(name, Path(self._folder.name) / name)
        with self._lock:
            self._running[name] = shown
        try:
            yield shown
        finally:
            with self._lock:
                del self._running[name]
                self._took[name] = time.monotonic() - shown.started

    def left(self) -> float:
        """Estimate the seconds until all notebooks are done, at the pace of those that are done."""
        with self._lock:
            running, took = {name: time.monotonic() - s.started for name, s in self._running.items()}, dict(self._took)
        expected = sum(self._seconds[name] for name in took)
        pace = sum(took.values()) / expected if expected else 1.0
        rest = [max(0.0, pace * s - running.get(name, 0.0)) for name, s in self._seconds.items() if name not in took]
        return max([sum(rest) / self._n_workers, *rest])

    def _done(self) -> str:
        left = tqdm.format_interval(self.left())
        return f"{len(self._took)} of {len(self._seconds)} notebooks done, about {left} left"

    def _keep_showing(self) -> None:
        while not self._ended.wait(_DRAWN_SECONDS if self._bars else LINE_SECONDS):
            with self._lock:
                lines = [str(shown) for shown in self._running.values()]
            if self._bars:
                self._draw(lines)
            elif lines:
                self._say("; ".join([self._done(), *lines] if len(self._seconds) > 1 else lines))

    def _draw(self, lines: list[str]) -> None:
        if len(self._seconds) > 1:
            self._bars[0].n = sum(self._seconds[name] for name in self._took) / sum(self._seconds.values())
            lines = [f"{self._done()} ", *lines]
        for bar, line in zip(self._bars, [*lines, *[""] * len(self._bars)]):
            bar.set_description_str(line[:_WIDEST])
