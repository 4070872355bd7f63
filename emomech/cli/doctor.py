"""The command `emomech doctor`.

A command imports what it needs when it is called, as in `main`.
"""

import json

import typer

from emomech.cli.options import FormatOption, echo_rows


def doctor(format: FormatOption = "table") -> None:
    """Say what this installation has and lacks, for reports of problems. Exits with 1 if a required part is missing."""
    from dataclasses import asdict

    from emomech.book.doctor import examine

    lines = examine()
    if format == "json":
        typer.echo(json.dumps([asdict(line) for line in lines], indent=1, ensure_ascii=False))
    else:
        echo_rows("this installation", [(line.part, f"{line.state}: {line.text}") for line in lines])
    if any(line.required and line.state == "missing" for line in lines):
        raise typer.Exit(1)
