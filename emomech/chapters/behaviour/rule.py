"""The rule of the premise: that the model infers the emotion."""

from emomech.chapters.behaviour.analysis import MODEL, Behaviour
from emomech.chapters.verdict import Verdict, sentences
from emomech.stats.tables import number

MIN_GROUP = 30
"""An item type with fewer texts neither carries nor breaks a verdict."""


def behaviour(result: Behaviour) -> Verdict:
    """The premise of every claim: that there is an inference to explain.

    Replicates if the model's balanced accuracy exceeds every baseline's on the same texts and is above chance in
    every item type; partly if one of the two holds.
    """
    advantage = result.advantage
    unbeaten = [str(b) for b in advantage.loc[~(advantage.low > 0), "baseline"]]
    overall = number(result.accuracy, "balanced_accuracy", predictor=MODEL, breakdown="all")
    types = result.accuracy.query("predictor == @MODEL and breakdown == 'item type' and n >= @MIN_GROUP")
    at_chance = [str(g) for g in types.loc[~(types.low > types.chance), "group"]]
    if overall.n < MIN_GROUP:
        outcome, reason = "cannot be tested here", f"Only {overall.n} texts are reported on; {MIN_GROUP} are needed."
    elif not unbeaten and not at_chance:
        outcome, reason = "replicates", "The model beats every baseline and is above chance in every item type."
    elif not unbeaten or (len(types) and not at_chance):
        outcome = "partly"
        reason = sentences(("It does not beat", unbeaten), ("It is not above chance on", at_chance))
    else:
        outcome = "does not replicate"
        reason = sentences(("It does not beat", unbeaten), ("It is not above chance on", at_chance))
    return Verdict(
        claim="premise",
        statement="The model infers the emotion, rather than reading it off words.",
        outcome=outcome,
        reason=reason,
        estimate=f"balanced accuracy {overall}",
        control="; ".join(f"less {b}: {number(advantage, 'difference', baseline=b)}" for b in advantage.baseline),
    )
