"""An export is complete, describes itself, and is the same for the same book."""

import csv
import hashlib
import json
import zipfile
from pathlib import Path

import pandas as pd
import planted_book
import pytest

from emomech.book import build, export
from emomech.book.edition import Edition
from emomech.core.errors import EmomechError, UsageError
from emomech.core.paths import CHECKOUT
from emomech.notebook.rule_identity import fixed
from emomech.study import run

KEY = planted_book.PROVENANCE["key"]


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Edition:
    """A book of one page, behaviour, and the run that it names."""
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "runs.toml").write_text('[[run]]\nnotebook = "behaviour"\n')
    (tmp_path / "_toc.yml").write_text("format: jb-book\nroot: book/index\n")
    (tmp_path / "CITATION.cff").write_bytes((CHECKOUT / "CITATION.cff").read_bytes())
    planted_book.write(tmp_path / "book" / "results", behaviour=planted_book.executed("behaviour"))
    folder = tmp_path / "runs" / "behaviour" / f"organism-{KEY}"
    folder.mkdir(parents=True)
    rows = [("expected calibration error", 0.02, float("nan"), float("nan"), 9), ("pairs", 0.5, 0.4, 0.6, 8)]
    frame = pd.DataFrame(rows, columns=["measure", "value", "low", "high", "n"])
    written = run._write(frame, folder / "measures.csv")
    (folder / run.PROVENANCE).write_text(json.dumps({"key": KEY, "tables": {"measures": written}}))
    monkeypatch.setenv("EMOMECH_RUNS", str(tmp_path / "runs"))
    monkeypatch.setattr(build, "status", lambda edition: {"behaviour": "fresh", "html": "stale"})
    return Edition(root=tmp_path)


def test_everything_is_there(small: Edition, tmp_path: Path) -> None:
    archive = export.export(small, tmp_path / "out")
    names = {file.relative_to(tmp_path / "out").as_posix() for file in (tmp_path / "out").rglob("*") if file.is_file()}
    assert names == {
        archive.name,
        "CITATION.cff",
        "README.md",
        "SHA256SUMS",
        "ledger.json",
        "verdicts.csv",
        "checklists.csv",
        "notebooks/behaviour.ipynb",
        "figures/behaviour-figure-1.svg",
        "figures/behaviour-figure-1.png",
        "figures/behaviour-figure-1.csv",
        "tables/behaviour-table-1.csv",
        f"results/behaviour/organism-{KEY}/measures.parquet",
        f"results/behaviour/organism-{KEY}/provenance.json",
        "results/dictionary.csv",
    }
    assert (tmp_path / "out" / "figures" / "behaviour-figure-1.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "out" / "verdicts.csv").read_text().splitlines()[1] == (
        f"C1,organism,replicates,The interval excludes zero.,{fixed('C1')[0]}"
    )
    assert (tmp_path / "out" / "checklists.csv").read_text().splitlines()[1] == (
        'C1,organism,It falls.,decides,met,points,"0.30 [0.20, 0.40]",random weights'
    )


def test_results_keep_their_types_and_every_column_has_a_meaning(small: Edition, tmp_path: Path) -> None:
    export.export(small, tmp_path / "out")
    read = pd.read_parquet(tmp_path / "out" / "results" / "behaviour" / f"organism-{KEY}" / "measures.parquet")
    assert read.n.tolist() == [9, 8] and read.low.isna().tolist() == [True, False]
    with (tmp_path / "out" / "results" / "dictionary.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["column"] for row in rows] == list(read.columns)
    assert all(row["meaning"] for row in rows) and [row["role"] for row in rows][:2] == ["key", "value"]


def test_a_figures_data_are_those_that_it_draws(small: Edition, tmp_path: Path) -> None:
    export.export(small, tmp_path / "out")
    pd.testing.assert_frame_equal(
        pd.read_csv(tmp_path / "out" / "figures" / "behaviour-figure-1.csv"), planted_book.scores(), check_like=True
    )


def test_checksums_hold_for_every_file(small: Edition, tmp_path: Path) -> None:
    archive = export.export(small, tmp_path / "out")
    sums = dict(reversed(line.split("  ")) for line in (tmp_path / "out" / "SHA256SUMS").read_text().splitlines())
    for name, digest in sums.items():
        assert hashlib.sha256((tmp_path / "out" / name).read_bytes()).hexdigest() == digest
    with zipfile.ZipFile(archive) as packed:
        assert {name.split("/", 1)[1] for name in packed.namelist()} == {*sums, "SHA256SUMS"}


def test_the_archive_is_the_same_each_time_and_a_new_export_takes_the_place_of_the_old(
    small: Edition, tmp_path: Path
) -> None:
    first = export.export(small, tmp_path / "out").read_bytes()
    assert export.export(small, tmp_path / "out").read_bytes() == first
    assert sorted(file.name for file in tmp_path.iterdir()) == ["CITATION.cff", "_toc.yml", "book", "out", "runs"]


def test_a_book_that_is_not_up_to_date_is_not_given_away(
    small: Edition, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "status", lambda edition: {"behaviour": "stale", "html": "fresh"})
    with pytest.raises(EmomechError, match=r"not up to date \(behaviour is stale\). Run `emomech book`"):
        export.export(small, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_run_that_is_gone_or_changed_is_named_and_the_folder_stays(small: Edition, tmp_path: Path) -> None:
    export.export(small, tmp_path / "out")
    kept = tmp_path / "runs" / "behaviour" / f"organism-{KEY}"
    (kept / "measures.csv").write_text("measure\n")
    with pytest.raises(EmomechError, match="is not the table that was written"):
        export.export(small, tmp_path / "out")
    kept.rename(tmp_path / "runs" / "elsewhere")
    with pytest.raises(EmomechError, match=f"behaviour: its run {KEY} is not kept"):
        export.export(small, tmp_path / "out")
    assert (tmp_path / "out" / "SHA256SUMS").exists()


def test_other_files_are_never_replaced(small: Edition, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("years of work")
    with pytest.raises(UsageError, match="holds other files than an export"):
        export.export(small, tmp_path / "out")
    assert (tmp_path / "out" / "thesis.txt").exists()


def test_a_mount_point_is_not_replaced(small: Edition, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "out").mkdir()
    monkeypatch.setattr("os.path.ismount", lambda path: path == tmp_path / "out")
    with pytest.raises(UsageError, match="out: is a mount point and cannot be replaced. Name a folder in it"):
        export.export(small, tmp_path / "out")
