"""The rule for claim C8: early layers can be modified without harming emotion inference."""

from emomech.chapters.early_layers.analysis import AVERAGE, EARLY_LESS, REFERENCE, EarlyLayers
from emomech.chapters.tasks import EMOTION
from emomech.chapters.verdict import Verdict
from emomech.stats.estimates import Estimate
from emomech.stats.tables import number

SAFE_LOSS = 0.02
"""Loss of balanced accuracy below which an edit counts as safe."""
SAFE_RISE = 0.05
"""Relative rise of the next-token loss below which an edit counts as safe."""
STATEMENT = "Early layers can be modified without harming emotion inference."


def early_layers(result: EarlyLayers) -> Verdict:
    """Decide claim C8 from edits that change each third of the blocks by a relative size of 0.2, mean of the methods.

    Editing the early third is *safe* if it costs less than 2 points of balanced accuracy on the emotion task and raises
    the next-token loss by less than 5 per cent, both with the upper end of the interval. It is *safer* if it costs less
    accuracy than editing the middle or the late third, by an interval that excludes zero, and not more than either.

    Replicates if it is safe and safer. Partly if it is one of the two. Does not replicate otherwise. Cannot be tested
    if the model is at chance or has fewer than three blocks. The control tasks do not change the outcome; the reason
    says whether they show the same, which would be a property of layers and not of emotion.
    """
    if reason := str(result.setting.query("task == @EMOTION").untested.iloc[0] or ""):
        return Verdict(
            "C8", STATEMENT, "cannot be tested here", f"{reason[0].upper()}{reason[1:].rstrip('.')}.", "", ""
        )
    edit = {"third": "early", "method": AVERAGE, "target": REFERENCE}
    loss = number(result.losses, "loss", task=EMOTION, **edit)
    rise = number(result.language, "rise", **edit)
    less = {
        name: number(result.contrasts, "difference", target=REFERENCE, contrast=name, task=EMOTION)
        for name in EARLY_LESS
    }
    safe = loss.high < SAFE_LOSS and rise.high < SAFE_RISE
    safer = any(gain.high < 0 for gain in less.values()) and not any(gain.low > 0 for gain in less.values())
    parts = [
        f"At the same size of the change, editing the early third {_harm(loss, rise)}.",
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
        control="; ".join(f"{name}: {_points(gain)}" for name, gain in less.items()),
    )


def _harm(loss: Estimate, rise: Estimate) -> str:
    """What an edit costs, as the end of a sentence."""
    accuracy = (
        f"costs less than {100 * SAFE_LOSS:.0f} points of accuracy on the emotion task"
        if loss.high < SAFE_LOSS
        else "costs accuracy on the emotion task"
        if loss.low > 0
        else f"may cost {100 * SAFE_LOSS:.0f} points or more of accuracy on the emotion task"
    )
    language = "raises {} by less than" if rise.high < SAFE_RISE else "may raise {} by more than"
    return f"{accuracy}, and {language.format('the next-token loss')} 5 per cent"


def _order(less: dict[str, Estimate]) -> str:
    cases = {
        "It costs less than editing the {}": [EARLY_LESS[name] for name, gain in less.items() if gain.high < 0],
        "It costs more than editing the {}": [EARLY_LESS[name] for name, gain in less.items() if gain.low > 0],
        "Its cost does not differ clearly from that of editing the {}": [
            EARLY_LESS[name] for name, gain in less.items() if not gain.excludes(0)
        ],
    }
    return " ".join(f"{text.format(' or the '.join(thirds))} third." for text, thirds in cases.items() if thirds)


def _controls_in_words(result: EarlyLayers) -> str:
    """Sentences on whether the control tasks lose as much as the emotion task by editing the early third."""
    rows = result.special.query("target == @REFERENCE and contrast == 'early'")
    if rows.empty:
        return "This model has no control task that can be tested, so whether this is specific to emotion is unknown."
    differing = [row["control"] for row in rows.to_dict("records") if row["low"] > 0 or row["high"] < 0]
    alike = [name for name in rows.control if name not in differing]
    parts = []
    if alike:
        parts.append(
            f"For {' and '.join(alike)} the cost does not differ clearly from that for emotion, so the result is about "
            "layers and not specific to emotion."
        )
    for row in rows.query("control in @differing").to_dict("records"):
        more = "more" if row["difference"] > 0 else "less"
        parts.append(f"The emotion task loses {more} than the control task {row['control']}.")
    return " ".join(parts)


def skipping_in_words(result: EarlyLayers) -> str:
    """Sentence that names the single block whose skipping costs the emotion task most."""
    rows = result.losses.query("method == 'skipping' and task == @EMOTION and dose != 'all blocks'")
    if rows.empty:
        return "No block was skipped by itself."
    worst = max(rows.to_dict("records"), key=lambda row: row["loss"])
    lost = Estimate(worst["loss"], worst["low"], worst["high"], worst["n"])
    named = f"the {worst['dose']} of the {worst['third']} third"
    return f"Of the blocks that were skipped one by one, {named} costs most: {_points(lost)} points of accuracy."


def _points(share: Estimate) -> Estimate:
    return Estimate(100 * share.value, 100 * share.low, 100 * share.high, share.n)
