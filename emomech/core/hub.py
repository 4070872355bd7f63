"""Files of the Hugging Face hub: fetched once into its cache, checked, and afterwards found there without a network.

What `huggingface_hub` says of a failure is told again with the way out of it: a licence to accept, a log-in that is
missing, a name or a revision that does not exist, a network that is not there.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from emomech.core.errors import EmomechError, UsageError

Kind = Literal["model", "dataset"]
MODEL_FILES = ("*.json", "*.safetensors", "*.jinja", "tokenizer.model", "merges.txt")
"""What of a model repository is read; the same weights often stand there in three formats more."""
_SHA256 = re.compile("[0-9a-f]{64}")


def fetch(repository: str, revision: str = "main", *, kind: Kind = "model", files: Sequence[str] = MODEL_FILES) -> Path:
    """Fetch the files at the top of a repository that match one of the patterns; the folder that they are in.

    What a pinned revision has in the cache is not asked for again. The content of every file that has just come is
    compared with its checksum. Raises UsageError for a repository or revision that does not exist, EmomechError for one
    that may not be read, for a network that is needed and not there, and for a file that arrives damaged.
    """
    from huggingface_hub import errors, snapshot_download

    before = set(_blobs(repository, kind))
    try:
        nested = ["*/*"] if not any("/" in pattern for pattern in files) else None
        found = snapshot_download(
            repository, repo_type=kind, revision=revision, allow_patterns=list(files), ignore_patterns=nested
        )
    except errors.GatedRepoError as error:
        raise EmomechError(f"{_named(repository, kind)} is gated. {_licence(repository, kind, error)}") from error
    except errors.RevisionNotFoundError as error:
        where = f"{_page(repository, kind)}/commits/main"
        raise UsageError(f"{_named(repository, kind)} has no revision {revision!r}. See {where}.") from error
    except (errors.RepositoryNotFoundError, errors.HFValidationError) as error:
        raise UsageError(
            f"{_named(repository, kind)}: the hub knows no such repository that you may read. Look up its name at "
            f"{_page('', kind)}; a private one needs `hf auth login`."
        ) from error
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled) as error:
        raise EmomechError(f"{_named(repository, kind)} at {revision}: {_not_here(error)}") from error
    except (errors.HfHubHTTPError, OSError, RuntimeError) as error:
        raise EmomechError(
            f"{_named(repository, kind)} cannot be fetched ({_first(error)}). Try again: files that are whole are kept."
        ) from error
    for blob in sorted(set(_blobs(repository, kind)) - before):
        _check(blob, repository, kind)
    return Path(found)


def pinned(revision: str) -> bool:
    """Whether a revision is a commit, which cannot come to mean other files; a branch can."""
    return bool(re.fullmatch("[0-9a-f]{40}", revision))


def commit(repository: str, revision: str, files: Sequence[str], kind: Kind = "dataset") -> str:
    """Name the commit of which the cache holds every file, without asking the hub; empty where it lacks one."""
    from huggingface_hub import try_to_load_from_cache

    found = [try_to_load_from_cache(repository, file, revision=revision, repo_type=kind) for file in files]
    held = [Path(path).parts for path in found if isinstance(path, str)]
    return held[0][held[0].index("snapshots") + 1] if held and len(held) == len(files) else ""


def cached_bytes(repository: str, kind: Kind = "model") -> int:
    """Bytes of a repository that are in the cache already, of all revisions; nothing is asked of the network."""
    return sum(blob.stat().st_size for blob in _blobs(repository, kind))


def cache_folder() -> Path:
    """Where the hub's files are kept: `HF_HUB_CACHE`, or below `HF_HOME`."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def _blobs(repository: str, kind: Kind) -> list[Path]:
    """List the files of a repository that are whole, each named by its checksum."""
    folder = cache_folder() / f"{kind}s--{repository.replace('/', '--')}" / "blobs"
    return [file for file in folder.glob("*") if file.suffix != ".incomplete"]


def _check(blob: Path, repository: str, kind: Kind) -> None:
    """Raise EmomechError, and remove the file, where a large file's content is not what its name says."""
    from hashlib import file_digest

    if not _SHA256.fullmatch(blob.name):
        return
    with blob.open("rb") as content:
        found = file_digest(content, "sha256").hexdigest()
    if found != blob.name:
        blob.unlink()
        raise EmomechError(
            f"{_named(repository, kind)}: a file arrived damaged (SHA-256 {found[:12]}…, expected {blob.name[:12]}…) "
            "and is removed. Run the command again to fetch it anew."
        )


def _licence(repository: str, kind: Kind, error: Exception) -> str:
    """What somebody has to do who may not read a gated repository yet."""
    status = getattr(getattr(error, "response", None), "status_code", 401)
    page = _page(repository, kind)
    if status == 403:
        return (
            f"Your account may not read it yet: accept its licence at {page} with the account of your token, wait "
            "where the owner decides, and see that the token may read gated repositories."
        )
    return f"Accept its licence at {page}, and log in with `hf auth login`, or set HF_TOKEN."


def _not_here(error: Exception) -> str:
    """Why a file that the cache lacks cannot be had, and the way out."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return (
            "is not whole in the cache, and HF_HUB_OFFLINE forbids to fetch it. Unset HF_HUB_OFFLINE once, or give the "
            "path of a folder."
        )
    return (
        f"is not whole in the cache ({constants.HF_HUB_CACHE}), and {constants.ENDPOINT} does not answer as it should "
        f"({_first(error.__cause__ or error)}). Connect to the network once, set HF_ENDPOINT to a mirror, or give the "
        "path of a folder."
    )


def _first(error: BaseException) -> str:
    """Give the first line of a message, or the error's kind where it says nothing."""
    return str(error).strip().split("\n")[0].rstrip(".") or type(error).__name__


def _named(repository: str, kind: Kind) -> str:
    return f"{repository}" if kind == "model" else f"the {kind} {repository}"


def _page(repository: str, kind: Kind) -> str:
    from huggingface_hub import constants

    if not repository:
        return f"{constants.ENDPOINT}/{kind}s"
    return f"{constants.ENDPOINT}/{repository}" if kind == "model" else f"{constants.ENDPOINT}/{kind}s/{repository}"
