"""A reader who opens a page from a disk sees its first figure at once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SECONDS = 1.5
"""From the start of opening a page until the first figure's marks stand in it, with nothing of it in memory."""
TRIES = 3
"""The best of so many counts: what else the machine does is no fault of the page."""

WATCH = """
new MutationObserver((_, observer) => {
  if (!document.querySelector(".emo-vega svg.marks :is(.mark-symbol, .mark-line, .mark-rect, .mark-rule) :is(path, line)")) return;
  window.firstFigure = performance.now();
  observer.disconnect();
}).observe(document, { childList: true, subtree: true });
"""


def seconds_to_first_figure(start: Callable[[], Any], file: Path) -> float:
    """Open a page in a browser that has just started, and take the time."""
    chromium = start()
    context = chromium.new_context(viewport={"width": 1440, "height": 1000})
    context.add_init_script(WATCH)
    page = context.new_page()
    page.goto(file.as_uri())
    taken = page.wait_for_function("window.firstFigure").json_value() / 1000
    chromium.close()
    return taken


def test_the_first_figure_stands_soon(start: Callable[[], Any], pages: list[Path]) -> None:
    with_figures = [file for file in pages if 'class="emo-vega"' in file.read_text(encoding="utf-8")]
    if not with_figures:
        pytest.skip("this book has no figure")
    for file in with_figures:
        taken: list[float] = []
        while len(taken) < TRIES and min(taken, default=SECONDS) >= SECONDS:
            taken.append(seconds_to_first_figure(start, file))
        assert min(taken) < SECONDS, f"{file.name}: the first figure took {min(taken):.2f} s"
