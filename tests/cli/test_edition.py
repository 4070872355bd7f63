"""The commands on kept editions name what they would compute, and refuse what cannot be asked."""

import pytest
from typer.testing import CliRunner

from emomech.book.kept import compute, declared
from emomech.cli.edition import edition

RUNNER = CliRunner()


def test_the_list_gives_every_edition_with_the_command_that_computes_it() -> None:
    result = RUNNER.invoke(edition, ["list"])
    assert result.exit_code == 0
    for known in declared.editions():
        assert f"{known.name}: {known.title}" in result.stdout


def test_computing_passes_chapters_and_profile_on(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[object, ...]] = []

    def record(edition: declared.KeptEdition, *rest: object) -> dict[str, float]:
        asked.append((edition.name, *rest[:2]))
        return {"flow": 12.0}

    monkeypatch.setattr(compute, "compute", record)
    result = RUNNER.invoke(edition, ["compute", "smollm2-isear", "--chapter", "flow", "--quick"])
    assert asked == [("smollm2-isear", ["flow"], "quick")] and "12 s" in result.stdout


def test_an_unknown_edition_is_refused() -> None:
    result = RUNNER.invoke(edition, ["compute", "smollm2-isar"])
    assert "Did you mean 'smollm2-isear'" in str(result.exception)
