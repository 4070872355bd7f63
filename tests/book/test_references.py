"""Every work that a page or a docstring cites is in the bibliography."""

import re
import tomllib
from collections.abc import Iterator

import yaml
from pybtex.database import parse_file, parse_string

from emomech.core.paths import CHECKOUT

ENTRIES = parse_file(str(CHECKOUT / "book" / "references.bib")).entries
KNOWN = {
    (person.last_names[-1].replace("{\\'a}", "á").rpartition("-")[2], entry.fields["year"])
    for entry in ENTRIES.values()
    for person in entry.persons["author"]
}
NAMED = re.compile(r"([A-Z][\wá’']+)(?: and [A-Z][\w’']+| et al\.)?,? \(?((?:19|20)\d\d)\b")
NO_NAMES = {"Copyright", "Ltd", "January", "Jul", "Version"}


def named() -> Iterator[tuple[str, str, str]]:
    """Author, year and file of every citation in the text of the book and of the package."""
    files = [
        *(CHECKOUT / "emomech").rglob("*.py"),
        *(CHECKOUT / "notebooks").glob("*.md"),
        *(CHECKOUT / "book").glob("**/*.md"),
    ]
    files += (CHECKOUT / "emomech" / "presets").glob("*.toml")
    for file in files:
        if "_build" not in file.parts:
            text = re.sub(r"\s+", " ", file.read_text(encoding="utf-8"))
            yield from ((match[1], match[2], file.name) for match in NAMED.finditer(text) if match[1] not in NO_NAMES)


def test_every_work_that_is_named_stands_in_the_bibliography() -> None:
    unknown = [one for one in named() if one[:2] not in KNOWN]
    assert not unknown


def test_every_entry_says_where_it_appeared() -> None:
    for key, entry in ENTRIES.items():
        where = {"journal", "booktitle", "publisher", "note"} & set(entry.fields)
        assert where and entry.fields["title"] and key.endswith(entry.fields["year"]), key


def test_the_first_page_cites_the_book_as_its_citation_file_does() -> None:
    cited = yaml.safe_load((CHECKOUT / "CITATION.cff").read_text())
    block = re.search(r"```bibtex\n(.+?)```", (CHECKOUT / "book" / "index.md").read_text(), re.DOTALL)
    assert block
    (entry,) = parse_string(block[1], "bibtex").entries.values()
    assert {name: entry.fields[name] for name in ("title", "version", "license")} == {
        name: cited[name] for name in ("title", "version", "license")
    }
    assert str(entry.persons["author"][0]).strip("{}") == cited["authors"][0]["name"]
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    assert (project["version"], project["license"]) == (cited["version"], cited["license"])
