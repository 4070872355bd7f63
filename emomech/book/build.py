"""Makes an edition of the book: executes what does not stand, makes pages of the results, and checks both.

What stands already is not done again: a notebook as long as its run's key is the same, the pages as long as the
executed notebooks, the book's text and its tools are.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Literal, TypeAlias

from emomech.book import executed_notebook, ledger, pages, runner
from emomech.book.checks import html as html_checks
from emomech.book.checks import prose
from emomech.book.edition import Edition, Entry
from emomech.core import files
from emomech.core.errors import EmomechError, UsageError
from emomech.core.paths import CHECKOUT

State: TypeAlias = Literal["fresh", "stale", "missing", "broken"]
MOST_AT_ONCE = 2
"""Notebooks that are executed side by side; each holds a model and its SAEs in memory."""


def build(edition: Edition, *, say: Callable[[str], None]) -> Path:
    """Bring an edition up to date and return its first page; `say` is told of each step.

    Raises UsageError for parameters that do not fit and for a folder that holds other things, EmomechError for a
    notebook that fails or a page that Sphinx warns of.
    """
    executed = _bring_up_to_date(edition, say)
    ledger.write(edition.results, [entry.notebook for entry in edition.entries])
    sources = pages.book_sources(edition.root, edition.results)
    if pages.kept_key(edition.html) != pages.key_of(sources):
        say("making the pages")
        pages.render(sources, edition.html, [edition.results / ledger.LEDGER])
    elif not executed:
        say("nothing to do: the book is up to date")
    return edition.html / "index.html"


def _bring_up_to_date(edition: Edition, say: Callable[[str], None]) -> int:
    """Execute the runs that do not stand, side by side where they do not need one another; return how many."""
    planned = edition.planned
    edition.keep()
    stale = {
        entry.notebook: entry.needs
        for entry in edition.entries
        if not executed_notebook.fresh(planned[entry.notebook], edition.executed(entry.notebook))
        or executed_notebook.notebook_problems(edition.executed(entry.notebook))
    }
    n_workers = min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2, MOST_AT_ONCE)

    def execute(name: str) -> None:
        say(f"{name}: executing")
        edition.results.mkdir(parents=True, exist_ok=True)
        runner.execute(planned[name], edition.executed(name), one_thread=n_workers > 1)

    _in_order(stale, execute, n_workers)
    return len(stale)


def _in_order(needs: Mapping[str, Sequence[str]], execute: Callable[[str], None], n_workers: int) -> None:
    """Execute every name after those that it needs, as many at once as there are workers; a failure stops it.

    Of those that can be executed the first by order comes first, so that none that others wait for is left to the end.
    """
    sorter = TopologicalSorter({name: [other for other in wanted if other in needs] for name, wanted in needs.items()})
    try:
        sorter.prepare()
    except CycleError as error:
        raise EmomechError(f"book/runs.toml: these need one another: {', '.join(error.args[1])}.") from error
    with ThreadPoolExecutor(n_workers) as pool:
        running: dict[Future[None], str] = {}
        ready: list[str] = []
        try:
            while sorter.is_active():
                ready = sorted([*ready, *sorter.get_ready()], key=list(needs).index)
                started, ready = ready[: n_workers - len(running)], ready[n_workers - len(running) :]
                running |= {pool.submit(execute, name): name for name in started}
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    name = running.pop(future)
                    future.result()
                    sorter.done(name)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def status(edition: Edition) -> dict[str, State]:
    """Say how each run stands, and the pages under the name `html`."""
    found: dict[str, State] = {entry.notebook: _state(entry, edition) for entry in edition.entries}
    found["html"] = _html_state(edition)
    return found


def _state(entry: Entry, edition: Edition) -> State:
    target = edition.executed(entry.notebook)
    if not target.exists():
        return "missing"
    if executed_notebook.notebook_problems(target):
        return "broken"
    return "fresh" if executed_notebook.fresh(edition.planned[entry.notebook], target) else "stale"


def _html_state(edition: Edition) -> State:
    kept = pages.kept_key(edition.html)
    if not kept:
        return "missing"
    try:
        return "fresh" if kept == pages.key_of(pages.book_sources(edition.root, edition.results)) else "stale"
    except EmomechError:
        return "broken"


def check(edition: Edition) -> list[str]:
    """Say all that is wrong with an edition as it stands; an empty list is a whole book."""
    problems = [f"{name}: is {state}" for name, state in status(edition).items() if state != "fresh"]
    names = [entry.notebook for entry in edition.entries if edition.executed(entry.notebook).exists()]
    for name in names:
        problems += [f"{name}: {why}" for why in executed_notebook.notebook_problems(edition.executed(name))]
    problems += _differences(edition.entries, edition.root)
    if len(names) == len(edition.entries) and pages.kept_key(edition.html):
        problems += ledger.problems(edition.results, edition.html, names)
    problems += prose.problems(edition.results, names, edition.root)
    return problems + html_checks.html_problems(edition.html)


def _differences(entries: Sequence[Entry], root: Path) -> list[str]:
    """Compare the contents with the runs: what is computed is shown, what is shown is computed."""
    listed = {Path(page).name for page in pages.toc_files(root) if Path(page).parent == pages.RESULTS}
    names = {entry.notebook for entry in entries}
    return [f"{name}: stands in book/runs.toml but not in _toc.yml" for name in sorted(names - listed)] + [
        f"{name}: stands in _toc.yml but not in book/runs.toml" for name in sorted(listed - names)
    ]


def picture(edition: Edition, notebook: str, number: int, file: Path) -> None:
    """Save a figure of the book, counted as on its page, as SVG.

    Raises EmomechError for a notebook that is not executed or a figure that it does not have.
    """
    executed = edition.executed(notebook)
    figures = executed_notebook.pictures(executed)
    if not 1 <= number <= len(figures):
        raise EmomechError(f"{executed}: there is no figure {number}; it has {len(figures)}.")
    file.write_text(figures[number - 1], encoding="utf-8")


def render_single(executed: Path, out: Path, root: Path = CHECKOUT) -> Path:
    """Make a page of one executed notebook, in the dress of the book, in the folder `out`; return the page.

    Raises UsageError for a notebook that is not there or a folder that holds other things, EmomechError as `build`.
    """
    if not executed.is_file():
        raise UsageError(f"{executed}: there is no such notebook.")
    out.parent.mkdir(parents=True, exist_ok=True)
    with files.temporary_folder(out.parent) as folder:
        pages.render(pages.single_sources(root, executed, folder), out)
    return out / f"{executed.stem}.html"
