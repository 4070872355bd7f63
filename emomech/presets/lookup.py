"""Find models, SAEs, corpora, emotion sets, prompts and organisms by name, in `presets/*.toml`.

Presets are data and not code: people, diffs and the book can read them, and they execute nothing. For a model, SAEs or
a corpus, a path to local files works as well as a name; the name of a preset comes first, before that of a file or
folder in the working directory.

Example:
    >>> from emomech.presets import lookup
    >>> lookup.model("gpt2-small").layers, list(lookup.emotions("six").labels)[:3]
    (12, ['joy', 'sadness', 'anger'])
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
from emomech.models.gguf.header import is_gguf
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
"""Variable that names a folder with a subfolder for each local data set, by preset name; `_` may stand for `-`."""
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
    """All presets of a kind, by name. Raises EmomechError as `read` does."""
    return read(PACKAGE / "presets" / f"{kind}.toml", _CLASSES[kind])


def read(file: Path, preset: type[P]) -> dict[str, P]:
    """Read a preset file. Raises EmomechError for invalid TOML, and for an unknown, a missing or a mistyped key."""
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
    entry = table(kind).get(name)
    if not isinstance(entry, preset):
        raise unknown(f"preset in {kind}", name, table(kind), hint)
    return entry


def model(name: str) -> ModelPreset:
    """Model preset of this name, or for the model at this path: a Hugging Face folder, or a GGUF file.

    Raises UsageError for neither.
    """
    if _is_path("models", name):
        if is_gguf(Path(name).expanduser()):
            return ModelPreset(summary=f"the file {name}", path=_existing(name, "GGUF file", folder=False))
        return ModelPreset(summary=f"the folder {name}", path=_existing(name, "model folder", folder=True))
    hint = "Or give the path of a Hugging Face model folder, or of a GGUF file."
    return _made(name, _find("models", name, ModelPreset, hint))


def sae(name: str) -> SaePreset:
    """SAE preset of this name, or for the folder of SAELens SAEs at this path. Raises UsageError for neither."""
    if _is_path("saes", name):
        return SaePreset(summary=f"the folder {name}", path=_existing(name, "SAE folder", folder=True))
    hint = "Or give the path of a folder with one SAELens folder per layer."
    return _made(name, _find("saes", name, SaePreset, hint))


def corpus(name: str, *, plain: bool = False) -> CorpusPreset:
    """Corpus preset of this name, or for the file or the folder of a published data set at this path.

    Several names separated by commas join corpora; prompt and emotions are those of the first. With `plain`, a file is
    read as a plain table, even if it looks like a published data set. Raises UsageError for an
    unknown name and for a path without a file.
    """
    if len(names := listed(name)) > 1:
        first, *_ = [corpus(part, plain=plain) for part in names]
        return CorpusPreset(summary=" and ".join(names), prompt=first.prompt, emotions=first.emotions, joins=names)
    if _is_path("corpora", name):
        return _corpus_at(name, plain)
    own = preset = _find("corpora", name, CorpusPreset, "Or give the path of a CSV, JSONL or Parquet file.")
    if preset.variant_of:
        changes = {field: getattr(preset, field) for field in preset.model_fields_set}
        preset = corpus(preset.variant_of).model_copy(update=changes)
    if preset.path:
        return preset.model_copy(update={"path": str(shipped(preset.path))})
    if preset.format and (folder := _local(name, own.variant_of)):
        return preset.model_copy(update={"path": folder, **_NO_HUB})
    return preset


def _local(*names: str) -> str:
    """Find the folder of a data set by one of its names below the folder for local data; empty if there is none."""
    if not (data := os.environ.get(DATA)):
        return ""
    folders = (Path(data).expanduser() / spelt for name in names if name for spelt in (name, name.replace("-", "_")))
    return next((str(folder.absolute()) for folder in folders if folder.is_dir()), "")


def _corpus_at(name: str, plain: bool) -> CorpusPreset:
    """Preset of the published data set whose format a file or folder has, or else of a file with texts and labels."""
    path = Path(name).expanduser()
    if kind := formats.recognise(path) if path.exists() and not plain else None:
        known = (preset for preset in table("corpora").values() if isinstance(preset, CorpusPreset))
        preset = next(preset for preset in known if preset.format == kind)
        summary = f"{preset.card.title if preset.card else kind}, from {name}"
        return preset.model_copy(update={"summary": summary, "path": str(path.absolute()), **_NO_HUB})
    return CorpusPreset(summary=f"the file {name}", path=_existing(name, "corpus file", folder=False))


def emotions(name: str) -> EmotionsPreset:
    """Emotion set of this name. Raises UsageError for an unknown name."""
    return _find("emotions", name, EmotionsPreset, "Or auto: the labels of the corpus.")


def prompt(name: str) -> PromptPreset:
    """Prompt of this name. Raises UsageError for an unknown name."""
    return _find("prompts", name, PromptPreset, "Or auto: the prompt of the corpus.")


def organisms(name: str) -> dict[str, OrganismPreset]:
    """Organism preset of this name, or all presets of this group, by name. Raises UsageError for an unknown name."""
    known = {key: preset for key, preset in table("organisms").items() if isinstance(preset, OrganismPreset)}
    if chosen := {key: preset for key, preset in known.items() if name in (key, preset.group)}:
        return chosen
    groups = {preset.group for preset in known.values() if preset.group}
    raise unknown("preset in organisms", name, {*known, *groups})


def _made(name: str, preset: P) -> P:
    """Return a preset if its files exist. Raises UsageError with the command that makes them."""
    path, made_by = getattr(preset, "path", ""), getattr(preset, "made_by", "")
    if made_by and not shipped(path).is_dir():
        raise UsageError(f"{name!r}: its files do not exist. Make them: {made_by}")
    return preset


def listed(names: str) -> list[str]:
    """Split a list of names that is separated by commas; a path may have commas if there is a file or folder at it.

    Example:
        >>> from emomech.presets.lookup import listed
        >>> listed("meld, tweeteval")
        ['meld', 'tweeteval']
    """
    parts, split = names.split(","), []
    while parts:
        joined = [",".join(parts[:n]).strip() for n in range(len(parts), 1, -1)]
        is_preset = any(parts[0].strip() in table(kind) for kind in KINDS)
        name = parts[0].strip() if is_preset else next(filter(_exists, joined), parts[0].strip())
        split.append(name)
        parts = parts[name.count(",") + 1 :]
    return [name for name in split if name]


def hidden(values: Mapping[str, str]) -> list[str]:
    """Say which of the values `model`, `sae`, `corpus` are presets although a file or folder has the same name."""
    kinds: Mapping[str, Kind] = {"model": "models", "sae": "saes", "corpus": "corpora"}
    return [
        f"{name!r} is the preset of this name. Write ./{name} for what is at {Path(name).absolute()}."
        for parameter, kind in kinds.items()
        if (name := values.get(parameter, "")) in table(kind) and _exists(name)
    ]


def _is_path(kind: Kind, name: str) -> bool:
    """Whether a name is a path. The name of a preset is none; it may have a dot, such as llama-3.1-8b."""
    if name in table(kind):
        return False
    if _exists(name):
        return True
    looks_like = "/" in name or "\\" in name or name.startswith(("~", ".")) or Path(name).suffix != ""
    return looks_like and not any(name in table(other) for other in KINDS)


def _exists(name: str) -> bool:
    return name != "" and os.path.exists(os.path.expanduser(name))


def _existing(name: str, what: str, *, folder: bool) -> str:
    path = Path(name).expanduser()
    if not path.exists():
        raise UsageError(f"{what} {name!r}: there is nothing at {path.absolute()}.")
    if path.is_dir() != folder:
        kind = "a folder" if path.is_dir() else "a file"
        raise UsageError(f"{what} {name!r}: is {kind}, expected {'a folder' if folder else 'a file'}.")
    return str(path.absolute())


def shipped(path: str) -> Path:
    """Location of a preset's `path`: below the package, unless it is absolute."""
    return PACKAGE / path
