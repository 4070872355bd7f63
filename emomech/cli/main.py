"""The command line: `list`, `card`, `run`, `book`, `status`, `check`, `plan`, `verdicts`, `bench`, and the others.

A command imports what it needs when it is called, so that help and lists appear at once.
"""

import io
import json
import os
import re
import shlex
import signal
import sys
import threading
import traceback
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from emomech.cli import publish
from emomech.cli.data import data
from emomech.cli.doctor import doctor
from emomech.cli.edition import edition as kept_edition
from emomech.cli.fetch import fetch
from emomech.cli.lists import card, list_
from emomech.cli.options import (
    FormatOption,
    LabelColumnOption,
    OutputOption,
    ProfileOption,
    TextColumnOption,
    echo_rows,
    say,
)
from emomech.cli.rules import rules
from emomech.cli.state import check, status
from emomech.cli.steer import steer
from emomech.cli.train import organism, sae
from emomech.core.devices import Device
from emomech.core.errors import EmomechError, UsageError
from emomech.core.outputs import path_option, writable_file
from emomech.core.settings import Settings

ParameterOption: TypeAlias = Annotated[
    list[str] | None, typer.Option("-p", metavar="NAME=VALUE", help="A parameter. Repeat the option for more.")
]
DeviceOption: TypeAlias = Annotated[
    Device | None, typer.Option(help="Device for models; auto: a GPU if there is one. Overrides EMOMECH_DEVICE.")
]
ForceOption: TypeAlias = Annotated[
    bool, typer.Option("--force", help="Use SAEs that fail the compatibility check, with a warning on every page.")
]
DEBUG = "EMOMECH_DEBUG"
INTERRUPTED = 130
"""Exit status of a command ended by Ctrl-C or another signal: 128 plus the number of the former, as in shells."""
app = typer.Typer(
    help="How language models infer emotion: a paper that you can re-execute.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("list")(list_)
for command in (card, doctor, fetch, status, check, publish.diff, publish.export, publish.pdf, publish.picture):
    app.command()(command)
groups = {"organism": organism, "sae": sae, "rules": rules, "edition": kept_edition, "data": data, "steer": steer}
for name, group in groups.items():
    app.add_typer(group, name=name)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and exit: 0 for success, 1 for a failure, 2 for wrong usage, 130 for an interrupt."""
    _interrupt_when_ended()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a path may have bytes that are no text
    try:
        app(arguments)
    except EmomechError as error:
        _exit(str(error), 2 if isinstance(error, UsageError) else 1)
    except OSError as error:
        _exit(str(error), 1)
    except SystemExit as end:
        if end.code == INTERRUPTED:
            _exit("interrupted. Finished results are kept; half-written files were removed.", INTERRUPTED)
        if hint := _hint(end.__context__):
            typer.echo(f"emomech: {hint}", err=True)
        raise


def _interrupt_when_ended() -> None:
    """Let the signals that end a process do what Ctrl-C does, so that unfinished files and kernels are removed."""
    for name in {"SIGTERM", "SIGHUP"} & set(dir(signal)):
        number = signal.Signals[name]
        is_ignored = signal.getsignal(number) != signal.SIG_DFL  # such as by nohup
        if not is_ignored and threading.current_thread() is threading.main_thread():
            signal.signal(number, signal.default_int_handler)


def _hint(error: BaseException | None) -> str:
    """Say how a parameter is given, if a command that takes parameters refused a bare NAME=VALUE."""
    command = getattr(getattr(error, "ctx", None), "command", None)
    takes_parameters = any("-p" in option.opts for option in getattr(command, "params", ()))
    bare = re.search(r"extra arguments?(?:\(s\))? \((?P<values>.*)\)", str(error), re.DOTALL)
    if not (takes_parameters and bare and "=" in bare["values"]):
        return ""
    given = [f"-p {shlex.quote(value)}" for value in bare["values"].split() if "=" in value]
    return f"a parameter needs -p before it: {' '.join(given)}"


def _exit(message: str, code: int) -> None:
    if os.environ.get(DEBUG):
        traceback.print_exc()
    typer.echo(f"emomech: {message}", err=True)
    sys.exit(code)


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help=f"Show tracebacks of errors; so does {DEBUG}=1.")] = False,
) -> None:
    if debug:
        os.environ[DEBUG] = "1"


def _settings(device: Device | None, force: bool = False) -> Settings:
    """Combine the environment with the options, for this process and for the kernels that it starts.

    Raises UsageError for a GPU that is not there.
    """
    settings = Settings.from_environment()
    settings = replace(settings, device=device or settings.device, force=force or settings.force)
    if settings.device == "cuda":
        settings.compute_device()
    os.environ.update(settings.to_environment())
    return settings


def _assignments(given: list[str] | None, text_column: str, label_column: str) -> dict[str, str]:
    """Read the parameters of a command, and say which names of presets are those of files or folders here, too.

    The columns of a table are the parameters `text` and `label`. Raises UsageError for one that is given twice.
    """
    from emomech.notebook import parameters
    from emomech.presets import lookup

    columns = {"text": text_column, "label": label_column}
    named = [f"{name}={column}" for name, column in columns.items() if column]
    assignments = parameters.assignments([*(given or []), *named])
    for hint in lookup.hidden(assignments):
        say(hint)
    return assignments


@app.command()
def run(
    notebook: Annotated[str, typer.Argument(help="Name of the notebook; `emomech list notebooks` lists them.")],
    parameter: ParameterOption = None,
    text_column: TextColumnOption = "",
    label_column: LabelColumnOption = "",
    out: Annotated[
        Path | None, typer.Option(parser=path_option, help="Folder for the executed notebook and its page.")
    ] = None,
    device: DeviceOption = None,
    force: ForceOption = False,
) -> None:
    """Execute one notebook with your parameters and render its page; the book of the paper does not change."""
    _settings(device, force)
    from emomech.book import runner, single

    planned = runner.prepare(notebook, _assignments(parameter, text_column, label_column))
    if "settings" in planned.parameters:
        from emomech.book import page_checks

        page_checks.check(planned.parameters)
    typer.echo(single.run(planned, out, say))


@app.command("book")
def book_(
    profile: ProfileOption = "full",
    parameter: ParameterOption = None,
    text_column: TextColumnOption = "",
    label_column: LabelColumnOption = "",
    output: OutputOption = None,
    device: DeviceOption = None,
    force: ForceOption = False,
) -> None:
    """Bring the whole book up to date: execute missing and stale notebooks, and render the pages.

    With parameters, such as another model, the result is another book, which needs its own folder: `--output`.
    """
    _settings(device, force)
    from emomech.book import build, edition

    assignments = _assignments(parameter, text_column, label_column)
    if assignments and output is None:
        raise UsageError("a book with other parameters needs its own folder: name one with --output.")
    typer.echo(build.build(edition.Edition(profile, assignments, output and output.absolute()), say=say))


@app.command("plan")
def plan_(
    parameter: ParameterOption = None,
    text_column: TextColumnOption = "",
    label_column: LabelColumnOption = "",
    for_: Annotated[
        str | None,
        typer.Option("--for", metavar="MACHINE", help="Another machine, such as h100-80gb. Default: this one."),
    ] = None,
    device: DeviceOption = None,
    profile: ProfileOption = "full",
    format: FormatOption = "table",
) -> None:
    """Estimate what a study needs on a machine: downloads, memory, time. Exits with 2 if it does not fit."""
    settings = _settings(device) if for_ is None else replace(Settings.from_environment(), device=device or "auto")
    assignments = _assignments(parameter, text_column, label_column)
    from emomech.book import edition, expected
    from emomech.core import machine
    from emomech.study import plan

    book = edition.Edition(profile, assignments)
    book.check_names()
    spec = plan.spec_of(plan.of_study(assignments))
    planned_for = machine.named(for_, settings.device, settings.number_format(spec.resolved.model.dtype))
    estimates = plan.plan(spec, planned_for, settings, expected.expected(book, planned_for, settings))
    if format == "json":
        typer.echo(json.dumps(plan.as_json(estimates, planned_for), indent=1))
    else:
        echo_rows("estimates, before any download", plan.rows(estimates, planned_for, edition.studied()))
    estimates.check()


@app.command("verdicts")
def verdicts_(
    model: Annotated[
        list[str] | None,
        typer.Option(help="A model preset or folder. Repeat the option for more. Default: the models of the book."),
    ] = None,
    parameter: ParameterOption = None,
    text_column: TextColumnOption = "",
    label_column: LabelColumnOption = "",
    profile: ProfileOption = "full",
    format: FormatOption = "table",
) -> None:
    """Print the verdict on every claim. Kept results of the book are reused; the others are computed."""
    from emomech.book import claims

    settings = _assignments(parameter, text_column, label_column)
    models = model or ([settings["model"]] if "model" in settings else claims.book_models())
    matrix = claims.matrix(models, profile, settings=settings, n_jobs=claims.parallel_jobs())
    if format == "json":
        typer.echo(json.dumps(claims.as_records(matrix), indent=1, ensure_ascii=False))
        return
    for name, rows in matrix.groupby("claim", sort=False):
        statement = rows.statement.iloc[0]
        echo_rows(
            f"{name}: {statement}", [(str(row.model), f"{row.outcome}. {row.reason}") for row in rows.itertuples()]
        )


@app.command()
def bench(
    quick: Annotated[bool, typer.Option("--quick", help="Measure on fewer features, with fewer repeats.")] = False,
    output: Annotated[Path | None, typer.Option(parser=path_option, help="JSON file to write the results to.")] = None,
    busy: Annotated[bool, typer.Option("--busy", help="Measure while other programs are running, too.")] = False,
) -> None:
    """Compare speed and memory of this package with alternatives."""
    from emomech.bench import run as bench_run

    file = output and writable_file(output, "--output")
    results = bench_run.run(quick, say, busy)
    if file:
        bench_run.write(results, file)
    typer.echo(bench_run.markdown(results))
