"""The rules for claims C5 and C6: causal steering improves recognition, and preserves language modelling.

C5 replicates if balanced accuracy on the reported texts rises by two points or more, and by at least one point more
than with matched features, with a logit bias and with the difference of means. All methods get the same labelled texts,
and the intervals cover the reported texts and the draws of the labelled texts together, so that no estimate has to hold
on every single draw. On the page's own draw, more of the changed texts have to become right than an exact test
explains by luck. It is lowered to partly if a few-shot prompt, raw dimensions, selective features or a network with
random weights do as well, if the log-odds do not follow the dose on both sides, or if most texts do not rise with it.
It cannot be tested if the model is at chance, or if so few texts are wrong that an exact test could show no gain.

C6 is asked only at a dose that gained something. It replicates if the next-token loss changes by less than 5 %, and is
lowered to partly if it may change by more than 1 %, or if a control task may lose two points of accuracy or more.
"""

from emomech.causal.steering.dose_response import DOWN, UP
from emomech.causal.steering.experiment import (
    BIAS,
    FEATURES,
    FEW_SHOT,
    MATCHED,
    MEANS,
    RANDOM_WEIGHTS,
    RAW,
    SELECTIVE,
)
from emomech.causal.steering.probe import PROBE
from emomech.chapters.criteria import Criterion, Family, judge
from emomech.chapters.rules import Reading, Rule
from emomech.chapters.steering.analysis import LANGUAGE_MODELLING, RECOGNITION, Steering
from emomech.chapters.steering.evidence import FLIPS, NONE, RISING
from emomech.stats.estimates import Estimate, decimal
from emomech.stats.tables import number

GAIN = 0.02
"""Two points of balanced accuracy: less would not repay the choice of features and of a dose."""
LEAD = 0.01
"""Half of that beyond a control: a method with a smaller lead gives most of the gain more cheaply."""
SHARE = 0.1
"""Six of ten: with a smaller majority steering harms nearly as many texts as it helps."""
EQUIVALENT, NEARLY = 0.01, 0.05
"""Relative changes of the loss up to which it counts as unchanged, and as almost unchanged."""
TASK = 0.02
"""Accuracy that a control task may lose: as much as a gain that matters."""
DECIDING = {MATCHED: "matched features", BIAS: "a logit bias", MEANS: "the difference of means"}
"""Controls that stop the claim -> their names in a sentence."""
LOWERING = {
    FEW_SHOT: "a few-shot prompt",
    RAW: "raw dimensions",
    SELECTIVE: "selective features",
    RANDOM_WEIGHTS: "steering a network with random weights",
}
"""Controls that lower the verdict -> their names in a sentence."""
_POINTS = "rise of balanced accuracy"


def _lead(control: str, name: str, role: str) -> Criterion:
    return Criterion(
        f"beyond {control}",
        f"Recognition improves by more than with {name}.",
        estimand=f"{_POINTS} beyond {name} with the same labelled texts",
        role="decides" if role == "decides" else "lowers",
        control=control,
        margin=LEAD,
    )


_GAIN = Criterion(
    "gain",
    "Recognition improves on texts on which nothing was chosen.",
    estimand=f"{_POINTS}, over the draws of the labelled texts",
    margin=GAIN,
)
_FLIPS = Criterion(
    "flips",
    "More of the changed texts become right than become wrong, beyond luck.",
    estimand="share of the changed texts that become right, less one half (exact interval, as McNemar's test)",
    margin=SHARE,
)
_TREND = Criterion(
    "trend",
    "The log-odds follow the dose on both sides of no steering.",
    estimand="slope of the log-odds of the own label, in nats per step of the dose",
    role="lowers",
)
_STEERABLE = Criterion(
    "steerability",
    "Most texts move towards their own label as the dose rises.",
    estimand="share of the texts that rise with the dose, less one half (exact interval)",
    role="lowers",
    margin=SHARE,
)


def _read_steering(result: Steering) -> Reading:
    if reason := _untested(result, RECOGNITION):
        return Reading(untested=f"these texts cannot show a gain: {reason}")
    estimates: dict[str, Estimate | Family] = {
        "gain": number(result.leads, "lead", versus=NONE),
        "flips": number(result.shares, "share", quantity=FLIPS),
        "steerability": number(result.shares, "share", quantity=RISING),
        "trend": {side: number(result.trends, "trend", side=side) for side in (DOWN, UP)},
    }
    for control in (*DECIDING, *LOWERING):
        if (result.leads.versus == control).any():
            estimates[f"beyond {control}"] = number(result.leads, "lead", versus=control)
    return Reading(estimates, remarks=_room(result))


def _room(result: Steering) -> list[str]:
    """Say how many texts are wrong to begin with, and which gain could have been shown."""
    room = number(result.setting, "wrong", part=RECOGNITION)
    least = number(result.setting, "showable", part=RECOGNITION).value
    remarks = [
        f"Wrong to begin with: {int(room.value)} of {room.n} texts. The smallest gain that could be shown "
        f"with a chance of 80 %, if no text were made wrong: {decimal(100 * least, 1)} points."
    ]
    if _untested(result, LANGUAGE_MODELLING):
        remarks.append("No dose of any operation improves recognition on the tune texts, so no dose was chosen.")
    return remarks


steering: Rule[Steering] = Rule(
    "C5",
    "Causal feature steering improves recognition.",
    (
        _GAIN,
        _FLIPS,
        *(_lead(control, name, "decides") for control, name in DECIDING.items()),
        *(_lead(control, name, "lowers") for control, name in LOWERING.items()),
        _TREND,
        _STEERABLE,
    ),
    read=_read_steering,
    columns=("method", "versus"),
    own=frozenset({FEATURES, NONE}),
    described={
        PROBE: "It answers in place of the model and steers nothing; it shows what the labelled texts can find at most."
    },
)


def _read_language(result: Steering) -> Reading:
    if reason := _untested(result, RECOGNITION) or _untested(result, LANGUAGE_MODELLING):
        return Reading(untested=f"there is no dose to measure at: {reason}")
    gain = number(result.leads, "lead", versus=NONE)
    if judge(_GAIN, gain)[0] != "met":
        return Reading(
            untested=f"nothing was gained, so there is no dose at which to ask: recognition rises by {gain}, and "
            f"{GAIN:g} with an interval above zero is needed"
        )
    row = result.language[result.language.chosen & (result.language.units == FEATURES)].iloc[0]
    loss = number(result.language[result.language.chosen], "loss", units=FEATURES)
    tasks = result.control_tasks[result.control_tasks.chosen.astype(bool)]
    lost: Family = {task: number(tasks, "lost", task=task) for task in tasks.task}
    size = f"The chosen dose moves activations by {decimal(100 * row.displacement)} % of their norm."
    return Reading({"loss": loss, "loss, strictly": loss, "control tasks": lost}, remarks=[size])


language: Rule[Steering] = Rule(
    "C6",
    "Language modelling is preserved.",
    (
        Criterion(
            "loss",
            "At a dose that improves recognition, the next-token loss stays within 5 %.",
            estimand="relative change of the next-token loss on neutral text",
            form="within",
            margin=NEARLY,
        ),
        Criterion(
            "loss, strictly",
            "It stays within 1 %.",
            estimand="relative change of the next-token loss on neutral text",
            role="lowers",
            form="within",
            margin=EQUIVALENT,
        ),
        Criterion(
            "control tasks",
            "No control task loses two points of accuracy.",
            estimand="balanced accuracy lost on a control task",
            role="lowers",
            form="below",
            margin=TASK,
        ),
    ),
    read=_read_language,
    columns=("units",),
    own=frozenset({FEATURES}),
    described={
        MATCHED: "They show what moving any features costs; a claim of no cost needs no control that costs less."
    },
)


def _untested(result: Steering, part: str) -> str:
    """Say why a part cannot be tested; empty if it can."""
    rows = result.setting[result.setting.part == part]
    return str(rows.untested.iloc[0]) if len(rows) else ""
