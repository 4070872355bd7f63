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
