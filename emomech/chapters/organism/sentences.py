"""What the page of the embedded model says in words: sentences that are chosen by its tables, never typed."""

import math
from collections.abc import Mapping

import pandas as pd

from emomech.chapters.organism.analysis import Organism
from emomech.data.grammar.vignettes import CONFLICT
from emomech.organism.evaluate import BAG
from emomech.stats.estimates import decimal

LEARNED = 0.9
"""Share of right answers from which on a kind of question counts as learned."""
NAMED = 3
"""At most so many missed gates are named."""


def sentences(result: Organism) -> Mapping[str, str]:
    """Give each sentence by the name under which the page quotes it."""
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
    """Say how many gates the first organism meets, and which it misses."""
    one = organisms.iloc[0]
    if one.met == one.gates:
        return f"All {one.gates} gates are met."
    missed = one.missed.split("; ")
    more = f", and {len(missed) - NAMED} more" if len(missed) > NAMED else ""
    return f"{one.met} of {one.gates} gates are met; missed: {'; '.join(missed[:NAMED])}{more}."


def schedule(phases: pd.DataFrame) -> str:
    """Say how long each phase took, and whether it ended because its drills were solved."""
    parts = []
    for row in phases.itertuples():
        last = row.Index == phases.index[-1]
        why = "" if last else ", when its drills were solved" if row.solved else ", its drills not yet solved"
        parts.append(f"{row.phase} took {row.steps:,} steps{why}")
    return "; ".join(parts).capitalize() + "."


def rise(learning: pd.DataFrame, kind: str, name: str) -> str:
    """Say where a kind of question began, and after how many tokens it was learned, if it was."""
    curve = _curve(learning, kind)
    if curve.empty:
        return f"{name} was never asked for."
    first, at = curve.accuracy.iloc[0], learned_at(learning, kind)
    begun = f"{name} began at {decimal(first)} right"
    if at is None:
        return f"{begun} and never reached {decimal(LEARNED)}; it ended at {decimal(curve.accuracy.iloc[-1])}."
    if first >= LEARNED:
        return f"{name} was learned where it was first asked for, at {decimal(first)} right."
    return f"{begun} and reached {decimal(LEARNED)} after {_millions(at)} tokens."


def order(learning: pd.DataFrame) -> str:
    """Say whether recall was learned before the items that need it."""
    recall, conflict = learned_at(learning, "recall"), learned_at(learning, CONFLICT)
    if conflict is None:
        return "What was to build on recall was not learned." if recall is not None else "Neither was learned."
    if recall is not None and recall < conflict:
        return "Binding came first, and what needs it followed."
    return "Recall was not learned first, so that it cannot be what the rest was built on."


def learned_at(learning: pd.DataFrame, kind: str) -> int | None:
    """Give the tokens seen when a kind of question, over all styles, was first learned; None if it never was."""
    curve = _curve(learning, kind)
    reached = curve[curve.accuracy >= LEARNED]
    return None if reached.empty else int(reached.tokens.iloc[0])


def bag(baselines: pd.DataFrame) -> str:
    """Say whether word counts tell, of two emotions, the one that is asked for."""
    parts = []
    for row in baselines[baselines.measure == BAG].to_dict("records"):
        value, chance, n = float(row["value"]), float(row["chance"]), int(row["n"])
        lead, margin = value - chance, 1.96 * math.sqrt(chance * (1 - chance) / n)
        how = "no better than guessing" if abs(lead) <= margin else "more often" if lead > 0 else "less often"
        parts.append(f"in {decimal(value)} of {n:,} texts of the type {row['group']} ({how})")
    if not parts:
        return "Word counts were not measured."
    return (
        f"Word counts tell which of the two emotions is asked for {' and '.join(parts)}; guessing does in half of them."
    )


def swept(sweep: pd.DataFrame) -> str:
    """Say what was tried, and of how many features another seed finds the same."""
    if sweep.empty:
        return "No sweep of SAE sizes is recorded for this model."
    most = max(sweep.to_dict("records"), key=lambda row: float(row["stable"]))
    n_sizes, n_points = len(sweep[["d_sae", "k"]].drop_duplicates()), sweep.hook_point.nunique()
    return (
        f"SAEs of {n_sizes} sizes were trained at {n_points} hook points. Another seed finds at best "
        f"{decimal(most['stable'])} of the living features again, with {most['d_sae']:,} features of which {most['k']} "
        f"may fire at once; of random directions it would find {decimal(most['stable_chance'])}."
    )


def _curve(learning: pd.DataFrame, kind: str) -> pd.DataFrame:
    found = learning[learning.kind == kind].groupby(["step", "tokens"], as_index=False)[["right", "n"]].sum()
    return found.assign(accuracy=found.right / found.n)


def _millions(tokens: int) -> str:
    return f"{tokens / 1e6:.1f} million"
