"""Show how many texts of a corpus were read, kept and left out, and why.

Example:
    >>> from emomech.notebook.texts_read import texts_table
    >>> counts = {"rows": 5, "kept": 3, "not drawn": 0, "left out": {"text occurs more than once": 2}}
    >>> "text occurs more than once" in texts_table(counts)
    True
"""

from collections.abc import Mapping
from html import escape
from typing import Any

from emomech.notebook.tables import scrolled
from emomech.stats.estimates import number_text

CAPTION = "Texts of this page: rows of the corpus, and what became of them"
TEXTS = "texts"
"""Name of the counts in the provenance of a run, see `study.run`."""
NOT_DRAWN = "not drawn, because the parameter limit takes fewer"


def texts_table(counts: Mapping[str, Any]) -> str:
    """Write the counts of a run's provenance as a table; the numbers of the rows below the first add up to it."""
    rows = {"read": counts["rows"], "kept": counts["kept"]}
    rows |= {f"left out: {reason}": number for reason, number in counts["left out"].items()}
    if counts["not drawn"]:
        rows[NOT_DRAWN] = counts["not drawn"]
    body = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td class="emo-number">{number_text(number)}</td></tr>'
        for name, number in rows.items()
    )
    head = '<tr><th scope="col">rows</th><th scope="col" class="emo-number">number</th></tr>'
    return str(scrolled(CAPTION, f"<thead>{head}</thead><tbody>{body}</tbody>", "").data)
