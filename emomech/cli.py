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

Listed: TypeAlias = Literal["models", "saes", "corpora", "emotions", "prompts", "organisms", "notebooks"]
Profile: TypeAlias = Literal["full", "quick"]
Format: TypeAlias = Literal["table", "json"]
Device: TypeAlias = Literal["auto", "cpu", "cuda"]

ProfileOption: TypeAlias = Annotated[Profile, typer.Option(help="The paper, or a fast look at it on fewer texts.")]
SeedOption: TypeAlias = Annotated[int, typer.Option(min=0, help="Decides all that is drawn.")]
ModelOption: TypeAlias = Annotated[str, typer.Option(help="A model preset, or a Hugging Face model folder.")]
CorpusOption: TypeAlias = Annotated[
    str, typer.Option(help="A corpus preset, or a CSV, JSONL or Parquet file of texts.")
]
TokensOption: TypeAlias = Annotated[int, typer.Option(min=1, help="Activations that each SAE learns from.")]
PointsOption: TypeAlias = Annotated[
    str | None, typer.Option(help="Layers such as blocks.3.hook_resid_post, commas between.")
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
organism = typer.Typer(help="The embedded model.", no_args_is_help=True)
sae = typer.Typer(help="Sparse autoencoders for your own model.", no_args_is_help=True)
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
    parameter: Annotated[
        list[str] | None, typer.Option("-p", metavar="NAME=VALUE", help="A parameter; once for each.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the notebook and its page.")] = None,
) -> None:
    """Execute one notebook with your parameters and make a page of it; the paper's book stays as it is."""
    from emomech import book, runner
    from emomech.presets import PACKAGE

    planned = runner.prepare(notebook, _assignments(parameter or []))
    folder = out or PACKAGE.parent / "book" / "_build" / "single" / f"{notebook}-{planned.key[:8]}"
    executed, html = folder / f"{notebook}.ipynb", folder / "html"
    page = html / f"{notebook}.html"
    if executed.exists() and not runner.recorded(executed):
        raise UsageError(f"{executed}: was not written by emomech and is not replaced. Name another folder.")
    if not runner.fresh(planned, executed):
        runner.execute(planned, executed, on_cell=lambda done, total: _say(f"{notebook}: {done} of {total} cells done"))
    elif page.exists() and page.stat().st_mtime_ns >= executed.stat().st_mtime_ns:
        _say(f"{notebook}: is there already")
        typer.echo(page)
        return
    _say(f"{notebook}: making the page")
    typer.echo(book.render_single(executed, html))


def _assignments(given: Sequence[str]) -> dict[str, str]:
    """Take `NAME=VALUE` apart. Raises UsageError for another form, and for a name that is given twice."""
    found: dict[str, str] = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not equals or not name:
            raise UsageError(f"-p {one!r}: expected NAME=VALUE, such as -p seed=1.")
        if name in found:
            raise UsageError(f"-p {name}: is given twice, as {found[name]!r} and {value!r}.")
        found[name] = value
    return found


def _say(text: str) -> None:
    """Tell of progress, apart from what the command answers."""
    typer.echo(text, err=True)


@app.command("book")
def book_(profile: ProfileOption = "full") -> None:
    """Bring the whole book up to date: what is missing or stale is executed, and pages are made."""
    from emomech import book

    typer.echo(book.build(profile, say=_say))


@app.command()
def status(profile: ProfileOption = "full") -> None:
    """Say how each part of the book stands: fresh, stale, missing or broken."""
    from emomech import book

    _echo_rows(f"profile {profile}", list(book.status(profile).items()))


@app.command()
def check(profile: ProfileOption = "full") -> None:
    """Say what is wrong with the book as it stands; exits with 1 if anything is."""
    from emomech import book

    if problems := book.check(profile):
        raise EmomechError("\n".join(["the book is not whole:", *problems]))
    typer.echo("the book is whole")


@organism.command("train")
def train_organism(
    preset: Annotated[str, typer.Option(help="A preset, or a group; `emomech list organisms` knows them.")] = "default",
    out: Annotated[Path | None, typer.Option(help="Folder; else where the project keeps the preset.")] = None,
    device: Annotated[Device, typer.Option(help="auto: a GPU if there is one.")] = "auto",
) -> None:
    """Make an embedded model and its SAEs from nothing; goes on where it was interrupted."""
    from emomech import presets

    chosen = presets.organisms(preset)
    from emomech.organism import records, train

    for name, one in chosen.items():
        folder = (records.WEIGHTS if out is None else out) / name if out is None or len(chosen) > 1 else out
        _say(f"{name}: {one.summary}")
        train.train(folder, recipe=train.recipe_of(one), seed=one.seed, device=device, say=_say)
        typer.echo(folder)


@organism.command("evaluate")
def evaluate_organism(
    preset: Annotated[str, typer.Option(help="A preset; `emomech list organisms` knows them.")] = "default",
    out: Annotated[Path | None, typer.Option(help="Folder of a trained model; else the preset's.")] = None,
    seed: SeedOption = 0,
    format: Annotated[Format, typer.Option(help="For people or for programs.")] = "table",
) -> None:
    """Measure an embedded model on texts that it never saw, and say which of its gates it meets."""
    from emomech import presets
    from emomech.study import StudySpec

    names = list(presets.organisms(preset))
    if len(names) > 1:
        raise UsageError(f"--preset {preset}: is a group; name one of {', '.join(names)}.")
    model = "organism" if preset == "default" else f"organism-{preset}"
    spec = (
        StudySpec(model=str(out / "model"), sae=str(out / "saes"), seed=seed)
        if out
        else StudySpec(model=model, seed=seed)
    )
    spec.validate()
    from emomech.organism.evaluate import evaluate, gated
    from emomech.study import Study

    measured = evaluate(Study(spec))
    gates = gated(measured)
    if format == "json":
        tables = {"gates": gates.to_dict("records"), "measured": measured.to_dict("records")}
        typer.echo(json.dumps(tables, ensure_ascii=False, indent=1))
    else:
        for table in (measured, gates):
            typer.echo(table.to_string(index=False, float_format="{:.3f}".format) + "\n")


@sae.command("train")
def train_saes_(
    model: ModelOption,
    corpus: CorpusOption,
    out: Annotated[Path, typer.Option(help="Folder that gets one SAELens folder per layer.")],
    points: PointsOption = None,
    d_sae: Annotated[int, typer.Option(min=1, help="Features of each SAE.")] = 512,
    k: Annotated[int, typer.Option(min=1, help="Features that fire at once.")] = 16,
    tokens: TokensOption = 600_000,
    seed: SeedOption = 0,
) -> None:
    """Train one SAE for the embedding and for each block of a model; layers whose folder stands are left alone."""
    from emomech.study import Study, StudySpec

    study = Study(StudySpec(model=model, corpus=corpus, sae=None, seed=seed).validate())
    if out.exists() and not out.is_dir():
        raise UsageError(f"--out {out}: is a file, expected a folder.")
    from emomech.sae_training import SaeRecipe, default_points, named_points, train_saes

    recipe = SaeRecipe(d_sae=d_sae, k=k, n_tokens=tokens, seed=seed)
    where = named_points(study.lm, _listed(points)) if points is not None else default_points(study.lm)
    train_saes(study.lm, [example.text for example in study.corpus.examples], where, out, recipe, _say)
    typer.echo(out)


@sae.command("sweep")
def sweep_saes(
    model: ModelOption,
    corpus: CorpusOption,
    d_sae: Annotated[str, typer.Option(help="Numbers of features, commas between.")] = "256,512,1024",
    k: Annotated[str, typer.Option(help="Features that fire at once, commas between.")] = "8,16,32",
    points: PointsOption = None,
    tokens: TokensOption = 600_000,
    seeds: Annotated[int, typer.Option(min=2, help="SAEs of each size, to see which features come again.")] = 2,
    seed: SeedOption = 0,
    format: Annotated[Format, typer.Option(help="For people or for programs.")] = "table",
) -> None:
    """Train SAEs of several sizes at a few layers and measure them, to choose a size; none of them is kept."""
    from emomech.study import Study, StudySpec

    widths, sparsities = _numbers("--d-sae", d_sae), _numbers("--k", k)
    study = Study(StudySpec(model=model, corpus=corpus, sae=None, seed=seed).validate())
    from emomech.sae_sweep import Grid, default_sweep_points, sweep
    from emomech.sae_training import SaeRecipe, named_points

    grid = Grid(widths, sparsities, seeds, SaeRecipe(n_tokens=tokens, seed=seed))
    grid.recipes()
    where = named_points(study.lm, _listed(points)) if points is not None else default_sweep_points(study.lm)
    table = sweep(study.lm, [example.text for example in study.corpus.examples], where, grid, _say)
    if format == "json":
        typer.echo(table.to_json(orient="records", indent=1))
    else:
        typer.echo(table.to_string(index=False, float_format="{:.3f}".format))


def _listed(text: str) -> list[str]:
    """Take a list with commas apart."""
    return [part for part in map(str.strip, text.split(",")) if part]


def _numbers(option: str, text: str) -> list[int]:
    """Read whole numbers above 0. Raises UsageError for anything else."""
    parts = _listed(text)
    if not parts or not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise UsageError(f"{option} {text!r}: expected whole numbers above 0 with commas between, such as 16,32.")
    return [int(part) for part in parts]
