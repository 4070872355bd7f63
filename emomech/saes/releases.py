"""Public SAEs by SAELens's names: fetched once, cached in SAELens's own format, and then read without a network.

SAELens reads a dozen formats. Some need the network every time, and only its own can be read from a folder. So an SAE
is written to the cache as SAELens holds it in memory, normalisation folded in, with a hash of each file. The cache is
`EMOMECH_CACHE` or `~/.cache/emomech`.
"""

import json
import warnings
from collections.abc import Mapping
from functools import cache, partial
from hashlib import blake2b, file_digest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emomech.core import paths
from emomech.core.errors import EmomechError, UsageError, unknown
from emomech.core.files import atomic_folder
from emomech.core.hook_points import HookPoint
from emomech.presets.kinds import SaePreset
from emomech.saes.files import CONFIG, WEIGHTS, SaeFile, describe
from emomech.saes.saelens import from_saelens

if TYPE_CHECKING:
    from sae_lens import SAE
    from sae_lens.loading.pretrained_saes_directory import PretrainedSAELookup


ENTRY = "entry.json"
"""Release, id, and the sizes and hashes of the files of a cached SAE; written last."""


def cache_folder() -> Path:
    """Return the folder of cached SAEs: `saes` in `EMOMECH_CACHE`, or in `~/.cache/emomech`."""
    return paths.cache_folder("saes")


def released(preset: SaePreset) -> list[SaeFile]:
    """Describe every SAE of a preset's release, in order of depth; those that are not cached are fetched first.

    Raises UsageError for a name that SAELens does not know, and for an id that belongs to another hook point. Raises
    EmomechError if the hub cannot be reached, an SAE is of an unsupported kind, or a cached file is damaged.
    """
    files = []
    for point, sae_id in preset.ids.items():
        folder = cache_folder() / preset.release / sae_id.replace("/", "--")
        if not (folder / ENTRY).exists():
            _fetch(preset, point, sae_id, folder)
        check_whole(folder)
        file = describe(folder, name=preset.release)
        if file.point != point:
            raise _misplaced(f"SAE {sae_id} of {preset.release}", file.point, point)
        files.append(file)
    return files


def check_whole(folder: Path) -> None:
    """Raise EmomechError if a cached SAE is not what was written; each file is hashed once per process."""
    entry = folder / ENTRY
    try:
        kept: Mapping[str, Any] = json.loads(entry.read_text(encoding="utf-8"))["files"]
        for name in (CONFIG, WEIGHTS):
            file = folder / name
            if not file.is_file():
                raise _damaged(file, "is missing", folder)
            stat = file.stat()
            if stat.st_size != kept[name]["bytes"]:
                raise _damaged(file, f"has {stat.st_size} bytes, expected {kept[name]['bytes']}", folder)
            if _hash(file, stat.st_mtime_ns, stat.st_size) != kept[name]["blake2b"]:
                raise _damaged(file, "is not what was written", folder)
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(entry, f"does not list its files ({error!r})", folder) from error


def _damaged(file: Path, what: str, folder: Path) -> EmomechError:
    return EmomechError(f"{file}: {what}. Delete the folder {folder}, and this SAE is fetched again.")


@cache
def _hash(file: Path, mtime_ns: int, size: int) -> str:
    """Hash the content of a file, again only if its time or size has changed."""
    with file.open("rb") as opened:
        return file_digest(opened, partial(blake2b, digest_size=16)).hexdigest()


def _fetch(preset: SaePreset, point: HookPoint, sae_id: str, folder: Path) -> None:
    """Fetch one SAE and cache it. Raises as `released` does."""
    where = f"SAE {sae_id} of {preset.release}"
    sae = _downloaded(preset.release, sae_id, where)
    _complete(sae, preset, point, sae_id)
    try:
        actual = from_saelens(sae).point
    except EmomechError as error:
        raise type(error)(f"{where}: {error}") from error
    if actual != point:
        raise _misplaced(where, actual, point)
    for weight in sae.parameters():
        weight.data = weight.data.contiguous()  # some loaders transpose, which safetensors does not write
    try:
        with atomic_folder(folder) as unfinished:
            with warnings.catch_warnings(action="ignore"):
                sae.save_model(unfinished)
            files = {name: unfinished / name for name in (CONFIG, WEIGHTS)}
            kept = {name: {"bytes": file.stat().st_size, "blake2b": _hash_once(file)} for name, file in files.items()}
            entry = {"release": preset.release, "sae_id": sae_id, "repository": _registry()[preset.release].repo_id}
            (unfinished / ENTRY).write_text(json.dumps({**entry, "files": kept}, indent=1), encoding="utf-8")
    except OSError as error:
        if not (folder / ENTRY).exists():  # else another process was faster
            raise EmomechError(f"{where}: cannot be kept in {folder}: {error}. Set EMOMECH_CACHE.") from error


def _hash_once(file: Path) -> str:
    stat = file.stat()
    return _hash(file, stat.st_mtime_ns, stat.st_size)


def _downloaded(release: str, sae_id: str, where: str) -> "SAE[Any]":
    """Fetch and convert an SAE with SAELens. Raises as `released` does."""
    if release not in _registry():
        raise unknown("SAE release", release, _registry())
    if sae_id not in _registry()[release].saes_map:
        raise unknown(f"SAE of {release}", sae_id, _registry()[release].saes_map)
    try:
        with warnings.catch_warnings(action="ignore"):
            from sae_lens import SAE

            return SAE.from_pretrained(release, sae_id, device="cpu", dtype="float32")
    except Exception as error:  # each of SAELens's loaders fails in its own way
        raise _unfetched(where, release, error) from error


def _unfetched(where: str, release: str, error: Exception) -> EmomechError:
    """Explain why an SAE cannot be fetched, and the way out."""
    repository = _registry()[release].repo_id
    first = str(error).strip().split("\n")[0].rstrip(".") or type(error).__name__
    if "gated" in str(error).lower() or "401" in first:
        way_out = f"Accept its licence at https://huggingface.co/{repository}, and log in with `hf auth login`."
    elif isinstance(error, OSError) or "http" in type(error).__module__:
        way_out = "Connect to the network once, or name a folder of SAEs."
    else:
        way_out = f"Its files on the hub, in {repository}, are not what this version of SAELens reads."
    return EmomechError(f"{where}: cannot be fetched ({first}). {way_out}")


def _complete(sae: "SAE[Any]", preset: SaePreset, point: HookPoint, sae_id: str) -> None:
    """Copy what the registry knows about an SAE into its metadata, as some loaders of SAELens lose it.

    The registry has 1 for an unknown explained variance, and 0 for an unknown L0.
    """
    known = _registry()[preset.release]
    metadata = sae.cfg.metadata
    metadata.neuronpedia_id = preset.neuronpedia.get(str(point)) or known.neuronpedia_id.get(sae_id)
    metadata.l0 = known.expected_l0[sae_id] or None
    explained = known.expected_var_explained[sae_id]
    metadata.variance_explained = explained if explained < 1 else None
    overrides: Mapping[str, Any] = known.config_overrides or {}
    if "model_from_pretrained_kwargs" in overrides:
        metadata.model_from_pretrained_kwargs = overrides["model_from_pretrained_kwargs"]


def _misplaced(where: str, actual: HookPoint, expected: HookPoint) -> UsageError:
    return UsageError(f"{where}: is at {actual}, expected {expected}. Correct the preset's sae_id or site.")


def _registry() -> "dict[str, PretrainedSAELookup]":
    """Read SAELens's list of releases, which is part of its package."""
    with warnings.catch_warnings(action="ignore"):
        from sae_lens.loading.pretrained_saes_directory import get_pretrained_saes_directory

        return get_pretrained_saes_directory()
