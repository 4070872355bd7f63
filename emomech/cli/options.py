"""Options that several commands share, and how commands print rows and report progress."""

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import typer

from emomech.core.outputs import path_option

Profile: TypeAlias = Literal["full", "quick"]
Format: TypeAlias = Literal["table", "json"]
OutputOption: TypeAlias = Annotated[
    Path | None, typer.Option(parser=path_option, help="Folder of a book with other parameters than the paper.")
]
ProfileOption: TypeAlias = Annotated[
    Profile, typer.Option(help="full: the paper as published; quick: the same on fewer texts.")
]
TextColumnOption: TypeAlias = Annotated[
    str, typer.Option(help="Column of the texts, if the corpus is a table. Default: the column named text.")
]
LabelColumnOption: TypeAlias = Annotated[
    str, typer.Option(help="Column of the emotions, if the corpus is a table. Default: the column named label.")
]
FormatOption: TypeAlias = Annotated[Format, typer.Option(help="table: for people; json: for programs.")]

WIDTH = 100
"""Columns of what commands print for people; words are not broken."""
_WIDEST_NAME = 40
"""Columns of the names of rows; a longer name has a line of its own."""


def echo_rows(heading: str, rows: Sequence[tuple[str, str]]) -> None:
    """Print a heading, and below it rows of a name and a text, which is wrapped."""
    column = max((len(name) for name, _ in rows if len(name) <= _WIDEST_NAME), default=0)
    typer.echo(_wrapped(heading, "", "  "))
    for name, text in rows:
        beside = len(name) <= column
        if not beside:
            typer.echo(f"  {name}")
        typer.echo(_wrapped(text, f"  {name if beside else '':{column}}  ", " " * (column + 4)))
    typer.echo()


def echo_wrapped(text: str) -> None:
    """Print a text whose lines are wrapped; what is wrapped has the indentation of its line and two columns more."""
    for line in text.splitlines():
        indent = line[: len(line) - len(line.lstrip())]
        typer.echo(_wrapped(line.strip(), indent, f"{indent}  "))


def _wrapped(text: str, first: str, others: str) -> str:
    whole_words = textwrap.TextWrapper(WIDTH, first, others, break_long_words=False, break_on_hyphens=False)
    return whole_words.fill(text) or first.rstrip()


def say(text: str) -> None:
    """Report progress on standard error, above the bars and apart from the result on standard output."""
    from emomech.core import progress

    progress.write(text)
