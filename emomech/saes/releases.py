"""Public SAEs by SAELens's names: fetched once, kept in SAELens's own format, and found there without a network.

SAELens reads a dozen formats, of which some cannot be read twice without the network, and only its own can be read
from a folder. So what it fetches is written to the cache as it stands in memory, normalisation folded in, with a hash
of each file, under `EMOMECH_CACHE` or `~/.cache/emomech`.
"""

import json
import os
import shutil
import tempfile
import warnings
from collections.abc import Mapping
from functools import cache, partial
from hashlib import blake2b, file_digest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emomech.core.errors import EmomechError, UsageError, unknown
from emomech.core.hook_points import HookPoint
from emomech.presets.kinds import SaePreset
from emomech.saes.files import CONFIG, WEIGHTS, SaeFile, described
from emomech.saes.saelens import from_saelens

if TYPE_CHECKING:
    from sae_lens import SAE
    from sae_lens.loading.pretrained_saes_directory import PretrainedSAELookup


ENTRY = "entry.json"
"""What a cached SAE is and what its files were when they were written; written last."""


def cache_folder() -> Path:
    """Where fetched SAEs are kept."""
    return Path(os.environ.get("EMOMECH_CACHE") or Path.home() / ".cache" / "emomech") / "saes"


def released(preset: SaePreset) -> list[SaeFile]:
    """Find every SAE of a preset's release, in order of depth; what is not in the cache is fetched, one by one.

    Raises UsageError for a name that SAELens does not know, and for an id that belongs to another hook point;
    EmomechError where the hub cannot be reached, where the SAE is of a kind that is not supported, and where what
    the cache holds is damaged.
    """
    found = []
    for point, sae_id in preset.ids.items():
        folder = cache_folder() / preset.release / sae_id.replace("/", "--")
        if not (folder / ENTRY).exists():
            _fetch(preset, point, sae_id, folder)
        check_whole(folder)
        file = described(folder, name=preset.release)
        if file.point != point:
            raise _misplaced(f"SAE {sae_id} of {preset.release}", file.point, point)
        found.append(file)
    return found


def check_whole(folder: Path) -> None:
    """Raise EmomechError where a cached SAE is not what was written; its files are hashed once per process."""
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
        raise _damaged(entry, f"says nothing of its files ({error!r})", folder) from error


def _damaged(file: Path, what: str, folder: Path) -> EmomechError:
    return EmomechError(f"{file}: {what}. Delete the folder {folder}, and this SAE is fetched again.")


@cache
def _hash(file: Path, mtime_ns: int, size: int) -> str:
    """Hash a file's content; its time and size stand for its content while the process lasts."""
    with file.open("rb") as opened:
        return file_digest(opened, partial(blake2b, digest_size=16)).hexdigest()


def _fetch(preset: SaePreset, point: HookPoint, sae_id: str, folder: Path) -> None:
    """Fetch one SAE and keep it: the folder appears as a whole or not at all."""
    where = f"SAE {sae_id} of {preset.release}"
    sae = _downloaded(preset.release, sae_id, where)
    _complete(sae, preset, point, sae_id)
    try:
        stands = from_saelens(sae).point
    except EmomechError as error:
        raise type(error)(f"{where}: {error}") from error
    if stands != point:
        raise _misplaced(where, stands, point)
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=folder.parent))
    try:
        for weight in sae.parameters():
            weight.data = weight.data.contiguous()  # some loaders transpose, which safetensors does not write
        with warnings.catch_warnings(action="ignore"):
            sae.save_model(unfinished)
        files = {name: unfinished / name for name in (CONFIG, WEIGHTS)}
        kept = {name: {"bytes": file.stat().st_size, "blake2b": _hash_once(file)} for name, file in files.items()}
        entry = {"release": preset.release, "sae_id": sae_id, "repository": _registry()[preset.release].repo_id}
        (unfinished / ENTRY).write_text(json.dumps({**entry, "files": kept}, indent=1), encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(unfinished, folder)
    except OSError as error:
        if not (folder / ENTRY).exists():  # else another process was faster
            raise EmomechError(f"{where}: cannot be kept in {folder}: {error}. Set EMOMECH_CACHE.") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _hash_once(file: Path) -> str:
    stat = file.stat()
    return _hash(file, stat.st_mtime_ns, stat.st_size)


def _downloaded(release: str, sae_id: str, where: str) -> "SAE[Any]":
    """Let SAELens fetch and convert. Raises as `released` says."""
    if release not in _registry():
        raise unknown("SAE release", release, _registry())
    if sae_id not in _registry()[release].saes_map:
        raise unknown(f"SAE of {release}", sae_id, _registry()[release].saes_map)
    try:
        with warnings.catch_warnings(action="ignore"):
            from sae_lens import SAE

            return SAE.from_pretrained(release, sae_id, device="cpu", dtype="float32")
    except Exception as error:  # each of SAELens's loaders has its own way to fail, and all but these are the hub's
        raise _unfetched(where, release, error) from error


def _unfetched(where: str, release: str, error: Exception) -> EmomechError:
    """Say why an SAE did not come, and the way out."""
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
    """Write what the registry knows of an SAE into its metadata, where SAELens's loader may have lost it.

    The registry says 1 of a variance and 0 of an L0 that it does not know.
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


def _misplaced(where: str, found: HookPoint, expected: HookPoint) -> UsageError:
    return UsageError(f"{where}: stands at {found}, expected {expected}. Correct the preset's sae_id or site.")


def _registry() -> "dict[str, PretrainedSAELookup]":
    """SAELens's list of releases, which comes with it."""
    with warnings.catch_warnings(action="ignore"):
        from sae_lens.loading.pretrained_saes_directory import get_pretrained_saes_directory

        return get_pretrained_saes_directory()
