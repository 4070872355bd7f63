"""Show verdicts on a page: the box of one claim, and the matrix of claims and models."""

from collections.abc import Hashable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, cast

from IPython.display import HTML

from emomech.notebook import checklist, rule_identity
from emomech.notebook.checklist import css_class, shape
from emomech.study import kept

if TYPE_CHECKING:
    import pandas as pd

    from emomech.chapters.verdict import Outcome, Verdict


CAPTION = "Claims and models"
RULES_PAGE = "rules.html"
"""The page on the rules, which is beside those of the claims, and above those of a kept edition."""


def table(matrix: "pd.DataFrame", pages: str = "") -> HTML:
    """Show the verdict on each claim (row) for each model (column).

    A cell opens to its reason and its checklist. `pages` is the folder of the claims' pages, relative to this page,
    with a slash at its end.
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
        f'<tr data-rule="{escape(first.rule)}"><th scope="row"><strong>{escape(first.claim)}</strong> {link}</th>'
        f"{''.join(cells.get(model, blank) for model in models)}</tr>"
    )


def _cell(row: Mapping[Hashable, str]) -> str:
    outcome = cast("Outcome", row["outcome"])
    checks = checklist.html(checklist.from_json(row["checks"]))
    return (
        f'<td class="emo-outcome-cell {css_class(outcome)}"><details><summary>{shape(outcome)} '
        f"{escape(outcome)}</summary><p>{escape(row['reason'])}</p>{checks}</details></td>"
    )


def negative(matrix: "pd.DataFrame", pages: str = "") -> HTML:
    """List the claims that fail on the first model, with reason and checklist, and those that it has no power for.

    A claim fails if it does not replicate, or if its opposite is shown.
    """
    first = matrix[matrix.model == matrix.model.iloc[0]]
    failed, weak = (first[first.outcome.isin(o)] for o in (["does not replicate", "reversed"], ["no power here"]))
    listed = _listed(failed, pages) or "<p>On this model no claim fails to replicate.</p>"
    if more := _listed(weak, pages):
        listed += f"<p>Of these claims nothing is known, because too few data were measured to tell:</p>{more}"
    return HTML(listed)


def _listed(rows: "pd.DataFrame", pages: str) -> str:
    items = "".join(
        f'<li><p><strong>{escape(row["claim"])}</strong> <a href="{escape(pages)}{escape(row["page"])}.html">'
        f"{escape(row['statement'])}</a> <strong>{escape(row['outcome'])}</strong>: {escape(row['reason'])}</p>"
        f"{checklist.html(checklist.from_json(row['checks']))}</li>"
        for row in rows.astype(str).to_dict("records")
    )
    return f'<ul class="emo emo-negative">{items}</ul>' if items else ""


def verdict_box(verdict: "Verdict") -> HTML:
    """Show a verdict as a card: outcome, reason, checklist, and the identity of the rule.

    The outcome is a word and a shape, so that it does not depend on colour.
    """
    because = f"<dl><dt>Because</dt><dd>{escape(verdict.reason)}</dd></dl>" if verdict.reason else ""
    hash_, frozen = _frozen(verdict.claim)
    return HTML(
        f'<section class="emo emo-verdict {css_class(verdict.outcome)}" data-rule="{hash_}" '
        f'aria-label="Verdict on {escape(verdict.claim)}">'
        f'<p class="emo-claim"><strong>{escape(verdict.claim)}</strong> {escape(verdict.statement)}</p>'
        f'<p class="emo-outcome">{shape(verdict.outcome)} <strong>{escape(verdict.outcome)}</strong></p>'
        f"{because}{checklist.html(verdict.checks)}{frozen}</section>"
    )


def _frozen(claim: str) -> tuple[str, str]:
    """Give the hash of a claim's rule, and a line on when the rule was fixed and how often it errs."""
    current, date = rule_identity.fixed(claim)
    if not current:
        return "", ""
    when = f"fixed on {date.isoformat()}" if date else "changed since it was last fixed"
    link = f'<a href="{kept.above()}{RULES_PAGE}#rule-{escape(claim.lower())}">how often it errs, and earlier rules</a>'
    return current, f'<p class="emo-frozen">Rule <code>{current[: rule_identity.SHORT]}</code>, {when}: {link}</p>'
