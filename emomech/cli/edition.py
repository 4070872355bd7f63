"""The commands on kept editions: `emomech edition compute`, `list`.

A command imports what it needs when it is called, as in `main`.
"""

from typing import Annotated

import typer

from emomech.cli.options import echo_rows, say

edition = typer.Typer(help="Kept editions: a model and a corpus through the chapters, computed once, shown without it.")


@edition.command()
def compute(
    which: Annotated[
        str, typer.Argument(metavar="NAME", help="Name of the edition; `emomech edition list` lists them.")
    ],
    chapter: Annotated[
        list[str] | None, typer.Option(help="A chapter. Repeat the option for more. Default: all that can be asked.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="On fewer texts: the quick profile of the chapters.")] = False,
) -> None:
    """Compute an edition's chapters and keep their tables in book/editions/; those that are up to date are left.

    At most two chapters are computed at a time. An interrupted command can be repeated: finished chapters are kept.
    """
    from emomech.book.kept import compute, declared

    took = compute.compute(declared.find(which), chapter or [], "quick" if quick else "full", say)
    echo_rows(f"{which}: computed", [(done, f"{seconds:.0f} s") for done, seconds in took.items()])


@edition.command("list")
def list_() -> None:
    """List the kept editions and the state of each chapter, with the command that computes what is missing."""
    from emomech.book.kept import declared, state

    for declared_edition in declared.editions():
        echo_rows(f"{declared_edition.name}: {declared_edition.title}", state.rows(declared_edition))
