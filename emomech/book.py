"""The book: executes what `book/runs.toml` lists, makes pages of the results, and checks both.

What stands already is not done again: a notebook as long as its run's key is the same, the pages as long as the
executed notebooks, the book's text and its tools are.
"""

import os
import tomllib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, ValidationError

from emomech import pages, runner
from emomech.errors import EmomechError, UsageError, unknown
from emomech.presets import PACKAGE

Profile: TypeAlias = Literal["full", "quick"]
State: TypeAlias = Literal["fresh", "stale", "missing", "broken"]

ROOT = PACKAGE.parent
MOST_AT_ONCE = 2
"""Notebooks that are executed side by side; each holds a model and its SAEs in memory."""
PROFILES: tuple[Profile, ...] = ("full", "quick")


class Entry(BaseModel):
    """One run of the book: a notebook, its parameters, and what the quick profile changes of them."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    notebook: str
    parameters: Mapping[str, Any] = {}
    quick: Mapping[str, Any] = {}
    needs: list[str] = []
    """Notebooks whose runs it reads, and which are therefore executed before it."""

    def overrides(self, profile: Profile) -> dict[str, object]:
        """Give the parameters that depart from the notebook's own."""
        return dict(self.parameters) | (dict(self.quick) if profile == "quick" else {})


class _Runs(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    run: list[Entry]


def runs(root: Path = ROOT) -> list[Entry]:
    """Read what the book consists of, in order. Raises EmomechError that names the key that is wrong."""
    file = root / "book" / "runs.toml"
    try:
        entries = _Runs.model_validate(tomllib.loads(file.read_text(encoding="utf-8"))).run
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise EmomechError(f"{file}: cannot be read: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise EmomechError(f"{file}: {'.'.join(map(str, first['loc']))}: {first['msg']}.") from error
    names = [entry.notebook for entry in entries]
    if twice := {name for name in names if names.count(name) > 1}:
        raise EmomechError(f"{file}: {', '.join(sorted(twice))} stands there more than once; a notebook is one page.")
    if strange := {name for entry in entries for name in entry.needs} - set(names):
        raise EmomechError(f"{file}: {', '.join(sorted(strange))} is needed by a run, but is not in the list.")
    return entries


def destination(entry: Entry, root: Path = ROOT) -> Path:
    """Say where the executed notebook of a run stands."""
    return root / "book" / "results" / f"{entry.notebook}.ipynb"


def html_folder(root: Path = ROOT) -> Path:
    """Say where the pages stand."""
    return root / "book" / "_build" / "html"


def build(profile: Profile = "full", *, say: Callable[[str], None], root: Path = ROOT) -> Path:
    """Bring the book up to date and return its first page; `say` is told of each step.

    Raises UsageError for an unknown profile, EmomechError for a notebook that fails or a page that Sphinx warns of.
    """
    if profile not in PROFILES:
        raise unknown("profile", profile, PROFILES)
    executed = _bring_up_to_date(runs(root), profile, say, root)
    sources = pages.book_sources(root)
    html = html_folder(root)
    if pages.kept_key(html) != pages.key_of(sources):
        say("making the pages")
        pages.render(sources, html)
    elif not executed:
        say("nothing to do: the book is up to date")
    return html / "index.html"


def _bring_up_to_date(entries: Sequence[Entry], profile: Profile, say: Callable[[str], None], root: Path) -> int:
    """Execute the runs that do not stand, side by side where they do not need one another; return how many."""
    planned = {entry.notebook: runner.prepare(entry.notebook, entry.overrides(profile)) for entry in entries}
    targets = {entry.notebook: destination(entry, root) for entry in entries}
    stale = [
        entry
        for entry in entries
        if not runner.fresh(planned[entry.notebook], targets[entry.notebook])
        or pages.notebook_problems(targets[entry.notebook])
    ]
    n_workers = min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2, MOST_AT_ONCE)

    def execute(name: str) -> None:
        say(f"{name}: executing")
        targets[name].parent.mkdir(parents=True, exist_ok=True)
        runner.execute(planned[name], targets[name], one_thread=n_workers > 1)

    _in_order({entry.notebook: entry.needs for entry in stale}, execute, n_workers)
    return len(stale)


def _in_order(needs: Mapping[str, Sequence[str]], execute: Callable[[str], None], n_workers: int) -> None:
    """Execute every name after those that it needs, as many at once as there are workers; a failure stops it."""
    sorter = TopologicalSorter({name: [other for other in wanted if other in needs] for name, wanted in needs.items()})
    try:
        sorter.prepare()
    except CycleError as error:
        raise EmomechError(f"book/runs.toml: these need one another: {', '.join(error.args[1])}.") from error
    with ThreadPoolExecutor(n_workers) as pool:
        running: dict[Future[None], str] = {}
        try:
            while sorter.is_active():
                running |= {pool.submit(execute, name): name for name in sorter.get_ready()}
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    future.result()
                    sorter.done(running.pop(future))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def status(profile: Profile = "full", root: Path = ROOT) -> dict[str, State]:
    """Say how each run stands, and the pages under the name `html`."""
    found: dict[str, State] = {entry.notebook: _state(entry, profile, root) for entry in runs(root)}
    found["html"] = _html_state(root)
    return found


def _state(entry: Entry, profile: Profile, root: Path) -> State:
    target = destination(entry, root)
    if not target.exists():
        return "missing"
    if pages.notebook_problems(target):
        return "broken"
    return "fresh" if runner.fresh(runner.prepare(entry.notebook, entry.overrides(profile)), target) else "stale"


def _html_state(root: Path) -> State:
    kept = pages.kept_key(html_folder(root))
    if not kept:
        return "missing"
    try:
        return "fresh" if kept == pages.key_of(pages.book_sources(root)) else "stale"
    except EmomechError:
        return "broken"


def check(profile: Profile = "full", root: Path = ROOT) -> list[str]:
    """Say all that is wrong with the book as it stands; an empty list is a whole book."""
    entries = runs(root)
    problems = [f"{name}: is {state}" for name, state in status(profile, root).items() if state != "fresh"]
    for entry in entries:
        target = destination(entry, root)
        if target.exists():
            problems += [f"{entry.notebook}: {why}" for why in pages.notebook_problems(target)]
    problems += _differences(entries, root)
    return problems + pages.html_problems(html_folder(root))


def _differences(entries: list[Entry], root: Path) -> list[str]:
    """Compare the contents with the runs: what is computed is shown, what is shown is computed."""
    listed = {Path(page).name for page in pages.toc_files(root) if Path(page).parent == Path("book/results")}
    names = {entry.notebook for entry in entries}
    return [f"{name}: stands in book/runs.toml but not in _toc.yml" for name in sorted(names - listed)] + [
        f"{name}: stands in _toc.yml but not in book/runs.toml" for name in sorted(listed - names)
    ]


def picture(notebook: str, number: int, file: Path, root: Path = ROOT) -> None:
    """Save a figure of the book, counted as on its page, as SVG.

    Raises EmomechError for a notebook that is not executed or a figure that it does not have.
    """
    executed = destination(Entry(notebook=notebook), root)
    figures = pages.pictures(executed)
    if not 1 <= number <= len(figures):
        raise EmomechError(f"{executed}: there is no figure {number}; it has {len(figures)}.")
    file.write_text(figures[number - 1], encoding="utf-8")


def render_single(executed: Path, out: Path, root: Path = ROOT) -> Path:
    """Make a page of one executed notebook, in the dress of the book, in the folder `out`; return the page.

    Raises UsageError for a notebook that is not there or a folder that holds other things, EmomechError as `build`.
    """
    if not executed.is_file():
        raise UsageError(f"{executed}: there is no such notebook.")
    out.parent.mkdir(parents=True, exist_ok=True)
    with pages.unfinished(out.parent) as folder:
        pages.render(pages.single_sources(root, executed, folder), out)
    return out / f"{executed.stem}.html"
