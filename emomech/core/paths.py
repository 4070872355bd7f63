"""Folders of the package and of the checkout around it."""

from pathlib import Path

PACKAGE = Path(__file__).parents[1]
"""Folder of the package `emomech`."""
CHECKOUT = PACKAGE.parent
"""Folder of the checkout, with notebooks, book and constraints; it exists only if the package runs from one."""
