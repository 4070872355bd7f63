"""`emomech status` and `check` include the kept editions."""

import pytest
from typer.testing import CliRunner

from emomech.book import build
from emomech.book.kept import declared
from emomech.cli import state
from emomech.cli.main import app
from emomech.core.errors import EmomechError


def test_the_status_has_a_line_for_each_kept_edition(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "status", lambda edition: {"flow": "fresh"})
    result = CliRunner().invoke(app, ["status"])
    assert result.exit_code == 0 and "fresh" in result.stdout
    for edition in declared.editions():
        assert edition.name in result.stdout


def test_a_check_fails_with_every_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "check", lambda edition: ["one/flow: is stale", "html: is missing"])
    with pytest.raises(EmomechError, match="the book has problems:\none/flow: is stale\nhtml: is missing"):
        state.check()
