"""The rule for claim C10: the depth at which emotion is located depends on what is measured.

Every measure that clearly exceeds both controls has an onset: the point at which it reaches half of its lead over them.
The claim says that the onsets lie apart. It is decided at the answer, where all measures are defined:

- The distance between the earliest and the latest onset exceeds what noise alone gives, by a step or more. A step leads
  from one hook point to the next, so it is the smallest distance that the hook points can resolve.
- The same holds, by half a step or more, if a profile counts as begun at a quarter or at three quarters of its lead: a
  distance that depends on this choice is no finding.
- In a network with random weights, and with shuffled labels, the distance is smaller by a step or more. A control
  counts a measure as begun where it reaches the same level as the trained model. What never reaches it has no place.

At the text fewer measures are defined, so that the same criterion there only lowers: without it, the claim holds only
for what is read at the answer. Control tasks are shown and do not decide: the claim does not say that other tasks are
located at one depth. There is no reversed outcome: a distance smaller than noise gives says nothing.
"""

import pandas as pd

from emomech.chapters.conditions import TRAINED
from emomech.chapters.criteria import Criterion, Family, stable_sentence
from emomech.chapters.depth.analysis import Depth
from emomech.chapters.depth.located import CONTROL_TASK, onset_at
from emomech.chapters.depth.onsets import CONTROLS, HALF
from emomech.chapters.rules import Reading, Rule
from emomech.chapters.stability import draws_of
from emomech.chapters.tasks import EMOTION
from emomech.stats.estimates import Estimate, decimal
from emomech.stats.tables import number

ANSWER, TEXT = "answer", "text"
STEP = 1.0
"""The smallest distance that matters, in steps from one hook point to the next."""
_DISTANCE = "steps between the earliest and the latest onset, less what noise alone gives"
_LESS = "steps by which this exceeds the distance of the same measures in the control"


def _beyond(control: str) -> Criterion:
    return Criterion(
        f"beyond {control}",
        f"With {control}, the onsets lie closer together by a step or more.",
        estimand=_LESS,
        control=control,
        margin=STEP,
    )


def _read(result: Depth) -> Reading:
    untested = result.setting.query("task == @EMOTION and untested != ''").untested.tolist()
    if not untested and len(counted(result, ANSWER)) < 2:
        untested = [f"fewer than two measures have an onset at the answer ({_smallest(result)})"]
    if untested:
        return Reading(untested=str(untested[0]))
    draws = draws_of(result.stability)
    spreads = {f"spread at the {where}": _excess(result, where, HALF) for where in (ANSWER, TEXT)}
    beyond = {f"beyond {control}": _comparison(result, control) for control in CONTROLS}
    return Reading(
        estimates={
            **spreads,
            "other levels": {level: _excess(result, ANSWER, level) for level in _other_levels(result)},
            **beyond,
            "beyond control tasks": _control_tasks(result),
        },
        draws={name: draws[name] for name in spreads if name in draws},
        remarks=[*_extremes(result), *uncounted(result), *of_controls(result)],
    )


def _excess(result: Depth, where: str, level: str) -> Estimate:
    rows = result.spreads.query("task == @EMOTION and where == @where and level == @level")
    return number(rows, "excess") if len(rows) else _NOTHING


_NOTHING = Estimate(float("nan"), float("nan"), float("nan"), 0)


def _other_levels(result: Depth) -> list[str]:
    rows = result.spreads.query("task == @EMOTION and where == @ANSWER and level != @HALF")
    return list(map(str, rows.level))


def _comparison(result: Depth, control: str) -> Estimate:
    rows = result.comparisons.query("where == @ANSWER and versus == @control")
    return number(rows, "difference") if len(rows) else _NOTHING


def _control_tasks(result: Depth) -> Family:
    rows = result.comparisons.query("where == @ANSWER and versus == @CONTROL_TASK")
    return {str(task): number(rows, "difference", task=task) for task in rows.task}


depth: Rule[Depth] = Rule(
    claim="C10",
    statement="The depth at which emotion is located depends on what is measured.",
    criteria=(
        Criterion(
            "spread at the answer",
            "At the answer, the onsets of the measures lie farther apart than noise alone gives, by a step or more.",
            estimand=_DISTANCE,
            margin=STEP,
        ),
        Criterion(
            "other levels",
            "They also do so, by half a step or more, if a profile counts as begun at a quarter or three quarters.",
            estimand=_DISTANCE,
            margin=STEP / 2,
        ),
        *map(_beyond, CONTROLS),
        Criterion(
            "spread at the text",
            "At the text, the onsets lie farther apart than noise alone gives, by a step or more.",
            estimand=_DISTANCE,
            role="lowers",
            margin=STEP,
        ),
        Criterion(
            "beyond control tasks",
            "For every control task, the onsets lie closer together by a step or more.",
            estimand="steps by which the distance for emotion exceeds that for the task",
            role="describes",
            control=CONTROL_TASK,
            margin=STEP,
        ),
    ),
    read=_read,
    columns=("condition", "versus"),
    own=frozenset({TRAINED}),
)
"""Decide claim C10 from the onsets of six measures, for emotion."""


def counted(result: Depth, where: str) -> list[str]:
    """Measures of emotion that have an onset at a place."""
    rows = result.leads.query("task == @EMOTION and where == @where and undefined == ''")
    return list(map(str, rows.measure))


def _begun(result: Depth, where: str) -> pd.DataFrame:
    rows = result.onsets.query("task == @EMOTION and where == @where and level == @HALF")
    return rows.sort_values("depth")


def _extremes(result: Depth) -> list[str]:
    rows = _begun(result, ANSWER)
    if len(rows) < 2:
        return []
    first, last = (str(rows.measure.iloc[i]) for i in (0, -1))
    draws = draws_of(result.stability)
    later = [b - a for a, b in zip(*(draws.get(onset_at(ANSWER, name), []) for name in (first, last)), strict=True)]
    return [stable_sentence(f"At the answer, the {first} begins before the {last}.", later, sign=1)]


def uncounted(result: Depth) -> list[str]:
    """One sentence for each measure of emotion without an onset: why, and what the texts could have shown."""
    rows = result.leads[(result.leads.task == EMOTION) & (result.leads.undefined != "")]
    sentences = []
    for row in rows.to_dict("records"):
        least = (
            f"; the smallest lead that could have been shown is {decimal(row['least'])}"
            if row["least"] == row["least"]
            else ""
        )
        sentences.append(f"Without an onset at the {row['where']}: {row['measure']} ({row['undefined']}{least}).")
    return sentences


def _smallest(result: Depth) -> str:
    sentences = [s for s in uncounted(result) if f"at the {ANSWER}" in s]
    return " ".join(sentences).rstrip(".") or "no measure was taken"


def of_controls(result: Depth) -> list[str]:
    """Sentences on the control tasks: how far apart their onsets lie, or why this cannot be said."""
    tasks = [str(name) for name in result.setting.task if name != EMOTION]
    if not tasks:
        return ["These texts have no control task, so whether this is specific to emotion cannot be tested."]
    untested = dict(zip(map(str, result.setting.task), map(str, result.setting.untested), strict=True))
    sentences = []
    for task in tasks:
        rows = result.spreads.query("task == @task and where == @ANSWER and level == @HALF")
        if untested[task]:
            sentences.append(f"The control task {task} cannot be tested: {untested[task]}.")
        elif len(rows):
            sentences.append(f"For the control task {task}, the distance less noise is {number(rows, 'excess')} steps.")
    return sentences


def order(result: Depth, where: str) -> str:
    """The measures that have an onset, in the order of their onsets, as the page lists them."""
    rows = _begun(result, where)
    draws, names = draws_of(result.stability), []
    for row in rows.to_dict("records"):
        steps = draws.get(onset_at(where, row["measure"]), [])
        over = f"; {decimal(min(steps), 1)} to {decimal(max(steps), 1)} steps over {len(steps)} draws" if steps else ""
        names.append(f"{row['measure']} ({decimal(row['depth'])}{over})")
    return ", ".join(names) or "no measure has an onset"
