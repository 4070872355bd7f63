"""Builds of a book: fresh parts are not built again, broken parts are not published, and problems are reported."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat
import pytest

from emomech.book import build as building
from emomech.book import pages, warm_kernels
from emomech.book.edition import Edition
from emomech.core.errors import EmomechError, UsageError
from emomech.core.paths import CHECKOUT
from emomech.figures.vega import MIME

TOC = "format: jb-book\nroot: book/index\nparts:\n- chapters:\n  - file: book/results/one\n  - file: book/results/two\n"
RUNS = '[[run]]\nnotebook = "one"\nparameters = {seed = 1, limit = 9}\nquick = {limit = 2}\n[[run]]\nnotebook = "two"\n'


def executed(text: str = "1", **cell: Any) -> Any:
    """An executed notebook of one code cell."""
    code = nbformat.v4.new_code_cell(text, **{"execution_count": 1, "outputs": [], **cell})
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# A page"), code])


class Runner:
    """Replaces the runner: executes at once and records the calls."""

    def __init__(self) -> None:
        self.executed: list[tuple[str, dict[str, object]]] = []
        self.makes: Callable[[str], Any] = executed

    def prepare(self, name: str, overrides: dict[str, object]) -> Any:
        return SimpleNamespace(name=name, parameters=overrides, key=json.dumps([name, overrides], sort_keys=True))

    def execute(self, planned: Any, destination: Path, **_: object) -> Path:
        self.executed.append((planned.name, planned.parameters))
        notebook = self.makes(planned.name)
        notebook.metadata["emomech"] = {"key": planned.key}
        nbformat.write(notebook, destination)
        return destination


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> Runner:
    runner = Runner()
    monkeypatch.setenv(warm_kernels.KERNELS, "new")
    for name in ("prepare", "execute"):
        monkeypatch.setattr("emomech.book.runner." + name, getattr(runner, name))
    return runner


@pytest.fixture
def rendered(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Replace Jupyter Book by a quick function that writes an HTML file per page; the pages of each build."""
    builds: list[list[str]] = []

    def quick(source: Path, output: Path) -> None:
        builds.append(sorted(file.relative_to(source).as_posix() for file in source.rglob("*") if file.is_file()))
        for page in pages.toc_files(source):
            file = output / "_build" / "html" / f"{page}.html"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("<h1 id='top'>A page</h1>")

    monkeypatch.setattr(pages, "_jupyter_book", quick)
    return builds


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The sources of a small book."""
    root = tmp_path / "checkout"
    shutil.copytree(CHECKOUT / "book" / "assets", root / "book" / "assets")
    shutil.copy(CHECKOUT / "_config.yml", root)
    (root / "_toc.yml").write_text(TOC)
    (root / "book" / "runs.toml").write_text(RUNS)
    (root / "book" / "index.md").write_text("# A book\n")
    return root


def build(root: Path, said: list[str] | None = None, profile: Any = "full") -> Path:
    return building.build(Edition(profile, root=root), say=(said if said is not None else []).append)


def test_a_build_executes_every_run(root: Path, runner: Runner, rendered: list) -> None:
    said: list[str] = []
    assert build(root, said) == root / "book" / "_build" / "html" / "index.html"
    assert sorted(runner.executed) == [("one", {"seed": 1, "limit": 9}), ("two", {})]
    assert sorted(said[:2]) == ["one: executing", "two: executing"] and said[2:] == ["rendering the pages"]
    assert {"_toc.yml", "book/results/one.ipynb", "book/assets/custom.css"} <= set(rendered[0])
    assert building.status(Edition(root=root)) == {"one": "fresh", "two": "fresh", "html": "fresh"}
    assert building.check(Edition(root=root)) == []


def test_the_quick_profile_changes_parameters(root: Path, runner: Runner, rendered: list) -> None:
    build(root, profile="quick")
    assert sorted(runner.executed) == [("one", {"seed": 1, "limit": 2}), ("two", {})]
    assert building.status(Edition("quick", root=root))["one"] == "fresh"
    assert building.status(Edition(root=root))["one"] == "stale"


def test_a_second_build_does_nothing(root: Path, runner: Runner, rendered: list) -> None:
    said: list[str] = []
    build(root)
    build(root, said)
    assert len(runner.executed) == 2 and len(rendered) == 1 and said == ["nothing to do: the book is up to date"]


@pytest.mark.parametrize("file", ["_config.yml", "_toc.yml", "book/index.md", "book/assets/custom.css"])
def test_pages_are_made_anew_when_the_text_changes(root: Path, runner: Runner, rendered: list, file: str) -> None:
    build(root)
    (root / file).write_text((root / file).read_text() + "\n")
    assert building.status(Edition(root=root))["html"] == "stale"
    build(root)
    assert len(runner.executed) == 2 and len(rendered) == 2


def test_only_the_run_that_changed_is_executed_again(root: Path, runner: Runner, rendered: list) -> None:
    build(root)
    (root / "book" / "runs.toml").write_text(RUNS.replace("seed = 1", "seed = 2"))
    assert building.check(Edition(root=root)) == ["one: is stale", "html: is stale"]
    build(root)
    assert [name for name, _ in runner.executed][2:] == ["one"]


def test_drafts_and_strangers_are_no_part_of_the_book(root: Path, runner: Runner, rendered: list) -> None:
    (root / "README.md").write_text("# Not a page\n")
    (root / "book" / "results").mkdir()
    nbformat.write(executed(), root / "book" / "results" / "old.ipynb")
    build(root)
    assert not {"README.md", "book/results/old.ipynb"} & set(rendered[0])


def test_another_edition_is_built_beside_the_paper(root: Path, runner: Runner, rendered: list) -> None:
    build(root)
    other = Edition("quick", {}, root / "other", root)
    assert building.build(other, say=list) == root / "other" / "html" / "index.html"
    assert building.check(other) == [] and building.check(Edition(root=root)) == []
    assert sorted(runner.executed[2:]) == [("one", {"seed": 1, "limit": 2}), ("two", {})]
    assert "book/results/one.ipynb" in rendered[1]


ERROR = nbformat.v4.new_output("error", ename="ValueError", evalue="of no use", traceback=[])
NAMELESS = nbformat.v4.new_output("display_data", {MIME: {"mark": "point"}})


@pytest.mark.parametrize(
    ("cell", "problem"),
    [
        ({"outputs": [ERROR]}, "cell 2 raised ValueError: of no use"),
        ({"execution_count": None}, "cell 2 was not run"),
        ({"outputs": [NAMELESS]}, "cell 2 shows a figure without a description"),
    ],
)
def test_a_notebook_that_is_not_whole_becomes_no_page(
    root: Path, runner: Runner, rendered: list, cell: dict, problem: str
) -> None:
    build(root)
    before = (root / "book" / "_build" / "html" / pages.STAMP).read_text()
    broken = root / "book" / "results" / "two.ipynb"
    runner.makes = lambda name: executed(**cell)
    broken.unlink()
    with pytest.raises(EmomechError, match=f"book/results/two.ipynb: {problem}"):
        build(root)
    assert (root / "book" / "_build" / "html" / pages.STAMP).read_text() == before
    assert building.status(Edition(root=root))["two"] == "broken" and f"two: {problem}" in building.check(
        Edition(root=root)
    )


def test_a_number_in_prose_and_a_heavy_page_are_problems_of_the_book(
    root: Path, runner: Runner, rendered: list
) -> None:
    build(root)
    notebook = nbformat.read(root / "book" / "results" / "one.ipynb", 4)
    notebook.cells[0].source = "# A page\n\nIt is 0.83, as {glue:text}`one.n` says."
    nbformat.write(notebook, root / "book" / "results" / "one.ipynb")
    page = root / "book" / "_build" / "html" / "book" / "results" / "one.html"
    page.write_text("x" * 2_000_000)
    problems = building.check(Edition(root=root))
    assert "one: cell 1 types 0.83 into prose" in problems
    assert "one: cell 1 quotes one.n, which one does not define" in problems
    assert [why for why in problems if "one.html: has 2.0 MB" in why]


def test_the_ledger_stands_beside_the_pages_and_no_other_is_taken_for_it(
    root: Path, runner: Runner, rendered: list
) -> None:
    (root / "_toc.yml").write_text(TOC + "  - file: book/appendix/ledger\n")
    build(root)
    assert "book/appendix/ledger.md" in rendered[0]
    kept = root / "book" / "_build" / "html" / "ledger.json"
    assert set(json.loads(kept.read_text())["notebooks"]) == {"one", "two"}
    assert building.check(Edition(root=root)) == []
    kept.write_text("{}")
    assert building.check(Edition(root=root)) == [
        "ledger.json: is out of date: it does not match the executed notebooks"
    ]


def test_nothing_is_there_yet(root: Path, runner: Runner) -> None:
    assert building.status(Edition(root=root)) == {"one": "missing", "two": "missing", "html": "missing"}
    assert building.check(Edition(root=root)) == ["one: is missing", "two: is missing", "html: is missing"]


def test_contents_and_runs_have_to_agree(root: Path, runner: Runner, rendered: list) -> None:
    build(root)
    (root / "_toc.yml").write_text(TOC.replace("two", "three"))
    problems = building.check(Edition(root=root))
    assert "two: is in book/runs.toml but not in _toc.yml" in problems
    assert "three: is in _toc.yml but not in book/runs.toml" in problems
    with pytest.raises(EmomechError, match="book/results/three: there is no .*three.ipynb"):
        build(root)


def test_pages_never_replace_other_files(root: Path, runner: Runner, rendered: list) -> None:
    html = root / "book" / "_build" / "html"
    html.mkdir(parents=True)
    (html / "thesis.txt").write_text("years of work")
    with pytest.raises(UsageError, match="holds files that are not pages of a book"):
        build(root)
    assert (html / "thesis.txt").exists() and runner.executed == []


def test_a_book_is_not_begun_where_it_cannot_be_written(root: Path, runner: Runner, rendered: list) -> None:
    (root / "file").touch()
    with pytest.raises(UsageError, match="--output .*/file/results: .*/file is a file, expected a folder"):
        building.build(Edition(output=root / "file", root=root), say=list)
    assert runner.executed == [] and (root / "file").is_file()


@pytest.mark.parametrize("damage", [b"", b'{"cells": [{"cell_type"', b"\x89PNG\xff", b'{"metadata": {}}'])
def test_a_damaged_notebook_is_executed_again(root: Path, runner: Runner, rendered: list, damage: bytes) -> None:
    build(root)
    file = root / "book" / "results" / "two.ipynb"
    file.write_bytes(damage)
    assert building.status(Edition(root=root))["two"] == "broken"
    assert [problem for problem in building.check(Edition(root=root)) if "two.ipynb: is not a notebook" in problem]
    build(root)
    assert [name for name, _ in runner.executed][2:] == ["two"]
    assert building.check(Edition(root=root)) == []


def test_a_build_that_fails_leaves_nothing_behind(
    root: Path, runner: Runner, rendered: list, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(root)
    (root / "book" / "index.md").write_text("# Other\n")
    monkeypatch.setattr(pages, "_jupyter_book", lambda source, output: (_ for _ in ()).throw(EmomechError("no")))
    with pytest.raises(EmomechError, match="no"):
        build(root)
    assert [file.name for file in (root / "book" / "_build").iterdir()] == ["html"]


def test_a_single_page_gets_a_folder_of_its_own(tmp_path: Path, rendered: list) -> None:
    nbformat.write(executed(), tmp_path / "mine.ipynb")
    assert building.render_single(tmp_path / "mine.ipynb", tmp_path / "page") == tmp_path / "page" / "mine.html"
    assert "mine.ipynb" in rendered[0] and "book/assets/vega-init.js" in rendered[0]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["mine.ipynb", "page"]
    with pytest.raises(UsageError, match="there is no such notebook"):
        building.render_single(tmp_path / "other.ipynb", tmp_path / "page")


def test_a_warning_of_sphinx_is_an_error(tmp_path: Path) -> None:
    notebook = executed()
    notebook.cells[0].source = "# A page\n\n{glue:text}`mine.nothing`"
    nbformat.write(notebook, tmp_path / "mine.ipynb")
    with pytest.raises(EmomechError, match="Jupyter Book could not render the book") as caught:
        building.render_single(tmp_path / "mine.ipynb", tmp_path / "page")
    assert "mine.ipynb:1" in str(caught.value) and "mine.nothing" in str(caught.value)
    assert not (tmp_path / "page").exists()


def test_a_picture_is_the_figure_that_its_page_counts(root: Path) -> None:
    outputs = [nbformat.v4.new_output("display_data", {MIME: {}, "image/svg+xml": f"<svg>{i}</svg>"}) for i in (1, 2)]
    folder = root / "book" / "results"
    folder.mkdir()
    nbformat.write(executed(outputs=outputs), folder / "one.ipynb")
    building.picture(Edition(root=root), "one", 2, root / "picture.svg")
    assert (root / "picture.svg").read_text() == "<svg>2</svg>"
    with pytest.raises(EmomechError, match="one: has no figure 3; it has 2"):
        building.picture(Edition(root=root), "one", 3, root / "other.svg")
    with pytest.raises(EmomechError, match="two.ipynb: is not executed"):
        building.picture(Edition(root=root), "two", 1, root / "other.svg")


def test_the_readme_shows_a_picture_that_is_there() -> None:
    shown = CHECKOUT / "book" / "flow.svg"
    assert f"]({shown.relative_to(CHECKOUT)})" in (CHECKOUT / "README.md").read_text()
    assert shown.read_text().startswith("<svg")
