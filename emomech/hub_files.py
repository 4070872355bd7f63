"""Files of a data set on the Hugging Face hub: taken from the cache, fetched once if they are not there.

Single files of a fixed revision are read; no script of a repository is ever run.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from emomech.errors import EmomechError, UsageError


def pinned(revision: str) -> bool:
    """Whether a revision is a commit, which cannot come to mean other data; a branch can."""
    return bool(re.fullmatch("[0-9a-f]{40}", revision))


def commit(repository: str, revision: str, files: Sequence[str]) -> str:
    """Name the commit of which the cache holds every file, without asking the hub; empty where it lacks one."""
    from huggingface_hub import try_to_load_from_cache

    found = [try_to_load_from_cache(repository, file, revision=revision, repo_type="dataset") for file in files]
    held = [Path(path).parts for path in found if isinstance(path, str)]
    return held[0][held[0].index("snapshots") + 1] if held and len(held) == len(files) else ""


def fetch(name: str, repository: str, revision: str, files: Sequence[str]) -> list[Path]:
    """Find the files of a revision in the cache, or fetch them into it.

    Raises UsageError for a repository, revision or file that does not exist and for one that is gated, and
    EmomechError where the hub cannot be reached.
    """
    from huggingface_hub import hf_hub_download

    try:
        return [Path(hf_hub_download(repository, file, revision=revision, repo_type="dataset")) for file in files]
    except Exception as error:
        raise _explained(name, repository, revision, error) from error


def _explained(name: str, repository: str, revision: str, error: Exception) -> EmomechError:
    """Say what went wrong, and the way out."""
    from huggingface_hub import errors

    where = f"corpus {name!r}: https://huggingface.co/datasets/{repository}"
    first = str(error).strip().split("\n")[0].rstrip(".")
    if isinstance(error, errors.GatedRepoError):
        return UsageError(f"{where} is gated. Accept its terms there, and log in with `hf auth login`.")
    if isinstance(error, errors.RepositoryNotFoundError):
        return UsageError(f"{where} does not exist, or is private. Get the data elsewhere and give the path: {_PATH}.")
    if isinstance(error, errors.RevisionNotFoundError):
        return UsageError(f"{where} has no revision {revision!r}. Get the data elsewhere and give the path: {_PATH}.")
    if isinstance(error, errors.EntryNotFoundError) and not isinstance(error, errors.LocalEntryNotFoundError):
        return UsageError(f"{where} has no such file at {revision!r} ({first}). Give the path of a copy: {_PATH}.")
    return EmomechError(
        f"{where} is not in the cache and cannot be fetched ({first}). "
        f"Connect to the network once, or give the path of a copy: {_PATH}."
    )


_PATH = "-p corpus=PATH"
