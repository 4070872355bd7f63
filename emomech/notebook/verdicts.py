"""Show verdicts on a page: the box of one claim, and the matrix of claims and models."""

import re
from collections.abc import Hashable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from IPython.display import HTML

if TYPE_CHECKING:
    import pandas as pd

    from emomech.chapters.verdict import Verdict


CAPTION = "Claims and models"


def table(matrix: "pd.DataFrame", pages: str = "") -> HTML:
    """Show the verdict on each claim (row) for each model (column).

    A cell opens to its reason, the deciding estimates and the control. `pages` is the folder of the claims' pages,
    relative to this page, with a slash at its end.
    """
    models = list(dict.fromkeys(matrix.model.astype(str)))
    head = "".join(f'<th scope="col" title="{escape(str(model))}">{escape(Path(model).name)}</th>' for model in models)
    rows = "".join(_row(group, models, pages) for _, group in matrix.groupby("claim", sort=False))
    return HTML(
        f'<figure class="emo emo-table emo-matrix"><figcaption>{CAPTION}</figcaption>'
        f'<div class="emo-scroll" tabindex="0" role="region" aria-label="{CAPTION}"><table aria-label="{CAPTION}">'
        f'<thead><tr><th scope="col">claim</th>{head}</tr></thead><tbody>{rows}</tbody></table></div></figure>'
    )


def _row(group: "pd.DataFrame", models: Sequence[str], pages: str) -> str:
    first = group.iloc[0]
    cells = {str(row["model"]): _cell(row) for row in group.astype(str).to_dict("records")}
    blank = '<td class="emo-outcome-cell emo-blank">not tested on this model</td>'
    link = f'<a href="{escape(pages)}{escape(first.page)}.html">{escape(first.statement or first.page)}</a>'
    return (
        f'<tr><th scope="row"><strong>{escape(first.claim)}</strong> {link}</th>'
        f"{''.join(cells.get(model, blank) for model in models)}</tr>"
    )


def _cell(row: Mapping[Hashable, str]) -> str:
    outcome = row["outcome"]
    shape = f'<svg viewBox="0 0 20 20" width="20" height="20" aria-hidden="true">{SHAPES[outcome]}</svg>'
    details = (row["reason"], row["estimate"], row["control"] and f"Control: {row['control']}")
    listing = "".join(f"<p>{escape(text)}</p>" for text in details if text)
    return (
        f'<td class="emo-outcome-cell emo-{outcome.replace(" ", "-")}"><details><summary>{shape} '
        f"{escape(outcome)}</summary>{listing}</details></td>"
    )


def negative(matrix: "pd.DataFrame", pages: str = "") -> HTML:
    """List the claims that do not replicate on the first model, with reason, estimates and control."""
    failed = matrix[(matrix.model == matrix.model.iloc[0]) & (matrix.outcome == "does not replicate")].astype(str)
    if failed.empty:
        return HTML("<p>On this model no claim fails to replicate.</p>")
    items = "".join(
        f'<li><p><strong>{escape(row.claim)}</strong> <a href="{escape(pages)}{escape(row.page)}.html">'
        f"{escape(row.statement)}</a> {escape(row.reason)}</p>"
        f"<p>{escape(row.estimate)}. Control: {escape(row.control)}.</p></li>"
        for row in failed.itertuples()
    )
    return HTML(f'<ul class="emo">{items}</ul>')


_INTERVAL = re.compile(r"\S+ \[[^]]*\]")
SHAPES = {
    "replicates": '<circle cx="10" cy="10" r="9" class="fill"/><path d="M5.5 10.5l3 3 6-7" class="cut"/>',
    "partly": '<circle cx="10" cy="10" r="8" class="line"/><path d="M10 2a8 8 0 0 1 0 16z" class="fill"/>',
    "does not replicate": '<rect x="1.5" y="1.5" width="17" height="17" rx="3" class="fill"/>'
    '<path d="M6 6l8 8M14 6l-8 8" class="cut"/>',
    "cannot be tested here": '<circle cx="10" cy="10" r="8" class="dashed"/>',
}


def verdict_box(verdict: "Verdict") -> HTML:
    """Show a verdict as a card, with the outcome in words and as a shape, so that it does not depend on colour."""
    kind = verdict.outcome.replace(" ", "-")
    rows = {
        "Because": escape(verdict.reason),
        "Estimate": _lines(verdict.estimate),
        "Control": _lines(verdict.control),
    }
    listing = "".join(f"<dt>{name}</dt><dd>{text}</dd>" for name, text in rows.items() if text)
    shape = f'<svg viewBox="0 0 20 20" width="20" height="20" aria-hidden="true">{SHAPES[verdict.outcome]}</svg>'
    return HTML(
        f'<section class="emo emo-verdict emo-{kind}" aria-label="Verdict on {escape(verdict.claim)}">'
        f'<p class="emo-claim"><strong>{escape(verdict.claim)}</strong> {escape(verdict.statement)}</p>'
        f'<p class="emo-outcome">{shape} <strong>{escape(verdict.outcome)}</strong></p>'
        f"<dl>{listing}</dl></section>"
    )


def _lines(text: str) -> str:
    """Write one line for each part of a list joined by semicolons, without line breaks inside intervals."""
    unbroken = _INTERVAL.sub(lambda match: match[0].replace(" ", "\u00a0"), text)
    return "<br>".join(escape(part) for part in unbroken.split("; "))
