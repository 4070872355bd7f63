"""What prose may not do: state a number that no cell computed, or quote one that no cell defined.

A number of a result stands in a sentence as `{glue:text}`; what is typed cannot follow another model or seed.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from emomech.book import executed_notebook, pages
from emomech.book.executed_notebook import Shown
from emomech.core.errors import EmomechError

_ALLOWED = re.compile(r"`[^`]*`|^\d+\. |95 %|\bC\d+\b", re.MULTILINE)
"""Code and names, the numbers of a list, the level of an interval, the claims' names."""
_RESULT = re.compile(r"\d+\.\d+|\d+ ?%|\d{2,}")
_ROLE = re.compile(r"\{glue:\w+\}`([^`]+)`")
_DIRECTIVE = re.compile(r"^(`{3,}|:{3,}|~{3,})\{glue:?\w*\} *(\S+)\n(.*?)^\1 *$", re.DOTALL | re.MULTILINE)
_DOC = re.compile(r"^:doc: *(\S+)", re.MULTILINE)


def typed_numbers(text: str) -> list[str]:
    """Find the numbers in MyST Markdown that look like those of a result and are not quoted by name."""
    return _RESULT.findall(_ALLOWED.sub("", text))


def quoted_keys(text: str) -> Iterator[tuple[str, str]]:
    """Find what MyST Markdown quotes: the page that defines it, empty for the text's own, and the name."""
    for quoted in _ROLE.findall(text):
        page, _, rest = quoted.rpartition("::")
        yield (page, rest.partition(":")[0])
    for _, name, options in _DIRECTIVE.findall(text):
        page = _DOC.search(options)
        yield (page[1] if page else "", name)


def problems(results: Path, notebooks: Sequence[str], root: Path) -> list[str]:
    """Say which numbers executed notebooks type into prose, and what they or other pages quote that no cell defines.

    What is no notebook is left to `pages.notebook_problems`.
    """
    found: dict[str, Shown] = {}
    for name in notebooks:
        try:
            found[name] = executed_notebook.read(results / f"{name}.ipynb")
        except EmomechError:
            continue
    keys = {name: {one.name for one in (*page.numbers, *page.pieces)} for name, page in found.items()}
    told = []
    for name, page in found.items():
        for cell, text in page.prose:
            told += [f"{name}: cell {cell} types {number} into prose" for number in typed_numbers(text)]
            told += [f"{name}: cell {cell} {why}" for why in _undefined(text, name, keys)]
    for listed in pages.toc_files(root):
        file = root / f"{listed}.md"
        if Path(listed).parent != pages.RESULTS and file.exists():
            told += [f"{listed}: {why}" for why in _undefined(file.read_text(encoding="utf-8"), "", keys)]
    return told


def _undefined(text: str, own: str, keys: Mapping[str, set[str]]) -> Iterator[str]:
    for page, name in quoted_keys(text):
        notebook = PurePosixPath(page).stem or own
        if notebook not in keys or name not in keys[notebook]:
            yield f"quotes {name}, which {notebook or 'this page'} does not define"
