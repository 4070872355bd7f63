"""The commands that show what there is: `emomech list` and `card`.

A command imports what it needs when it is called, as in `main`.
"""

from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import typer

from emomech.cli.options import echo_rows

if TYPE_CHECKING:
    from emomech.notebook.parameters import Parameter


Listed: TypeAlias = Literal["models", "saes", "corpora", "emotions", "prompts", "organisms", "notebooks"]
_LONG_DEFAULT = 30
"""Characters of a default from which on it is listed beside the meaning of its parameter."""


def list_(
    kind: Annotated[Listed | None, typer.Argument(help="What to list. Default: everything.")] = None,
) -> None:
    """List the models, SAEs, corpora, emotion sets, prompts, and notebooks with their parameters."""
    from emomech.presets import lookup

    for preset_kind in lookup.KINDS:
        if kind in (preset_kind, None):
            rows = [(name, preset.summary) for name, preset in lookup.table(preset_kind).items()]
            echo_rows(preset_kind, rows)
    if kind in ("notebooks", None):
        _list_notebooks()


def card(name: Annotated[str, typer.Argument(help="A published data set; `emomech list corpora` lists them.")]) -> None:
    """Describe a data set: source, licence, labels, missing emotions, label noise, and whether it is available."""
    from emomech.presets import cards

    typer.echo(cards.card(name))  # Markdown, whose rows cannot be wrapped
    typer.echo(f"Here: {cards.availability()[name]}.")


def _list_notebooks() -> None:
    from emomech.book import runner
    from emomech.notebook import parameters

    for name, notebook in runner.notebooks().items():
        rows = [_row(parameter) for parameter in parameters.read(notebook).values()]
        echo_rows(f"notebook {name}: {runner.title(notebook)}", rows)


def _row(parameter: "Parameter") -> tuple[str, str]:
    """Give the assignment of a parameter's default, and its meaning with the values that fit."""
    default, meaning = str(parameter.default), f"{parameter.help} [{parameter.expected}]"
    if len(default) < _LONG_DEFAULT:
        return f"-p {parameter.name}={default}", meaning
    return f"-p {parameter.name}", f"{meaning} Default: {', '.join(default.split(','))}"
