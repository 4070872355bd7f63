"""Tables of how often the rules err, with the bounds that the rates have to keep (`rule_bounds`)."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from emomech.book.edition import Profile
from emomech.book.operating import Count, Measured
from emomech.book.rule_bounds import OR_BETTER, REPLICATES, bounds, hits
from emomech.chapters.criteria import POWER
from emomech.chapters.verdict import OUTCOMES
from emomech.stats.estimates import exact_interval
from emomech.stats.tables import INTERVAL, Row, Schema, frame

if TYPE_CHECKING:
    import pandas as pd


_STUDY = {
    "claim": "the claim that the rule decides",
    "sizes": "full: the sizes of the page; quick: those of the quick profile",
    "scenario": "the world from which studies were drawn",
}
_RATE = {"rate": "share of the studies", **INTERVAL, "n": "studies drawn"}
RATES = Schema(
    keys={**_STUDY, "outcome": "the outcome, or outcomes that count together"},
    values={
        **_RATE,
        "world": "whether the claim is true in this world",
        "bound": "what the rate has to be",
        "kept": "whether the interval of the rate allows that",
    },
)
OUTCOME_RATES = Schema(
    keys={**_STUDY, "outcome": "the outcome"},
    values={**_RATE, "world": "whether the claim is true in this world"},
)
CURVES = Schema(
    keys={**_STUDY, "effect": "size of the planted effect in its units", "outcome": "the outcome, or better"},
    values=_RATE,
)
SMALLEST = Schema(
    keys={"claim": "the claim that the rule decides", "sizes": _STUDY["sizes"]},
    values={
        "replicates": f"smallest effect tried that replicates in {POWER:.0%} of the studies",
        "partly or better": "the same for partly or better",
        "units": "what an effect of size 1 is",
    },
)


def rates(measured: Sequence[Measured]) -> "pd.DataFrame":
    """Compare with their bounds the rates of every rule in every world."""
    return frame(RATES, (row for rule in measured for count in _worlds(rule) for row in _bounded(rule.claim, count)))


def _bounded(claim: str, count: Count) -> Iterator[Row]:
    for bound in bounds(count.world, count.profile):
        row = _rate(claim, count, bound.event)
        kept = "no" if bound.broken(float(str(row["low"])), float(str(row["high"]))) else "yes"
        yield {**row, "world": count.world, "bound": str(bound), "kept": kept}


def outcome_rates(measured: Sequence[Measured]) -> "pd.DataFrame":
    """Give the rate of every outcome of every rule in every world."""
    counts = [(rule.claim, count) for rule in measured for count in _worlds(rule)]
    return frame(
        OUTCOME_RATES,
        (
            {**_row(claim, c, outcome, c.outcomes.get(outcome, 0)), "world": c.world}
            for claim, c in counts
            for outcome in OUTCOMES
        ),
    )


def curves(measured: Sequence[Measured]) -> "pd.DataFrame":
    """Give the power of every rule: the rates of *replicates*, and of *partly* or better, by size of the effect."""
    planted = [(rule.claim, count) for rule in measured for count in rule.counts if count.world == "planted"]
    return frame(
        CURVES,
        ({**_rate(claim, c, e), "effect": c.effect} for claim, c in planted for e in (REPLICATES, OR_BETTER)),
    )


def smallest(measured: Sequence[Measured]) -> "pd.DataFrame":
    """Give the smallest effect that each rule shows reliably in all of its planted worlds, among those tried."""
    return frame(SMALLEST, (row for rule in measured for row in _smallest(rule)))


def _smallest(rule: Measured) -> Iterator[Row]:
    planted = [count for count in rule.counts if count.world == "planted"]
    profiles: list[Profile] = list(dict.fromkeys(count.profile for count in planted))
    for profile in profiles:
        shown = {}
        for event in (REPLICATES, OR_BETTER):
            sizes = sorted({count.effect for count in planted})
            reliable = [s for s in sizes if all(_power(c, event) >= POWER for c in _of(planted, profile, s))]
            shown[event] = f"{reliable[0]:g}" if reliable else "none tried"
        yield {"claim": rule.claim, "sizes": profile, **shown, "units": rule.units}


def _of(counts: Sequence[Count], profile: Profile, effect: float) -> list[Count]:
    return [count for count in counts if count.profile == profile and count.effect == effect]


def _power(count: Count, event: str) -> float:
    return hits(count.outcomes, event) / count.n


def _worlds(rule: Measured) -> Iterator[Count]:
    """The counts at the size of effect at which the worlds are compared."""
    return (count for count in rule.counts if count.effect == rule.effect)


def _rate(claim: str, count: Count, event: str) -> dict[str, object]:
    return _row(claim, count, event, hits(count.outcomes, event))


def _row(claim: str, count: Count, outcome: str, n_hits: int) -> dict[str, object]:
    share = exact_interval(n_hits, count.n)
    where = {"claim": claim, "sizes": count.profile, "scenario": count.scenario}
    return {**where, "outcome": outcome, "rate": share.value, "low": share.low, "high": share.high, "n": count.n}


def broken(table: "pd.DataFrame") -> list[str]:
    """Name every broken bound of a table of `rates`: rule, sizes, world, rate and bound."""
    return [
        f"{row.claim}, {row.sizes} sizes, {row.world} world '{row.scenario}': {row.outcome} in {row.rate:.3f} "
        f"[{row.low:.3f}, {row.high:.3f}] of {row.n} studies, expected {row.bound}"
        for row in table[table.kept == "no"].itertuples()
    ]
