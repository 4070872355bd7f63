"""Rows are parsed with the line on which they begin; separators are recognised or named."""

import pytest

from emomech.core.errors import UsageError
from emomech.data.delimited import parse, separator_of


def test_rows_have_the_line_on_which_they_begin() -> None:
    columns, rows = parse(
        "a.csv", 'text,label\n"It broke.\nThen it worked.",glad\n\nIt rained.,sad\n', ",", first_line=2
    )
    assert columns == ("text", "label")
    assert rows == [(3, ["It broke.\nThen it worked.", "glad"]), (6, ["It rained.", "sad"])]


@pytest.mark.parametrize(
    ("header", "separator"),
    [
        ("text,label", ","),
        ("text;label", ";"),
        ("text\tlabel", "\t"),
        ("text|label", "|"),
        ("text", ","),
        ('"text";a,b', ";"),
    ],
)
def test_the_separator_is_that_of_the_header(header: str, separator: str) -> None:
    assert separator_of("a.csv", f"{header}\nx\n") == separator


def test_a_header_with_two_separators_is_refused() -> None:
    with pytest.raises(UsageError, match=r"a\.csv: the header could be separated by comma or semicolon"):
        separator_of("a.csv", "body,emotion;rater\n")


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("text,label\nIt was late, Ann left.,sad\n", "Put quotes around a text that contains a comma"),
        ("text,label\nIt broke.;sad\n", "divided by a comma, this line by a semicolon. Use one of them throughout"),
        ("text,label\na,sad\n\ufefftext,label\nb,glad\n", "line 3 repeats the header. Remove it"),
    ],
)
def test_rows_that_do_not_fit_come_with_a_way_out(text: str, advice: str) -> None:
    with pytest.raises(UsageError, match=advice):
        parse("a.csv", text, ",")
