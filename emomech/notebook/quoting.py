"""Name numbers and pieces of a page, so that prose and other pages can quote them.

A number is quoted as `{glue:text}`, a piece of a page as `{glue:any}`.
"""

from collections.abc import Mapping

from IPython.display import HTML, display

from emomech.figures.vega import GLUE_PREFIX
from emomech.stats.estimates import number_text


def glue(page: str, numbers: Mapping[str, object]) -> None:
    """Name numbers for the prose: `{glue:text}` finds each as `<page>.<name>`.

    They are kept as quoted text, because MyST-NB evaluates what it quotes: unquoted, 1,200 would become a tuple.
    """
    for name, value in numbers.items():
        metadata = {"scrapbook": {"name": f"{page}.{name}", "mime_prefix": GLUE_PREFIX}}
        display({f"{GLUE_PREFIX}text/plain": repr(number_text(value))}, raw=True, metadata=metadata)


def glue_html(page: str, name: str, shown: HTML) -> None:
    """Name a piece of a page, so that another page can show it as `{glue:any}`; here nothing is shown."""
    metadata = {"scrapbook": {"name": f"{page}.{name}", "mime_prefix": GLUE_PREFIX}}
    display({f"{GLUE_PREFIX}text/html": shown.data}, raw=True, metadata=metadata)
