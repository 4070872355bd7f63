"""Files of the Hugging Face hub: fetched once into its cache, checked, and then read without a network.

A failure of `huggingface_hub` becomes an error that names the way out: accept a licence, log in, correct a name or a
revision, connect to the network.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from emomech.core.errors import EmomechError, UsageError

Kind = Literal["model", "dataset"]
MODEL_FILES = ("*.json", "*.safetensors", "*.jinja", "tokenizer.model", "merges.txt")
"""Patterns of the files that are read from a model repository, which often holds the weights in other formats too."""
_SHA256 = re.compile("[0-9a-f]{64}")


def fetch(repository: str, revision: str = "main", *, kind: Kind = "model", files: Sequence[str] = MODEL_FILES) -> Path:
    """Fetch the files at the top of a repository that match one of the patterns `files`; return their folder.

    Files of a pinned revision are fetched only if the cache lacks them. Every new file is compared with its checksum.
    Raises UsageError for a repository or revision that does not exist; EmomechError for a repository that you may not
    read, for a network that does not answer, and for a damaged file.
    """
    from huggingface_hub import errors, snapshot_download

    before = set(_blobs(repository, kind))
    try:
        nested = ["*/*"] if not any("/" in pattern for pattern in files) else None
        folder = snapshot_download(
            repository, repo_type=kind, revision=revision, allow_patterns=list(files), ignore_patterns=nested
        )
    except errors.GatedRepoError as error:
        raise EmomechError(f"{_named(repository, kind)} is gated. {_licence(repository, kind, error)}") from error
    except errors.RevisionNotFoundError as error:
        where = f"{_page(repository, kind)}/commits/main"
        raise UsageError(f"{_named(repository, kind)} has no revision {revision!r}. See {where}.") from error
    except (errors.RepositoryNotFoundError, errors.HFValidationError) as error:
        raise UsageError(
            f"{_named(repository, kind)}: the hub has no such repository that you may read. Look up its name at "
            f"{_page('', kind)}; a private repository needs `hf auth login`."
        ) from error
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled) as error:
        raise EmomechError(f"{_named(repository, kind)} at {revision}: {_not_here(error)}") from error
    except (errors.HfHubHTTPError, OSError, RuntimeError) as error:
        raise EmomechError(
            f"{_named(repository, kind)} cannot be fetched ({_first(error)}). Try again: complete files are kept."
        ) from error
    for blob in sorted(set(_blobs(repository, kind)) - before):
        _check(blob, repository, kind)
    return Path(folder)


def pinned(revision: str) -> bool:
    """Whether a revision is a full commit hash, whose files never change; those of a branch do."""
    return bool(re.fullmatch("[0-9a-f]{40}", revision))


def commit(repository: str, revision: str, files: Sequence[str], kind: Kind = "dataset") -> str:
    """Commit at which the cache holds all these files, without a request to the hub; empty if one is missing."""
    from huggingface_hub import try_to_load_from_cache

    paths = [try_to_load_from_cache(repository, file, revision=revision, repo_type=kind) for file in files]
    cached = [Path(path).parts for path in paths if isinstance(path, str)]
    return cached[0][cached[0].index("snapshots") + 1] if cached and len(cached) == len(files) else ""


def cached_file(repository: str, file: str, revision: str = "main", kind: Kind = "model") -> Path | None:
    """Path of a file in the cache, without a request to the hub; None if it is not there."""
    from huggingface_hub import try_to_load_from_cache

    path = try_to_load_from_cache(repository, file, revision=revision, repo_type=kind)
    return Path(path) if isinstance(path, str) else None


def cached_bytes(repository: str, kind: Kind = "model") -> int:
    """Bytes of a repository in the cache, of all revisions, without a request to the hub."""
    return sum(blob.stat().st_size for blob in _blobs(repository, kind))


def cache_folder() -> Path:
    """Folder of the hub's cache: `HF_HUB_CACHE`, or below `HF_HOME`."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def _blobs(repository: str, kind: Kind) -> list[Path]:
    """Complete files of a repository in the cache, each named by its checksum."""
    folder = cache_folder() / f"{kind}s--{repository.replace('/', '--')}" / "blobs"
    return [file for file in folder.glob("*") if file.suffix != ".incomplete"]


def _check(blob: Path, repository: str, kind: Kind) -> None:
    """Remove a large file whose content does not match its name, the SHA-256, and raise EmomechError."""
    from hashlib import file_digest

    if not _SHA256.fullmatch(blob.name):
        return
    with blob.open("rb") as content:
        checksum = file_digest(content, "sha256").hexdigest()
    if checksum != blob.name:
        blob.unlink()
        raise EmomechError(
            f"{_named(repository, kind)}: a file arrived damaged (SHA-256 {checksum[:12]}…, expected "
            f"{blob.name[:12]}…) and was removed. Run the command again to fetch it."
        )


def _licence(repository: str, kind: Kind, error: Exception) -> str:
    """How to get access to a gated repository."""
    status = getattr(getattr(error, "response", None), "status_code", 401)
    page = _page(repository, kind)
    if status == 403:
        return (
            f"Your account may not read it yet: accept its licence at {page} with the account of your token, wait if "
            "the owner has to decide, and check that the token may read gated repositories."
        )
    return f"Accept its licence at {page}, and log in with `hf auth login`, or set HF_TOKEN."


def _not_here(error: Exception) -> str:
    """Why a file that the cache lacks cannot be fetched, and the way out."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return (
            "is not complete in the cache, and HF_HUB_OFFLINE forbids fetching it. Unset HF_HUB_OFFLINE once, or give "
            "the path of a folder."
        )
    return (
        f"is not complete in the cache ({constants.HF_HUB_CACHE}), and {constants.ENDPOINT} does not answer as "
        f"expected ({_first(error.__cause__ or error)}). Connect to the network once, set HF_ENDPOINT to a mirror, or "
        "give the path of a folder."
    )


def _first(error: BaseException) -> str:
    """First line of an error's message, or the error's type if it has no message."""
    return str(error).strip().split("\n")[0].rstrip(".") or type(error).__name__


def _named(repository: str, kind: Kind) -> str:
    return f"{repository}" if kind == "model" else f"the {kind} {repository}"


def _page(repository: str, kind: Kind) -> str:
    from huggingface_hub import constants

    if not repository:
        return f"{constants.ENDPOINT}/{kind}s"
    return f"{constants.ENDPOINT}/{repository}" if kind == "model" else f"{constants.ENDPOINT}/{kind}s/{repository}"
