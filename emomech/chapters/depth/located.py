"""The tables of onsets and spreads that the rule for claim C10 reads, made from the profiles of every task."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from emomech.chapters.depth.onsets import CONTROLS, FLOOR, HALF, Located, depth_of
from emomech.chapters.stability import stability_rows
from emomech.chapters.tasks import EMOTION
from emomech.stats.depth_profiles import difference
from emomech.stats.estimates import Estimate, Floats
from emomech.stats.tables import DEPTH, INTERVAL, Row, Schema, frame
from emomech.stats.testing import holm

CONTROL_TASK = "control task"
_Z_SHOWN = 1.96 + 0.84
"""Standard errors of the smallest effect that is shown with a chance of 80 %."""
_TASK = {"task": "task that the model is asked"}
_PLACE = {"where": "place that is read: the tokens of the text, or the answer"}
_MEASURE = {"measure": "what is measured"}
_LEVEL = {"level": "share of the maximum lead over the controls at which a profile counts as begun"}
_STEPS = "in steps from one hook point to the next"
LEADS = Schema(
    keys=_TASK | _PLACE | _MEASURE,
    values={
        "depth": "depth at which the trained model exceeds the larger of the two controls most",
        "trained": "value of the trained model at this depth",
        "control": "value of the larger control at this depth",
        "difference": "value of the trained model minus that of the larger control",
        "low": "lower end of an interval that allows for the choice of the depth",
        "high": "upper end of this interval",
        "least": "smallest difference that these texts could have shown with a chance of 80 %",
        "undefined": "why the measure has no onset; empty if it has one",
        "n": "number of texts that the measure uses",
    },
)
ONSETS = Schema(
    keys=_TASK | _PLACE | _MEASURE | _LEVEL,
    values={"depth": f"onset of the profile above both controls; {DEPTH}", **INTERVAL, "n": "number of texts"},
)
SPREADS = Schema(
    keys=_TASK | _PLACE | _LEVEL,
    values={
        "measures": "number of measures that have an onset",
        "spread": f"distance between the earliest and the latest onset, {_STEPS}",
        "noise": "the same if all measures had one onset, from resampled texts",
        "excess": "spread minus noise",
        **INTERVAL,
        "n": "number of texts of the measure with the fewest",
    },
)
COMPARISONS = Schema(
    keys=_PLACE | {"versus": "control whose spread is taken off", "task": "task of the control"},
    values={
        "difference": f"excess of emotion minus the spread of the control, {_STEPS}",
        **INTERVAL,
        "n": "number of texts of the measure with the fewest",
    },
)
PAIRS = Schema(
    keys=_TASK | _PLACE | {"first": "one measure", "second": "measure that it is compared with"},
    values={
        "difference": "onset of the first minus onset of the second, in units of model depth",
        **INTERVAL,
        "p": "bootstrap p-value of no difference",
        "p_corrected": "p-value corrected for all pairs at this place (Holm)",
        "n": "number of texts",
    },
)
Profiles = Mapping[tuple[str, str, str], Floats]
"""Profile (draw, hook point) by condition, place and measure."""


@dataclass(frozen=True, eq=False)
class Places:
    """One task at both places."""

    at: Mapping[str, Located]
    n: Mapping[str, int]
    """Texts of each measure."""
    undefined: str = ""
    """Why the normalised effect of features is undefined; empty if it is not."""

    @classmethod
    def of(cls, profiles: Profiles, n: Mapping[str, int], undefined: str = "") -> "Places":
        """Locate the measures of a task at every place that its profiles name."""
        places = dict.fromkeys(where for _, where, _ in profiles)
        by_place = {w: {(c, m): p for (c, where, m), p in profiles.items() if where == w} for w in places}
        return cls({where: Located.of(of_place, n) for where, of_place in by_place.items()}, n, undefined)


Tasks = Mapping[str, Places]


def _each(tasks: Tasks) -> Iterator[tuple[dict[str, object], Places, Located]]:
    for task, places in tasks.items():
        for where, located in places.at.items():
            yield {"task": task, "where": where}, places, located


def lead_table(tasks: Tasks, depths: Floats) -> pd.DataFrame:
    """Largest lead of each measure over its controls, and why a measure has no onset."""
    rows = [
        {
            **keys,
            "measure": measure,
            "depth": depths[lead.at],
            "trained": lead.trained,
            "control": lead.control,
            "difference": lead.difference,
            "least": _Z_SHOWN / 1.96 * (lead.difference.high - lead.difference.low) / 2,
            "undefined": "" if measure in located.counted else _why(lead.difference, places, measure),
            "n": places.n[measure],
        }
        for keys, places, located in _each(tasks)
        for measure, lead in located.leads.items()
    ]
    return frame(LEADS, rows)


def _why(lead: Estimate, places: Places, measure: str) -> str:
    if places.undefined and measure == "effect of features":
        return places.undefined
    return f"the lead over the controls, {lead}, is not clearly above {FLOOR:g}"


def onset_table(tasks: Tasks, depths: Floats) -> pd.DataFrame:
    """Onset of each measure that counts, at each level."""
    rows = [
        {**keys, "measure": measure, "level": level, "depth": depth_of(steps, depths, places.n[measure]), "n": n}
        for keys, places, located in _each(tasks)
        for level, onsets in located.onsets.items()
        for measure, steps in onsets.items()
        for n in [places.n[measure]]
    ]
    return frame(ONSETS, rows)


def spread_table(tasks: Tasks) -> pd.DataFrame:
    """Spread of the onsets of each task at each place and level."""
    rows = []
    for keys, _, located in _each(tasks):
        for level in located.onsets:
            spread = located.spread(level)
            values = {"spread": spread.draws[0], "noise": spread.noise, "excess": spread.excess, "n": located.n}
            rows.append({**keys, "level": level, "measures": len(located.counted), **values})
    return frame(SPREADS, rows)


def comparison_table(tasks: Tasks) -> pd.DataFrame:
    """Excess of emotion minus the spread of the controls, and of each control task."""
    rows = []
    for where, located in tasks[EMOTION].at.items() if EMOTION in tasks else ():
        for control in CONTROLS:
            row = {"where": where, "versus": control, "task": EMOTION}
            rows.append({**row, "difference": located.beyond(control), "n": located.n})
        for task, places in tasks.items():
            if task != EMOTION and where in places.at:
                gain = _less(located, places.at[where])
                rows.append({"where": where, "versus": CONTROL_TASK, "task": task, "difference": gain, "n": gain.n})
    return frame(COMPARISONS, rows)


def _less(emotion: Located, other: Located) -> Estimate:
    """Excess of emotion minus that of a control task on other texts, with a normal interval."""
    first, second, n = emotion.spread(), other.spread(), min(emotion.n, other.n)
    value = first.excess.value - second.excess.value
    error = np.hypot(np.nanstd(first.draws[1:]), np.nanstd(second.draws[1:])) if np.isfinite(value) else np.nan
    return Estimate(value, float(value - 1.96 * error), float(value + 1.96 * error), n)


def pair_table(tasks: Tasks, depths: Floats) -> pd.DataFrame:
    """Difference of the onsets of every two measures that count, at half of the maximum."""
    rows = [
        {**keys, "first": first, "second": second, **_pair(located, places.n, (first, second), depths)}
        for keys, places, located in _each(tasks)
        for first, second in combinations(located.counted, 2)
    ]
    table = frame(PAIRS, rows)
    for _, group in table.groupby(["task", "where"]):
        table.loc[group.index, "p_corrected"] = holm(group.p.to_numpy(dtype=float))
    return table


def _pair(located: Located, n: Mapping[str, int], pair: Sequence[str], depths: Floats) -> dict[str, object]:
    first, second = (np.interp(located.onsets[HALF][m], np.arange(len(depths)), depths) for m in pair)
    gain, p = difference(first, second, min(n[m] for m in pair))
    return {"difference": gain.value, "low": gain.low, "high": gain.high, "p": p, "n": gain.n}


def redrawn_rows(places: Places, again: Sequence[Mapping[tuple[str, str], Floats]]) -> Iterator[Row]:
    """Rows of stability: excess of the spread, and onset of each measure, at half and in steps.

    The page's own draw of the texts comes first. `again` has the profiles (hook point) of the other draws, by place and
    measure.
    """
    for where, located in places.at.items():
        spread = located.spread()
        if not np.isfinite(spread.excess.value):
            continue
        others = [located.again({m: p for (w, m), p in redraw.items() if w == where}) for redraw in again]
        ranges = [float(np.ptp([*onsets.values()])) - spread.noise for onsets in others]
        yield from stability_rows({f"spread at the {where}": [spread.excess.value, *ranges]})
        for name, steps in located.onsets[HALF].items():
            yield from stability_rows({onset_at(where, name): [float(steps[0]), *(of[name] for of in others)]})


def onset_at(where: str, measure: str) -> str:
    """Name of the onset of a measure in the table of stability."""
    return f"onset at the {where}: {measure}"
