"""The rule for claim C8: early layers can be modified without harming emotion inference.

The weights of each third of the blocks are changed by a relative size of 0.2; the cost is the mean over the methods, on
the same texts. The claim has two parts:

- *Safe*: editing the early third costs less than 2 points of accuracy on the emotion task, and raises the next-token
  loss by less than 5 per cent, each with the whole interval.
- *Safer than later layers*: it costs at least 2 points less than editing the middle third, and than the late third.

Replicates if both parts hold, partly if one does. Reversed if neither holds and editing the early third costs at least
2 points more than editing another third. If the texts are too few to show a loss below 2 points, which takes about 200
texts without a single flip, the outcome is *no power here*.
"""

from emomech.chapters.criteria import Criterion, Family
from emomech.chapters.early_layers.tables import AVERAGE, EARLY_LESS, LOST, REFERENCE, RISE, EarlyLayers
from emomech.chapters.rules import Reading, Rule
from emomech.chapters.stability import draws_of
from emomech.chapters.tasks import EMOTION
from emomech.stats.estimates import Estimate
from emomech.stats.tables import number

SAFE_LOSS = 0.02
"""Accuracy that an edit may cost: quantisation to 8 or 4 bits is usually called lossless up to about this much."""
SAFE_RISE = 0.05
"""Relative rise of the next-token loss that an edit may cause, in the same sense."""
_SAFE, _SAFER = "safe", "safer than later layers"
_UNDEFINED = Estimate(float("nan"), float("nan"), float("nan"), 0)


def _read(result: EarlyLayers) -> Reading:
    if untested := str(result.setting.query("task == @EMOTION").untested.iloc[0] or ""):
        return Reading(untested=untested)
    edit = {"third": "early", "method": AVERAGE, "target": REFERENCE}
    of_emotion = result.contrasts[(result.contrasts.target == REFERENCE) & (result.contrasts.task == EMOTION)]
    shown = set(of_emotion.contrast)
    estimates: dict[str, Estimate | Family] = {
        LOST: number(result.losses, "loss", task=EMOTION, **edit),
        RISE: number(result.language, "rise", **edit),
    }
    estimates |= {
        name: number(of_emotion, "difference", contrast=name) if name in shown else _UNDEFINED for name in EARLY_LESS
    }
    return Reading(estimates=estimates, draws=draws_of(result.stability), remarks=_controls_in_words(result))


early_layers = Rule(
    claim="C8",
    statement="Early layers can be modified without harming emotion inference.",
    criteria=(
        Criterion(
            LOST,
            "Editing the early third costs less than 2 points of accuracy.",
            estimand="share of accuracy lost on the emotion task",
            part=_SAFE,
            margin=SAFE_LOSS,
            form="below",
        ),
        Criterion(
            RISE,
            "It raises the next-token loss by less than 5 per cent.",
            estimand="relative rise of the next-token loss",
            part=_SAFE,
            margin=SAFE_RISE,
            form="below",
        ),
        *(
            Criterion(
                name,
                f"It costs less accuracy than editing the {third} third.",
                estimand="accuracy lost by the early third less that lost by the other, on the same texts",
                part=_SAFER,
                sign=-1,
                margin=SAFE_LOSS,
            )
            for name, third in EARLY_LESS.items()
        ),
    ),
    read=_read,
    columns=(),
    described={
        "control tasks": "the claim says that emotion inference is not harmed, and not that it is spared more than "
        "other tasks; they say whether the result is about layers or about emotion"
    },
)


def _controls_in_words(result: EarlyLayers) -> list[str]:
    """Sentences on whether the emotion task loses more or less than control tasks by editing the early third."""
    rows = result.special.query("target == @REFERENCE and contrast == 'early'")
    if rows.empty:
        return ["This model has no control task that can be tested, so whether this is about emotion is unknown."]
    sentences = []
    for row in rows.to_dict("records"):
        lost = Estimate(row["difference"], row["low"], row["high"], row["n"])
        compared = "more than" if lost.low > 0 else "less than" if lost.high < 0 else "not clearly more or less than"
        sentences.append(f"The emotion task loses {compared} the control task {row['control']}.")
    return sentences


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
