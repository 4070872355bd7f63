"""Name numbers and pieces of a page, so that prose and other pages can quote them.

MyST Markdown quotes a number as `{glue:text}` and a piece of a page as `{glue:any}`.
"""

from collections.abc import Mapping

from IPython.display import HTML, display

from emomech.figures.vega import GLUE_PREFIX
from emomech.stats.estimates import number_text


def glue(page: str, numbers: Mapping[str, object]) -> None:
    """Name numbers for the prose, where `{glue:text}` quotes each as `<page>.<name>`.

    Each is stored as a Python string literal, because MyST-NB evaluates it: 1,200 would otherwise become a tuple.
    """
    for name, value in numbers.items():
        metadata = {"scrapbook": {"name": f"{page}.{name}", "mime_prefix": GLUE_PREFIX}}
        display({f"{GLUE_PREFIX}text/plain": repr(number_text(value))}, raw=True, metadata=metadata)


def glue_html(page: str, name: str, piece: HTML) -> None:
    """Name a piece of a page, so that another page can show it as `{glue:any}`; this page does not show it."""
    metadata = {"scrapbook": {"name": f"{page}.{name}", "mime_prefix": GLUE_PREFIX}}
    display({f"{GLUE_PREFIX}text/html": piece.data}, raw=True, metadata=metadata)
