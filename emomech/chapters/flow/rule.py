"""The rule for claim C1: syntax, then semantics, then emotion, in three phases of depth."""

from collections.abc import Mapping, Sequence

import numpy as np

from emomech.chapters.flow.analysis import Flow
from emomech.chapters.flow.profiles import RAMP
from emomech.chapters.verdict import Verdict
from emomech.stats.estimates import Estimate

MARGIN = 0.01
"""Errors that differ by less than this share of the one-phase error count as equal; the fewer phases then win."""


def flow(result: Flow) -> Verdict:
    """Decide claim C1 from the centres of gravity, their controls and the number of phases.

    A stage without more selective features than chance has no centre, and therefore no place in the order.

    Replicates if, at every place that can be tested, semantics lies deeper than syntax and emotion deeper than
    semantics, both by more than with random weights, and three phases predict held-out texts best. Partly if that order
    holds at one place, or if emotion at least lies deeper than syntax by more than with random weights. At most partly
    if the stages are read on different texts, because a difference between texts could then look like an order. Cannot
    be tested if the families of a stage cannot be read.
    """
    trained, control = (_differences(result, condition) for condition in ("trained", "random weights"))
    steps = ("semantics − syntax", "emotion − semantics")
    places = [where for where, centres in trained.items() if all(step in centres for step in steps)]
    statement = "The model processes syntax first, then semantics, then emotion, in three phases of depth."
    if not places:
        return Verdict("C1", statement, "cannot be tested here", _untested_in_words(result), "", "")
    ordered = [w for w in places if all(_beyond(trained[w][s], control.get(w, {}).get(s)) for s in steps)]
    emotion_last = [
        w for w in places if _beyond(trained[w]["emotion − syntax"], control.get(w, {}).get("emotion − syntax"))
    ]
    best = {where: _best_form(result, where) for where in places}
    three = [where for where in places if best[where] == "K=3"]
    different_texts = _on_different_texts(result)
    if ordered == places and three == places and not different_texts:
        outcome = "replicates"
    else:
        outcome = "partly" if ordered or emotion_last else "does not replicate"
    return Verdict(
        claim="C1",
        statement=statement,
        outcome=outcome,
        reason=" ".join(
            [*_order_in_words(trained, places, ordered, emotion_last), _phases_in_words(best), *different_texts]
        ),
        estimate="; ".join(f"{w}, {s}: {trained[w][s]}" for w in places for s in steps),
        control="; ".join(f"{w}, {s}: {control[w][s]}" for w in places for s in steps if s in control.get(w, {})),
    )


def _differences(result: Flow, condition: str) -> dict[str, dict[str, Estimate]]:
    """Differences between centres in one condition: place -> contrast -> estimate."""
    differences: dict[str, dict[str, Estimate]] = {}
    for row in result.differences.query("condition == @condition").to_dict("records"):
        estimate = Estimate(row["difference"], row["low"], row["high"], row["n"])
        differences.setdefault(row["where"], {})[row["contrast"]] = estimate
    return differences


def _beyond(estimate: Estimate, control: Estimate | None) -> bool:
    """Whether a difference is positive and exceeds that of the control; a control without a difference is exceeded."""
    return estimate.low > 0 and not (control is not None and control.high >= estimate.low)


def _best_form(result: Flow, where: str) -> str:
    """The fewest phases whose error is within the margin of the smallest error, or the ramp if its error is smaller."""
    forms = result.phases.query("condition == 'trained' and where == @where").set_index("form").error
    if not len(forms):
        return ""
    phases = forms.drop(RAMP)
    best = str(phases.index[phases <= phases.min() + MARGIN][0])
    return RAMP if forms[RAMP] < forms[best] else best


_FORMS = {
    RAMP: "a straight ramp",
    "K=1": "one phase",
    "K=2": "two phases",
    "K=3": "three phases",
    "K=4": "four phases",
    "K=5": "five phases or more",
}


def _order_in_words(
    trained: Mapping[str, Mapping[str, Estimate]],
    places: Sequence[str],
    ordered: Sequence[str],
    emotion_last: Sequence[str],
) -> list[str]:
    """Sentences on where the order of the stages holds, where only its ends hold, and where a stage is absent."""
    missing = [where for where in places if where not in ordered]
    only_ends = [where for where in emotion_last if where not in ordered]
    absent = [where for where in missing if any(np.isnan(estimate.value) for estimate in trained[where].values())]
    cases = [
        ("Syntax, semantics and emotion follow one another in depth, by more than in the control,", ordered),
        ("Syntax, semantics and emotion do not follow one another by more than in the control", missing),
        ("Emotion lies deeper than syntax", only_ends),
        ("One of the three stages has no more selective features than chance", absent),
    ]
    return [f"{text} {_at(where)}." for text, where in cases if where]


def _on_different_texts(result: Flow) -> list[str]:
    """A sentence if the stages of the claim are not all read on the same texts; else none."""
    by_texts = result.texts.query("stage != 'lexical'").groupby("texts", sort=False).stage
    if len(by_texts) < 2:
        return []
    where = "; ".join(f"{' and '.join(stages)} on {texts}" for texts, stages in by_texts)
    return [
        f"The stages are read on different texts ({where}). A difference between the texts could look like an order, "
        "so the claim can replicate partly at most."
    ]


def _untested_in_words(result: Flow) -> str:
    missing = result.families.query("untested != '' and stage != 'lexical'").drop_duplicates(["family", "untested"])
    parts = [f"{', '.join(group.family)} ({reason})" for reason, group in missing.groupby("untested", sort=False)]
    return f"Some label families cannot be read: {'; '.join(parts)}."


def _phases_in_words(best: Mapping[str, str]) -> str:
    where = {form: [place for place in best if best[place] == form] for form in best.values()}
    uncounted = where.pop("", [])
    forms = " and ".join(f"by {_FORMS[form]} {_at(places)}" for form, places in where.items())
    parts = [f"The profile of held-out texts is best predicted {forms}."] if forms else []
    if uncounted:
        parts += [f"No stage has more selective features than chance {_at(uncounted)}, so no phases are counted."]
    return " ".join(parts)


def _at(places: Sequence[str]) -> str:
    return " and ".join(f"at the {where}" for where in places)
