"""Folders of the package and of the checkout around it."""

import os
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
"""Folder of the package `emomech`."""
CHECKOUT = PACKAGE.parent
"""Folder of the checkout, with notebooks, book and constraints; it exists only if the package runs from one."""


def cache_folder(kind: str) -> Path:
    """Folder of what is fetched or converted once, by kind: below `EMOMECH_CACHE`, or below `~/.cache/emomech`."""
    return Path(os.environ.get("EMOMECH_CACHE") or Path.home() / ".cache" / "emomech") / kind
