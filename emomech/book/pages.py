"""Render pages from executed notebooks with Jupyter Book.

Sphinx sees only a copy of the book's own files, with execution off and warnings as errors, so that a virtual
environment beside the book, a forgotten draft or a half-finished notebook never becomes a page.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from importlib import metadata
from pathlib import Path
from typing import Any

from emomech.book import demo, executed_notebook, ledger
from emomech.book.kept import front
from emomech.core import origin, outputs
from emomech.core.errors import EmomechError, UsageError
from emomech.core.files import atomic_folder, temporary_folder
from emomech.core.paths import PACKAGE

RESULTS = Path("book/results")
"""Folder of the executed notebooks inside a book."""
STAMP = ".emomech-key"
"""File beside the pages that holds the key of their sources."""
_TOOLS = ("jupyter-book", "sphinx", "myst-nb", "sphinx-book-theme", "pydata-sphinx-theme", "vl-convert-python")
"""Packages whose version decides how a page looks."""
_MAKERS = (
    *("book/pages.py", "book/ledger.py", "book/executed_notebook.py", "book/notebook_parts.py", "figures/vega.py"),
    *(f"book/sphinx/{name}.py" for name in ("buttons", "demo", "layers", "vega")),
)
"""Files of this package that decide how a page looks; a change to one of them makes every page stale."""
_NOT_SOURCES = {"_build", "results", "editions", ".ipynb_checkpoints"}
_JUPYTER_BOOK = "from jupyter_book.cli.main import main; main()"
_COLOURS = re.compile(r"\x1b\[[\d;]*m")
"""Escape codes for colours on a terminal, which Sphinx writes even into a pipe."""
_REMOTE_SCRIPT = re.compile(r"<script[^>]*\ssrc=\"https?:[^>]*></script>")
_MAX_LINES = 20
"""Lines of Jupyter Book's output that an error message quotes."""
Sources = Mapping[str, Path | str]
"""The files of a book: the path inside the book, and the file to copy there, or its text."""


def toc_files(root: Path) -> list[str]:
    """List the pages of a book's `_toc.yml`, in order and without suffix."""
    return list(_toc_entries(_toc(root)))


def _toc(root: Path) -> Any:
    import yaml

    try:
        return yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise EmomechError(f"{root / '_toc.yml'}: cannot be read: {error}") from error


def _toc_entries(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for child in node:
            yield from _toc_entries(child)
    elif isinstance(node, dict):
        for key, child in node.items():
            if key in ("root", "file"):
                yield str(child)
            else:
                yield from _toc_entries(child)


def _with_parts(contents: Any, parts: Sequence[Any]) -> str:
    """Write a table of contents with further parts before its last one, which is the appendix."""
    import yaml

    *first, last = contents["parts"]
    return yaml.safe_dump({**contents, "parts": [*first, *parts, last]}, sort_keys=False, allow_unicode=True)


def book_sources(root: Path, results: Path) -> dict[str, Path | str]:
    """Collect the files of the book at `root`: its configuration, its pages, and everything else in `book/`.

    Pages in `book/results/` are the executed notebooks of the folder `results`, where the ledger's page also comes
    from. Each kept edition gets a part of the contents. Raises EmomechError for a page that does not exist.
    """
    files = [root / "_config.yml", root / "_toc.yml"]
    files += [
        file
        for file in sorted((root / "book").rglob("*"))
        if file.is_file() and not _NOT_SOURCES & set(file.relative_to(root / "book").parts)
    ]
    sources: dict[str, Path | str] = {file.relative_to(root).as_posix(): file for file in files}
    contents = _toc(root)
    if kept := front.parts(root, RESULTS):
        sources["_toc.yml"] = _with_parts(contents, kept)
        sources |= front.sources(root, results, RESULTS)
    for page in [*_toc_entries(contents), *_toc_entries(kept)]:
        if f"{page}.md" in sources and page not in _toc_entries(contents):
            continue
        if RESULTS in Path(page).parents:
            name = f"{page}.ipynb"
            file = results / Path(name).relative_to(RESULTS)
        else:
            name = f"{page}.md"
            file = ledger.source(results) if page == ledger.PAGE else root / name
        if not file.exists():
            raise EmomechError(f"_toc.yml: {page}: there is no {file}.")
        sources[name] = file
    return sources


def single_sources(root: Path, executed: Path, into: Path) -> dict[str, Path | str]:
    """Collect the files of a book of one executed notebook, in the style of the book at `root`.

    The contents of that book are written into the folder `into`.
    """
    toc = into / "_toc.yml"
    toc.write_text(f"format: jb-book\nroot: {json.dumps(executed.stem)}\n", encoding="utf-8")
    assets = [file for file in sorted((root / "book" / "assets").rglob("*")) if file.is_file()]
    return {
        "_toc.yml": toc,
        "_config.yml": root / "_config.yml",
        "book/references.bib": root / "book" / "references.bib",
        f"{executed.stem}.ipynb": executed,
        **{file.relative_to(root).as_posix(): file for file in assets},
    }


def key_of(sources: Sources) -> str:
    """Hash everything that decides the content of the pages: the sources, this package and its tools."""
    digest = blake2b(digest_size=16)
    makers = {name: PACKAGE / name for name in _MAKERS}
    for name, file in [*sorted(sources.items()), *makers.items()]:
        content = file.encode() if isinstance(file, str) else file.read_bytes()
        digest.update(f"{name}\0".encode() + blake2b(content).digest())
    if f"{demo.PAGE}.md" in sources:
        digest.update(demo.key().encode())
    digest.update(json.dumps({tool: metadata.version(tool) for tool in _TOOLS}).encode())
    return digest.hexdigest()


def kept_key(html: Path) -> str:
    """Read the key of the sources that the pages in a folder were rendered from; empty for a folder without pages."""
    stamp = html / STAMP
    return stamp.read_text(encoding="utf-8", errors="replace") if stamp.exists() else ""


def check_place(html: Path, option: str) -> None:
    """Raise UsageError for a folder that cannot be written, or that holds other files than pages."""
    outputs.writable_folder(html, option)
    if html.exists() and not kept_key(html) and any(html.iterdir()):
        raise UsageError(f"{html}: holds files that are not pages of a book. Name another folder, or empty this one.")


def render(sources: Sources, html: Path, beside: Sequence[Path] = ()) -> None:
    """Render a book into the folder `html`, in place of the pages in it, and copy the files `beside` next to the pages.

    Raises EmomechError for a notebook with problems and for every warning of Sphinx, UsageError for a folder that
    holds other files than pages. The folder is then unchanged.
    """
    check_place(html, "pages in")
    with atomic_folder(html) as built, temporary_folder(built.parent) as folder:
        _jupyter_book(_copy(sources, folder), folder)
        os.replace(folder / "_build" / "html", built)
        for file in beside:
            shutil.copyfile(file, built / file.name)
        (built / STAMP).write_text(key_of(sources), encoding="utf-8")


def one_page(sources: Sources, folder: Path) -> Path:
    """Render a book as one page in an empty folder, with figures as pictures that need no script; return the page.

    Raises EmomechError as `render` does.
    """
    source = _copy(sources, folder)
    _jupyter_book(source, folder, "singlehtml")
    built = folder / "_build" / "singlehtml"
    page = built / "whole.html"  # at the top, because the links in it are relative to that folder
    first = (built / f"{toc_files(source)[0]}.html").read_text(encoding="utf-8")
    page.write_text(_REMOTE_SCRIPT.sub("", first), encoding="utf-8")
    return page


def _copy(sources: Sources, folder: Path) -> Path:
    """Copy a book's files into a folder, and return where. Raises EmomechError for a notebook with problems."""
    notebooks = {name: file for name, file in sources.items() if name.endswith(".ipynb") and isinstance(file, Path)}
    problems = [f"{name}: {why}" for name, file in notebooks.items() for why in executed_notebook.problems(file)]
    if problems:
        raise EmomechError("\n".join(["these notebooks cannot become pages:", *problems]))
    for name, file in sources.items():
        (folder / "source" / name).parent.mkdir(parents=True, exist_ok=True)
        if isinstance(file, str):
            (folder / "source" / name).write_text(file, encoding="utf-8")
        else:
            shutil.copyfile(file, folder / "source" / name)
    return folder / "source"


def _jupyter_book(source: Path, output: Path, builder: str = "html") -> None:
    source, output = source.absolute(), output.absolute()  # a relative path may look like an option
    options = ["--path-output", str(output), "--builder", builder, "--all", "-W", "-n", "--keep-going", "-q"]
    command = [sys.executable, "-P", "-c", _JUPYTER_BOOK, "build", str(source), *options]
    environment = os.environ | origin.environment() | {"NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"}
    process = subprocess.run(command, capture_output=True, encoding="utf-8", env=environment, check=False)
    log = _COLOURS.sub("", process.stdout + process.stderr).replace(f"{source}{os.sep}", "")
    complaints = [line for line in log.splitlines() if re.search(r"WARNING|ERROR|CRITICAL|^\w+Error: \S", line)]
    if process.returncode or complaints or not (output / "_build" / builder).is_dir():
        lines = complaints or log.strip().splitlines()[-_MAX_LINES:]
        more = [f"… and {len(lines) - _MAX_LINES} more"] if len(lines) > _MAX_LINES else []
        raise EmomechError("\n".join(["Jupyter Book could not render the book:", *lines[:_MAX_LINES], *more]))
