"""The rule for the premise: the model infers the emotion."""

from emomech.chapters.behaviour.analysis import MODEL, Behaviour
from emomech.chapters.verdict import Verdict, sentences
from emomech.stats.tables import number

MIN_GROUP = 30
"""Fewest texts of an item type that counts in the verdict."""


def behaviour(result: Behaviour) -> Verdict:
    """Decide the premise of every claim: that there is an inference to explain.

    Replicates if the model's balanced accuracy exceeds every baseline's on the same texts and is above chance in
    every item type. Partly if one of the two holds. Does not replicate otherwise. Cannot be tested with too few texts.
    """
    advantage = result.advantage
    unbeaten = [str(name) for name in advantage.loc[~(advantage.low > 0), "baseline"]]
    overall = number(result.accuracy, "balanced_accuracy", predictor=MODEL, breakdown="all")
    types = result.accuracy.query("predictor == @MODEL and breakdown == 'item type' and n >= @MIN_GROUP")
    at_chance = [str(group) for group in types.loc[~(types.low > types.chance), "group"]]
    shortfall = sentences(("The model does not beat", unbeaten), ("The model is not above chance on", at_chance))
    if overall.n < MIN_GROUP:
        outcome, reason = "cannot be tested here", f"Only {overall.n} texts are scored; {MIN_GROUP} are needed."
    elif not unbeaten and not at_chance:
        outcome, reason = "replicates", "The model beats every baseline and is above chance in every item type."
    elif not unbeaten or (len(types) and not at_chance):
        outcome, reason = "partly", shortfall
    else:
        outcome, reason = "does not replicate", shortfall
    return Verdict(
        claim="premise",
        statement="The model infers the emotion rather than reading it off single words.",
        outcome=outcome,
        reason=reason,
        estimate=f"balanced accuracy {overall}",
        control="; ".join(
            f"advantage over {name}: {number(advantage, 'difference', baseline=name)}" for name in advantage.baseline
        ),
    )
