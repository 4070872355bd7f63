"""The command line: `emomech list`, `run`, `book`, `status`, `check`, `organism` and `sae`.

What a command needs is imported when it is called, so that help and lists are there at once.
"""

import json
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import typer

from emomech.errors import EmomechError, UsageError
from emomech.forcing import FORCE
from emomech.training_commands import Format, organism, sae, say

Listed: TypeAlias = Literal["models", "saes", "corpora", "emotions", "prompts", "organisms", "notebooks"]
Profile: TypeAlias = Literal["full", "quick"]

ParameterOption: TypeAlias = Annotated[
    list[str] | None, typer.Option("-p", metavar="NAME=VALUE", help="A parameter; once for each.")
]
OutputOption: TypeAlias = Annotated[Path | None, typer.Option(help="The folder of a book with other parameters.")]
ProfileOption: TypeAlias = Annotated[Profile, typer.Option(help="The paper, or a fast look at it on fewer texts.")]
ForceOption: TypeAlias = Annotated[
    bool, typer.Option("--force", help="Use SAEs that do not fit the model all the same; every page says so.")
]
DEBUG = "EMOMECH_DEBUG"
INTERRUPTED = 130
"""Exit status of a command that Ctrl-C ended: 128 and the number of the signal, as shells have it."""

app = typer.Typer(
    help="How language models infer emotion: a paper that re-executes.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(organism, name="organism")
app.add_typer(sae, name="sae")


def main(arguments: Sequence[str] | None = None) -> None:
    """Do what the command line asks, and exit: 0 done, 1 failed, 2 asked wrongly, 130 interrupted."""
    try:
        app(arguments)
    except EmomechError as error:
        _exit(str(error), 2 if isinstance(error, UsageError) else 1)
    except OSError as error:
        _exit(str(error), 1)
    except SystemExit as end:
        if end.code == INTERRUPTED:
            _exit("interrupted. What was finished is kept, nothing half-written is.", INTERRUPTED)
        raise


def _exit(message: str, code: int) -> None:
    if os.environ.get(DEBUG):
        traceback.print_exc()
    typer.echo(f"emomech: {message}", err=True)
    sys.exit(code)


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help=f"Show tracebacks of errors, as does {DEBUG}=1.")] = False,
) -> None:
    if debug:
        os.environ[DEBUG] = "1"


def _force(force: bool) -> None:
    """Tell it to the processes that execute the notebooks."""
    if force:
        os.environ[FORCE] = "1"


@app.command("list")
def list_(
    kind: Annotated[Listed | None, typer.Argument(help="What to list; everything, if nothing is named.")] = None,
) -> None:
    """List what has a name: models, SAEs, corpora, emotion sets, prompts, and notebooks with their parameters."""
    from emomech import presets

    for one in presets.KINDS:
        if kind in (one, None):
            _echo_rows(one, [(name, preset.summary) for name, preset in presets.table(one).items()])
    if kind in ("notebooks", None):
        _list_notebooks()


def _list_notebooks() -> None:
    from emomech import parameters, runner

    for name, notebook in runner.notebooks().items():
        rows = [(f"-p {p.name}={p.default}", f"{p.help} [{p.expected}]") for p in parameters.read(notebook).values()]
        _echo_rows(f"notebook {name}: {runner.title(notebook)}", rows)


def _echo_rows(heading: str, rows: Sequence[tuple[str, str]]) -> None:
    width = max((len(name) for name, _ in rows), default=0)
    typer.echo("\n".join([heading, *(f"  {name:{width}}  {text}" for name, text in rows), ""]))


@app.command()
def run(
    notebook: Annotated[str, typer.Argument(help="Its name; `emomech list notebooks` knows them.")],
    parameter: ParameterOption = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the notebook and its page.")] = None,
    force: ForceOption = False,
) -> None:
    """Execute one notebook with your parameters and make a page of it; the paper's book stays as it is."""
    _force(force)
    from emomech import book, parameters, runner
    from emomech.presets import PACKAGE

    planned = runner.prepare(notebook, parameters.assignments(parameter or []))
    folder = out or PACKAGE.parent / "book" / "_build" / "single" / f"{notebook}-{planned.key[:8]}"
    executed, html = folder / f"{notebook}.ipynb", folder / "html"
    page = html / f"{notebook}.html"
    if executed.exists() and not runner.recorded(executed):
        raise UsageError(f"{executed}: was not written by emomech and is not replaced. Name another folder.")
    if not runner.fresh(planned, executed):
        runner.execute(planned, executed, on_cell=lambda done, total: say(f"{notebook}: {done} of {total} cells done"))
    elif page.exists() and page.stat().st_mtime_ns >= executed.stat().st_mtime_ns:
        say(f"{notebook}: is there already")
        typer.echo(page)
        return
    say(f"{notebook}: making the page")
    typer.echo(book.render_single(executed, html))


@app.command("book")
def book_(
    profile: ProfileOption = "full",
    parameter: ParameterOption = None,
    output: OutputOption = None,
    force: ForceOption = False,
) -> None:
    """Bring the whole book up to date: what is missing or stale is executed, and pages are made.

    With parameters, such as another model, it is a book of its own in the folder `--output`.
    """
    _force(force)
    from emomech import book, edition, parameters

    given = parameters.assignments(parameter or [])
    if given and output is None:
        raise UsageError("a book with other parameters stands in a folder of its own: name one with --output.")
    typer.echo(book.build(edition.Edition(profile, given, output and output.absolute()), say=say))


@app.command()
def status(profile: ProfileOption = "full", output: OutputOption = None) -> None:
    """Say how each part of the book stands: fresh, stale, missing or broken."""
    from emomech import book, edition

    found = edition.opened(output.absolute()) if output else edition.Edition(profile)
    _echo_rows(f"profile {found.profile}", list(book.status(found).items()))


@app.command()
def check(profile: ProfileOption = "full", output: OutputOption = None) -> None:
    """Say what is wrong with the book as it stands; exits with 1 if anything is."""
    from emomech import book, edition

    if problems := book.check(edition.opened(output.absolute()) if output else edition.Edition(profile)):
        raise EmomechError("\n".join(["the book is not whole:", *problems]))
    typer.echo("the book is whole")


@app.command("verdicts")
def verdicts_(
    model: Annotated[
        list[str] | None, typer.Option(help="A model preset or folder; once for each. The book's, if none is named.")
    ] = None,
    parameter: ParameterOption = None,
    profile: ProfileOption = "full",
    format: Annotated[Format, typer.Option(help="How to print them.")] = "table",
) -> None:
    """Print what came of every claim; what a book has computed is read back, the rest is computed."""
    from emomech import ledger, parameters

    settings = parameters.assignments(parameter or [])
    models = model or ([settings["model"]] if "model" in settings else ledger.book_models())
    found = ledger.matrix(models, profile, settings=settings, n_jobs=ledger.at_once())
    if format == "json":
        typer.echo(json.dumps(found.to_dict("records"), indent=1, ensure_ascii=False))
        return
    for name, rows in found.groupby("claim", sort=False):
        statement = rows.statement.iloc[0]
        _echo_rows(
            f"{name}: {statement}", [(str(row.model), f"{row.outcome}. {row.reason}") for row in rows.itertuples()]
        )
