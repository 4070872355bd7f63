"""Find numbers that are typed into prose instead of quoted, and quotes of numbers that no cell defines.

A sentence quotes a result as `{glue:text}`. A typed number would be wrong for another model or seed.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from emomech.book import pages
from emomech.book.executed_notebook import ExecutedNotebook

_ALLOWED = re.compile(r"<aside .*?</aside>|`[^`]*`|^\d+\. |95 %|\bC\d+\b", re.MULTILINE)
"""Numbers that may be typed: in code and names, of a numbered list, the level of an interval, the names of claims.

The banner of a kept edition is made from its record.
"""
_RESULT = re.compile(r"\d+\.\d+|\d+ ?%|\d{2,}")
_ROLE = re.compile(r"\{glue:\w+\}`([^`]+)`")
_DIRECTIVE = re.compile(r"^(`{3,}|:{3,}|~{3,})\{glue:?\w*\} *(\S+)\n(.*?)^\1 *$", re.DOTALL | re.MULTILINE)
_DOC = re.compile(r"^:doc: *(\S+)", re.MULTILINE)


def typed_numbers(text: str) -> list[str]:
    """Find the numbers in MyST Markdown that look like results and are typed, not quoted by name.

    Example:
        >>> from emomech.book.checks.prose import typed_numbers
        >>> typed_numbers("It is 0.83, and {glue:text}`flow.accuracy` in 2 of 3 layers.")
        ['0.83']
    """
    return _RESULT.findall(_ALLOWED.sub("", text))


def quoted_keys(text: str) -> Iterator[tuple[str, str]]:
    """Find what MyST Markdown quotes: the page that defines it, empty for the page of the text itself, and the name."""
    for quoted in _ROLE.findall(text):
        page, _, rest = quoted.rpartition("::")
        yield (page, rest.partition(":")[0])
    for _, name, options in _DIRECTIVE.findall(text):
        page = _DOC.search(options)
        yield (page[1] if page else "", name)


def problems(results: Path, notebooks: Sequence[str], root: Path) -> list[str]:
    """List the numbers that executed notebooks type into prose, and the quotes, on any page, that no cell defines.

    Files that are not notebooks are left out; `executed_notebook.problems` reports them.
    """
    read = {name: ExecutedNotebook.read_if_valid(results / f"{name}.ipynb") for name in notebooks}
    executed = {name: notebook for name, notebook in read.items() if notebook}
    defined = {
        name: {quotable.name for quotable in (*notebook.numbers, *notebook.pieces)}
        for name, notebook in executed.items()
    }
    problems = []
    for name, notebook in executed.items():
        for cell, text in notebook.prose:
            problems += [f"{name}: cell {cell} types {number} into prose" for number in typed_numbers(text)]
            problems += [f"{name}: cell {cell} {problem}" for problem in _undefined(text, name, defined)]
    for page in pages.toc_files(root):
        file = root / f"{page}.md"
        if Path(page).parent != pages.RESULTS and file.exists():
            text = file.read_text(encoding="utf-8")
            problems += [f"{page}: {problem}" for problem in _undefined(text, "", defined)]
    return problems


def _undefined(text: str, own: str, defined: Mapping[str, set[str]]) -> Iterator[str]:
    for page, name in quoted_keys(text):
        notebook = PurePosixPath(page).stem or own
        if notebook not in defined or name not in defined[notebook]:
            yield f"quotes {name}, which {notebook or 'this page'} does not define"
