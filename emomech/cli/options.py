"""Options that several commands share."""

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import typer

Profile: TypeAlias = Literal["full", "quick"]
OutputOption: TypeAlias = Annotated[Path | None, typer.Option(help="The folder of a book with other parameters.")]
ProfileOption: TypeAlias = Annotated[Profile, typer.Option(help="The paper, or a fast look at it on fewer texts.")]
Format: TypeAlias = Literal["table", "json"]


def say(text: str) -> None:
    """Tell of progress, apart from what the command answers."""
    typer.echo(text, err=True)
