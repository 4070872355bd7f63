"""The rule for claim C3: one emotion, disgust, is weaker than the others and spread over more features."""

from collections.abc import Mapping

import numpy as np

from emomech.causal.concentration import EFFECTIVE, RECALL, TOTAL
from emomech.chapters.concentration.analysis import ABLATED, ALL, ITS, LOG_ODDS, MATCHED, ONE, Concentration
from emomech.chapters.verdict import Verdict
from emomech.stats.estimates import Estimate
from emomech.stats.tables import number

SIGNS: Mapping[str, int] = {EFFECTIVE: 1, TOTAL: -1}
"""Claimed sign of the emotion's difference from the mean of the others."""
MARGIN = 0.01
"""A difference smaller than this share of the others' mean counts as no difference."""


def concentration(result: Concentration) -> Verdict:
    """Decide claim C3 from the differences between the emotion and the mean of the others at the chosen hook point.

    Two things are claimed: the effective number of its features is larger, and their total effect smaller. Each holds
    if the difference has that sign with a 95 % interval that excludes zero, is at least one hundredth of the others'
    mean, and lies wholly beyond the interval of the same difference among matched features, if that is defined.

    Replicates if both hold. Partly if one holds. Does not replicate otherwise. Cannot be tested if the texts lack the
    emotion or are too few, if labels begin with the same token, or if the model is at chance on all emotions or on this
    one. The reason also says what the rival does to the emotion; this does not change the outcome.
    """
    setting = result.setting.iloc[0]
    emotion, rival = str(setting.emotion), str(setting.rival)
    statement = f"{_sentence(emotion)} is weaker and more diffuse than the other emotions, and overshadowed by {rival}."
    if setting.untested:
        return Verdict("C3", statement, "cannot be tested here", f"{_sentence(setting.untested)}.", "", "")
    its, matched = ({m: contrast(result, c, m) for m in SIGNS} for c in (ITS, MATCHED))
    matters = {m: abs(its[m].value) >= MARGIN * abs(_others(result, m, its[m])) for m in SIGNS}
    holds = [m for m, sign in SIGNS.items() if matters[m] and beyond(its[m], matched[m], sign)]
    words = {EFFECTIVE: f"{emotion} is spread over more features", TOTAL: f"the features of {emotion} carry less"}
    reason = [_claimed(words, holds)]
    reason += _reversed({measure: difference for measure, difference in its.items() if matters[measure]})
    return Verdict(
        claim="C3",
        statement=statement,
        outcome=("does not replicate", "partly", "replicates")[len(holds)],
        reason=" ".join([*reason, _everywhere(result), overshadowed(result)]),
        estimate="; ".join(f"{measure}, {emotion} minus the others: {its[measure]}" for measure in SIGNS),
        control="; ".join(f"{measure}, matched features: {matched[measure]}" for measure in SIGNS),
    )


def contrast(result: Concentration, condition: str, measure: str, place: str = ONE) -> Estimate:
    """The emotion's difference from the mean of the others, at the chosen hook point or another place."""
    keys = {"condition": condition, "place": place, "emotion": result.setting.emotion.iloc[0], "measure": measure}
    return number(result.contrasts, "difference", **keys)


def beyond(difference: Estimate, control: Estimate, sign: int) -> bool:
    """Whether a difference has this sign, its interval excludes zero, and it lies beyond the control's interval."""
    least = difference.low if sign > 0 else -difference.high
    most = control.high if sign > 0 else -control.low
    return bool(least > 0 and not most >= least)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _claimed(words: Mapping[str, str], holds: list[str]) -> str:
    missing = [words[measure] for measure in words if measure not in holds]
    parts = [f"{_sentence(' and '.join(words[m] for m in holds))}, by more than matched features."] if holds else []
    return " ".join([*parts, *([f"It does not show that {' or that '.join(missing)}."] if missing else [])])


def _reversed(its: Mapping[str, Estimate]) -> list[str]:
    """Say which differences have the opposite sign of the claim."""
    words = {EFFECTIVE: "it is spread over fewer features", TOTAL: "its features carry more"}
    opposite = [words[m] for m, difference in its.items() if difference.excludes(0) and difference.value * SIGNS[m] < 0]
    return [f"The opposite holds: {' and '.join(opposite)} than the mean of the others."] if opposite else []


def _everywhere(result: Concentration) -> str:
    difference = contrast(result, ITS, EFFECTIVE, ALL)
    what = "more" if difference.low > 0 else "fewer" if difference.high < 0 else "neither more nor fewer"
    return f"Counted over all hook points together, it is spread over {what} features than the others ({difference})."


def _others(result: Concentration, measure: str, difference: Estimate) -> float:
    """Mean of the other emotions."""
    keys = {"condition": ITS, "place": ONE, "emotion": result.setting.emotion.iloc[0], "measure": measure}
    return number(result.emotions, "value", **keys).value - difference.value


def overshadowed(result: Concentration) -> str:
    """Say how often the emotion is mistaken for its rival, and what ablating the rival's features does to it."""
    setting = result.setting.iloc[0]
    keys = {"acted_on": setting.rival, "edit": ABLATED, "condition": ITS, "affected": setting.emotion}
    rows = result.interference
    if not (rows.acted_on == setting.rival).any():
        return f"The texts have no {setting.rival}."
    change = number(rows, "change", **keys, measure=LOG_ODDS)
    mistaken = number(result.confusions, "share", gold=setting.emotion, predicted=setting.rival)
    what = "less sure" if change.high < 0 else "surer" if change.low > 0 else "neither surer nor less sure"
    return (
        f"{mistaken.value:.0%} of its texts are mistaken for {setting.rival}. Without the first features of "
        f"{setting.rival} the model is {what} of {setting.emotion}."
    )


def hardest(result: Concentration) -> str:
    """Names of the emotions whose recall is below the mean of the others, as the page quotes them."""
    return _named(result, RECALL, -1) or "none"


def spread_most(result: Concentration) -> str:
    """Names of the emotions that are spread over more features than the mean of the others."""
    return _named(result, EFFECTIVE, 1) or "none"


def concentrated_most(result: Concentration) -> str:
    """Names of the emotions that are spread over fewer features than the mean of the others."""
    return _named(result, EFFECTIVE, -1) or "none"


def _named(result: Concentration, measure: str, sign: int) -> str:
    rows = result.contrasts.query("condition == @ITS and place == @ONE and measure == @measure")
    chosen = rows[(np.sign(rows.difference) == sign) & (rows.q <= 0.05)]
    return ", ".join(chosen.emotion)


def expected_by_chance(result: Concentration) -> float:
    """Number of the differences shown whose intervals would exclude zero by chance if all were zero."""
    rows = result.contrasts.query("condition == @ITS and place == @ONE")
    return 0.05 * int(np.isfinite(rows.difference).sum())
