"""Export a book: its notebooks, results, figures, tables and ledger in one folder, and as one archive.

The same book always gives the same archive, byte for byte: its files are sorted and have a fixed date.
"""

import csv
import io
import os
import shutil
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from hashlib import sha256
from importlib import import_module, metadata
from pathlib import Path
from typing import Any, get_type_hints

from emomech.book import build, ledger
from emomech.book.edition import Edition
from emomech.book.executed_notebook import ExecutedNotebook
from emomech.book.notebook_parts import ShownFigure
from emomech.chapters.verdict import Check
from emomech.core import files, outputs
from emomech.core.errors import EmomechError, UsageError
from emomech.figures.vega import largest_data
from emomech.stats.tables import schemas
from emomech.study import run

SUMS = "SHA256SUMS"
"""File of checksums, by which an earlier export is recognised."""
DICTIONARY = "results/dictionary.csv"
_BESIDE = ("CITATION.cff", "LICENSE", "constraints.txt", "book/rules.lock")
"""Files of the checkout that every export contains."""
_FIRST_DATE = (1980, 1, 1, 0, 0, 0)
"""The earliest date that an archive can hold."""
_README = """# {title}

The content of this archive, made by `emomech book` and collected by `emomech export`:

- `notebooks/`: every page of the book as an executed notebook.
- `results/`: the tables behind the pages as Parquet, per analysis and run, each with its `provenance.json`;
  `results/dictionary.csv` gives the meaning of every column.
- `figures/`: every figure as SVG and PNG, and its data as CSV. `tables/`: every table as its page shows it.
- `verdicts.csv`: the verdict on every claim, on every model of the book, with the hash of its rule;
  `checklists.csv`: the criteria behind each verdict. `rules.lock`: when each rule was fixed, and earlier rules.
- `ledger.json`: the cell, parameters, model, texts, versions and commit behind each figure, table and quoted number.
- `constraints.txt`: the versions of all packages. `SHA256SUMS`: a checksum of every file (`sha256sum -c SHA256SUMS`).
"""


def export(edition: Edition, out: Path) -> Path:
    """Export a book into the folder `out`, and return the archive in it.

    Raises EmomechError for a book that is not up to date and for a run that is no longer kept, UsageError for a folder
    that holds other files than an earlier export, or that cannot be replaced. The folder is then unchanged.
    """
    outputs.writable_folder(out, "FOLDER", outputs.BOOK)
    outputs.writable_folder(out.parent, "folder around FOLDER:", outputs.BOOK)
    if os.path.ismount(out):
        raise UsageError(f"{out}: is a mount point and cannot be replaced. Name a folder in it.")
    if out.exists() and any(out.iterdir()) and not (out / SUMS).exists():
        raise UsageError(f"{out}: holds other files than an export. Name another folder, or empty this one.")
    states = build.status(edition)
    if undone := [
        f"{entry.notebook} is {state}" for entry in edition.entries if (state := states[entry.notebook]) != "fresh"
    ]:
        raise EmomechError(f"the book is not up to date ({', '.join(undone)}). Run `emomech book`, then export it.")
    notebooks = [ExecutedNotebook.read(edition.executed(entry.notebook)) for entry in edition.entries]
    with files.atomic_folder(out) as folder:
        _fill(folder, edition, notebooks)
        (folder / SUMS).write_text(_sums(folder), encoding="utf-8")
        name = f"emomech-{_version()}"
        _zip(folder, folder / f"{name}.zip", name)
    return out / f"{name}.zip"


def _fill(folder: Path, edition: Edition, notebooks: Sequence[ExecutedNotebook]) -> None:
    for notebook in notebooks:
        _copy(edition.executed(notebook.name), folder / "notebooks" / f"{notebook.name}.ipynb")
        for figure in notebook.figures:
            _write_figure(figure, folder / "figures" / f"{notebook.name}-figure-{figure.number}")
        for table in notebook.tables:
            file = folder / "tables" / f"{notebook.name}-table-{table.number}.csv"
            _write(file, _csv([table.columns, *table.rows]).encode())
    _write_results(folder, notebooks)
    # the verdict on a claim's own page replaces that of the matrix
    verdicts = {(v.claim, v.model): v for notebook in notebooks for v in (*notebook.matrix, *notebook.verdicts)}
    rows = [(v.claim, v.model, v.outcome, v.reason, v.rule) for v in verdicts.values()]
    _write(folder / "verdicts.csv", _csv([("claim", "model", "outcome", "reason", "rule"), *rows]).encode())
    lines = [(v.claim, v.model, *asdict(check).values()) for v in verdicts.values() for check in v.checks]
    head = ("claim", "model", *(f.name for f in fields(Check)))
    _write(folder / "checklists.csv", _csv([head, *lines]).encode())
    _write(folder / ledger.LEDGER, ledger.text(ledger.collect(notebooks)).encode())
    _write(folder / "README.md", _README.format(title=f"emomech {_version()}").encode())
    for name in _BESIDE:
        if (edition.root / name).exists():
            _copy(edition.root / name, folder / Path(name).name)


def _version() -> str:
    return metadata.version("emomech")


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _write(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)


def _csv(rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _write_figure(figure: ShownFigure, stem: Path) -> None:
    """Write a figure's picture as SVG and PNG, and its data as CSV."""
    import vl_convert

    if figure.svg:
        _write(stem.with_suffix(".svg"), figure.svg.encode())
        _write(stem.with_suffix(".png"), vl_convert.svg_to_png(figure.svg, scale=2))
    rows = largest_data(figure.spec)
    columns = list(dict.fromkeys(column for row in rows for column in row))
    _write(stem.with_suffix(".csv"), _csv([columns, *([row.get(c) for c in columns] for row in rows)]).encode())


def _write_results(folder: Path, notebooks: Sequence[ExecutedNotebook]) -> None:
    """Write the tables of every run that a page names as Parquet, and the meaning of every column as CSV."""
    meanings: dict[tuple[str, str, str], tuple[object, ...]] = {}
    for kept in sorted({_kept_run(key, notebook.name) for notebook in notebooks for key in _run_keys(notebook)}):
        analysis = kept.parent.name
        for name, table in run.tables(kept).items():
            target = folder / "results" / analysis / kept.name / f"{name}.parquet"
            target.parent.mkdir(parents=True, exist_ok=True)
            table.to_parquet(target, index=False)
            for column, role, meaning in _meanings(analysis, name):
                meanings[analysis, name, column] = (str(table[column].dtype), role, meaning)
        _copy(kept / run.PROVENANCE, folder / "results" / analysis / kept.name / run.PROVENANCE)
    rows = [(*key, *meaning) for key, meaning in meanings.items()]
    head = ("analysis", "table", "column", "type", "role", "meaning")
    _write(folder / DICTIONARY, _csv([head, *rows]).encode())


def _run_keys(notebook: ExecutedNotebook) -> list[str]:
    """Give the keys of the runs that a notebook names as its provenance."""
    key, several = notebook.provenance.get("key"), notebook.provenance.get("runs")
    return ([key] if isinstance(key, str) else []) + (list(several.values()) if isinstance(several, Mapping) else [])


def _kept_run(key: str, page: str) -> Path:
    """Find the folder of a run by its key. Raises EmomechError for a run that is no longer kept."""
    folders = sorted(run.runs_folder().glob(f"*/*-{key}"))
    if not folders:
        raise EmomechError(
            f"{page}: its run {key} is not kept in {run.runs_folder()}. Delete the executed notebook and run "
            "`emomech book`, which computes it again."
        )
    return folders[0]


def _meanings(analysis: str, table: str) -> Iterator[tuple[str, str, str]]:
    """Yield name, role and meaning of each column of a table."""
    function: Any = getattr(import_module(f"emomech.chapters.{analysis}.analysis"), analysis)
    schema = schemas(get_type_hints(function)["return"])[table]
    for column, meaning in schema.columns.items():
        yield column, "key" if column in schema.keys else "value", meaning


def _files(folder: Path) -> list[Path]:
    return sorted((file for file in folder.rglob("*") if file.is_file()), key=lambda file: file.as_posix())


def _sums(folder: Path) -> str:
    lines = (f"{sha256(f.read_bytes()).hexdigest()}  {f.relative_to(folder).as_posix()}\n" for f in _files(folder))
    return "".join(lines)


def _zip(folder: Path, archive: Path, name: str) -> None:
    """Pack a folder so that equal content gives equal bytes. The archive may be inside the folder."""
    content = _files(folder)
    with zipfile.ZipFile(archive, "w") as packed:
        for file in content:
            entry = zipfile.ZipInfo(f"{name}/{file.relative_to(folder).as_posix()}", _FIRST_DATE)
            entry.create_system, entry.external_attr = 3, 0o644 << 16
            packed.writestr(entry, file.read_bytes(), zipfile.ZIP_DEFLATED, 9)
