"""The rule for claim C7: what steering gains carries over to other texts, questions and words.

Replicates if balanced accuracy on sets on which nothing was chosen rises by two points or more on average over pairs of
sets, and by at least one point more than with a logit bias and with matched features that are carried over in the same
way. The interval counts sets, not pairs, so that one good pair or one good set does not decide. It is lowered to partly
if fewer than four of five pairs do not lose. It cannot be tested with fewer than three usable sets, or if nothing is
gained on the sets on which everything was chosen.
"""

from emomech.causal.steering.experiment import BIAS, FEATURES, MATCHED
from emomech.chapters.criteria import Criterion
from emomech.chapters.rules import Reading, Rule
from emomech.chapters.stability import draws_of
from emomech.chapters.transfer.analysis import Transfer
from emomech.chapters.transfer.evidence import NONE, NOT_LOSING, SAME
from emomech.stats.crossed_sets import LEAST_SETS
from emomech.stats.tables import number

GAIN = 0.02
"""Two points of balanced accuracy, as for a gain on the set of the choice."""
LEAD = 0.01
"""Half of that beyond a control: with a smaller lead the control carries over most of the gain."""
KEPT = 0.3
"""Four of five pairs, less one half."""


def _lead(control: str, name: str) -> Criterion:
    return Criterion(
        f"beyond {control}",
        f"It gains more than {name} carried over in the same way.",
        estimand=f"mean rise of balanced accuracy on other sets beyond {name}",
        control=control,
        margin=LEAD,
    )


def _read(result: Transfer) -> Reading:
    usable = result.sets[result.sets.untested == ""]
    if len(usable) < LEAST_SETS:
        rows = result.sets.to_dict("records")
        reasons = "; ".join(f"{row['set']}: {row['untested']}" for row in rows if row["untested"])
        return Reading(
            untested=f"sets on which a gain could be shown: {len(usable)}; {LEAST_SETS} are needed. {reasons}".strip()
        )
    if not result.sets.dose.fillna(0).any():
        return Reading(untested="no dose improves recognition on any set, so there is nothing to carry over")
    own = number(result.means, "gain", method=FEATURES, targets=SAME)
    if not own.low > 0:
        return Reading(
            untested=f"on the sets on which everything was chosen the mean gain is {own}, so nothing "
            "is shown that could carry over"
        )
    estimates = {
        "gain": number(result.leads, "lead", versus=NONE),
        "kept": number(result.kept, "share", quantity=NOT_LOSING),
    }
    for control in (BIAS, MATCHED):
        if (result.leads.versus == control).any():
            estimates[f"beyond {control}"] = number(result.leads, "lead", versus=control)
    remark = f"On the sets on which everything was chosen the mean gain is {own}."
    return Reading(estimates, draws=draws_of(result.stability), remarks=[remark])


transfer: Rule[Transfer] = Rule(
    "C7",
    "What steering gains carries over to other data.",
    (
        Criterion(
            "gain",
            "Steering that is chosen on one set gains on the others.",
            estimand="mean rise of balanced accuracy over pairs of different sets",
            margin=GAIN,
        ),
        _lead(BIAS, "a logit bias"),
        _lead(MATCHED, "matched features"),
        Criterion(
            "kept",
            "At least four of five pairs do not lose.",
            estimand="share of the pairs that do not lose, less one half",
            role="lowers",
            margin=KEPT,
        ),
    ),
    read=_read,
    columns=("method", "versus"),
    own=frozenset({FEATURES, NONE}),
)
