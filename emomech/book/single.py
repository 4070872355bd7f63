"""Execute one notebook with a user's parameters and render its page, in a folder apart from the book."""

from collections.abc import Callable
from pathlib import Path

from emomech.book import build, pages, runner
from emomech.book.executed_notebook import ExecutedNotebook
from emomech.book.progress_board import Board
from emomech.book.runner import Planned
from emomech.core import outputs
from emomech.core.errors import UsageError
from emomech.core.paths import CHECKOUT

FOLDER = CHECKOUT / "book" / "_build" / "single"
"""Folder of the pages for which the user names none."""


def run(planned: Planned, out: Path | None, say: Callable[[str], None]) -> Path:
    """Bring the page of a notebook up to date and return it; `out` is its folder, None for one in `FOLDER`.

    A damaged notebook of an earlier run is executed again. Raises UsageError for a folder that cannot be written and
    for other files in the place of notebook or pages, and as `runner.execute` and `build.render_single` do.
    """
    name = planned.name
    folder = out or FOLDER / f"{name}-{planned.key[:8]}"
    file, html = folder / f"{name}.ipynb", folder / "html"
    page = html / f"{name}.html"
    earlier = ExecutedNotebook.read_if_valid(file)
    is_fresh = earlier is not None and earlier.is_fresh(planned.key) and not earlier.problems
    if is_fresh and page.exists() and page.stat().st_mtime_ns >= file.stat().st_mtime_ns:
        say(f"{name}: is up to date")
        return page
    _check_place(file, html, earlier)
    if not is_fresh:
        _execute(planned, file, say)
    say(f"{name}: rendering the page")
    return build.render_single(file, html)


def _execute(planned: Planned, file: Path, say: Callable[[str], None]) -> None:
    with Board({planned.name: 0.0}, 1, say) as board, board.running(planned.name) as shown:

        def on_cell(done: int, total: int) -> None:
            shown.on_cell(done, total)
            if not board.is_drawn:
                say(f"{planned.name}: {done} of {total} cells done")

        runner.execute(planned, file, on_cell=on_cell, environment=shown.environment)


def _check_place(file: Path, html: Path, earlier: ExecutedNotebook | None) -> None:
    """Raise UsageError if notebook and pages cannot be written, or if there are other files in their place."""
    outputs.writable_folder(file.parent, "--out")
    outputs.writable_file(file, "--out", outputs.PAGE)
    pages.check_place(html, "--out")
    is_own = earlier.record if earlier else file.absolute().parent.parent == FOLDER or pages.kept_key(html)
    if file.exists() and not is_own:
        kind = "was not written by emomech" if earlier else "was not written by emomech, or is damaged,"
        raise UsageError(f"{file}: {kind} and is not replaced. Delete it, or name another folder.")
