"""Parameters of a notebook: read from its text with their limits, and checked before anything starts."""

from pathlib import Path

import pytest

from emomech.core.errors import EmomechError, UsageError
from emomech.notebook import parameters
from emomech.notebook.parameters import Parameter

NOTEBOOK = """---
jupytext:
  text_representation: {extension: .md, format_name: myst}
---

# A title

```{code-cell} ipython3
:tags: [hide-input]
other: int = 3
```

```{code-cell} ipython3
:tags: [parameters, hide-input]

CELL
```

```{code-cell} ipython3
after = 1
```
"""
FIRST_LINE = NOTEBOOK[: NOTEBOOK.index("CELL")].count("\n") + 1


def parse(cell: str) -> dict[str, Parameter]:
    return parameters.parse(NOTEBOOK.replace("CELL", cell), "some.md")


FOUR = parse(
    'model: str = "organism"  # which model: a preset, or a folder\n'
    "seed: int = -3  # decides what is drawn [>= -5]\n"
    "# a remark\n"
    "rate: float = 1e-3  # learning rate # as before [> 0]\n"
    'style: str = "plain"  # how it is written [plain | very ornate]\n'
    "deep: bool = True  # whether to look deeper\n"
    "k: int = 2  # features [1 | 2 | 4]"
)


def test_parameters_are_read_in_order_with_help_and_limits() -> None:
    assert list(FOUR) == ["model", "seed", "rate", "style", "deep", "k"]
    assert FOUR["model"] == Parameter("model", "str", "organism", "which model: a preset, or a folder")
    assert FOUR["seed"] == Parameter("seed", "int", -3, "decides what is drawn", minimum=-5)
    assert FOUR["rate"] == Parameter("rate", "float", 0.001, "learning rate # as before", above=0)
    assert FOUR["style"] == Parameter("style", "str", "plain", "how it is written", choices=("plain", "very ornate"))
    assert FOUR["deep"] == Parameter("deep", "bool", True, "whether to look deeper")
    assert FOUR["k"].choices == (1, 2, 4)


def test_what_is_expected_is_said_in_words() -> None:
    assert [FOUR[name].expected for name in FOUR] == [
        "text",
        "a whole number >= -5, at most 2147483647",
        "a number > 0",
        "one of plain, very ornate",
        "true or false",
        "one of 1, 2, 4",
    ]


def test_a_whole_number_will_do_for_a_float() -> None:
    default = parse("x: float = 2  # a number")["x"].default
    assert default == 2.0 and isinstance(default, float)


def test_a_default_may_take_several_lines() -> None:
    assert parse('x: str = (\n    "a"\n    "b"\n)  # two parts')["x"].default == "ab"


def test_tags_may_stand_in_a_block_or_nowhere() -> None:
    block = NOTEBOOK.replace(":tags: [parameters, hide-input]\n", "---\ntags: [hide-input, parameters]\n---\n")
    assert list(parameters.parse(block.replace("CELL", "x: int = 1  # a"), "some.md")) == ["x"]
    assert parameters.parse("# Only prose\n\n```python\nx = 1\n```\n", "some.md") == {}
    assert parameters.parse("```{code-cell}\n:tags: [parameters]", "cut-off.md") == {}
    assert parameters.parse("```{code-cell}\n---", "cut-off.md") == {}


def test_the_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(NOTEBOOK.replace("CELL", "x: int = 'one'  # a"))
    with pytest.raises(EmomechError, match=rf"a.md:{FIRST_LINE}: x: has the default 'one', expected a whole number"):
        parameters.read(tmp_path / "a.md")


@pytest.mark.parametrize(
    ("cell", "line", "match"),
    [
        ("x = 1  # a", 0, r"found 'x = 1', expected name: type = literal  # meaning"),
        ("x: int  # a", 0, "found 'x: int', expected name: type"),
        ("import os", 0, "found 'import os', expected name: type"),
        ("y: int = 1  # a\nx: list = []  # b", 1, "x: has the type list, expected one of str, int, float, bool"),
        ("x: int = 1", 0, "x: has no comment with its meaning"),
        ("x: int = True  # a", 0, "x: has the default True, expected a whole number"),
        ("x: bool = 1  # a", 0, "x: has the default 1, expected true or false"),
        ("x: float = 1e999  # a", 0, r"x: has the default .*, expected a number"),
        ("x: int = y  # a", 0, "x: has the default y, expected a whole number"),
        ("x: int = 1  # a [>= 2]", 0, "x: has the default 1, expected a whole number >= 2"),
        ("x: float = 0.0  # a [> 0]", 0, r"x: has the default 0.0, expected a number > 0"),
        ('x: str = "c"  # a [a | b]', 0, "x: has the default 'c', expected one of a, b"),
        ('x: str = "c"  # a [>= 2]', 0, r"x: ends in \[>= 2\], expected choices .* that fit str"),
        ("x: int = 2  # a [>= two]", 0, r"x: ends in \[>= two\], expected choices \[a \| b\] or a bound \[>= 0\]"),
        ("x: int = 2  # a [2 | three]", 0, r"x: ends in \[2 \| three\], expected choices"),
        ("x: int = 2  # length [ms]", 0, r"x: ends in \[ms\], expected choices"),
        ("x: int = 2  # length [2]", 0, r"x: ends in \[2\], expected choices"),
        ("x: int = 1  # a\nx: int = 2  # b", 1, "x is declared twice"),
        ("x: int = 1  # a\ny: int =  # b", 1, "invalid syntax; expected name: type"),
    ],
)
def test_a_line_that_declares_no_parameter_is_named(cell: str, line: int, match: str) -> None:
    with pytest.raises(EmomechError, match=f"^some.md:{FIRST_LINE + line}: {match}"):
        parse(cell)


def test_one_cell_declares_them_all() -> None:
    with pytest.raises(EmomechError, match="some.md:7: a second cell tagged parameters"):
        parameters.parse("```{code-cell}\n:tags: [parameters]\nx: int = 1  # a\n```\n" * 2, "some.md")


def test_values_are_the_defaults_or_what_is_asked_for() -> None:
    assert parameters.validate(FOUR, {}, "some") == {name: one.default for name, one in FOUR.items()}
    asked = {"seed": "7", "rate": "1", "style": "very ornate", "deep": "FALSE", "k": 4, "model": "true"}
    values = parameters.validate(FOUR, asked, "some")
    assert values == {"seed": 7, "rate": 1.0, "style": "very ornate", "deep": False, "k": 4, "model": "true"}
    assert [type(values[name]) for name in asked] == [int, float, str, bool, int, str]
    assert list(values) == list(FOUR)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("seed", "seven"),
        ("seed", "7.0"),
        ("seed", 7.0),
        ("seed", True),
        ("seed", "-6"),
        ("seed", ""),
        ("rate", "0"),
        ("rate", "nan"),
        ("rate", "inf"),
        ("style", "ornate"),
        ("deep", "1"),
        ("deep", 1),
        ("k", "3"),
        ("model", 3),
        ("model", None),
        ("model", "\udc80"),
    ],
)
def test_a_value_that_does_not_fit_is_named(name: str, value: object) -> None:
    with pytest.raises(UsageError) as caught:
        parameters.validate(FOUR, {name: value}, "some")
    assert str(caught.value) == f"some: {name}: found {value!r}, expected {FOUR[name].expected}."


def test_an_unknown_name_is_answered_with_all_there_are() -> None:
    with pytest.raises(
        UsageError, match="unknown parameter of some 'sed'. Did you mean 'seed'.* Known: deep, k, model"
    ):
        parameters.validate(FOUR, {"sed": 1}, "some")


@pytest.mark.parametrize("value", ["99999999999999999999", str(2**31), "-99999999999"])
def test_a_number_that_no_random_generator_takes_is_refused(value: str) -> None:
    seed = Parameter("seed", "int", 0, "seed")
    assert seed.convert(str(2**31 - 1)) == 2**31 - 1
    with pytest.raises(ValueError, match=value):
        seed.convert(value)
