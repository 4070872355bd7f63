"""Named models, SAE sets, corpora, emotion sets, prompts and organisms, read from the strict TOML files of `presets/`.

Data rather than code: a person, a diff and the book can read it, and it cannot run anything. Where a model,
an SAE set or a corpus is asked for, a path to a local one does as well as a name.
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from emomech.errors import EmomechError, UsageError, unknown
from emomech.vocab import Site

Kind = Literal["models", "saes", "corpora", "emotions", "prompts", "organisms"]
PACKAGE = Path(__file__).parent


class Preset(BaseModel):
    """What every entry has: one line for the list that users see."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    summary: str


class ModelPreset(Preset):
    """A causal language model: `path` below the package or a folder of the user's, or `repository` on the hub."""

    path: str = ""
    repository: str = ""
    revision: str = "main"
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    prepend_bos: bool | None = None
    """Whether a beginning-of-sequence token stands before a text; None: what the tokenizer does itself."""
    sae: str = ""
    """The SAE preset that a study takes unless it names another."""
    made_by: str = ""
    """The command that makes the files at `path`, should they not be there."""


class SaePreset(Preset):
    """SAEs for one model, one per hook point: a folder, or a release that SAELens knows."""

    path: str = ""
    release: str = ""
    sae_id: str = ""
    """The release's id of one SAE, with `{layer}` for the 0-based block."""
    site: Site = "resid_post"
    layers: int = 0
    made_by: str = ""
    """The command that makes the files at `path`, should they not be there."""


class CorpusPreset(Preset):
    """Texts with labels: drawn from the embedded grammar, or read from a file of the user's."""

    path: str = ""
    grammar: Literal["", "vignettes", "kinds", "worth"] = ""
    """What of the embedded grammar they are; see `organism.tasks` for the last two."""
    texts: int = 0
    """How many texts are drawn from the grammar."""
    controls: list[str] = []
    """Corpora of other tasks, about no emotion, for the same model; the first also serves as neutral text."""
    prompt: str = "plain"
    """The prompt that suits these texts; a study may name another."""
    emotions: str = ""
    """The emotion set of these texts; empty: the labels that stand in the file."""


class EmotionsPreset(Preset):
    """A closed set of emotion labels, in the order in which they are drawn."""

    labels: Mapping[str, str]
    """Label to the word that the model is scored on."""


class PromptPreset(Preset):
    """How a text becomes a question: `{text}` and, if the corpus says who is meant, `{person}`."""

    template: str
    answer: str = " {label}"
    """What continues the prompt for a label, its leading space included."""


class OrganismPreset(Preset):
    """An embedded model to be trained: what sets it apart from the default one."""

    group: str = ""
    """Presets that are trained together under this name."""
    seed: int = 0
    n_layers: int = 8
    d_model: int = 128
    d_sae: int = 512
    shares: Mapping[str, float] = {}
    """Emotion to its share of the answers; what is not named shares the rest equally."""


P = TypeVar("P", bound=Preset)

_CLASSES: Mapping[Kind, type[Preset]] = {
    "models": ModelPreset,
    "saes": SaePreset,
    "corpora": CorpusPreset,
    "emotions": EmotionsPreset,
    "prompts": PromptPreset,
    "organisms": OrganismPreset,
}
KINDS: tuple[Kind, ...] = tuple(_CLASSES)


@cache
def table(kind: Kind) -> Mapping[str, Preset]:
    """All presets of a kind by name. Raises EmomechError that names file, entry and key of what is wrong."""
    return read(PACKAGE / "presets" / f"{kind}.toml", _CLASSES[kind])


def read(file: Path, preset: type[P]) -> dict[str, P]:
    """Read one preset file. Raises EmomechError for text that is no TOML, and for unknown, missing, mistyped keys."""
    try:
        entries = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise EmomechError(f"{file.name}: is not valid TOML: {error}.") from error
    return {name: _parse(file.name, name, entry, preset) for name, entry in entries.items()}


def _parse(file: str, name: str, entry: object, preset: type[P]) -> P:
    if not isinstance(entry, dict):
        raise EmomechError(f"{file}: {name!r} is {entry!r}, expected a table [{name}].")
    try:
        return preset.model_validate(entry)
    except ValidationError as error:
        first = error.errors()[0]
        where = f"{file}: [{name}]"
        key = ".".join(map(str, first["loc"]))
        if first["type"] == "extra_forbidden" and len(first["loc"]) == 1:
            raise EmomechError(f"{where}: {unknown('key', key, preset.model_fields)}") from error
        raise EmomechError(f"{where}: {key}: {first['msg']}, found {first.get('input')!r}.") from error


def _find(kind: Kind, name: str, preset: type[P], hint: str) -> P:
    found = table(kind).get(name)
    if not isinstance(found, preset):
        raise unknown(f"preset in {kind}", name, table(kind), hint)
    return found


def model(name: str) -> ModelPreset:
    """Find a model preset, or take `name` as a Hugging Face model folder. Raises UsageError."""
    if _is_path(name):
        return ModelPreset(summary=f"the folder {name}", path=_existing(name, "model folder", folder=True))
    return _made(name, _find("models", name, ModelPreset, "Or give the path of a Hugging Face model folder."))


def sae(name: str) -> SaePreset:
    """Find an SAE preset, or take `name` as a folder of SAEs in SAELens's format. Raises UsageError."""
    if _is_path(name):
        return SaePreset(summary=f"the folder {name}", path=_existing(name, "SAE folder", folder=True))
    hint = "Or give the path of a folder with one SAELens folder per layer."
    return _made(name, _find("saes", name, SaePreset, hint))


def corpus(name: str) -> CorpusPreset:
    """Find a corpus preset, or take `name` as a CSV, JSONL or Parquet file. Raises UsageError."""
    if _is_path(name):
        return CorpusPreset(summary=f"the file {name}", path=_existing(name, "corpus file", folder=False))
    return _find("corpora", name, CorpusPreset, "Or give the path of a CSV, JSONL or Parquet file.")


def emotions(name: str) -> EmotionsPreset:
    """Find an emotion set. Raises UsageError."""
    return _find("emotions", name, EmotionsPreset, "Or auto: the labels of the corpus.")


def prompt(name: str) -> PromptPreset:
    """Find a prompt. Raises UsageError."""
    return _find("prompts", name, PromptPreset, "Or auto: the prompt that suits the corpus.")


def organisms(name: str) -> dict[str, OrganismPreset]:
    """Find the organism preset of a name, or all of a group. Raises UsageError."""
    known = {one: preset for one, preset in table("organisms").items() if isinstance(preset, OrganismPreset)}
    if found := {one: preset for one, preset in known.items() if name in (one, preset.group)}:
        return found
    groups = {preset.group for preset in known.values() if preset.group}
    raise unknown("preset in organisms", name, {*known, *groups})


def _made(name: str, preset: P) -> P:
    """Return a preset whose files are there. Raises UsageError that says how to make them."""
    path, made_by = getattr(preset, "path", ""), getattr(preset, "made_by", "")
    if made_by and not shipped(path).is_dir():
        raise UsageError(f"{name!r}: its files are not there. Make them: {made_by}")
    return preset


def listed(names: str) -> list[str]:
    """Take a list that is separated by commas apart."""
    return [name for name in map(str.strip, names.split(",")) if name]


def _is_path(name: str) -> bool:
    return "/" in name or "\\" in name or name.startswith(("~", ".")) or Path(name).suffix != ""


def _existing(name: str, what: str, *, folder: bool) -> str:
    path = Path(name).expanduser()
    if not path.exists():
        raise UsageError(f"{what} {name!r}: there is nothing at {path.absolute()}.")
    if path.is_dir() != folder:
        kind = "a folder" if path.is_dir() else "a file"
        raise UsageError(f"{what} {name!r}: is {kind}, expected {'a folder' if folder else 'a file'}.")
    return str(path.absolute())


def shipped(path: str) -> Path:
    """Where a preset's `path` is: below the package, unless it is absolute."""
    return PACKAGE / path
