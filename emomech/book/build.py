"""Build an edition of the book: execute its notebooks, render their pages, and check both.

A notebook is executed again only if its key changed, and the pages are rendered again only if an executed notebook,
the text of the book or one of its tools changed.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, TypeAlias

from emomech.book import executed_notebook, ledger, order, pages, runner, warm_kernels
from emomech.book.checks import html as html_checks
from emomech.book.checks import prose
from emomech.book.edition import Edition, Entry
from emomech.book.executed_notebook import ExecutedNotebook
from emomech.book.expected import seconds_of_pages
from emomech.book.kept import replay
from emomech.book.kept import state as kept_state
from emomech.book.kept.replay import KeptPage
from emomech.book.progress_board import Board
from emomech.core import files, outputs
from emomech.core.errors import EmomechError, UsageError, unknown
from emomech.core.machine import MOST_AT_ONCE
from emomech.core.paths import CHECKOUT

State: TypeAlias = Literal["fresh", "stale", "missing", "broken"]


def build(edition: Edition, *, say: Callable[[str], None]) -> Path:
    """Bring an edition up to date and return its first page; `say` gets a line for each step.

    Raises UsageError for parameters that do not fit and for a folder that cannot be written or holds other files,
    EmomechError for a notebook that fails or a page for which Sphinx prints a warning.
    """
    outputs.writable_folder(edition.results, "--output", outputs.BOOK)
    pages.check_place(edition.html, "--output")
    n_executed = _bring_up_to_date(edition, say)
    names = [entry.notebook for entry in edition.entries]
    if n_executed or not ledger.is_current(edition.results, names):
        ledger.write(edition.results, names)
    sources = pages.book_sources(edition.root, edition.results)
    if pages.kept_key(edition.html) != pages.key_of(sources):
        say("rendering the pages")
        pages.render(sources, edition.html, [edition.results / ledger.LEDGER])
    elif not n_executed:
        say("nothing to do: the book is up to date")
    return edition.html / "index.html"


def _bring_up_to_date(edition: Edition, say: Callable[[str], None]) -> int:
    """Execute every notebook that is not fresh, in parallel where they do not need one another; return how many."""
    planned = edition.planned
    edition.keep()
    needs = {entry.notebook: entry.needs for entry in edition.entries if _state(entry, edition) != "fresh"}
    kept = {name: page for name, page in replay.pages(edition.root).items() if _kept_state(page, edition) != "fresh"}
    n_workers = order.workers(MOST_AT_ONCE)

    seconds = {entry.notebook: entry.seconds for entry in edition.entries if entry.notebook in needs}
    if len(needs) > n_workers:  # otherwise all of them begin at once
        seconds = seconds_of_pages(edition, needs)
    seconds |= dict.fromkeys(kept, replay.SECONDS)
    needs |= {name: [] for name in kept}
    threads = {"OMP_NUM_THREADS": "1"} if n_workers > 1 else {}

    def execute(name: str) -> None:
        board.say(f"{name}: executing")
        edition.results.mkdir(parents=True, exist_ok=True)
        with board.running(name) as shown:
            page = kept.get(name)
            plan, variables = (page.planned, page.environment) if page else (planned[name], {})
            kernel, file = {**threads, **shown.environment, **variables}, edition.executed(name)
            try:
                runner.execute(plan, file, on_cell=shown.on_cell, environment=kernel, server=server)
            except EmomechError as error:
                if page is None or page.state.kind != "stale":
                    raise
                replay.write_unreadable(page, file, str(error))

    with Board(seconds, n_workers, say) as board, warm_kernels.server_for(len(needs), threads) as server:
        order.in_order(needs, seconds, execute, n_workers)
    return len(needs)


def status(edition: Edition) -> dict[str, State]:
    """Give the state of each notebook by name, that of the pages of each kept edition, and that of all as `html`."""
    states: dict[str, State] = {entry.notebook: _state(entry, edition) for entry in edition.entries}
    worst: dict[State, int] = {"fresh": 0, "stale": 1, "missing": 2, "broken": 3}
    for page in replay.pages(edition.root).values():
        found, name = _kept_state(page, edition), f"pages of {page.edition.name}"
        states[name] = max(states.get(name, "fresh"), found, key=worst.__getitem__)
    states["html"] = _html_state(edition)
    return states


def _state(entry: Entry, edition: Edition) -> State:
    return _state_of(edition.executed(entry.notebook), lambda: edition.planned[entry.notebook].key)


def _kept_state(page: KeptPage, edition: Edition) -> State:
    return _state_of(edition.executed(page.name), lambda: page.planned.key)


def _state_of(file: Path, key: Callable[[], str]) -> State:
    if not file.exists():
        return "missing"
    notebook = ExecutedNotebook.read_if_valid(file)
    if notebook is None or notebook.problems:
        return "broken"
    return "fresh" if notebook.is_fresh(key()) else "stale"


def _html_state(edition: Edition) -> State:
    kept = pages.kept_key(edition.html)
    if not kept:
        return "missing"
    try:
        return "fresh" if kept == pages.key_of(pages.book_sources(edition.root, edition.results)) else "stale"
    except EmomechError:
        return "broken"


def check(edition: Edition) -> list[str]:
    """List every problem of an edition as it stands; empty for a complete book."""
    problems = [f"{name}: is {state}" for name, state in status(edition).items() if state != "fresh"]
    names = [entry.notebook for entry in edition.entries if edition.executed(entry.notebook).exists()]
    for name in names:
        problems += [f"{name}: {problem}" for problem in executed_notebook.problems(edition.executed(name))]
    problems += _contents_problems(edition.entries, edition.root)
    if len(names) == len(edition.entries) and pages.kept_key(edition.html):
        problems += ledger.problems(edition.results, edition.html, names)
    kept = [name for name in replay.pages(edition.root) if edition.executed(name).exists()]
    for name in kept:
        problems += [f"{name}: {problem}" for problem in executed_notebook.problems(edition.executed(name))]
    problems += prose.problems(edition.results, [*names, *kept], edition.root)
    problems += _rule_problems() if edition.root == CHECKOUT else []
    problems += kept_state.problems(edition.root)
    return problems + html_checks.html_problems(edition.html)


def _rule_problems() -> list[str]:
    """List the rules that have changed since they were fixed, or since their error rates were measured."""
    from emomech.book import frozen_rules, operating  # they load every chapter

    return frozen_rules.problems() + operating.problems()


def _contents_problems(entries: Sequence[Entry], root: Path) -> list[str]:
    """List the notebooks that are executed but have no page, and the pages whose notebook is not executed."""
    listed = {Path(page).name for page in pages.toc_files(root) if Path(page).parent == pages.RESULTS}
    executed = {entry.notebook for entry in entries}
    return [f"{name}: is in book/runs.toml but not in _toc.yml" for name in sorted(executed - listed)] + [
        f"{name}: is in _toc.yml but not in book/runs.toml" for name in sorted(listed - executed)
    ]


def picture(edition: Edition, notebook: str, number: int, file: Path) -> None:
    """Save figure `number` of a notebook's page, counted from 1, as SVG.

    Raises UsageError for a notebook that the book does not have, EmomechError for one that is not executed and for a
    figure that it does not have.
    """
    if notebook not in (known := [entry.notebook for entry in edition.entries]):
        raise unknown("notebook of the book", notebook, known)
    executed = ExecutedNotebook.read_if_valid(edition.executed(notebook))
    if executed is None:
        raise EmomechError(f"{edition.executed(notebook)}: is not executed; run `emomech book` first.")
    if not 1 <= number <= len(executed.figures):
        raise EmomechError(f"{notebook}: has no figure {number}; it has {len(executed.figures)}, counted from 1.")
    files.write_atomic(file, executed.figures[number - 1].svg)


def render_single(executed: Path, out: Path, root: Path = CHECKOUT) -> Path:
    """Render one executed notebook in the style of the book into the folder `out`; return its page.

    Raises UsageError for a missing notebook and for a folder that holds other files, EmomechError as `build` does.
    """
    if not executed.is_file():
        raise UsageError(f"{executed}: there is no such notebook.")
    out.parent.mkdir(parents=True, exist_ok=True)
    with files.temporary_folder(out.parent) as folder:
        pages.render(pages.single_sources(root, executed, folder), out)
    return out / f"{executed.stem}.html"
