"""Show how far a long loop is: a bar on a terminal, and elsewhere a line every half minute.

Both go to standard error, with the items that are done, their rate, and the time that is left. Inside the kernels of
the book nothing is printed: the state goes to the file that `EMOMECH_PROGRESS` names, and the parent process shows it.
`EMOMECH_PROGRESS=off` shows nothing.

Example:
    >>> from emomech.core import progress
    >>> [word.upper() for word in progress.counted(["joy", "fear"], "reading texts", unit="text")]
    ['JOY', 'FEAR']
    >>> with progress.track("training", total=100, unit="token") as bar:
    ...     bar.advance(60)
    ...     bar.show(loss=0.25)
    ...     str(bar)
    'training: 60/100 tokens, loss 0.25'
"""

import os
import sys
import time
from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO, TypeVar

from tqdm import tqdm

from emomech.core import files

T = TypeVar("T")
CHANNEL = "EMOMECH_PROGRESS"
"""Name of the environment variable that holds the file for a parent process, or `off`."""
OFF = "off"
LINE_SECONDS = 30.0
"""Seconds between two lines where standard error is no terminal."""
_CHANNEL_SECONDS = 0.5
"""Seconds between two states that are written for a parent process."""
_active: "list[Bar]" = []
"""The loops that are running, the outer ones first."""


@dataclass
class _Clock:
    """When the last line, or the last state, was written."""

    last: float = field(default_factory=time.monotonic)

    def due(self, seconds: float) -> bool:
        """Whether so many seconds have passed since this was last true."""
        now = time.monotonic()
        if now - self.last < seconds:
            return False
        self.last = now
        return True


_clock = _Clock()


@dataclass
class Bar:
    """One loop: what it does, how many items are done, and figures beside them."""

    what: str
    total: int | None
    """Items in all; None if that is not known."""
    unit: str
    """Name of one item."""
    done: int = 0
    figures: dict[str, float] = field(default_factory=dict)
    _drawn: "tqdm[Any] | None" = None
    _written: bool = False
    """Whether the state that was written for a parent process names this loop."""
    _started: float = field(default_factory=time.monotonic)
    _stream: TextIO = field(default_factory=lambda: sys.stderr)
    """Standard error when the loop began; a library may redirect it inside the loop."""

    def advance(self, n: int = 1) -> None:
        """Count n more items as done."""
        self.done += n
        if self._drawn is not None:
            self._drawn.update(n)
        else:
            _report()

    def show(self, **figures: float) -> None:
        """Show figures beside the bar, such as the loss; the latest value of each is kept."""
        self.figures.update(figures)
        if self._drawn is not None:
            self._drawn.set_postfix({name: _short(value) for name, value in self.figures.items()}, refresh=False)

    @property
    def units(self) -> str:
        """Name of several items, such as texts, families and batches."""
        if self.unit.endswith("y"):
            return f"{self.unit.removesuffix('y')}ies"
        return f"{self.unit}es" if self.unit.endswith(("ch", "sh", "s", "x")) else f"{self.unit}s"

    def __str__(self) -> str:
        """Write what is done, and the figures."""
        of_total = f"{self.done:,}" if self.total is None else f"{self.done:,}/{self.total:,}"
        parts = [f"{of_total} {self.units}", *(f"{name} {_short(value)}" for name, value in self.figures.items())]
        return f"{self.what}: {', '.join(parts)}"

    def timed(self) -> str:
        """Write what is done, the figures, the rate and the time left."""
        elapsed = time.monotonic() - self._started
        if not self.done or not elapsed:
            return str(self)
        rate = self.done / elapsed
        text = f"{self}, {_short(rate)} {self.units}/s" if rate >= 1 else f"{self}, {_short(1 / rate)} s/{self.unit}"
        left = None if self.total is None else max(0, self.total - self.done) / rate
        return text if left is None else f"{text}, {tqdm.format_interval(left)} left"


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


@contextmanager
def track(what: str, total: int | None, unit: str) -> Iterator[Bar]:
    """Show the progress of the loop inside the `with` block; loops inside it are shown below it.

    `what` says what is being done, `unit` is the name of one item, in the singular.
    """
    bar = Bar(what, total, unit)
    if CHANNEL not in os.environ and sys.stderr is not None and sys.stderr.isatty():
        bar._drawn = tqdm(total=total, desc=what, unit=f" {unit}", leave=False, dynamic_ncols=True, unit_scale=True)
    if not _active:
        _clock.last = bar._started
    _active.append(bar)
    try:
        yield bar
    finally:
        _active.remove(bar)
        if bar._drawn is not None:
            bar._drawn.close()
        elif bar._written and (channel := os.environ.get(CHANNEL, OFF)) != OFF:
            files.write_atomic(Path(channel), _stack())


def counted(items: Iterable[T], what: str, unit: str, total: int | None = None) -> Iterator[T]:
    """Yield the items, and show how many of them are done; without a `total`, of as many as `len` says."""
    total = len(items) if total is None and isinstance(items, Sized) else total
    with track(what, total, unit) as bar:
        for item in items:
            yield item
            bar.advance()


def write(line: str) -> None:
    """Print a line on standard error, above the bars."""
    tqdm.write(line, file=_active[0]._stream if _active else sys.stderr)


def _report() -> None:
    """Print a line, or write the state for the parent, if it is time."""
    channel = os.environ.get(CHANNEL)
    if channel == OFF:
        return
    if channel is None:
        if _clock.due(LINE_SECONDS):
            write(" > ".join([*map(str, _active[:-1]), _active[-1].timed()]))
    elif _clock.due(_CHANNEL_SECONDS):
        files.write_atomic(Path(channel), _stack())
        for bar in _active:
            bar._written = True


def _stack() -> str:
    return " > ".join(map(str, _active))
