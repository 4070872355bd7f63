"""The rules for claims C5 and C6: causal steering improves recognition, and preserves language modelling."""

from emomech.causal.steering.experiment import BIAS, FEATURES, MATCHED, RAW
from emomech.causal.steering.recognition import ACCURACY, F1
from emomech.chapters.steering.analysis import LANGUAGE_MODELLING, RECOGNITION, Steering
from emomech.chapters.steering.rows import NONE
from emomech.chapters.verdict import Verdict
from emomech.stats.estimates import decimal
from emomech.stats.tables import number

EQUIVALENT, NEARLY = 0.01, 0.05
"""Relative changes of the loss below which it counts as unchanged, and as almost unchanged."""
_BEATEN = (BIAS, MATCHED, RAW)


def steering(result: Steering) -> Verdict:
    """Decide claim C5 from the gain on the reported texts, and from what the same labelled texts gain without steering.

    Replicates if balanced accuracy rises, and rises by more than with a logit bias fitted on the same labelled texts,
    with matched features, and with raw dimensions, each with a 95 % interval on the same texts that excludes zero.
    Partly if it rises, and by more than with matched features. Does not replicate otherwise. Cannot be tested if the
    model is at chance or leaves no room for a gain.
    """
    claim, statement = "C5", "Causal feature steering improves recognition."
    if reason := _untested(result, RECOGNITION):
        return Verdict(claim, statement, "cannot be tested here", f"These texts cannot show a gain: {reason}.", "", "")
    gain = number(result.differences, "difference", method=FEATURES, versus=NONE, measure=ACCURACY)
    leads = {
        other: number(result.differences, "difference", method=FEATURES, versus=other, measure=ACCURACY)
        for other in _BEATEN
    }
    unbeaten = [other for other in _BEATEN if not leads[other].low > 0]
    f1 = number(result.differences, "difference", method=FEATURES, versus=NONE, measure=F1)
    dose = float(result.methods.set_index("method").dose[FEATURES])
    if not gain.low > 0:
        outcome, reason = "does not replicate", _no_gain(dose)
    elif not unbeaten:
        outcome, reason = (
            "replicates",
            "Steering gains more than a fitted logit bias, random features and raw dimensions.",
        )
    else:
        outcome = "does not replicate" if MATCHED in unbeaten else "partly"
        reason = f"There is a gain, but it does not exceed that of: {', '.join(unbeaten)}."
    return Verdict(
        claim,
        statement,
        outcome,
        reason,
        estimate=f"balanced accuracy rises by {gain}; macro-F1 by {f1}",
        control="; ".join(f"beyond {other}: {lead}" for other, lead in leads.items()),
    )


def language(result: Steering) -> Verdict:
    """Decide claim C6 from the next-token loss on neutral text at the dose that was chosen for recognition.

    Replicates if the 95 % interval of the relative change of the loss lies within 1 % of zero on both sides. Partly if
    it lies within 5 %. Does not replicate otherwise. Cannot be tested if no dose was chosen, or if recognition could
    not be steered at all.
    """
    claim, statement = "C6", "Language modelling is preserved."
    if reason := _untested(result, RECOGNITION) or _untested(result, LANGUAGE_MODELLING):
        return Verdict(claim, statement, "cannot be tested here", f"There is no dose to measure at: {reason}.", "", "")
    chosen = result.language[result.language.chosen]
    loss, control = (number(chosen, "loss", units=units) for units in (FEATURES, MATCHED))
    largest = max(abs(loss.low), abs(loss.high))
    outcome = "replicates" if largest < EQUIVALENT else "partly" if largest < NEARLY else "does not replicate"
    bounds = {"replicates": "lies within 1 % of zero", "partly": "lies within 5 % of zero, but not within 1 %"}
    interval = f"the 95 % interval of the change of the loss {bounds.get(outcome, 'does not lie within 5 % of zero')}"
    row = chosen[chosen.units == FEATURES].iloc[0]
    size = f"That dose moves activations by {decimal(100 * row.displacement)} % of their norm."
    return Verdict(
        claim,
        statement,
        outcome,
        f"At the chosen dose {interval}. {size}",
        estimate=f"relative change of the loss {loss}; KL {decimal(row.kl, 3)} nats; same likeliest token "
        f"{decimal(row.agreement, 3)}",
        control=f"matched features at the same dose: {control}",
    )


def _untested(result: Steering, part: str) -> str:
    """Say why a part cannot be tested; empty if it can."""
    rows = result.setting[result.setting.part == part]
    return str(rows.untested.iloc[0]) if len(rows) else ""


def _no_gain(dose: float) -> str:
    if not dose:
        return "No dose of any operation improves recognition on the tune texts, so no dose was chosen."
    return (
        "At the dose that is best on the tune texts, the rise of recognition on other texts is not reliably above zero."
    )
