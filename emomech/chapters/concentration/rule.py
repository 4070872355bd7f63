"""The rule for claim C3: one emotion, disgust, is weaker than the others, and more diffuse.

Two parts are decided, each by the median contrast over every specification of a multiverse (`specifications`):

- weaker: its features carry less than those of the other emotions;
- more diffuse: it is spread over more features than the other emotions.

A part holds if the median contrast has the claimed sign and reaches a tenth of the mean of the others; if it does so as
well among features that write no label; if it exceeds, in the claimed direction, the same median contrast of every
control, by the interval of the difference; and if no other emotion in the place of this one shows it as strongly.
Compared only with emotions of the same valence, it has to keep its sign, or the claim holds partly.

The controls: features that are selected for shuffled labels (each of five shuffles), random directions in a network
with random weights, SAEs with a frozen or a soft-frozen decoder, and, for what features carry, matched features.
Matched features support nothing, so their number is undefined, and they cannot decide how diffuse an emotion is.

Seven emotions differ in any case, and one of them is the weakest. A permutation of the roles of seven emotions cannot
give a p-value below 1/7. That no other emotion shows the contrast is therefore necessary, and never sufficient.

That a rival overshadows the emotion is no part of the claim here. It is only described (`overshadowed`).
"""

from collections.abc import Iterator

from emomech.chapters.concentration.analysis import Concentration
from emomech.chapters.concentration.specifications import (
    DIFFUSE,
    ITS,
    MATCHED,
    RANDOM,
    ROLES,
    SAME_VALENCE,
    SHUFFLED,
    SILENT,
    WEAKER,
    WHOLE,
    criterion,
)
from emomech.chapters.concentration.tables import ABLATED, LOG_ODDS
from emomech.chapters.conditions import FROZEN, SECOND_SAES, SOFT_FROZEN
from emomech.chapters.criteria import Criterion, Family
from emomech.chapters.rules import Reading, Rule
from emomech.chapters.stability import draws_of
from emomech.core.errors import EmomechError
from emomech.stats.estimates import Estimate
from emomech.stats.tables import number

MARGIN = 0.1
"""Smallest median contrast that matters, as a share of the mean of the others. Below a tenth, exchanging the estimator
at one hook point changes a contrast by more than the emotion differs. What exceeds a control has to exceed it by as
much."""
CONTROLS: dict[str, tuple[str, ...]] = {
    WEAKER: (SHUFFLED, MATCHED, RANDOM, SOFT_FROZEN, FROZEN),
    DIFFUSE: (SHUFFLED, RANDOM, SOFT_FROZEN, FROZEN),
}
_FAMILIES = (SHUFFLED, ROLES)
_DOES = {WEAKER: "its features carry less", DIFFUSE: "it is spread over more features"}
_CONTRAST = "median contrast, as a share of the others' mean"


def _criteria(part: str) -> Iterator[Criterion]:
    """Criteria of one part of the claim."""
    sign, does = (-1 if part == WEAKER else 1), _DOES[part]
    effect = f"{{Emotion}} is {part}: over all specifications, {does} than the others."
    yield Criterion(criterion(part, WHOLE), effect, _CONTRAST, part=part, sign=sign, margin=MARGIN)
    silent = f"{{Emotion}} is {part} among features that write no label as well."
    yield Criterion(criterion(part, SILENT), silent, _CONTRAST, part=part, sign=sign, margin=MARGIN, control=SILENT)
    for control in CONTROLS[part]:
        text = f"{{Emotion}} is {part}, by more than with {control}."
        estimand = f"{_CONTRAST}, minus that with {control}"
        yield Criterion(
            criterion(part, WHOLE, control), text, estimand, part=part, sign=sign, margin=MARGIN, control=control
        )
    estimand = f"{_CONTRAST}, minus that of another emotion"
    for what, among in ((WHOLE, ""), (SILENT, " among features that write no label")):
        text = f"No other emotion is as {'weak' if part == WEAKER else 'diffuse'}{among}."
        yield Criterion(
            criterion(part, what, ROLES), text, estimand, part=part, sign=sign, margin=MARGIN, control=ROLES
        )
    alike = f"{{Emotion}} is {part} than emotions of the same valence."
    name = criterion(part, SAME_VALENCE)
    yield Criterion(name, alike, _CONTRAST, "lowers", part, SAME_VALENCE, sign, MARGIN)


def _read(result: Concentration) -> Reading:
    """Read the median contrasts, and their differences to the controls."""
    setting = result.setting.iloc[0]
    words = {"emotion": str(setting.emotion), "Emotion": _sentence(str(setting.emotion))}
    if setting.untested:
        return Reading(untested=str(setting.untested), words=words)
    estimates: dict[str, Estimate | Family] = {}
    families: dict[str, dict[str, Estimate]] = {}
    dictionaries: dict[str, list[Estimate]] = {}
    for row in result.medians.to_dict("records"):
        versus, member = str(row["versus"]), str(row["member"])
        name = criterion(str(row["part"]), str(row["what"]), versus)
        found = Estimate(float(row["contrast"]), float(row["low"]), float(row["high"]), int(row["n"]))
        if versus in _FAMILIES:
            families.setdefault(name, {})[member] = found
        elif member:
            dictionaries.setdefault(name, []).append(found)
        else:
            estimates[name] = found
    return Reading(
        estimates | families,
        words=words,
        draws=draws_of(result.stability),
        dictionaries=dictionaries,
        remarks=(overshadowed(result),),
    )


concentration = Rule(
    claim="C3",
    statement="{Emotion} is weaker and more diffuse than the other emotions.",
    criteria=(*_criteria(WEAKER), *_criteria(DIFFUSE)),
    read=_read,
    columns=("condition", "versus"),
    own=frozenset({ITS, SECOND_SAES, ""}),
)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def median(result: Concentration, part: str, what: str = WHOLE) -> Estimate:
    """The median contrast of a part of the claim. Raises EmomechError if the table has no such row."""
    return number(result.medians, "contrast", part=part, what=what, versus="", member="")


def share_of_specifications(result: Concentration, part: str, sign: int) -> float:
    """Share of the specifications with a value in which the contrast has this sign and an interval that excludes 0.

    NaN if no specification has a value.
    """
    rows = result.specifications[result.specifications.part == part].dropna(subset=["contrast"])
    if not len(rows):
        return float("nan")
    return float(((rows.low > 0) if sign > 0 else (rows.high < 0)).mean())


def overshadowed(result: Concentration) -> str:
    """Say how often the emotion is mistaken for its rival, and what ablating the rival's features does to it."""
    setting = result.setting.iloc[0]
    keys = {"acted_on": setting.rival, "edit": ABLATED, "condition": ITS, "affected": setting.emotion}
    if not len(result.interference):
        return f"The texts have no {setting.rival}."
    try:
        change = number(result.interference, "change", **keys, measure=LOG_ODDS)
        mistaken = number(result.confusions, "share", gold=setting.emotion, predicted=setting.rival)
    except EmomechError:
        return f"The texts have no {setting.rival}."
    what = "less sure" if change.high < 0 else "surer" if change.low > 0 else "neither surer nor less sure"
    return (
        f"{mistaken.value:.0%} of its texts are mistaken for {setting.rival}. Without the first features of "
        f"{setting.rival} the model is {what} of {setting.emotion}. Neither decides."
    )
