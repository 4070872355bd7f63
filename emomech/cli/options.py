"""Options that several commands share, and how commands report progress."""

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import typer

Profile: TypeAlias = Literal["full", "quick"]
Format: TypeAlias = Literal["table", "json"]
OutputOption: TypeAlias = Annotated[
    Path | None, typer.Option(help="Folder of a book with other parameters than the paper.")
]
ProfileOption: TypeAlias = Annotated[
    Profile, typer.Option(help="full: the paper as published; quick: the same on fewer texts.")
]
FormatOption: TypeAlias = Annotated[Format, typer.Option(help="table: for people; json: for programs.")]


def say(text: str) -> None:
    """Report progress on standard error, apart from the result on standard output."""
    typer.echo(text, err=True)
