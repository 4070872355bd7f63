"""The rule of claim C8: early layers can be modified without harming emotion inference."""

from emomech.chapters.early_layers.analysis import AVERAGE, EARLY_LESS, EMOTION, REFERENCE, EarlyLayers
from emomech.chapters.verdict import Verdict
from emomech.stats.estimates import Estimate
from emomech.stats.tables import number

SAFE_LOSS = 0.02
"""Balanced accuracy that may be lost for an edit to be called harmless."""
SAFE_RISE = 0.05
"""Relative rise of the next-token loss that may come with it."""
STATEMENT = "Early layers can be modified without harming emotion inference."


def early_layers(result: EarlyLayers) -> Verdict:
    """Claim C8, from edits that change each third of the blocks by a relative size of 0.2, mean of the methods.

    Editing the early third is *safe* if it costs less than 2 points of balanced accuracy of the emotion and raises the
    next-token loss by less than 5 per cent, both with the upper end of the interval. It is *safer* if it costs less
    accuracy than editing the middle or the late third, by an interval that excludes zero, and more than neither.

    Replicates if it is safe and safer; partly if it is one of them; does not replicate otherwise. Cannot be tested
    where the model is at chance or has fewer than three blocks. Whether a control task shows the same decides nothing,
    and is said: then it is about layers and not about emotion.
    """
    if reason := str(result.setting.query("task == @EMOTION").untested.iloc[0] or ""):
        return Verdict(
            "C8", STATEMENT, "cannot be tested here", f"{reason[0].upper()}{reason[1:].rstrip('.')}.", "", ""
        )
    here = {"third": "early", "method": AVERAGE, "target": REFERENCE}
    loss = number(result.losses, "loss", task=EMOTION, **here)
    rise = number(result.language, "rise", **here)
    less = {
        name: number(result.contrasts, "difference", target=REFERENCE, contrast=name, task=EMOTION)
        for name in EARLY_LESS
    }
    safe = loss.high < SAFE_LOSS and rise.high < SAFE_RISE
    safer = any(found.high < 0 for found in less.values()) and not any(found.low > 0 for found in less.values())
    parts = [
        f"At an equal change, editing the early third {_harm(loss, rise)}.",
        _order(less),
        _controls_in_words(result),
    ]
    return Verdict(
        claim="C8",
        statement=STATEMENT,
        outcome="replicates" if safe and safer else "partly" if safe or safer else "does not replicate",
        reason=" ".join(part for part in parts if part),
        estimate=f"points of accuracy lost by editing the early third: {_points(loss)}; "
        f"rise of the next-token loss in per cent: {_points(rise)}",
        control="; ".join(f"{name}: {_points(found)}" for name, found in less.items()),
    )


def _harm(loss: Estimate, rise: Estimate) -> str:
    """Say what it costs."""
    accuracy = (
        f"costs less than {100 * SAFE_LOSS:.0f} points of the emotion's accuracy"
        if loss.high < SAFE_LOSS
        else "costs accuracy of the emotion"
        if loss.low > 0
        else f"may cost {100 * SAFE_LOSS:.0f} points of the emotion's accuracy or more"
    )
    small = rise.high < SAFE_RISE
    return f"{accuracy}, and raises the next-token loss by {'less than' if small else 'up to or more than'} 5 per cent"


def _order(less: dict[str, Estimate]) -> str:
    cases = {
        "It costs less than editing the {}": [EARLY_LESS[name] for name, found in less.items() if found.high < 0],
        "It costs more than editing the {}": [EARLY_LESS[name] for name, found in less.items() if found.low > 0],
        "It cannot be told from editing the {}": [
            EARLY_LESS[name] for name, found in less.items() if not found.excludes(0)
        ],
    }
    return " ".join(f"{text.format(' or the '.join(thirds))} third." for text, thirds in cases.items() if thirds)


def _controls_in_words(result: EarlyLayers) -> str:
    """Say whether tasks that are no emotion lose as much by an edit of the early third."""
    rows = result.special.query("target == @REFERENCE and contrast == 'early'")
    if rows.empty:
        return "No other task could be asked of this model, so that nothing is said of emotion in particular."
    other = [row["control"] for row in rows.to_dict("records") if row["low"] > 0 or row["high"] < 0]
    alike = [name for name in rows.control if name not in other]
    parts = []
    if alike:
        told = "the cost is not told apart from that, so that it is said of layers and not of emotion"
        parts.append(f"For {' and '.join(alike)} {told}.")
    for row in rows.query("control in @other").to_dict("records"):
        parts.append(f"The emotion loses {'more' if row['difference'] > 0 else 'less'} than {row['control']}.")
    return " ".join(parts)


def skipping_in_words(result: EarlyLayers) -> str:
    """Say which single block of which third the emotion needs most, of those that were skipped."""
    rows = result.losses.query("method == 'skipping' and task == @EMOTION and dose != 'all blocks'")
    if rows.empty:
        return "No block could be skipped by itself."
    worst = max(rows.to_dict("records"), key=lambda row: row["loss"])
    lost = Estimate(worst["loss"], worst["low"], worst["high"], worst["n"])
    named = f"the {worst['dose']} of the {worst['third']} third"
    return f"Of the blocks that were skipped one by one, {named} costs most: {_points(lost)} points."


def _points(found: Estimate) -> Estimate:
    return Estimate(100 * found.value, 100 * found.low, 100 * found.high, found.n)
