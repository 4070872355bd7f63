"""The commands that compare and export books: `emomech diff`, `export`, `pdf`, `picture`.

A command imports what it needs when it is called, as in `main`.
"""

import json
from pathlib import Path
from typing import Annotated

import typer

from emomech.cli.options import FormatOption, OutputOption, ProfileOption, echo_wrapped
from emomech.core import files
from emomech.core.errors import UsageError
from emomech.core.outputs import path_option, writable_file


def diff(
    before: Annotated[Path, typer.Argument(parser=path_option, help="Folder of the first book; `book` for the paper.")],
    after: Annotated[Path, typer.Argument(parser=path_option, help="Folder of the second book.")],
    output: Annotated[
        Path | None, typer.Option(parser=path_option, help="HTML file to write the differences to.")
    ] = None,
    format: FormatOption = "table",
) -> None:
    """Compare two books: verdicts, numbers, tables, figures, parameters."""
    from emomech.book import diff, diff_page

    if output is not None:
        if output.suffix != ".html":
            raise UsageError(f"--output {output}: expected the name of an HTML file, such as differences.html.")
        writable_file(output, "--output")
    differences = diff.compare(diff.read_book(before), diff.read_book(after))
    if output is not None:
        files.write_atomic(output, diff_page.page(differences, str(before), str(after)))
        typer.echo(output)
    if format == "json":
        typer.echo(json.dumps(differences.to_dict(), indent=1, ensure_ascii=False))
    elif output is None:
        echo_wrapped(diff.summary(differences))


def export(
    folder: Annotated[Path, typer.Argument(parser=path_option, help="New folder, or the folder of an earlier export.")],
    profile: ProfileOption = "full",
    output: OutputOption = None,
) -> None:
    """Export the book into a folder, with an archive in it that is ready for a data repository.

    Contains every executed notebook, all results as Parquet with the meaning of their columns, figures as SVG, PNG and
    CSV, verdicts, the ledger, the citation file, and checksums.
    """
    from emomech.book import edition, export

    typer.echo(export.export(edition.select(profile, output), folder.absolute()))


def pdf(
    file: Annotated[Path, typer.Argument(parser=path_option, help="PDF file to write.")],
    profile: ProfileOption = "full",
    output: OutputOption = None,
) -> None:
    """Print the whole book to one PDF. Needs Chromium."""
    from emomech.book import edition, pdf

    if file.suffix != ".pdf":
        raise UsageError(f"{file}: expected the name of a PDF, such as book.pdf.")
    writable_file(file, "FILE")
    typer.echo(pdf.print_book(edition.select(profile, output), file.absolute()))


def picture(
    notebook: Annotated[str, typer.Argument(help="Name of the notebook; `emomech list notebooks` lists them.")],
    number: Annotated[int, typer.Argument(min=1, help="Number of the figure on its page, from 1.")],
    file: Annotated[Path, typer.Argument(parser=path_option, help="SVG file to write.")],
    profile: ProfileOption = "full",
    output: OutputOption = None,
) -> None:
    """Save one figure of the book as an SVG file."""
    from emomech.book import build, edition

    if file.suffix != ".svg":
        raise UsageError(f"{file}: expected the name of an SVG file, such as flow.svg.")
    writable_file(file, "FILE")
    build.picture(edition.select(profile, output), notebook, number, file)
    typer.echo(file)
