"""Folders of the package and of the checkout that it stands in."""

from pathlib import Path

PACKAGE = Path(__file__).parents[1]
"""Folder of the package."""
CHECKOUT = PACKAGE.parent
"""Folder of the checkout: notebooks, book, constraints."""
