"""Shared options mean the same in every command, and progress is separate from results."""

from typing import get_args

import pytest

from emomech.book import edition
from emomech.cli import options


def test_profiles_are_those_of_an_edition() -> None:
    assert get_args(options.Profile) == edition.PROFILES


def test_progress_is_reported_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    options.say("flow: executing")
    assert capsys.readouterr() == ("", "flow: executing\n")


def test_rows_are_wrapped_beside_their_names(capsys: pytest.CaptureFixture[str]) -> None:
    options.echo_rows("things", [("a", "word " * 30), ("long-name", ""), ("n" * 50, "b")])
    assert capsys.readouterr().out.splitlines() == [
        "things",
        "  a          " + "word " * 16 + "word",
        "             " + "word " * 12 + "word",
        "  long-name",
        "  " + "n" * 50,
        "             b",
        "",
    ]


def test_a_text_is_wrapped_line_by_line(capsys: pytest.CaptureFixture[str]) -> None:
    options.echo_wrapped("## Title\n\n  - " + "word " * 25 + "\nend")
    assert capsys.readouterr().out.splitlines() == [
        "## Title",
        "",
        "  - " + "word " * 18 + "word",
        "    " + "word " * 5 + "word",
        "end",
    ]
