"""The lists say what there is, at a width that fits a terminal."""

import pytest

from emomech.book import runner
from emomech.cli import lists
from emomech.core.errors import UsageError
from emomech.notebook import parameters


def test_lists_fit_a_terminal_and_lose_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    lists.list_()
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 100
    words = " ".join(out.split())
    for notebook in runner.notebooks().values():
        for parameter in parameters.read(notebook).values():
            assert f"{parameter.help} [{parameter.expected}]" in words
            assert str(parameter.default) in words.replace(", ", ",")


def test_a_kind_is_listed_alone(capsys: pytest.CaptureFixture[str]) -> None:
    lists.list_("models")
    assert capsys.readouterr().out.startswith("models\n  organism ")
    lists.list_("notebooks")
    assert "\nmodels\n" not in capsys.readouterr().out


def test_a_card_of_an_unknown_set_is_refused() -> None:
    with pytest.raises(UsageError, match="Did you mean 'goemotions'"):
        lists.card("goemotion")
