"""The rule of claim C1: syntax, then semantics, then emotion, in three phases."""

from collections.abc import Mapping, Sequence

import numpy as np

from emomech.chapters.flow.analysis import RAMP, Flow
from emomech.chapters.verdict import Verdict
from emomech.stats.estimates import Estimate

MARGIN = 0.01
"""Number of phases: an error that is larger by less than this share of one phase's error is no worse."""


def flow(result: Flow) -> Verdict:
    """Claim C1, from the centres of gravity, their controls and the number of phases.

    A stage that shows no more features than chance has no centre, and so no place in an order.

    Cannot be tested where a stage's families cannot be read. Replicates if at every place that can be tested semantics
    lies deeper than syntax and emotion deeper than semantics, both beyond the random-weights control, and three phases
    predict held-out texts best. Partly if that order holds at one place, or emotion at least lies deeper than syntax
    beyond the control; and no more than partly where the stages are read on different texts, because what differs
    between texts may then pass for an order.
    """
    trained, control = (_differences(result, condition) for condition in ("trained", "random weights"))
    steps = ("semantics − syntax", "emotion − semantics")
    places = [where for where, found in trained.items() if all(step in found for step in steps)]
    statement = "Syntax, then semantics, then emotion: three phases in depth."
    if not places:
        return Verdict("C1", statement, "cannot be tested here", _untested_in_words(result), "", "")
    ordered = [w for w in places if all(_beyond(trained[w][s], control.get(w, {}).get(s)) for s in steps)]
    last = [w for w in places if _beyond(trained[w]["emotion − syntax"], control.get(w, {}).get("emotion − syntax"))]
    best = {where: _best_form(result, where) for where in places}
    three = [where for where in places if best[where] == "K=3"]
    elsewhere = _on_different_texts(result)
    if ordered == places and three == places and not elsewhere:
        outcome = "replicates"
    else:
        outcome = "partly" if ordered or last else "does not replicate"
    return Verdict(
        claim="C1",
        statement=statement,
        outcome=outcome,
        reason=" ".join([*_sentences_of_order(trained, places, ordered, last), _phases_in_words(best), *elsewhere]),
        estimate="; ".join(f"{w}, {s}: {trained[w][s]}" for w in places for s in steps),
        control="; ".join(f"{w}, {s}: {control[w][s]}" for w in places for s in steps if s in control.get(w, {})),
    )


def _differences(result: Flow, condition: str) -> dict[str, dict[str, Estimate]]:
    """Differences of the centres of one condition: place to contrast to estimate."""
    found: dict[str, dict[str, Estimate]] = {}
    for row in result.differences.query("condition == @condition").to_dict("records"):
        estimate = Estimate(row["difference"], row["low"], row["high"], row["n"])
        found.setdefault(row["where"], {})[row["contrast"]] = estimate
    return found


def _beyond(estimate: Estimate, control: Estimate | None) -> bool:
    """Whether a difference is positive and exceeds the control's; a control that shows nothing has none."""
    return estimate.low > 0 and not (control is not None and control.high >= estimate.low)


def _best_form(result: Flow, where: str) -> str:
    """Take the fewest phases whose error is within the margin of the least, unless the ramp's is less than theirs."""
    forms = result.phases.query("condition == 'trained' and where == @where").set_index("form").error
    if not len(forms):
        return ""
    phases = forms.drop(RAMP)
    best = str(phases.index[phases <= phases.min() + MARGIN][0])
    return RAMP if forms[RAMP] < forms[best] else best


_FORMS = {
    "": "nothing",
    RAMP: "a straight ramp",
    "K=1": "one phase",
    "K=2": "two phases",
    "K=3": "three phases",
    "K=4": "four phases",
    "K=5": "five phases or more",
}


def _sentences_of_order(
    trained: Mapping[str, Mapping[str, Estimate]], places: Sequence[str], ordered: Sequence[str], last: Sequence[str]
) -> list[str]:
    """Say where the three stages follow one another, where only the last follows the first, and where one is absent."""
    missing = [where for where in places if where not in ordered]
    only = [where for where in last if where not in ordered]
    absent = [where for where in missing if any(np.isnan(found.value) for found in trained[where].values())]
    cases = [
        ("The three follow one another, beyond the control,", ordered),
        ("The three do not follow one another, beyond the control,", missing),
        ("Emotion lies deeper than syntax", only),
        ("One of the three shows no more features than chance", absent),
    ]
    return [f"{text} {_at(where)}." for text, where in cases if where]


def _on_different_texts(result: Flow) -> list[str]:
    """Say so where not all stages of the claim are read on the same texts."""
    claimed = result.texts.query("stage != 'lexical'").groupby("texts", sort=False).stage
    if len(claimed) < 2:
        return []
    where = "; ".join(f"{' and '.join(stages)} on {texts}" for texts, stages in claimed)
    return [
        f"The stages are read on different texts ({where}), so that a difference between kinds of texts could pass "
        "for an order: this can replicate partly at most."
    ]


def _untested_in_words(result: Flow) -> str:
    missing = result.families.query("untested != '' and stage != 'lexical'").drop_duplicates(["family", "untested"])
    parts = [f"{', '.join(group.family)} ({reason})" for reason, group in missing.groupby("untested", sort=False)]
    return f"Not all stages can be read: {'; '.join(parts)}."


def _phases_in_words(best: Mapping[str, str]) -> str:
    where = {form: [place for place in best if best[place] == form] for form in best.values()}
    found = " and ".join(f"by {_FORMS[form]} {_at(places)}" for form, places in where.items())
    return f"Held-out texts are best predicted {found}."


def _at(places: Sequence[str]) -> str:
    return " and ".join(f"at the {where}" for where in places)
