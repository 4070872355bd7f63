"""The commands that train and evaluate: `emomech organism train` and `evaluate`, `emomech sae train`, `check`, `sweep`.

A command imports what it needs when it is called, as in `main`.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from emomech.cli.options import FormatOption, TextColumnOption, say
from emomech.core.devices import Device
from emomech.core.errors import EmomechError, UsageError
from emomech.core.limits import LARGEST, byte_count, whole_number
from emomech.core.outputs import path_option, writable_folder
from emomech.presets.lookup import listed

if TYPE_CHECKING:
    from emomech.core.hook_points import HookPoint
    from emomech.study.training_texts import TrainingTexts


SeedOption: TypeAlias = Annotated[int, typer.Option(min=0, max=LARGEST, help="Seed of all random numbers.")]
ModelOption: TypeAlias = Annotated[str, typer.Option(help="A model preset, a model folder, or a GGUF file.")]
CorporaOption: TypeAlias = Annotated[
    list[str],
    typer.Option(
        "--corpus", help="A corpus preset, a file (.csv, .tsv, .jsonl, .parquet, .txt), or hub:OWNER/DATASET/FILE."
    ),
]
TokensOption: TypeAlias = Annotated[int, typer.Option(min=1, max=LARGEST, help="Activations to train each SAE on.")]
SaesOption: TypeAlias = Annotated[
    Path, typer.Option(parser=path_option, help="Folder for the SAEs: one folder in SAELens format per layer.")
]
PoolOption: TypeAlias = Annotated[
    int, typer.Option(min=1, max=LARGEST, help="Activations to read per layer; the training repeats them.")
]
ControlOption: TypeAlias = Annotated[
    str, typer.Option(help="Train a control: frozen or soft-frozen; its folder is OUT-frozen or OUT-soft-frozen.")
]
ActivationsOption: TypeAlias = Annotated[
    Path | None, typer.Option(parser=path_option, help="Folder that keeps the activations for another training.")
]
DiskOption: TypeAlias = Annotated[
    str, typer.Option(help="Most disk space for activations, such as 20GB. Default: what is free.")
]
MemoryOption: TypeAlias = Annotated[
    str, typer.Option(help="Most memory for activations, such as 2GB. What is larger stays on the disk.")
]
LayersOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--layers",
        "--points",
        help="Layers, such as every:3 or embedding,0,4-8,last, or hook points, such as blocks.3.hook_resid_post.",
    ),
]
organism = typer.Typer(help="Train and evaluate the embedded model.", no_args_is_help=True)
sae = typer.Typer(help="Train and check sparse autoencoders (SAEs) for your own model.", no_args_is_help=True)


@organism.command("train")
def train_organism(
    preset: Annotated[str, typer.Option(help="A preset or group; `emomech list organisms` lists them.")] = "default",
    out: Annotated[Path | None, typer.Option(help="Folder. Default: the preset's folder in the package.")] = None,
    device: Annotated[Device, typer.Option(help="Device for training; auto: a GPU if there is one.")] = "auto",
    controls: Annotated[bool, typer.Option(help="Also train SAEs with frozen and soft-frozen decoders.")] = False,
    second_seed: Annotated[bool, typer.Option(help="Also train the SAEs with a second seed.")] = False,
) -> None:
    """Train an embedded model and its SAEs from scratch; an interrupted training is resumed.

    Controls lie beside the folder saes, in saes-soft-frozen and saes-frozen,
    and the SAEs of another seed N in saes-seedN.
    """
    from emomech.presets import lookup

    chosen = lookup.organisms(preset)
    from emomech.organism import build, records

    for name, organism_preset in chosen.items():
        folder = (records.WEIGHTS if out is None else out) / name if out is None or len(chosen) > 1 else out
        say(f"{name}: {organism_preset.summary}")
        recipe = build.recipe_of(organism_preset)
        build.train(folder, recipe=recipe, seed=organism_preset.seed, device=device, say=say)
        if controls or second_seed:
            build.train_beside(folder, controls=controls, second=second_seed, device=device, say=say)
        typer.echo(folder)


@organism.command("evaluate")
def evaluate_organism(
    preset: Annotated[str, typer.Option(help="A preset; `emomech list organisms` lists them.")] = "default",
    out: Annotated[Path | None, typer.Option(help="Folder of a trained model. Default: the preset's folder.")] = None,
    seed: SeedOption = 0,
    format: FormatOption = "table",
) -> None:
    """Measure an embedded model on texts that are not in its training data, and compare with the required levels."""
    from emomech.presets import lookup
    from emomech.study.spec import StudySpec

    names = list(lookup.organisms(preset))
    if len(names) > 1:
        raise UsageError(f"--preset {preset}: is a group; expected one of its presets: {', '.join(names)}.")
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


def _texts(model: str, corpora: list[str], text_column: str, seed: int = 0) -> "TrainingTexts":
    """Check the corpora of a training, whose labels are not needed; the model is loaded when the texts are read."""
    from emomech.study.training_texts import TrainingTexts

    return TrainingTexts.of(model, corpora, text_column, seed)


def _bytes(option: str, text: str) -> int | None:
    """Read a budget; None without one. Raises UsageError for anything that is no number of bytes."""
    if not text:
        return None
    if (number := byte_count(text)) is None:
        raise UsageError(f"{option} {text!r}: expected a number of bytes, such as 20GB or 500MB.")
    return number


@sae.command("train")
def train_saes_(
    model: ModelOption,
    corpus: CorporaOption,
    out: SaesOption,
    text_column: TextColumnOption = "",
    layers: LayersOption = None,
    d_sae: Annotated[int, typer.Option(min=1, max=LARGEST, help="Features of each SAE.")] = 512,
    k: Annotated[int, typer.Option(min=1, max=LARGEST, help="Features that are active at once (top k).")] = 16,
    tokens: TokensOption = 600_000,
    pool: PoolOption = 400_000,
    seed: SeedOption = 0,
    control: ControlOption = "",
    activations: ActivationsOption = None,
    budget_disk: DiskOption = "",
    budget_memory: MemoryOption = "2GB",
) -> None:
    """Train one SAE on the embedding and one on each block of a model; layers that have theirs are skipped.

    The model reads the texts once for all layers. Several --corpus options
    are read in turn, one text of each. A corpus is a preset, a table, a .txt
    file with a text in each line, or hub:OWNER/DATASET/FILE. Large files are
    read as a stream, and no further than --pool asks for.

    An interrupted training goes on with the same command. A folder of a layer
    that holds an SAE of another size, recipe, model or other texts is
    refused, as is one that holds none. At the end, every tenth text, which
    was held out, measures the SAEs: the table is also in OUT/README.md. Exits
    with 1 if more than half of the features of an SAE are dead.

    --control frozen keeps each decoder at its random start, soft-frozen keeps
    each of its rows within a cosine of 0.8 of its start (arXiv:2602.14111).
    All else is as without the option: give the options of the SAEs in OUT.

    A study of the SAEs in OUT reads controls from OUT-frozen and
    OUT-soft-frozen, and SAEs of another seed from OUT-seedN, which
    --out OUT-seed1 --seed 1 trains.
    """
    from emomech.saes import beside

    kind = beside.named(control) if control else ""
    out = writable_folder(beside.folder_of(out, kind) if kind else out, "--out")
    disk, memory = _bytes("--budget-disk", budget_disk), _bytes("--budget-memory", budget_memory)
    texts = _texts(model, corpus, text_column, seed)
    from emomech.models.store import MEMORY, Place
    from emomech.saes.points import chosen_points, default_points
    from emomech.saes.recipe import SaeRecipe
    from emomech.saes.training import train_saes

    recipe = SaeRecipe(d_sae=d_sae, k=k, n_tokens=tokens, seed=seed, control=kind, pool=pool)
    at = default_points(texts.lm) if layers is None else chosen_points(texts.lm, layers)
    place = Place(activations, disk, memory or MEMORY, keep=activations is not None)
    train_saes(texts.lm, texts, at, recipe, out=out, place=place, say=say)
    typer.echo(out)
    _measure(texts, at, out)


def _measure(texts: "TrainingTexts", at: "list[HookPoint]", out: Path) -> None:
    """Measure SAEs on the texts that were held out, if there are any; write their card and print its table.

    Raises EmomechError, once that is done, for SAEs that consist mostly of dead features.
    """
    if not texts.held_out:
        return
    say(f"measuring {len(at)} SAEs on {len(texts.held_out)} held-out texts")
    from emomech.saes.card import write_card
    from emomech.saes.collection import load_saes
    from emomech.saes.dead import all_mostly_dead

    saes = load_saes(out)
    trained = {point: saes[point] for point in at}
    card = write_card(texts.lm, trained, texts.held_out, out, texts.corpora)
    say(card.to_string(index=False, float_format="{:.3f}".format))
    if dead := all_mostly_dead(trained):
        many = f"{out}: {len(dead)} of {len(at)} SAEs consist mostly of dead features, so no study uses them:"
        raise EmomechError("\n".join([many, *dead, "Train on more texts, or on fewer features (--d-sae)."]))


@sae.command("check")
def check_saes(
    saes: Annotated[str, typer.Argument(help="A folder of SAEs in SAELens format, or an SAE preset.")],
    model: ModelOption,
    corpus: CorporaOption,
    text_column: TextColumnOption = "",
    format: FormatOption = "table",
) -> None:
    """Measure SAEs on a model and texts, as every study does before it uses them. Exits with 1 if one does not fit."""
    from emomech.saes.collection import load_saes

    loaded = load_saes(saes)
    texts = _texts(model, corpus, text_column)
    from emomech.saes.compatibility import MAX_FVU, MAX_FVU_FROZEN, examine, fit_table

    loaded.check_fits(texts.lm)
    frozen = all(loaded.file(point).control == "frozen" for point in loaded)
    table = fit_table(examine(texts.lm, loaded, [*texts.pieces()], MAX_FVU_FROZEN if frozen else MAX_FVU))
    if format == "json":
        typer.echo(table.to_json(orient="records", indent=1, force_ascii=False))
    else:
        short = table.assign(verdict=table.verdict.where(table.verdict == "fits", "does not fit"))
        typer.echo(short.to_string(index=False, float_format="{:.3f}".format, na_rep="-"))
    if len(misfits := table[table.verdict != "fits"]):
        faults = [f"{row.hook_point}: {row.verdict}" for row in misfits.itertuples()]
        refusal = f"{saes}: {len(misfits)} of {len(table)} SAEs do not fit {model} on these texts:"
        raise EmomechError("\n".join([refusal, *faults]))


@sae.command("sweep")
def sweep_saes(
    model: ModelOption,
    corpus: CorporaOption,
    text_column: TextColumnOption = "",
    d_sae: Annotated[str, typer.Option(help="Numbers of features, separated by commas.")] = "256,512,1024",
    k: Annotated[str, typer.Option(help="Numbers of active features, separated by commas.")] = "8,16,32",
    layers: LayersOption = None,
    tokens: TokensOption = 600_000,
    seeds: Annotated[
        int, typer.Option(min=2, max=LARGEST, help="SAEs of each size, to measure which features recur.")
    ] = 2,
    seed: SeedOption = 0,
    format: FormatOption = "table",
) -> None:
    """Train and measure SAEs of several sizes at a few layers, to choose a size. The SAEs are not kept."""
    widths, sparsities = _numbers("--d-sae", d_sae), _numbers("--k", k)
    texts = _texts(model, corpus, text_column, seed)
    from emomech.saes.points import chosen_points
    from emomech.saes.recipe import SaeRecipe
    from emomech.saes.sweep import Grid, default_sweep_points, sweep

    grid = Grid(widths, sparsities, seeds, SaeRecipe(n_tokens=tokens, seed=seed))
    grid.recipes()
    at = default_sweep_points(texts.lm) if layers is None else chosen_points(texts.lm, layers)
    table = sweep(texts.lm, [*texts.pieces()], at, grid, say)
    if format == "json":
        typer.echo(table.to_json(orient="records", indent=1))
    else:
        typer.echo(table.to_string(index=False, float_format="{:.3f}".format))


def _numbers(option: str, text: str) -> list[int]:
    """Read whole numbers above 0, separated by commas. Raises UsageError for anything else."""
    numbers = [whole_number(part, smallest=1) for part in listed(text)]
    if not numbers or None in numbers:
        expected = f"whole numbers from 1 to {LARGEST} separated by commas, such as 16,32"
        raise UsageError(f"{option} {text!r}: expected {expected}.")
    return [number for number in numbers if number]
