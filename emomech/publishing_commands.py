"""The commands for what a book is held against and what is taken away from it: `emomech diff`.

What a command needs is imported when it is called, as in `cli`.
"""

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from emomech.errors import UsageError
from emomech.training_commands import Format


def diff(
    before: Annotated[Path, typer.Argument(help="Folder of a book, or the paper's own `book`.")],
    after: Annotated[Path, typer.Argument(help="Folder of the book to hold against it.")],
    output: Annotated[Path | None, typer.Option(help="Write the differences as a page to this HTML file.")] = None,
    format: Annotated[Format, typer.Option(help="For people or for programs.")] = "table",
) -> None:
    """Say what one book shows otherwise than another: verdicts, numbers, tables, figures, parameters."""
    from emomech import difference_page, differences

    found = differences.compare(differences.opened(before), differences.opened(after))
    if output is not None:
        if output.suffix != ".html":
            raise UsageError(f"--output {output}: expected the name of an HTML file, such as differences.html.")
        _write(output, difference_page.page(found, str(before), str(after)))
        typer.echo(output)
    if format == "json":
        typer.echo(json.dumps(found.to_dict(), indent=1, ensure_ascii=False))
    elif output is None:
        typer.echo(differences.summary(found))


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_name(f".unfinished-{os.getpid()}-{file.name}")
    unfinished.write_text(text, encoding="utf-8")
    os.replace(unfinished, file)
