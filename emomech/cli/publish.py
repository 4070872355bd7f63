"""The commands for what a book is held against and what is taken away from it: `emomech diff`, `export`, `pdf`.

What a command needs is imported when it is called, as in `cli`.
"""

import json
from pathlib import Path
from typing import Annotated

import typer

from emomech.cli.options import Format, OutputOption, ProfileOption
from emomech.core import files
from emomech.core.errors import UsageError


def diff(
    before: Annotated[Path, typer.Argument(help="Folder of a book, or the paper's own `book`.")],
    after: Annotated[Path, typer.Argument(help="Folder of the book to hold against it.")],
    output: Annotated[Path | None, typer.Option(help="Write the differences as a page to this HTML file.")] = None,
    format: Annotated[Format, typer.Option(help="For people or for programs.")] = "table",
) -> None:
    """Say what one book shows otherwise than another: verdicts, numbers, tables, figures, parameters."""
    from emomech.book import diff, diff_page

    found = diff.compare(diff.opened(before), diff.opened(after))
    if output is not None:
        if output.suffix != ".html":
            raise UsageError(f"--output {output}: expected the name of an HTML file, such as differences.html.")
        files.write_atomic(output, diff_page.page(found, str(before), str(after)))
        typer.echo(output)
    if format == "json":
        typer.echo(json.dumps(found.to_dict(), indent=1, ensure_ascii=False))
    elif output is None:
        typer.echo(diff.summary(found))


def export(
    folder: Annotated[Path, typer.Argument(help="A new folder, or one of an earlier export.")],
    profile: ProfileOption = "full",
    output: OutputOption = None,
) -> None:
    """Put what is taken away from the book into a folder, and into one archive there that is ready for a deposit.

    That is every executed notebook, all results as Parquet with what their columns mean, figures as SVG, PNG and CSV,
    verdicts, the ledger, how to cite it, and checksums.
    """
    from emomech.book import edition, export

    typer.echo(export.export(edition.chosen(profile, output), folder.absolute()))


def pdf(
    file: Annotated[Path, typer.Argument(help="The PDF to write.")],
    profile: ProfileOption = "full",
    output: OutputOption = None,
) -> None:
    """Print the whole book to one PDF; takes Chromium."""
    from emomech.book import edition, pdf

    if file.suffix != ".pdf":
        raise UsageError(f"{file}: expected the name of a PDF, such as book.pdf.")
    typer.echo(pdf.print_book(edition.chosen(profile, output), file.absolute()))
