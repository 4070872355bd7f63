"""An edition gives its parameters to the pages that have them, and its folder records them."""

from pathlib import Path

import pytest

from emomech.book import edition, pages
from emomech.book.edition import Edition
from emomech.core.errors import EmomechError, UsageError
from emomech.core.paths import CHECKOUT

RUNS = """
[[run]]
notebook = "one"
parameters = {seed = 3}
quick = {limit = 5}
[[run]]
notebook = "weights"
about = "the embedded models"
[[run]]
notebook = "all"
about = "the book"
"""
NOTEBOOK = "# {0}\n\n```{{code-cell}} ipython3\n:tags: [parameters]\n\n{1}\n```\n"
MODEL, SEED, LIMIT = 'model: str = "organism"  # m', "seed: int = 0  # s [>= 0]", "limit: int = 0  # l"
PAGES = {
    "one": [MODEL, SEED, LIMIT],
    "weights": [MODEL, SEED],
    "all": ['models: str = "organism"  # m', 'settings: str = ""  # s'],
}


@pytest.fixture
def root(workplace: Path) -> Path:
    """The list of runs of a small book, and its notebooks."""
    (workplace / "book").mkdir()
    (workplace / "book" / "runs.toml").write_text(RUNS)
    for name, lines in PAGES.items():
        (workplace / "notebooks" / f"{name}.md").write_text(NOTEBOOK.format(name, "\n".join(lines)))
    return workplace


def overrides(book: Edition) -> dict[str, dict[str, object]]:
    return {name: dict(planned.overrides) for name, planned in book.planned.items()}


def test_the_paper_departs_from_its_notebooks_as_its_list_says(root: Path) -> None:
    assert overrides(Edition(root=root)) == {"one": {"seed": 3}, "weights": {}, "all": {}}
    assert overrides(Edition("quick", root=root))["one"] == {"seed": 3, "limit": 5}


def test_parameters_reach_the_pages_of_the_study_and_the_book_is_told(root: Path) -> None:
    by_notebook = overrides(Edition("quick", {"model": "organism-seed1", "limit": "7"}, root=root))
    assert by_notebook["one"] == {"seed": 3, "limit": 7, "model": "organism-seed1"}
    assert by_notebook["weights"] == {}
    assert by_notebook["all"] == {"models": "organism-seed1", "settings": "model=organism-seed1; limit=7"}


def test_settings_are_read_as_they_are_written() -> None:
    given = {"model": "a=b/c", "corpus": "my file.csv"}
    assert edition.parse_settings(edition.format_settings(given)) == given
    assert edition.parse_settings("") == {}


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"modle": "organism"}, "unknown parameter of the book 'modle'. Did you mean 'model'"),
        ({"settings": "x"}, "unknown parameter of the book 'settings'"),
        ({"seed": "-1"}, "one: seed: found '-1', expected a whole number >= 0"),
        ({"model": "gtp2-small"}, "gtp2-small"),
        ({"model": "a;b"}, "contains a semicolon"),
    ],
)
def test_what_does_not_fit_is_named_before_anything_is_written(root: Path, given: dict[str, str], match: str) -> None:
    with pytest.raises(UsageError, match=match):
        Edition("full", given, root / "other", root).planned  # noqa: B018
    assert not (root / "other").exists()


def test_an_unknown_profile_is_named() -> None:
    with pytest.raises(UsageError, match="unknown profile 'quik'. Did you mean 'quick'"):
        Edition("quik")  # pyright: ignore[reportArgumentType]


def test_a_folder_remembers_its_edition(root: Path) -> None:
    book = Edition("quick", {"seed": "1"}, root / "other", root)
    book.keep()
    assert edition.open_edition(root / "other", root) == book
    book.keep()
    with pytest.raises(UsageError, match=r"holds another edition \(quick, seed=1\). Name another folder"):
        Edition("quick", {"seed": "2"}, root / "other", root).keep()


def test_a_folder_with_other_things_is_left_alone(root: Path) -> None:
    (root / "other").mkdir()
    (root / "other" / "thesis.txt").write_text("years of work")
    with pytest.raises(UsageError, match="holds no edition of the book"):
        Edition("full", {"seed": "1"}, root / "other", root).keep()
    assert [file.name for file in (root / "other").iterdir()] == ["thesis.txt"]


def test_another_edition_stands_in_its_own_folder_and_the_paper_in_its_place(root: Path) -> None:
    other = Edition("full", {"seed": "1"}, root / "other", root)
    assert (other.executed("one"), other.html) == (root / "other/results/one.ipynb", root / "other/html")
    paper = Edition(root=root)
    assert (paper.executed("one"), paper.html) == (root / "book/results/one.ipynb", root / "book/_build/html")
    paper.keep()
    assert not list(root.rglob(edition.RECORD))


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("[[run]]\nnotebook = 3\n", r"run.0.notebook: Input should be a valid string"),
        ('[[run]]\nnotebook = "one"\nparams = {}\n', r"run.0.params: Extra inputs are not permitted"),
        ('[[run]]\nnotebook = "one"\n[[run]]\nnotebook = "one"\n', "lists one more than once"),
        ("[[run", "cannot be read"),
    ],
)
def test_a_wrong_list_of_runs_is_named(tmp_path: Path, text: str, match: str) -> None:
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "runs.toml").write_text(text)
    with pytest.raises(EmomechError, match=f"runs.toml: .*{match}"):
        edition.runs(tmp_path)


def test_the_book_of_this_project_is_listed() -> None:
    listed = {page.removeprefix("book/results/") for page in pages.toc_files(CHECKOUT)}
    assert {entry.notebook for entry in edition.runs()} <= listed
