"""What is taken away from a book: its notebooks, results, figures and ledger in one folder, and as one archive.

The archive is the same, byte for byte, whenever it is made of the same book: its files are sorted and bear no date.
"""

import csv
import io
import os
import shutil
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from importlib import import_module, metadata
from pathlib import Path
from typing import Any, get_type_hints

from emomech.book import build, executed_notebook, ledger
from emomech.book.edition import Edition
from emomech.book.executed_notebook import Figure, Shown
from emomech.core import files
from emomech.core.errors import EmomechError, UsageError
from emomech.figures.vega import largest_data
from emomech.stats.tables import schemas
from emomech.study import run

SUMS = "SHA256SUMS"
DICTIONARY = "results/dictionary.csv"
_BESIDE = ("CITATION.cff", "LICENSE", "constraints.txt")
"""Files of the checkout that go with every release."""
_FIRST_DATE = (1980, 1, 1, 0, 0, 0)
"""The earliest date that an archive can hold."""
_README = """# {title}

What this archive holds, all of it made by `emomech book` and put together by `emomech export`:

- `notebooks/`: every page of the book as an executed notebook.
- `results/`: the tables behind the pages as Parquet, per analysis and run, each with its `provenance.json`;
  `results/dictionary.csv` says what every column means.
- `figures/`: every figure as SVG and PNG, and its data as CSV. `tables/`: every table as its page shows it.
- `verdicts.csv`: what came of every claim, on every model of the book.
- `ledger.json`: which cell, parameters, model, texts, versions and commit a figure, table or quoted number comes from.
- `constraints.txt`: the versions of all packages. `SHA256SUMS`: a checksum of every file (`sha256sum -c SHA256SUMS`).
"""


def export(edition: Edition, out: Path) -> Path:
    """Put all that is taken away from a book into the folder `out`, and return the archive there.

    Raises EmomechError for a book that is not up to date and for a run that is no longer kept; UsageError for a folder
    that holds other things than an earlier export. Then the folder stays as it was.
    """
    if out.exists() and any(out.iterdir()) and not (out / SUMS).exists():
        raise UsageError(f"{out}: holds other files than an export. Name another folder, or empty this one.")
    states = build.status(edition)
    if undone := [
        f"{entry.notebook} is {state}" for entry in edition.entries if (state := states[entry.notebook]) != "fresh"
    ]:
        raise EmomechError(f"the book is not up to date ({', '.join(undone)}). Run `emomech book`, then export it.")
    out.parent.mkdir(parents=True, exist_ok=True)
    shows = [executed_notebook.read(edition.executed(entry.notebook)) for entry in edition.entries]
    with files.temporary_folder(out.parent) as folder:
        made = folder / "export"
        _fill(made, edition, shows)
        (made / SUMS).write_text(_sums(made), encoding="utf-8")
        name = f"emomech-{_version()}"
        _zip(made, folder / f"{name}.zip", name)
        os.replace(folder / f"{name}.zip", made / f"{name}.zip")
        if out.exists():
            os.replace(out, folder / "retired")
        os.replace(made, out)
    return out / f"{name}.zip"


def _fill(folder: Path, edition: Edition, shows: Sequence[Shown]) -> None:
    for page in shows:
        _copy(edition.executed(page.name), folder / "notebooks" / f"{page.name}.ipynb")
        for figure in page.figures:
            _figure(figure, folder / "figures" / f"{page.name}-figure-{figure.number}")
        for table in page.tables:
            file = folder / "tables" / f"{page.name}-table-{table.number}.csv"
            _write(file, _csv([table.columns, *table.rows]).encode())
    _results(folder, shows)
    told = {(o.claim, o.model): o for page in shows for o in (*page.matrix, *page.outcomes)}
    rows = [(o.claim, o.model, o.outcome, o.reason) for o in told.values()]
    _write(folder / "verdicts.csv", _csv([("claim", "model", "outcome", "reason"), *rows]).encode())
    _write(folder / ledger.LEDGER, ledger.text(ledger.collect(shows)).encode())
    _write(folder / "README.md", _README.format(title=f"emomech {_version()}").encode())
    for name in _BESIDE:
        if (edition.root / name).exists():
            _copy(edition.root / name, folder / name)


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


def _figure(figure: Figure, stem: Path) -> None:
    import vl_convert

    if figure.svg:
        _write(stem.with_suffix(".svg"), figure.svg.encode())
        _write(stem.with_suffix(".png"), vl_convert.svg_to_png(figure.svg, scale=2))
    rows = largest_data(figure.spec)
    columns = list(dict.fromkeys(column for row in rows for column in row))
    _write(stem.with_suffix(".csv"), _csv([columns, *([row.get(c) for c in columns] for row in rows)]).encode())


def _results(folder: Path, shows: Sequence[Shown]) -> None:
    """Write the tables of every run that a page names as Parquet, and what their columns mean."""
    meanings: dict[tuple[str, str, str], tuple[object, ...]] = {}
    for kept in sorted({_kept(key, page.name) for page in shows for key in _keys(page)}):
        analysis = kept.parent.name
        for name, table in run.tables(kept).items():
            target = folder / "results" / analysis / kept.name / f"{name}.parquet"
            target.parent.mkdir(parents=True, exist_ok=True)
            table.to_parquet(target, index=False)
            for column, role, meaning in _meanings(analysis, name):
                meanings[analysis, name, column] = (str(table[column].dtype), role, meaning)
        _copy(kept / run.PROVENANCE, folder / "results" / analysis / kept.name / run.PROVENANCE)
    rows = [(*key, *told) for key, told in meanings.items()]
    head = ("analysis", "table", "column", "type", "role", "meaning")
    _write(folder / DICTIONARY, _csv([head, *rows]).encode())


def _keys(page: Shown) -> list[str]:
    """Name the runs from which a page says that it follows."""
    key, several = page.provenance.get("key"), page.provenance.get("runs")
    return ([key] if isinstance(key, str) else []) + (list(several.values()) if isinstance(several, Mapping) else [])


def _kept(key: str, page: str) -> Path:
    """Find a run by its key. Raises EmomechError where it is no longer kept."""
    found = sorted(run.runs_folder().glob(f"*/*-{key}"))
    if not found:
        raise EmomechError(
            f"{page}: its run {key} is not kept in {run.runs_folder()}. Delete the executed notebook, and "
            "`emomech book` computes it again."
        )
    return found[0]


def _meanings(analysis: str, table: str) -> Iterator[tuple[str, str, str]]:
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
    """Pack a folder so that equal content gives equal bytes."""
    with zipfile.ZipFile(archive, "w") as packed:
        for file in _files(folder):
            entry = zipfile.ZipInfo(f"{name}/{file.relative_to(folder).as_posix()}", _FIRST_DATE)
            entry.create_system, entry.external_attr = 3, 0o644 << 16
            packed.writestr(entry, file.read_bytes(), zipfile.ZIP_DEFLATED, 9)
