"""The book: executes what `book/runs.toml` lists, makes pages of the results, and checks both.

What stands already is not done again: a notebook as long as its run's key is the same, the pages as long as the
executed notebooks, the book's text and its tools are.
"""

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, ValidationError

from emomech import pages, runner
from emomech.errors import EmomechError, UsageError, unknown
from emomech.presets import PACKAGE

Profile: TypeAlias = Literal["full", "quick"]
State: TypeAlias = Literal["fresh", "stale", "missing", "broken"]

ROOT = PACKAGE.parent
PROFILES: tuple[Profile, ...] = ("full", "quick")


class Entry(BaseModel):
    """One run of the book: a notebook, its parameters, and what the quick profile changes of them."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    notebook: str
    parameters: Mapping[str, Any] = {}
    quick: Mapping[str, Any] = {}

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
    executed = sum(_bring_up_to_date(entry, profile, say, root) for entry in runs(root))
    sources = pages.book_sources(root)
    html = html_folder(root)
    if pages.kept_key(html) != pages.key_of(sources):
        say("making the pages")
        pages.render(sources, html)
    elif not executed:
        say("nothing to do: the book is up to date")
    return html / "index.html"


def _bring_up_to_date(entry: Entry, profile: Profile, say: Callable[[str], None], root: Path) -> bool:
    """Execute a run unless it stands; return whether it was executed."""
    planned = runner.prepare(entry.notebook, entry.overrides(profile))
    target = destination(entry, root)
    if runner.fresh(planned, target) and not pages.notebook_problems(target):
        return False
    say(f"{entry.notebook}: executing")
    target.parent.mkdir(parents=True, exist_ok=True)
    runner.execute(planned, target)
    return True


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
