"""Named models, SAE sets, corpora, emotion sets, prompts and organisms, read from the strict TOML files of `presets/`.

Data rather than code: a person, a diff and the book can read it, and it cannot run anything. Where a model,
an SAE set or a corpus is asked for, a path to a local one does as well as a name.
"""

import os
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import ValidationError

from emomech.core.errors import EmomechError, UsageError, unknown
from emomech.core.paths import PACKAGE
from emomech.data.published import formats
from emomech.presets.kinds import (
    CorpusPreset,
    EmotionsPreset,
    ModelPreset,
    OrganismPreset,
    Preset,
    PromptPreset,
    SaePreset,
)

Kind = Literal["models", "saes", "corpora", "emotions", "prompts", "organisms"]
DATA = "EMOMECH_DATA"
"""Names a folder with one folder for each published data set that lies on this machine, by preset name."""
_NO_HUB = {"repository": "", "revision": "", "files": []}
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
    """Find a corpus preset, or take `name` as a file, as the folder of a published data set, or as a list of corpora.

    A list is separated by commas; prompt and emotions are those of the first. Raises UsageError.
    """
    if len(names := listed(name)) > 1:
        first, *_ = [corpus(one) for one in names]
        return CorpusPreset(summary=" and ".join(names), prompt=first.prompt, emotions=first.emotions, joins=names)
    if _is_path(name):
        return _corpus_at(name)
    found = _find("corpora", name, CorpusPreset, "Or give the path of a CSV, JSONL or Parquet file.")
    beside = Path(os.environ.get(DATA, "")).expanduser() / name
    if found.format and os.environ.get(DATA) and beside.is_dir():
        return found.model_copy(update={"path": str(beside.absolute()), **_NO_HUB})
    return found


def _corpus_at(name: str) -> CorpusPreset:
    """Take a file or folder as what its content says that it is: a published data set, or a table of the user's."""
    path = Path(name).expanduser()
    if kind := formats.recognised(path) if path.exists() else None:
        known = (preset for preset in table("corpora").values() if isinstance(preset, CorpusPreset))
        preset = next(preset for preset in known if preset.format == kind)
        summary = f"{preset.card.title if preset.card else kind}, from {name}"
        return preset.model_copy(update={"summary": summary, "path": str(path.absolute()), **_NO_HUB})
    return CorpusPreset(summary=f"the file {name}", path=_existing(name, "corpus file", folder=False))


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
    """Say whether a name is a path; a preset may have a dot in its name, such as llama-3.1-8b."""
    if any(name in table(kind) for kind in KINDS):
        return False
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
