"""The error for an unknown name gives the nearest known name and all known names."""

import pytest

from emomech.core.errors import EmomechError, UsageError, unknown


def test_a_usage_error_is_an_error_of_the_package() -> None:
    assert issubclass(UsageError, EmomechError)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("fearr", "unknown label 'fearr'. Did you mean 'fear'? Known: fear, joy. See the list."),
        ("xyz", "unknown label 'xyz'. Known: fear, joy. See the list."),
    ],
)
def test_the_nearest_known_name_is_offered(name: str, message: str) -> None:
    assert str(unknown("label", name, ["joy", "fear"], "See the list.")) == message


def test_where_nothing_is_known_the_message_says_so() -> None:
    assert str(unknown("label", "joy", [])) == "unknown label 'joy'. Known: none."
