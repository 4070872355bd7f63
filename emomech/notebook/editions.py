"""Show the verdicts on all claims in all editions as one table, each cell a link to the page that decides it."""

from collections.abc import Hashable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, cast

from IPython.display import HTML

from emomech.notebook.checklist import css_class, shape

if TYPE_CHECKING:
    import pandas as pd

    from emomech.chapters.verdict import Outcome

CAPTION = "Claims in all editions"


def table(verdicts: "pd.DataFrame", pages: str = "") -> HTML:
    """Show the verdict on each claim (row) in each edition (column); a cell leads to its page.

    `verdicts` has a row for each pair, with the columns claim, label, page, statement, outcome and reason. `pages` is
    the folder of the results, relative to this page, with a slash at its end. The table scrolls sideways.
    """
    labels = list(dict.fromkeys(verdicts.label.astype(str)))
    head = "".join(f'<th scope="col">{escape(label)}</th>' for label in labels)
    rows = "".join(_row(group, labels, pages) for _, group in verdicts.groupby("claim", sort=False))
    return HTML(
        f'<figure class="emo emo-table emo-matrix emo-editions"><figcaption>{CAPTION}</figcaption>'
        f'<div class="emo-scroll" tabindex="0" role="region" aria-label="{CAPTION}"><table aria-label="{CAPTION}">'
        f'<thead><tr><th scope="col">claim</th>{head}</tr></thead><tbody>{rows}</tbody></table></div></figure>'
    )


def _row(group: "pd.DataFrame", labels: Sequence[str], pages: str) -> str:
    first = group.astype(str).iloc[0]
    cells = {str(row["label"]): _cell(row, pages) for row in group.astype(str).to_dict("records")}
    return (
        f'<tr><th scope="row"><strong>{escape(first.claim)}</strong> {escape(first.statement or first.page)}</th>'
        f"{''.join(cells[label] for label in labels)}</tr>"
    )


def _cell(row: Mapping[Hashable, str], pages: str) -> str:
    if not row["outcome"]:
        reason = row["reason"]
        return f'<td class="emo-outcome-cell emo-blank" title="{escape(reason)}">{_short(reason)}</td>'
    outcome = cast("Outcome", row["outcome"])
    return (
        f'<td class="emo-outcome-cell {css_class(outcome)}"><a href="{escape(pages)}{escape(row["page"])}.html" '
        f'title="{escape(row["reason"])}">{shape(outcome)} {escape(outcome)}</a></td>'
    )


def _short(reason: str) -> str:
    """A word for a cell without verdict; its title has the reason."""
    return "not yet" if reason.startswith("not computed") else "–"


def open_list(editions: Sequence[tuple[str, str]]) -> HTML:
    """List editions that are not computed yet, each with the command that computes it; nothing if there are none."""
    items = "".join(f"<li>{escape(title)}: <code>{escape(command)}</code></li>" for title, command in editions)
    return HTML(f'<p>Not computed yet:</p><ul class="emo">{items}</ul>' if items else "<p></p>")
