"""The rule for claim C10: where in depth emotion lives depends on what is measured."""

import pandas as pd

from emomech.chapters.depth.analysis import Depth
from emomech.chapters.tasks import EMOTION
from emomech.chapters.verdict import Verdict, sentences
from emomech.stats.depth_profiles import LEAST
from emomech.stats.estimates import decimal
from emomech.stats.tables import number
from emomech.stats.testing import LEVEL

STATEMENT = "The depth at which emotion is located depends on what is measured."


def depth(result: Depth) -> Verdict:
    """Decide claim C10 from the onsets and centres of gravity of five measures, for emotion.

    A measure counts at a place if the trained model exceeds both controls, random weights and shuffled labels, by more
    than 0.01, with an interval that allows for the choice of the depth. Two measures that count differ if the p-value
    of their difference, corrected for all differences at that place, is below 0.05.

    Replicates if the onsets of two measures differ at the answer. Partly if two measures differ in their centres of
    gravity only, or at the text only. Does not replicate if no two differ. Cannot be tested if the model is at chance,
    if there are SAEs at fewer than four hook points, or if fewer than two measures count at each place.
    """
    untested = result.setting.query("task == @EMOTION and untested != ''").untested.tolist()
    counted = {where: _counted(result, EMOTION, where) for where in ("answer", "text")}
    if untested or not any(len(names) > 1 for names in counted.values()):
        reason = untested[0] if untested else "fewer than two measures exceed both controls at either place"
        return Verdict("C10", STATEMENT, "cannot be tested here", f"{reason[0].upper()}{reason[1:]}.", "", "")
    compared = {where: _pairs(result, EMOTION, where) for where in counted}
    at_answer = compared["answer"]
    if at_answer[at_answer.summary == "onset"].differ.any():
        outcome = "replicates"
    else:
        outcome = "partly" if any(pairs.differ.any() for pairs in compared.values()) else "does not replicate"
    reasons = [_in_words(result, EMOTION, where) for where in counted if len(counted[where]) > 1]
    return Verdict(
        claim="C10",
        statement=STATEMENT,
        outcome=outcome,
        reason=" ".join([*reasons, *uncounted(result), of_controls(result)]),
        estimate="; ".join(_onset(result, where, name) for where, names in counted.items() for name in names),
        control="; ".join(_lead(result, where, name) for where, names in counted.items() for name in names),
    )


def _counted(result: Depth, task: str, where: str) -> list[str]:
    """Measures of a task that exceed both controls at a place."""
    rows = result.leads.query("task == @task and where == @where")
    return [str(name) for name in rows.measure[rows.low > LEAST]]


def _pairs(result: Depth, task: str, where: str) -> pd.DataFrame:
    """Differences between the measures that count, with a column `differ` for those that hold after correction."""
    names = _counted(result, task, where)
    rows = result.measure_differences.query("task == @task and where == @where")
    rows = rows[rows["first"].isin(names) & rows["second"].isin(names)]
    return rows.assign(differ=rows.p_corrected < LEVEL)


def _in_words(result: Depth, task: str, where: str) -> str:
    """Sentence on how many pairs of measures differ at a place, and which two onsets are farthest apart."""
    pairs = _pairs(result, task, where)
    counts = [
        f"{int(rows.differ.sum())} of {len(rows)} differ in {summary}"
        for summary, rows in pairs.groupby("summary", sort=False)
    ]
    differing = pairs[pairs.differ & (pairs.summary == "onset")]
    text = f"Of the pairs of measures at the {where}, {' and '.join(counts)}"
    if not len(differing):
        return f"{text}."
    row = max(differing.to_dict("records"), key=lambda pair: abs(pair["difference"]))
    early, late = (row["second"], row["first"]) if row["difference"] > 0 else (row["first"], row["second"])
    size = decimal(abs(row["difference"]))
    return f"{text}; the onset of the measure '{early}' lies {size} of the model's depth before that of '{late}'."


def of_controls(result: Depth) -> str:
    """Sentences on whether the same measures differ for control tasks, which would be a property of the measures."""
    tasks = [str(name) for name in result.setting.task if name != EMOTION]
    if not tasks:
        return "These texts have no control task, so whether this is specific to emotion cannot be tested."
    emotion = _differing(result, EMOTION)
    parts: dict[str, list[str]] = {"too": [], "partly": [], "none": [], "untested": []}
    for task in tasks:
        if result.setting.set_index("task").untested[task]:
            parts["untested"].append(task)
            continue
        both = len(emotion & _differing(result, task))
        kind = "none" if not both else "too" if both == len(emotion) else "partly"
        parts[kind].append(f"{task} ({both} of {len(emotion)} pairs)")
    return sentences(
        ("All pairs of measures that differ at the answer for emotion also differ for", parts["too"]),
        ("Some pairs of measures that differ at the answer for emotion also differ for", parts["partly"]),
        ("No pair of measures differs at the answer both for emotion and for", parts["none"]),
        ("Control tasks that cannot be tested", parts["untested"]),
    )


def _differing(result: Depth, task: str) -> set[tuple[str, str]]:
    """Pairs of measures that differ in onset or centre of gravity at the answer, the earlier measure first."""
    pairs = _pairs(result, task, "answer").query("differ")
    return {
        (str(row["first"]), str(row["second"])) if row["difference"] < 0 else (str(row["second"]), str(row["first"]))
        for row in pairs.to_dict("records")
    }


def uncounted(result: Depth) -> list[str]:
    """Sentences that name the measures that do not exceed both controls, one for each place."""
    rows = result.leads[(result.leads.task == EMOTION) & ~(result.leads.low > LEAST)]
    named = {where: list(map(str, group.measure)) for where, group in rows.groupby("where", sort=False)}
    return [
        f"Measures that do not exceed both controls at the {where}: {', '.join(names)}."
        for where, names in named.items()
    ]


def _onset(result: Depth, where: str, measure: str) -> str:
    keys = {"task": EMOTION, "where": where, "measure": measure}
    return f"{where}, onset of {measure}: {number(result.summaries, 'depth', **keys, summary='onset')}"


def _lead(result: Depth, where: str, measure: str) -> str:
    difference = number(result.leads, "difference", task=EMOTION, where=where, measure=measure)
    return f"{where}, {measure} above both controls: {difference}"


def order(result: Depth, where: str) -> str:
    """The measures that count for emotion, in the order of their onsets, as the page lists them."""
    rows = result.summaries.query("task == @EMOTION and where == @where and summary == 'onset'")
    rows = rows[rows.measure.isin(_counted(result, EMOTION, where))]
    ordered = rows.sort_values("depth")
    names = [f"{name} ({decimal(depth)})" for name, depth in zip(ordered.measure, ordered.depth, strict=True)]
    return ", ".join(names) or "no measure exceeds both controls"
