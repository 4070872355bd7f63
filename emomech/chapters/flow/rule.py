"""The rule for claim C1: the model processes syntax first, then semantics, then emotion.

The claim has four parts: semantics lies deeper than syntax, and emotion deeper than semantics, each read at the words
and at the answer. A part holds if the later stage's depth centre of gravity lies deeper by at least `MARGIN`, with an
interval that excludes zero, and if the same holds for the difference less what the network with random weights shows,
and less what shuffled labels show, on the same texts. With SAEs of another seed it has to hold as well, if there are
any. Stages that are read on different texts leave *partly* at most, because a difference between the texts could then
look like an order. A place where a stage cannot be read counts as not shown.

A stage that explains clearly less than the floor of a centre has no centre, and its steps are undefined. A stage of
which the sample cannot say whether it explains that much may lie anywhere, so its steps have no power.

Random and barely trained dictionaries do not decide: the claim is about the model, and an order that they show too is
an order of the model's activations. The number of phases does not decide: it grows with the precision of the profile.
"""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from emomech.chapters.conditions import (
    FROZEN,
    RANDOM_DICTIONARY,
    RANDOM_WEIGHTS,
    SECOND_SAES,
    SHUFFLED_LABELS,
    SOFT_FROZEN,
    TRAINED,
)
from emomech.chapters.criteria import Criterion
from emomech.chapters.flow.order import CONTRASTS, FLOOR, STEPS
from emomech.chapters.flow.reads import READ_PLACES
from emomech.chapters.rules import Reading, Rule
from emomech.chapters.stability import draws_of
from emomech.chapters.verdict import sentences
from emomech.stats.estimates import Estimate

if TYPE_CHECKING:
    import pandas as pd

    from emomech.chapters.flow.analysis import Flow

MARGIN = 0.05
"""A twentieth of the depth: less than half a block of an eight-block model, the distance between two hook points being
one block. A smaller shift of a mean over layers is no sequence of stages."""
DECIDING = (RANDOM_WEIGHTS, SHUFFLED_LABELS)
"""Without learned weights, and without labels, there is nothing to process in an order."""
_SAME_TEXTS = "same texts"
_DICTIONARY = "the claim is about the model; an order that {} shows too is an order of the model's activations"
_UNKNOWN = Estimate(math.nan, -1.0, 1.0, 0)
"""A difference of centres of which nothing is known: it may lie anywhere in the model."""


def _criteria() -> tuple[Criterion, ...]:
    made = []
    for where in READ_PLACES:
        for step in STEPS:
            later, earlier = CONTRASTS[step]
            name, part = f"{step}, {where}", f"{later} after {earlier}, read at the {where}"
            text = f"At the {where}, {later} lies deeper than {earlier}"
            units = f"difference of depth centres of gravity ({step}, {where}), in units of model depth"
            made.append(Criterion(name, f"{text}.", estimand=units, part=part, margin=MARGIN))
            made += [
                Criterion(
                    f"{name}, {control}",
                    f"{text} by more than with {control}.",
                    estimand=f"{units}, less the control's",
                    part=part,
                    control=control,
                    margin=MARGIN,
                )
                for control in DECIDING
            ]
    same = "Syntax, semantics and emotion are read on the same texts."
    share = "share of the three stages that are read on one kind of texts"
    return (*made, Criterion(_SAME_TEXTS, same, estimand=share, role="lowers", margin=1))


def _read(result: "Flow") -> Reading:
    own, second = _steps(result, TRAINED), _steps(result, SECOND_SAES)
    if not _places(own):
        return Reading(untested=_untested_in_words(result))
    estimates = dict(own)
    for control in DECIDING:
        compared = _estimates(result.beyond[result.beyond.control == control])
        estimates |= {f"{name}, {control}": _UNKNOWN if own[name] is _UNKNOWN else e for name, e in compared.items()}
    return Reading(
        {**estimates, _SAME_TEXTS: _on_same_texts(result)},
        draws=draws_of(result.stability),
        dictionaries={name: [estimate] for name, estimate in second.items()},
        remarks=_remarks(result),
    )


def _steps(result: "Flow", condition: str) -> dict[str, Estimate]:
    """Both steps at every place in one condition; unknown where the sample cannot say whether a stage is there."""
    steps = _estimates(result.differences[result.differences.condition == condition])
    return steps | _unclear(result.amounts[result.amounts.condition == condition], steps)


def _estimates(table: "pd.DataFrame") -> dict[str, Estimate]:
    """Both steps at every place: "step, place" -> estimate."""
    rows = table[table.contrast.isin(STEPS)].to_dict("records")
    return {
        f"{r['contrast']}, {r['where']}": Estimate(
            float(r["difference"]), float(r["low"]), float(r["high"]), int(r["n"])
        )
        for r in rows
    }


def _places(own: Mapping[str, Estimate]) -> list[str]:
    """Places at which all three stages can be read."""
    return [where for where in READ_PLACES if all(f"{step}, {where}" in own for step in STEPS)]


def _unclear(amounts: "pd.DataFrame", steps: Mapping[str, Estimate]) -> dict[str, Estimate]:
    """Steps of which one stage has no centre, and of which no stage is known to explain less than the floor."""
    high = {(row["where"], row["stage"]): row["high"] for row in amounts.to_dict("records")}
    names = {
        f"{step}, {where}": [high[where, s] for s in CONTRASTS[step]] for where in _places(steps) for step in STEPS
    }
    return {name: _UNKNOWN for name, ends in names.items() if np.isnan(steps[name].low) and min(ends) >= FLOOR}


def _on_same_texts(result: "Flow") -> Estimate:
    texts = result.texts[result.texts.stage != "lexical"].texts
    share = float(texts.value_counts().max() / len(texts)) if len(texts) else 1.0
    return Estimate(share, share, share, len(texts))


def _remarks(result: "Flow") -> list[str]:
    """Sentences on the texts of the stages, and on dictionaries that show a step of the order as well."""
    by_texts = result.texts[result.texts.stage != "lexical"].groupby("texts", sort=False).stage
    where = "; ".join(f"{' and '.join(stages)} on {texts}" for texts, stages in by_texts)
    different = [f"The stages are read on different texts ({where})."] if len(by_texts) > 1 else []
    rows = result.differences[result.differences.contrast.isin(STEPS) & (result.differences.low > 0)]
    shown: dict[str, list[str]] = {}
    for row in rows[rows.condition.isin(list(_DESCRIBED))].to_dict("records"):
        shown.setdefault(str(row["condition"]), []).append(f"{row['contrast']} at the {row['where']}")
    text = "With another dictionary in place of the SAEs, a step of the order is there as well"
    also = sentences((text, [f"{name} ({'; '.join(steps)})" for name, steps in shown.items()]))
    return [*different, also] if also else different


def _untested_in_words(result: "Flow") -> str:
    missing = result.families.query("untested != '' and stage != 'lexical'").drop_duplicates(["family", "untested"])
    parts = [f"{', '.join(group.family)} ({reason})" for reason, group in missing.groupby("untested", sort=False)]
    return f"Some label families cannot be read: {'; '.join(parts)}."


_DESCRIBED = {
    RANDOM_DICTIONARY: _DICTIONARY.format("a random dictionary"),
    SOFT_FROZEN: _DICTIONARY.format("a dictionary near its random start"),
    FROZEN: _DICTIONARY.format("a dictionary at its random start"),
}
flow = Rule(
    claim="C1",
    statement="The model processes syntax first, then semantics, then emotion, in this order of depth.",
    criteria=_criteria(),
    read=_read,
    columns=("condition", "control"),
    own=frozenset({TRAINED, SECOND_SAES}),
    described=_DESCRIBED,
)
"""The rule for claim C1, as this module states it."""
