"""The rule for the instrument: single SAE features stand for annotated properties of the texts.

The claim has two parts. Each has to hold for more than half of the values, or of the emotions.

- *Detects*: the best feature separates texts with a value from the others with an AUROC of at least `READABLE`, and
  better than the best unit of every baseline.
- *Matters*: the answer loses log-odds if the best feature of the emotion is moved to its mean, and more than with the
  best unit of every baseline.

Baselines that decide: dimensions of the residual stream, random directions, and SAEs with a decoder that stays near its
random start or at it; random directions in a network with random weights decide the first part only, because this
network has no answer to lose. A baseline that a model does not have is not beaten. Units are chosen on other texts than
those on which they are measured, and all differences are taken on the same texts. Second SAEs of the same model count
too: an interval has to cover both.
"""

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from emomech.chapters.conditions import FROZEN, RANDOM_WEIGHTS, SOFT_FROZEN
from emomech.chapters.criteria import Criterion, Family
from emomech.chapters.fidelity.analysis import Fidelity
from emomech.chapters.fidelity.readers import (
    ABLATED,
    BASELINES,
    DIMENSIONS,
    FEATURES,
    OWN,
    PROBE,
    RANDOM,
    SECOND,
    Reader,
)
from emomech.chapters.fidelity.stability import DETECTS, MATTERS, NEED, compared
from emomech.chapters.rules import Reading, Rule
from emomech.chapters.stability import draws_of
from emomech.stats.estimates import Estimate

if TYPE_CHECKING:
    import pandas as pd

READABLE = 0.9
"""Lowest AUROC at which a single unit counts as standing for a value: nine of ten pairs of texts are in order."""
LEAST_AUROC = 0.02
"""Smallest lead in AUROC that matters: one more pair of texts in fifty is in order."""
LEAST_LOSS = 0.1
"""Smallest loss of log-odds that matters, in nats: the odds change by a tenth."""
WHERE: Mapping[Reader, str] = {
    DIMENSIONS: "the best dimension of the residual stream",
    RANDOM: "the best random direction",
    RANDOM_WEIGHTS: "the best random direction in a network with random weights",
    SOFT_FROZEN: "the best feature of SAEs whose decoder stays near its random start",
    FROZEN: "the best feature of SAEs whose decoder stays at its random start",
}
"""Baselines, and how a sentence names their units."""
CRITERIA = (
    Criterion(
        name=DETECTS,
        text=f"For more than half of the values, the best feature has an AUROC of at least {READABLE}.",
        estimand="AUROC of the best feature, minus one half",
        part=DETECTS,
        margin=READABLE - 0.5,
        need=NEED,
    ),
    *(
        Criterion(
            name=compared(DETECTS, baseline),
            text=f"For more than half of the values, the best feature detects better than {WHERE[baseline]}.",
            estimand="AUROC of the best feature, minus that of the baseline's best unit",
            part=DETECTS,
            control=baseline,
            margin=LEAST_AUROC,
            need=NEED,
        )
        for baseline in BASELINES
    ),
    Criterion(
        name=MATTERS,
        text="For more than half of the emotions, the answer loses log-odds without the best feature.",
        estimand="log-odds lost without the best feature, in nats",
        part=MATTERS,
        margin=LEAST_LOSS,
        need=NEED,
    ),
    *(
        Criterion(
            name=compared(MATTERS, baseline),
            text=f"For more than half of the emotions, it loses more than without {WHERE[baseline]}.",
            estimand="log-odds lost without the best feature, minus those without the baseline's best unit, in nats",
            part=MATTERS,
            control=baseline,
            margin=LEAST_LOSS,
            need=NEED,
        )
        for baseline in ABLATED
    ),
)


def _read(result: Fidelity) -> Reading:
    second = _estimates(result, SECOND) if SECOND in set(result.best.reader) else {}
    why = str(result.setting.untested.iloc[0] or "")
    return Reading(
        estimates=_estimates(result, FEATURES),
        words={"depends": "" if why else ", and the answer depends on them"},
        draws=draws_of(result.stability),
        dictionaries={name: [family] for name, family in second.items()},
        remarks=[f"Whether the answer depends on them cannot be tested: {why.rstrip('.')}."] if why else [],
    )


fidelity = Rule(
    claim="instrument",
    statement="Single SAE features stand for annotated properties of the texts{depends}, "
    "more than on units without an SAE or of one that hardly learned.",
    criteria=CRITERIA,
    read=_read,
    columns=("reader", "baseline", "dictionary"),
    own=frozenset((*OWN, "SAE")),
    described={PROBE: "It combines all dimensions and is no single unit; it shows how much there is to be read."},
)


def _estimates(result: Fidelity, own: Reader) -> dict[str, Family]:
    """Estimates of every criterion, by value or by emotion."""
    values = ["family", "value"]
    best = _family(result.best[result.best.reader == own], values, "auroc")
    chance = {name: Estimate(e.value - 0.5, e.low - 0.5, e.high - 0.5, e.n) for name, e in best.items()}
    losses = _family(result.ablation[result.ablation.reader == own], ["emotion"], "loss")
    estimates: dict[str, Family] = {DETECTS: chance, MATTERS: losses}
    for quantity, table, keys, members in (
        (DETECTS, result.advantage, values, chance),
        (MATTERS, result.dependence, ["emotion"], losses),
    ):
        for baseline in BASELINES if quantity == DETECTS else ABLATED:
            rows = table[(table.reader == own) & (table.baseline == baseline)]
            leads = _family(rows, keys, "difference")
            estimates[compared(quantity, baseline)] = _each(members, lambda name, leads=leads: leads.get(name))
    return estimates


def _family(rows: "pd.DataFrame", keys: list[str], column: str) -> dict[str, Estimate]:
    return {
        ", ".join(str(row[key]) for key in keys): Estimate(
            float(row[column]), float(row["low"]), float(row["high"]), int(row["n"])
        )
        for row in rows.to_dict("records")
    }


def _each(members: Family, estimate: Callable[[str], Estimate | None]) -> dict[str, Estimate]:
    """Estimate of every member; undefined where there is none."""
    return {name: estimate(name) or Estimate(math.nan, math.nan, math.nan, 0) for name in members}
