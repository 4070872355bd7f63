"""Where the folder of a converted GGUF file lies: in the cache, below `gguf`, under a hash of the file.

The cache is `EMOMECH_CACHE`, or `~/.cache/emomech`.

Example:
    >>> from emomech.models.gguf.place import folder_of
    >>> folder_of("0123abcd").parts[-2:]
    ('gguf', '0123abcd-1')
"""

import json
from hashlib import file_digest
from pathlib import Path
from typing import Any

from emomech.core.paths import cache_folder

SOURCE = "source.json"
"""File in the folder that says what it was made from, and how the tokens compare."""
_FORMAT = 1
"""Raise this when the conversion changes, so that files are converted again."""


def hash_of(path: Path) -> str:
    """Hash a file (32 hex digits)."""
    with path.open("rb") as content:
        return file_digest(content, "blake2b").hexdigest()[:32]


def folder_of(content: str) -> Path:
    """Folder of the file with this hash, whether it exists or not."""
    return cache_folder("gguf") / f"{content}-{_FORMAT}"


def is_converted(path: Path) -> bool:
    """Whether the cache has the folder of a GGUF file."""
    return (folder_of(hash_of(path)) / SOURCE).is_file()


def source_of(folder: Path) -> dict[str, Any]:
    """What a folder was made from: file, hash, sizes, quantisations, versions, BOS, pre-tokenizer, first ids."""
    return json.loads((folder / SOURCE).read_text(encoding="utf-8"))
