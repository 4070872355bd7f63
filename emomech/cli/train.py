"""The commands that make things: `emomech organism train` and `evaluate`, `emomech sae train` and `sweep`.

What a command needs is imported when it is called, as in `cli`.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from emomech.cli.options import Format, say
from emomech.core.devices import Device
from emomech.core.errors import UsageError
from emomech.presets.lookup import listed

if TYPE_CHECKING:
    from emomech.study.study import Study


SeedOption: TypeAlias = Annotated[int, typer.Option(min=0, help="Decides all that is drawn.")]
ModelOption: TypeAlias = Annotated[str, typer.Option(help="A model preset, or a Hugging Face model folder.")]
CorpusOption: TypeAlias = Annotated[
    str, typer.Option(help="A corpus preset, or a CSV, JSONL or Parquet file of texts.")
]
TokensOption: TypeAlias = Annotated[int, typer.Option(min=1, help="Activations that each SAE learns from.")]
PointsOption: TypeAlias = Annotated[
    str | None, typer.Option(help="Layers such as blocks.3.hook_resid_post, commas between.")
]
organism = typer.Typer(help="The embedded model.", no_args_is_help=True)
sae = typer.Typer(help="Sparse autoencoders for your own model.", no_args_is_help=True)


@organism.command("train")
def train_organism(
    preset: Annotated[str, typer.Option(help="A preset, or a group; `emomech list organisms` knows them.")] = "default",
    out: Annotated[Path | None, typer.Option(help="Folder; else where the project keeps the preset.")] = None,
    device: Annotated[Device, typer.Option(help="auto: a GPU if there is one.")] = "auto",
) -> None:
    """Make an embedded model and its SAEs from nothing; goes on where it was interrupted."""
    from emomech.presets import lookup

    chosen = lookup.organisms(preset)
    from emomech.organism import build, records

    for name, one in chosen.items():
        folder = (records.WEIGHTS if out is None else out) / name if out is None or len(chosen) > 1 else out
        say(f"{name}: {one.summary}")
        build.train(folder, recipe=build.recipe_of(one), seed=one.seed, device=device, say=say)
        typer.echo(folder)


@organism.command("evaluate")
def evaluate_organism(
    preset: Annotated[str, typer.Option(help="A preset; `emomech list organisms` knows them.")] = "default",
    out: Annotated[Path | None, typer.Option(help="Folder of a trained model; else the preset's.")] = None,
    seed: SeedOption = 0,
    format: Annotated[Format, typer.Option(help="For people or for programs.")] = "table",
) -> None:
    """Measure an embedded model on texts that it never saw, and say which of its gates it meets."""
    from emomech.presets import lookup
    from emomech.study.spec import StudySpec

    names = list(lookup.organisms(preset))
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
    from emomech.study.study import Study

    measured = evaluate(Study(spec))
    gates = gated(measured)
    if format == "json":
        tables = {"gates": gates.to_dict("records"), "measured": measured.to_dict("records")}
        typer.echo(json.dumps(tables, ensure_ascii=False, indent=1))
    else:
        for table in (measured, gates):
            typer.echo(table.to_string(index=False, float_format="{:.3f}".format) + "\n")


def _texts(study: "Study") -> list[str]:
    """Texts to train on, long ones in pieces; a table of the user's needs no labels for that."""
    from emomech.data import corpus
    from emomech.models.tokens import pieces
    from emomech.presets import lookup

    preset = lookup.corpus(study.spec.corpus)
    unlabelled = preset.path and not preset.format
    texts = corpus.texts(Path(preset.path)) if unlabelled else [one.text for one in study.corpus.examples]
    return pieces(study.lm, texts)


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
    from emomech.study.spec import StudySpec
    from emomech.study.study import Study

    study = Study(StudySpec(model=model, corpus=corpus, sae=None, seed=seed).validate())
    if out.exists() and not out.is_dir():
        raise UsageError(f"--out {out}: is a file, expected a folder.")
    from emomech.saes.training import SaeRecipe, default_points, named_points, train_saes

    recipe = SaeRecipe(d_sae=d_sae, k=k, n_tokens=tokens, seed=seed)
    where = named_points(study.lm, listed(points)) if points is not None else default_points(study.lm)
    train_saes(study.lm, _texts(study), where, out, recipe, say)
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
    from emomech.study.spec import StudySpec
    from emomech.study.study import Study

    widths, sparsities = _numbers("--d-sae", d_sae), _numbers("--k", k)
    study = Study(StudySpec(model=model, corpus=corpus, sae=None, seed=seed).validate())
    from emomech.saes.sweep import Grid, default_sweep_points, sweep
    from emomech.saes.training import SaeRecipe, named_points

    grid = Grid(widths, sparsities, seeds, SaeRecipe(n_tokens=tokens, seed=seed))
    grid.recipes()
    where = named_points(study.lm, listed(points)) if points is not None else default_sweep_points(study.lm)
    table = sweep(study.lm, _texts(study), where, grid, say)
    if format == "json":
        typer.echo(table.to_json(orient="records", indent=1))
    else:
        typer.echo(table.to_string(index=False, float_format="{:.3f}".format))


def _numbers(option: str, text: str) -> list[int]:
    """Read whole numbers above 0. Raises UsageError for anything else."""
    parts = listed(text)
    if not parts or not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise UsageError(f"{option} {text!r}: expected whole numbers above 0 with commas between, such as 16,32.")
    return [int(part) for part in parts]
