"""Books are compared, exported and printed from the command line."""

import json
from pathlib import Path
from typing import Any

import planted_book
import pytest

from emomech.book.edition import Edition
from emomech.cli import main as cli
from emomech.cli import publish

Capture = pytest.CaptureFixture[str]


def run(*arguments: object) -> int:
    """Call the command line; its exit code."""
    with pytest.raises(SystemExit) as ended:
        cli.main([str(argument) for argument in arguments])
    return int(ended.value.code or 0)


@pytest.fixture
def books(tmp_path: Path) -> tuple[Path, Path]:
    planted_book.write(tmp_path / "a" / "results", flow=planted_book.executed())
    planted_book.write(
        tmp_path / "b" / "results", flow=planted_book.executed(shown_verdict=planted_book.verdict("partly"))
    )
    return tmp_path / "a", tmp_path / "b"


def test_differences_are_told_to_people_and_to_programs(books: tuple[Path, Path], capsys: Capture) -> None:
    assert run("diff", *books) == 0
    assert "C1, organism: replicates → partly" in capsys.readouterr().out
    assert run("diff", *books, "--format", "json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["verdicts"][0]["after"] == "partly" and told["figures"] == []


def test_differences_are_written_as_a_page(books: tuple[Path, Path], capsys: Capture) -> None:
    file = books[0].parent / "new" / "differences.html"
    assert run("diff", *books, "--output", file) == 0
    assert capsys.readouterr().out.strip() == str(file)
    assert "<h2>Verdicts</h2>" in file.read_text() and len(list(file.parent.iterdir())) == 1


def test_what_is_no_book_or_no_page_is_named(books: tuple[Path, Path], capsys: Capture) -> None:
    assert run("diff", books[0], books[0].parent / "nowhere") == 2
    assert "nowhere: holds no executed notebook" in capsys.readouterr().err
    assert run("diff", *books, "--output", books[0] / "page.txt") == 2
    assert "expected the name of an HTML file" in capsys.readouterr().err
    assert not (books[0] / "page.txt").exists()


def test_the_edition_in_a_folder_is_given_away_and_printed(tmp_path: Path, capsys: Capture, monkeypatch: Any) -> None:
    made: list[tuple[Edition, Path]] = []

    def note(edition: Edition, target: Path) -> Path:
        made.append((edition, target))
        return target

    monkeypatch.setattr("emomech.book.export.export", note)
    monkeypatch.setattr("emomech.book.pdf.print_book", note)
    Edition("quick", {"seed": "1"}, tmp_path / "other").keep()
    assert run("export", tmp_path / "out", "--output", tmp_path / "other") == 0
    assert run("pdf", tmp_path / "book.pdf") == 0
    assert capsys.readouterr().out.split() == [str(tmp_path / "out"), str(tmp_path / "book.pdf")]
    assert [(edition.profile, edition.output) for edition, _ in made] == [("quick", tmp_path / "other"), ("full", None)]
    assert run("pdf", tmp_path / "book.txt") == 2
    assert "expected the name of a PDF" in capsys.readouterr().err


def test_one_figure_is_saved_as_a_picture(tmp_path: Path, capsys: Capture, monkeypatch: Any) -> None:
    planted_book.write(tmp_path / "results", flow=planted_book.executed())
    monkeypatch.setattr("emomech.book.edition.Edition.results", tmp_path / "results")
    assert run("picture", "flow", 1, tmp_path / "flow.svg") == 0
    assert (tmp_path / "flow.svg").read_text().startswith("<svg")
    assert run("picture", "flow", 2, tmp_path / "other.svg") == 1
    assert "flow: has no figure 2; it has 1" in capsys.readouterr().err
    assert run("picture", "flow", 1, tmp_path / "flow.png") == 2
    assert "expected the name of an SVG file" in capsys.readouterr().err


def test_a_place_that_cannot_be_written_is_refused_first(
    books: tuple[Path, Path], tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        pytest.fail("the book is read before its place is checked")

    for part in ("diff.read_book", "build.status", "pdf.print_book", "build.picture"):
        monkeypatch.setattr(f"emomech.book.{part}", fail)
    file = tmp_path / "file"
    file.touch()
    commands: dict[tuple[object, ...], str] = {
        ("diff", *books, "--output", file / "page.html"): f"{file} is a file, expected a folder",
        ("export", file): f"FOLDER {file}: is a file, expected a folder",
        ("export", ""): "'': is empty, expected a path",
        ("pdf", file / "book.pdf"): f"FILE {file}/book.pdf: {file} is a file, expected a folder",
        ("picture", "flow", 1, file / "flow.svg"): f"FILE {file}/flow.svg: {file} is a file, expected a folder",
    }
    for command, said in commands.items():
        assert run(*command) == 2
        assert said in capsys.readouterr().err
    assert file.is_file()


def test_every_command_of_the_module_is_registered() -> None:
    registered = {command.callback for command in cli.app.registered_commands}
    assert {publish.diff, publish.export, publish.pdf, publish.picture} <= registered
