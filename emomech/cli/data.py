"""The commands on data sets: `emomech data sample`.

A command imports what it needs when it is called, as in `main`.
"""

from pathlib import Path
from typing import Annotated

import typer

from emomech.cli.options import say
from emomech.core.outputs import path_option, writable_file

data = typer.Typer(help="Texts: draw the sample that is shipped.")


@data.callback()
def _group() -> None:
    """Keep the name of a command, as a group with a single command would lose it."""


@data.command()
def sample(
    source: Annotated[
        Path, typer.Argument(parser=path_option, help="GoEmotions as its authors publish it: a file or a folder.")
    ],
    output: Annotated[Path, typer.Option(parser=path_option, help="CSV file to write: text, label, id.")],
    per_label: Annotated[int, typer.Option(min=1, help="Texts of each emotion.")] = 400,
) -> None:
    """Draw a balanced sample of GoEmotions by a fixed rule; the corpus `goemotions-sample` is made by it."""
    from emomech.core.files import write_atomic
    from emomech.data.published import readers, sampling
    from emomech.presets import lookup
    from emomech.study import corpora

    writable_file(output, "--output")
    preset = lookup.corpus("goemotions").model_copy(update={"path": str(source)})
    files = corpora.files(str(source), preset)
    rows = (row for file in files for row in readers.rows(file, "goemotions"))
    drawn = sampling.balanced(rows, preset.mapping, per_label)
    write_atomic(output, drawn.as_csv())
    say(f"{len(drawn.texts)} texts, {per_label} of each emotion")
    for reason, number in drawn.left_out.items():
        say(f"left out: {number:,} ({reason})")
    typer.echo(output)
