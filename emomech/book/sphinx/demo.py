"""Sphinx extension: write the scripts of the live demo into a book that has its page."""

from pathlib import Path
from typing import TYPE_CHECKING

from emomech.book.demo import PAGE, export

if TYPE_CHECKING:
    from sphinx.application import Sphinx


def setup(app: "Sphinx") -> dict[str, object]:
    """Register the extension with Sphinx."""
    app.connect("builder-inited", _add)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _add(app: "Sphinx") -> None:
    """Write the scripts and let Sphinx copy them, if the book has the page."""
    if (Path(app.srcdir) / PAGE).with_suffix(".md").exists():
        folder = Path(app.doctreedir) / "emomech_demo"
        export(folder)
        app.config.html_static_path.append(str(folder))
