"""The command that writes a chosen steering edit for use elsewhere: `emomech steer export`.

A command imports what it needs when it is called, as in `main`.
"""

from pathlib import Path
from typing import Annotated

import typer

from emomech.cli.options import say
from emomech.core.outputs import path_option, writable_file, writable_folder

steer = typer.Typer(help="Use steering outside this package.", no_args_is_help=True)


@steer.callback()
def _group() -> None:
    """Keep `export` a command of its own name, although it is the only one."""


@steer.command("export")
def export(
    out: Annotated[Path, typer.Argument(parser=path_option, help="New folder for the edit and its loader.")],
    parameter: Annotated[
        list[str] | None,
        typer.Option("-p", metavar="NAME=VALUE", help="A parameter of the page steering. Repeat the option for more."),
    ] = None,
    constant: Annotated[
        bool, typer.Option("--constant", help="Take the best vector that is added at every token, not the best edit.")
    ] = False,
    gguf: Annotated[
        Path | None,
        typer.Option(
            parser=path_option, help="Also write a control vector for llama.cpp to this file; see --constant."
        ),
    ] = None,
) -> None:
    """Choose a steering edit as the page steering does, and write it with a loader for plain transformers.

    The folder holds edit.json, edit.safetensors and steer.py. In llama.cpp, pass a
    control vector with --control-vector; it is added at every token, special ones included.
    """
    from emomech.book import runner
    from emomech.notebook import parameters

    values = runner.prepare("steering", parameters.assignments(parameter or [])).parameters
    folder, file = writable_folder(out, "OUT"), gguf and writable_file(gguf, "--gguf")
    from emomech.causal.steering.experiment import SIZES, Experiment
    from emomech.causal.steering.export import Export
    from emomech.causal.steering.recognition import Texts
    from emomech.core.errors import UsageError
    from emomech.study.spec import StudySpec
    from emomech.study.study import Study

    study = Study(StudySpec.of(values).validate())
    n_labelled, n_features, n_tune, n_report = (
        int(values[name]) for name in ("n_labelled", "n_features", "n_tune", "n_report")
    )
    texts = Texts.of(study, max(*SIZES, n_labelled), n_tune, n_report, 0)
    if reason := texts.unusable():
        raise UsageError(f"steering of {study.lm.name}: nothing to export: {reason}.")
    edit = Export.of(Experiment(study, texts, n_labelled, n_features), constant)
    if file:
        edit.write_control_vector(file)
        say(f"a control vector for llama.cpp: {file}")
    edit.write(folder)
    typer.echo(folder)
