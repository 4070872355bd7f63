"""The commands `status` and `check`: the state of the book and of its kept editions, and what is wrong with it."""

from typing import Annotated, Literal

import typer

from emomech.cli.options import OutputOption, ProfileOption, echo_rows
from emomech.core.errors import EmomechError


def status(profile: ProfileOption = "full", output: OutputOption = None) -> None:
    """Show the state of each part of the book: fresh, stale, missing or broken; and what of the editions is kept.

    A kept result is stale if the code or the parameters behind it changed; the line says what changed, and how long
    computing it again takes.
    """
    from emomech.book import build, edition
    from emomech.book.kept import declared, state

    selected = edition.select(profile, output)
    echo_rows(f"profile {selected.profile}", list(build.status(selected).items()))
    if kept := declared.editions(selected.root):
        echo_rows("kept editions", [(edition.name, state.summary(edition)) for edition in kept])


def check(
    what: Annotated[Literal["book"], typer.Argument(help="What to check.")] = "book",
    profile: ProfileOption = "full",
    output: OutputOption = None,
) -> None:
    """List the problems of the book, without changing it. Exits with 1 if there are any.

    Problems are missing or stale parts, failed cells, figures without description, numbers typed into prose, quoted
    numbers that no cell defines, broken links, files from other hosts, heavy pages, rules that have changed since they
    were fixed or measured, and kept results that are stale.
    """
    from emomech.book import build, edition

    if problems := build.check(edition.select(profile, output)):
        raise EmomechError("\n".join(["the book has problems:", *problems]))
    typer.echo("the book has no problems")
