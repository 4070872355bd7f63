"""What a notebook declares and shows: parameters, tables, figures, verdicts, provenance.

Notebooks write `notebook.table(...)`. Each function is loaded from its module when it is first used, so that
reading a notebook's parameters does not load the plotting library.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emomech.notebook.figures import figure, glue_figure, setup
    from emomech.notebook.provenance import footer, note, parameters_table
    from emomech.notebook.quoting import glue, glue_html
    from emomech.notebook.tables import table
    from emomech.notebook.verdicts import verdict_box

__all__ = [
    "figure",
    "footer",
    "glue",
    "glue_figure",
    "glue_html",
    "note",
    "parameters_table",
    "setup",
    "table",
    "verdict_box",
]

_HOMES = {
    **dict.fromkeys(("figure", "glue_figure", "setup"), "figures"),
    **dict.fromkeys(("footer", "note", "parameters_table"), "provenance"),
    **dict.fromkeys(("glue", "glue_html"), "quoting"),
    **{"table": "tables", "verdict_box": "verdicts"},
}


def __getattr__(name: str) -> object:
    """Load a function from the module that defines it."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
