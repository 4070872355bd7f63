"""Pages from executed notebooks: what a book consists of, its rendering by Jupyter Book, and what can be wrong with it.

Sphinx sees a copy of the book's own files and nothing else, with execution off and warnings as errors, so that a
virtual environment beside the book, a forgotten draft or a half-finished notebook never becomes a page.
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

from emomech.book import demo, ledger
from emomech.book.executed_notebook import problems_of
from emomech.core.errors import EmomechError, UsageError
from emomech.core.files import temporary_folder
from emomech.core.paths import PACKAGE

RESULTS = Path("book/results")
"""Where, inside a book, its executed notebooks stand."""
STAMP = ".emomech-key"
"""File beside the pages that holds the key of what they were made from."""
_TOOLS = ("jupyter-book", "sphinx", "myst-nb", "sphinx-book-theme", "pydata-sphinx-theme", "vl-convert-python")
_NOT_SOURCES = {"_build", "results", ".ipynb_checkpoints"}
_JUPYTER_BOOK = "from jupyter_book.cli.main import main; main()"
_COLOURS = re.compile(r"\x1b\[[\d;]*m")
"""What sets colours on a terminal; Sphinx writes it anywhere."""
_REMOTE_SCRIPT = re.compile(r"<script[^>]*\ssrc=\"https?:[^>]*></script>")
_MAX_LINES = 20
Sources = Mapping[str, Path]
"""Path inside the book to the file that stands for it."""


def toc_files(root: Path) -> list[str]:
    """List the pages of a book's `_toc.yml`, in order and without suffix."""
    return list(_walk(_toc(root)))


def _toc(root: Path) -> Any:
    import yaml

    try:
        return yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise EmomechError(f"{root / '_toc.yml'}: cannot be read: {error}") from error


def _walk(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for child in node:
            yield from _walk(child)
    elif isinstance(node, dict):
        for key, child in node.items():
            if key in ("root", "file"):
                yield str(child)
            else:
                yield from _walk(child)


def book_sources(root: Path, results: Path) -> dict[str, Path]:
    """Collect the files of the book at `root`: its configuration, its pages, and what else stands in `book/`.

    The executed notebooks, `book/results/` of the contents, are those of the folder `results`, and so is the ledger of
    what they show. Raises EmomechError for a page of the contents that does not exist.
    """
    files = [root / "_config.yml", root / "_toc.yml"]
    files += [
        file
        for file in sorted((root / "book").rglob("*"))
        if file.is_file() and not _NOT_SOURCES & set(file.relative_to(root / "book").parts)
    ]
    found = {file.relative_to(root).as_posix(): file for file in files}
    for page in toc_files(root):
        executed = Path(page).parent == RESULTS
        name = f"{page}.ipynb" if executed else f"{page}.md"
        made = ledger.source(results) if page == ledger.PAGE else root / name
        file = results / Path(name).name if executed else made
        if not file.exists():
            raise EmomechError(f"_toc.yml: {page}: there is no {file}.")
        found[name] = file
    return found


def single_sources(root: Path, executed: Path, into: Path) -> dict[str, Path]:
    """Collect the files of a book of one executed notebook, in the dress of the book at `root`."""
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
    """Name the content that pages made from these files would have."""
    digest = blake2b(digest_size=16)
    own = {name: PACKAGE / name for name in _MAKERS}
    for name, file in [*sorted(sources.items()), *own.items()]:
        digest.update(f"{name}\0".encode() + blake2b(file.read_bytes()).digest())
    if f"{demo.PAGE}.md" in sources:
        digest.update(demo.key().encode())
    digest.update(json.dumps({tool: metadata.version(tool) for tool in _TOOLS}).encode())
    return digest.hexdigest()


def kept_key(html: Path) -> str:
    """Read the key of what the pages in a folder were made from; empty where there are none."""
    stamp = html / STAMP
    return stamp.read_text(encoding="utf-8") if stamp.exists() else ""


def render(sources: Sources, html: Path, beside: Sequence[Path] = ()) -> None:
    """Make pages of a book's files, and put them in place of the folder `html`, with the files that stand beside them.

    Raises EmomechError for a notebook that is not whole and for every warning of Sphinx; UsageError for a folder that
    holds other things than pages. In both cases the folder stays as it was.
    """
    if html.exists() and not kept_key(html) and any(html.iterdir()):
        raise UsageError(f"{html}: holds files that are not a book's. Name another folder, or empty this one.")
    html.parent.mkdir(parents=True, exist_ok=True)
    with temporary_folder(html.parent) as folder:
        _jupyter_book(_copied(sources, folder), folder)
        built = folder / "_build" / "html"
        for file in beside:
            shutil.copyfile(file, built / file.name)
        (built / STAMP).write_text(key_of(sources), encoding="utf-8")
        if html.exists():
            os.replace(html, folder / "retired")
        os.replace(built, html)


def one_page(sources: Sources, folder: Path) -> Path:
    """Make a book's files into one page, in an empty folder; figures are the pictures that need no script.

    Raises EmomechError as `render`.
    """
    source = _copied(sources, folder)
    _jupyter_book(source, folder, "singlehtml")
    built = folder / "_build" / "singlehtml"
    page = built / "whole.html"  # at the top, for the addresses in it are those from there
    first = (built / f"{toc_files(source)[0]}.html").read_text(encoding="utf-8")
    page.write_text(_REMOTE_SCRIPT.sub("", first), encoding="utf-8")
    return page


def _copied(sources: Sources, folder: Path) -> Path:
    """Copy a book's files below a folder. Raises EmomechError for a notebook that is not whole."""
    broken = [f"{name}: {why}" for name, file in sources.items() for why in problems_of(name, file)]
    if broken:
        raise EmomechError("\n".join(["no page is made of a notebook that is not whole:", *broken]))
    for name, file in sources.items():
        (folder / "source" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, folder / "source" / name)
    return folder / "source"


def _jupyter_book(source: Path, output: Path, builder: str = "html") -> None:
    options = ["--path-output", str(output), "--builder", builder, "--all", "-W", "-n", "--keep-going", "-q"]
    command = [sys.executable, "-c", _JUPYTER_BOOK, "build", str(source), *options]
    plain = os.environ | {"NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(command, capture_output=True, encoding="utf-8", env=plain, check=False)
    said = _COLOURS.sub("", done.stdout + done.stderr).replace(f"{source}{os.sep}", "")
    complaints = [line for line in said.splitlines() if re.search(r"WARNING|ERROR|CRITICAL|^\w+Error: \S", line)]
    if done.returncode or complaints or not (output / "_build" / builder).is_dir():
        lines = complaints or said.strip().splitlines()[-_MAX_LINES:]
        more = [f"… and {len(lines) - _MAX_LINES} more"] if len(lines) > _MAX_LINES else []
        raise EmomechError("\n".join(["Jupyter Book found fault with the book:", *lines[:_MAX_LINES], *more]))


_MAKERS = (
    *("book/pages.py", "book/ledger.py", "book/executed_notebook.py", "figures/vega.py"),
    *(f"book/sphinx/{name}.py" for name in ("buttons", "demo", "layers", "vega")),
)
"""Files of the package that decide how a page looks: a change to one of them makes every page again."""
