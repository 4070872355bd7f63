"""The criteria of the rules, and their history: earlier rules, what they concluded, and why they were replaced.

Outcomes under earlier rules are read from `book/rules.lock`, and those of today from the matrix of verdicts.
"""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from emomech.chapters.criteria import Criterion
from emomech.chapters.rules import Rule
from emomech.notebook import tables
from emomech.notebook.rule_identity import SHORT, Entry, rule_hash
from emomech.stats.tables import Schema, frame

if TYPE_CHECKING:
    import pandas as pd


CRITERIA = Schema(
    keys={"claim": "the claim that the rule decides", "criterion": "what has to hold, or why a control does not count"},
    values={
        "role": "decides: it has to be met; lowers: if it is not met, the verdict is partly at most; describes: it is "
        "shown and changes nothing",
        "part": "the part of the claim that it belongs to",
        "estimate": "what is estimated, with its units",
        "expected": "what the 95 % interval and the value have to be",
        "control": "the control that it is compared with; empty for the effect itself",
    },
)
HISTORY = Schema(
    keys={"rule": "date on which the rule was fixed, and its hash"},
    values={"what it asked": "the rule in words", "outcomes": "the outcome by model", "why": "why it was fixed so"},
)
NOW = "The criteria below."


def criteria(rule: Rule[Any]) -> "pd.DataFrame":
    """Give the criteria of a rule as a table, those that decide first, then the controls that are only shown."""
    return frame(CRITERIA, _rows(rule))


def _rows(rule: Rule[Any]) -> Iterator[Mapping[str, object]]:
    for role in ("decides", "lowers", "describes"):
        for criterion in (c for c in rule.criteria if c.role == role):
            yield {
                "claim": rule.claim,
                "criterion": plain(criterion.text),
                "role": role,
                "part": criterion.part,
                "estimate": plain(criterion.estimand),
                "expected": expected(criterion),
                "control": criterion.control,
            }
    for control, why in rule.described.items():
        empty = dict.fromkeys(("part", "estimate", "expected"), "")
        yield {"claim": rule.claim, "criterion": why, "role": "describes", **empty, "control": control}


def plain(text: str) -> str:
    """Write a text with the names of its words in place of the words, which only a reading has."""
    return text.replace("{", "").replace("}", "")


def expected(criterion: Criterion) -> str:
    """Say in words what an estimate has to be.

    Example:
        >>> from emomech.book.rule_history import expected
        >>> from emomech.chapters.criteria import Criterion
        >>> expected(Criterion("loss", "It falls.", "points", margin=2))
        'interval above 0, value 2 or more'
    """
    margin = f"{criterion.margin:g}"
    if criterion.form == "within":
        text = f"interval between −{margin} and {margin}"
    elif criterion.form == "below":
        text = f"interval below {margin}"
    elif criterion.sign > 0:
        text = "interval above 0" + (f", value {margin} or more" if criterion.margin else "")
    else:
        text = "interval below 0" + (f", value −{margin} or less" if criterion.margin else "")
    return text + (f", for {criterion.need:.0%} of the family or more" if criterion.need < 1 else "")


def history(rule: Rule[Any], entries: Sequence[Entry], now: Mapping[str, str]) -> "pd.DataFrame":
    """Give the rules of a claim in order of date; `now` are today's outcomes by model.

    A rule that has changed since it was last fixed has a row without date.
    """
    hash_ = rule_hash(rule)
    rows = [
        {
            "rule": f"{entry.date.isoformat()}, {entry.hash[:SHORT]}",
            "what it asked": NOW if entry.hash == hash_ else entry.rule,
            "outcomes": _outcomes(now if entry.hash == hash_ else entry.outcomes),
            "why": " ".join(part for part in (entry.reason, entry.seen) if part),
        }
        for entry in entries
    ]
    if not entries or entries[-1].hash != hash_:
        unfixed = {"what it asked": NOW, "outcomes": _outcomes(now), "why": "It is not fixed yet."}
        rows.append({"rule": f"today, {hash_[:SHORT]}", **unfixed})
    return frame(HISTORY, rows)


def _outcomes(outcomes: Mapping[str, str]) -> str:
    return "; ".join(f"{model}: {outcome}" for model, outcome in outcomes.items())


def now(matrix: "pd.DataFrame", claim: str) -> dict[str, str]:
    """Give today's outcomes of a claim by model."""
    rows = matrix[matrix.claim == claim]
    return dict(zip(map(str, rows.model), map(str, rows.outcome), strict=True))


def section(rule: Rule[Any], page: str, entries: Sequence[Entry], now: Mapping[str, str], rates: str) -> str:
    """Write as HTML what there is about one rule: its history, its criteria, and `rates`, its error rates."""
    shown = plain(rule.statement)
    asked = tables.table(criteria(rule), CRITERIA, caption=f"The criteria of {rule.claim}.", columns=_SHOWN).data
    then = tables.table(history(rule, entries, now), HISTORY, caption=f"The rules of {rule.claim} by date.").data
    return (
        f'<section class="emo emo-rule" id="{anchor(rule.claim)}"><h3>{escape(rule.claim)}</h3>'
        f'<p>{escape(shown)} <a href="{escape(page)}.html">Its page</a></p>{then}'
        f"<details><summary>Criteria of {escape(rule.claim)}</summary>{asked}</details>"
        f"<details><summary>Error rates of {escape(rule.claim)}</summary>{rates}</details></section>"
    )


_SHOWN = ["criterion", "role", "part", "estimate", "expected", "control"]


def anchor(claim: str) -> str:
    """Name the place of a claim on the page of the rules."""
    return f"rule-{claim.lower()}"


def errata(lock: Mapping[str, Sequence[Entry]], now: Mapping[str, Mapping[str, str]]) -> str:
    """List as HTML what pages concluded under rules that were wrong; `now` are today's outcomes by claim and model."""
    items = "".join(
        f'<li><p><strong><a href="#{anchor(claim)}">{escape(claim)}</a></strong> {escape(entry.said)}</p>'
        f"<p>{escape(entry.wrong)}</p><p>Outcome then: {escape(_outcomes(entry.outcomes) or 'not kept')}. "
        f"Now: {escape(_outcomes(now.get(claim, {})) or 'not measured')}.</p></li>"
        for claim, entries in lock.items()
        for entry in entries
        if entry.wrong
    )
    return f'<ul class="emo emo-errata">{items}</ul>'
