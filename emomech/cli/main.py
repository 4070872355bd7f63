"""The command line: `list`, `card`, `plan`, `run`, `book`, `check`, `verdicts`, `bench`, and those of other modules.

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

from emomech.cli import publish
from emomech.cli.options import Format, OutputOption, ProfileOption, say
from emomech.cli.train import organism, sae
from emomech.core.devices import Device
from emomech.core.errors import EmomechError, UsageError
from emomech.saes.override import FORCE

Listed: TypeAlias = Literal["models", "saes", "corpora", "emotions", "prompts", "organisms", "notebooks"]
ParameterOption: TypeAlias = Annotated[
    list[str] | None, typer.Option("-p", metavar="NAME=VALUE", help="A parameter; once for each.")
]
DeviceOption: TypeAlias = Annotated[
    Device | None, typer.Option(help="Where models compute, as EMOMECH_DEVICE says; auto: a GPU if there is one.")
]
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
for command in (publish.diff, publish.export, publish.pdf):
    app.command()(command)
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
    from emomech.presets import lookup

    for one in lookup.KINDS:
        if kind in (one, None):
            _echo_rows(one, [(name, preset.summary) for name, preset in lookup.table(one).items()])
    if kind in ("notebooks", None):
        _list_notebooks()


@app.command()
def card(name: Annotated[str, typer.Argument(help="A published data set; `emomech list corpora` knows them.")]) -> None:
    """Print what is known of a data set: source, licence, labels, which emotions it lacks, noise; and where it is."""
    from emomech.presets import cards

    typer.echo(cards.card(name))
    typer.echo(f"Here: {cards.availability()[name]}.")


def _list_notebooks() -> None:
    from emomech.book import runner
    from emomech.notebook import parameters

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
    device: DeviceOption = None,
    force: ForceOption = False,
) -> None:
    """Execute one notebook with your parameters and make a page of it; the paper's book stays as it is."""
    _force(force)
    from emomech.book import build, executed_notebook, runner
    from emomech.core.paths import CHECKOUT
    from emomech.notebook import parameters

    _compute_on(device)

    planned = runner.prepare(notebook, parameters.assignments(parameter or []))
    folder = out or CHECKOUT / "book" / "_build" / "single" / f"{notebook}-{planned.key[:8]}"
    executed, html = folder / f"{notebook}.ipynb", folder / "html"
    page = html / f"{notebook}.html"
    if executed.exists() and not executed_notebook.recorded(executed):
        raise UsageError(f"{executed}: was not written by emomech and is not replaced. Name another folder.")
    if not executed_notebook.fresh(planned, executed):
        runner.execute(planned, executed, on_cell=lambda done, total: say(f"{notebook}: {done} of {total} cells done"))
    elif page.exists() and page.stat().st_mtime_ns >= executed.stat().st_mtime_ns:
        say(f"{notebook}: is there already")
        typer.echo(page)
        return
    say(f"{notebook}: making the page")
    typer.echo(build.render_single(executed, html))


def _compute_on(device: Device | None) -> None:
    """Let this process and the kernels that it starts compute there. Raises UsageError for a GPU that is not there."""
    from emomech.core import devices

    if device is not None:
        os.environ[devices.DEVICE] = device
    if os.environ.get(devices.DEVICE) == "cuda":
        devices.chosen()


@app.command("book")
def book_(
    profile: ProfileOption = "full",
    parameter: ParameterOption = None,
    output: OutputOption = None,
    device: DeviceOption = None,
    force: ForceOption = False,
) -> None:
    """Bring the whole book up to date: what is missing or stale is executed, and pages are made.

    With parameters, such as another model, it is a book of its own in the folder `--output`.
    """
    _force(force)
    from emomech.book import build, edition
    from emomech.notebook import parameters

    _compute_on(device)
    given = parameters.assignments(parameter or [])
    if given and output is None:
        raise UsageError("a book with other parameters stands in a folder of its own: name one with --output.")
    typer.echo(build.build(edition.Edition(profile, given, output and output.absolute()), say=say))


@app.command()
def status(profile: ProfileOption = "full", output: OutputOption = None) -> None:
    """Say how each part of the book stands: fresh, stale, missing or broken."""
    from emomech.book import build, edition

    found = edition.chosen(profile, output)
    _echo_rows(f"profile {found.profile}", list(build.status(found).items()))


@app.command()
def check(
    what: Annotated[Literal["book"], typer.Argument(help="What to check.")] = "book",
    profile: ProfileOption = "full",
    output: OutputOption = None,
) -> None:
    """Say what is wrong with the book as it stands; exits with 1 if anything is.

    That is a part that is missing or stale, an errored notebook, a figure without description, a number typed into
    prose, a quoted one that no cell defined, a link that leads nowhere, a file from another host, a heavy page.
    """
    from emomech.book import build, edition

    if problems := build.check(edition.chosen(profile, output)):
        raise EmomechError("\n".join(["the book is not whole:", *problems]))
    typer.echo("the book is whole")


@app.command("plan")
def plan_(
    parameter: ParameterOption = None,
    device: DeviceOption = None,
    format: Annotated[Format, typer.Option(help="How to print it.")] = "table",
) -> None:
    """Say what a study will take on this machine: bytes to fetch, memory, time. Exits with 2 where it does not fit."""
    from emomech.notebook import parameters

    _compute_on(device)
    asked = parameters.assignments(parameter or [])
    from emomech.book import edition
    from emomech.core import machine
    from emomech.study import plan

    spec, here = plan.spec_of(asked), machine.this_machine(device)
    found = plan.plan(spec, here)
    if format == "json":
        typer.echo(json.dumps(plan.as_json(found, here), indent=1))
    else:
        _echo_rows("estimates, before anything is fetched", plan.rows(found, here, edition.studied()))
    found.check()


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
    from emomech.book import claims
    from emomech.notebook import parameters

    settings = parameters.assignments(parameter or [])
    models = model or ([settings["model"]] if "model" in settings else claims.book_models())
    found = claims.matrix(models, profile, settings=settings, n_jobs=claims.at_once())
    if format == "json":
        typer.echo(json.dumps(found.to_dict("records"), indent=1, ensure_ascii=False))
        return
    for name, rows in found.groupby("claim", sort=False):
        statement = rows.statement.iloc[0]
        _echo_rows(
            f"{name}: {statement}", [(str(row.model), f"{row.outcome}. {row.reason}") for row in rows.itertuples()]
        )


@app.command()
def bench(
    quick: Annotated[bool, typer.Option("--quick", help="Fewer features and turns.")] = False,
    output: Annotated[Path | None, typer.Option(help="A file for the figures, as JSON.")] = None,
) -> None:
    """Measure how fast the package is beside what would be taken instead, on one thread."""
    from emomech.bench import run as bench_run

    found = bench_run.run(quick, say)
    if output:
        bench_run.write(found, output)
    typer.echo(bench_run.markdown(found))
