"""The rule for the premise: the model infers the emotion, rather than reading it off single words.

The premise holds if the model's balanced accuracy exceeds chance by at least `ABOVE_CHANCE`, by a test that exchanges
the gold labels, and exceeds every baseline by at least `ADVANTAGE`, on the same texts and with an interval of the
difference that excludes zero. It holds partly if the model is not shown to be above chance, by the same test, in every
item type. A type with too few texts to tell is not shown to be, and is named with its numbers.

A corpus without item types is its own only group. Fewer than `MIN_TEXTS` texts cannot test the premise.
"""

from typing import TYPE_CHECKING

from emomech.chapters.behaviour.scores import ALL_TEXTS, ITEM_TYPE
from emomech.chapters.criteria import Criterion
from emomech.chapters.rules import Reading, Rule
from emomech.chapters.stability import draws_of
from emomech.stats.estimates import Estimate

if TYPE_CHECKING:
    import pandas as pd

    from emomech.chapters.behaviour.analysis import Behaviour

MIN_TEXTS = 30
"""Fewest texts that are scored."""
ABOVE_CHANCE = 0.1
"""Ten points of balanced accuracy: less is no basis for asking how the model finds the answer."""
ADVANTAGE = 0.05
"""Five points of balanced accuracy: a smaller advantage is within what another classifier of words could gain."""
BASELINES = {
    "bag of words": "a classifier that counts words",
    "last sentence": "a classifier that counts the words of the last sentence",
    "majority": "always answering with the most frequent emotion",
    "random weights": "the same network with random weights",
}
_CHANCE = "above chance"
_TYPES = "every item type"
_ADVANTAGE_UNITS = "balanced accuracy of the model minus that of the baseline, on the same texts"


def _read(result: "Behaviour") -> Reading:
    above = {(str(row["breakdown"]), str(row["group"])): _estimate(row, "above") for row in _rows(result.above)}
    overall = above["all", ALL_TEXTS]
    if overall.n < MIN_TEXTS:
        return Reading(untested=f"only {overall.n} texts are scored; {MIN_TEXTS} are needed")
    types = {group: estimate for (breakdown, group), estimate in above.items() if breakdown == ITEM_TYPE}
    gains = {str(row["baseline"]): _estimate(row, "difference") for row in _rows(result.advantage)}
    return Reading(
        {_CHANCE: overall, _TYPES: types or {ALL_TEXTS: overall}, **gains},
        draws=draws_of(result.stability),
        remarks=_remarks(types),
    )


def _rows(table: "pd.DataFrame") -> list[dict]:
    return table.to_dict("records")


def _estimate(row: dict, column: str) -> Estimate:
    return Estimate(float(row[column]), float(row["low"]), float(row["high"]), int(row["n"]))


def _remarks(types: dict[str, Estimate]) -> list[str]:
    """Name the item types in which the model is not shown to be above chance."""
    unmet = [f"{name} ({e}, {e.n} texts)" for name, e in types.items() if not (e.low > 0 and e.value >= ABOVE_CHANCE)]
    return [f"Not shown to be above chance by {ABOVE_CHANCE:g} in: {', '.join(unmet)}."] if unmet else []


behaviour = Rule(
    claim="premise",
    statement="The model infers the emotion rather than reading it off single words.",
    criteria=(
        Criterion(
            _CHANCE,
            "The model recognises emotions better than chance.",
            estimand="balanced accuracy less its mean under exchanged labels",
            margin=ABOVE_CHANCE,
        ),
        *(
            Criterion(
                name,
                f"The model recognises emotions better than {text}.",
                estimand=_ADVANTAGE_UNITS,
                control=name,
                margin=ADVANTAGE,
            )
            for name, text in BASELINES.items()
        ),
        Criterion(
            _TYPES,
            "The model is above chance in every item type.",
            estimand="balanced accuracy less its mean under exchanged labels, of every item type",
            role="lowers",
            margin=ABOVE_CHANCE,
        ),
    ),
    read=_read,
    columns=("predictor", "baseline"),
    own=frozenset({"model"}),
)
"""The rule for the premise, as this module states it."""
