"""Sentences of the page on the embedded model, written from its tables."""

import math
from collections.abc import Mapping

import pandas as pd

from emomech.chapters.organism.analysis import Organism
from emomech.data.grammar.vignettes import CONFLICT
from emomech.organism.evaluate import BAG
from emomech.stats.estimates import decimal

LEARNED = 0.9
"""Share of right answers at which a kind of question counts as learned."""
NAMED = 3
"""Largest number of missed gates that a sentence names."""


def sentences(result: Organism) -> Mapping[str, str]:
    """Name on the page -> sentence."""
    return {
        "gates": gates(result.organisms),
        "schedule": schedule(result.phases),
        "recall": rise(result.learning, "recall", "Recall in drills"),
        "conflict": rise(result.learning, CONFLICT, "The emotion of one of two persons in conflict"),
        "order": order(result.learning),
        "bag": bag(result.baselines),
        "swept": swept(result.sweep),
    }


def gates(organisms: pd.DataFrame) -> str:
    """Number of gates that the first embedded model meets, and names of those it misses."""
    first = organisms.iloc[0]
    if first.met == first.gates:
        return f"All {first.gates} gates are met."
    missed = first.missed.split("; ")
    more = f", and {len(missed) - NAMED} more" if len(missed) > NAMED else ""
    return f"{first.met} of {first.gates} gates are met; missed: {'; '.join(missed[:NAMED])}{more}."


def schedule(phases: pd.DataFrame) -> str:
    """Number of steps of each phase, and whether it ended because its drills were solved."""
    parts = []
    for row in phases.itertuples():
        last = row.Index == phases.index[-1]
        ending = "" if last else " until its drills were solved" if row.solved else " without solving its drills"
        parts.append(f"{row.phase} took {row.steps:,} steps{ending}")
    return "; ".join(parts).capitalize() + "."


def rise(learning: pd.DataFrame, kind: str, name: str) -> str:
    """First accuracy of a kind of question, and the number of tokens after which it was learned, if it was."""
    curve = _curve(learning, kind)
    if curve.empty:
        return f"{name} was never asked."
    first, at = curve.accuracy.iloc[0], learned_at(learning, kind)
    start = f"{name} began at an accuracy of {decimal(first)}"
    if at is None:
        return f"{start} and never reached {decimal(LEARNED)}; it ended at {decimal(curve.accuracy.iloc[-1])}."
    if first >= LEARNED:
        return f"{name} was learned by the time it was first measured, at an accuracy of {decimal(first)}."
    return f"{start} and reached {decimal(LEARNED)} after {_millions(at)} tokens."


def order(learning: pd.DataFrame) -> str:
    """Whether recall was learned before the items that need it."""
    recall, conflict = learned_at(learning, "recall"), learned_at(learning, CONFLICT)
    if conflict is None:
        return "The items that need recall were not learned." if recall is not None else "Neither was learned."
    if recall is not None and recall < conflict:
        return "Binding was learned first, and the items that need it followed."
    return "Recall was not learned first, so the other items cannot have been built on it."


def learned_at(learning: pd.DataFrame, kind: str) -> int | None:
    """Tokens seen when a kind of question, over all styles, was first learned; None if it never was."""
    curve = _curve(learning, kind)
    reached = curve[curve.accuracy >= LEARNED]
    return None if reached.empty else int(reached.tokens.iloc[0])


def bag(baselines: pd.DataFrame) -> str:
    """Whether word counts separate the emotion that is asked about from the other person's emotion."""
    parts = []
    for row in baselines[baselines.measure == BAG].to_dict("records"):
        value, chance, n = float(row["value"]), float(row["chance"]), int(row["n"])
        lead, margin = value - chance, 1.96 * math.sqrt(chance * (1 - chance) / n)
        how = "no better than guessing" if abs(lead) <= margin else "more often" if lead > 0 else "less often"
        parts.append(f"in {decimal(value)} of {n:,} texts of the type {row['group']} ({how})")
    if not parts:
        return "Word counts were not measured."
    return (
        f"A classifier of word counts picks the right one of the two emotions {' and '.join(parts)}; guessing picks "
        "it in half of them."
    )


def swept(sweep: pd.DataFrame) -> str:
    """Number of SAE sizes that were tried, and the largest share of features that another seed finds again."""
    if sweep.empty:
        return "No sweep of SAE sizes is recorded for this model."
    most = max(sweep.to_dict("records"), key=lambda row: float(row["stable"]))
    n_sizes, n_points = len(sweep[["d_sae", "k"]].drop_duplicates()), sweep.hook_point.nunique()
    return (
        f"SAEs of {n_sizes} sizes were trained at {n_points} hook points. Another seed finds at most a share of "
        f"{decimal(most['stable'])} of the active features again, with {most['d_sae']:,} features and k = {most['k']}; "
        f"for random directions the share is {decimal(most['stable_chance'])}."
    )


def _curve(learning: pd.DataFrame, kind: str) -> pd.DataFrame:
    counts = learning[learning.kind == kind].groupby(["step", "tokens"], as_index=False)[["right", "n"]].sum()
    return counts.assign(accuracy=counts.right / counts.n)


def _millions(tokens: int) -> str:
    return f"{tokens / 1e6:.1f} million"
