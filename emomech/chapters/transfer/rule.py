"""The rule for claim C7: what steering gains carries over to other texts, questions and words."""

from emomech.causal.steering.experiment import BIAS, FEATURES
from emomech.chapters.transfer.analysis import OTHER, SAME, Transfer
from emomech.chapters.verdict import Outcome, Verdict
from emomech.stats.tables import number

KEPT = 0.8
"""Share of the pairs of sets that must not lose accuracy, at least."""
MIN_SETS = 2


def transfer(result: Transfer) -> Verdict:
    """Decide claim C7 from what steering gains on sets on which it was not chosen.

    Replicates if the mean gain over pairs of different sets is positive with a 95 % interval that excludes zero, and at
    least 80 % of the pairs do not lose. Partly if the mean is positive, and its interval or that of some pair excludes
    zero; a positive mean is not enough, because without a gain half of all means are positive. Does not replicate
    otherwise. Cannot be tested with fewer than two sets on which the model is above chance and leaves room for a gain.
    The control is the gain of a logit bias carried over in the same way.
    """
    claim, statement = "C7", "What steering gains carries over to other data."
    usable = result.sets[result.sets.untested == ""]
    if len(usable) < MIN_SETS or not len(result.means):
        reasons = "; ".join(
            f"{row['set']}: {row['untested']}" for row in result.sets.to_dict("records") if row["untested"]
        )
        reason = f"Sets on which a gain could be shown: {len(usable)}; two are needed. {reasons}".strip()
        return Verdict(claim, statement, "cannot be tested here", reason, "", "")
    gain = number(result.means, "gain", method=FEATURES, targets=OTHER)
    on_source = number(result.means, "gain", method=FEATURES, targets=SAME)
    bias = number(result.means, "gain", method=BIAS, targets=OTHER)
    kept = number(result.means, "kept", method=FEATURES, targets=OTHER).value
    pairs = result.cells.query("method == @FEATURES and source != target and low > 0")
    every, some = gain.low > 0 and kept >= KEPT, gain.value > 0 and (gain.low > 0 or len(pairs) > 0)
    outcome: Outcome = "replicates" if every else "partly" if some else "does not replicate"
    return Verdict(
        claim,
        statement,
        outcome,
        _in_words(result, outcome, len(pairs), kept),
        estimate=f"mean gain on other sets {gain} over {gain.n} pairs; on the set it was chosen on {on_source}",
        control=f"a logit bias carried over in the same way: {bias}",
    )


def _in_words(result: Transfer, outcome: Outcome, n_pairs: int, kept: float) -> str:
    if not result.sets.dose.fillna(0).any():
        return "No dose improves recognition on the tune texts of any set: there is nothing to carry over."
    words = {
        "replicates": "Steering that is chosen on one set also gains on the others.",
        "partly": f"Steering that is chosen on one set gains on the others on average, but not reliably: pairs whose "
        f"gain excludes zero: {n_pairs}; of 100 pairs, {round(100 * kept)} do not lose.",
    }
    return words.get(outcome, "Steering that is chosen on one set does not gain on the others.")
