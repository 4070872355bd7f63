"""The rule for claim C2: emotion features are a shared pool and specific sets.

The claim has two parts, which are decided by the features that are selective for emotions at the answer.

- *Pool*: more features belong to two emotions or more than if each emotion chose its features independently among those
  that concern emotion, and the excess is larger than in every control.
- *Sets*: for at least half of the emotions, the share of features that belong to this emotion and to no other is larger
  than in every control.

Controls that decide: shuffled labels, random directions in the same model, random directions in a network with random
weights, and SAEs with a decoder that stays near its random start or at it. A control that a model does not have is not
beaten. Both parts have to hold without the features that write a label word, or the outcome is *partly* at most.

All differences are taken on the same resamples of the texts. A sample in which many features are not found can show
sharing, but a lack of it shows nothing: its upper ends are open. Second SAEs of the same model count too: an interval
has to cover both.
"""

import math
from collections.abc import Mapping, Sequence

from emomech.chapters.conditions import (
    FROZEN,
    RANDOM_DICTIONARY,
    RANDOM_WEIGHTS,
    SECOND_SAES,
    SHUFFLED_LABELS,
    SOFT_FROZEN,
    TRAINED,
    Condition,
)
from emomech.chapters.criteria import POWER, Criterion, Family, stable_sentence
from emomech.chapters.rules import Reading, Rule
from emomech.chapters.sharing.analysis import Sharing
from emomech.chapters.sharing.independence import LEAST_FEATURES
from emomech.chapters.sharing.membership import FOUND
from emomech.chapters.sharing.relations import ACROSS, ALL, NOTHING, OWN, SHARED, SILENT, Evidence, FeatureSet
from emomech.chapters.sharing.stability import NEED, POOL, SETS, STEPWISE, compared
from emomech.chapters.stability import draws_of
from emomech.chapters.verdict import Role
from emomech.stats.estimates import Estimate
from emomech.stats.tables import number

WHERE: Mapping[Condition, str] = {
    SHUFFLED_LABELS: "with shuffled labels",
    RANDOM_DICTIONARY: "with random directions in place of the SAEs",
    RANDOM_WEIGHTS: "in a network with random weights",
    SOFT_FROZEN: "with SAEs whose decoder stays near its random start",
    FROZEN: "with SAEs whose decoder stays at its random start",
}
"""Controls, and how a sentence names them."""
LEAST_POOL = 0.05
"""Smallest excess that is a pool: one in twenty features of any emotion. A pool is a kind of features, not a few."""
LEAST_SET = 0.02
"""Smallest share that is a set: one in fifty features of any emotion. With seven emotions that choose alike, each would
have one in seven."""
UNDEFINED = Estimate(math.nan, math.nan, math.nan, 0)
SILENT_POOL, SILENT_SETS, SUPPORTING, ACROSS_VALENCES = "silent pool", "silent sets", "supporting", "across valences"
_EXCESS = "features of two emotions or more beyond independent choice, as a share of the features of any emotion"
_SPECIFIC = "features of the emotion alone, as a share of the features of any emotion"


def _pool(name: str, text: str, role: Role = "decides", control: str = "") -> Criterion:
    estimand = "this excess, minus that of the control" if control else _EXCESS
    return Criterion(name, text, estimand, role, POOL if role == "decides" else "", control, margin=LEAST_POOL)


def _sets(name: str, text: str, role: Role = "decides", control: str = "", minus: str = "") -> Criterion:
    estimand = f"{_SPECIFIC}{minus}"
    part = SETS if role == "decides" else ""
    return Criterion(name, text, estimand, role, part, control, margin=LEAST_SET, need=NEED)


_HALF = "At least half of the emotions have"
CRITERIA = (
    _pool(POOL, "More features are shared than under independent choice."),
    *(
        _pool(compared(POOL, control), f"The excess is larger than {w}.", control=control)
        for control, w in WHERE.items()
    ),
    _sets(SETS, f"{_HALF} specific features."),
    *(
        _sets(
            compared(SETS, name), f"{_HALF} more specific features than {w}.", control=name, minus=", minus the control"
        )
        for name, w in WHERE.items()
    ),
    _pool(SILENT_POOL, "The pool is there without features that write a label.", "lowers"),
    _sets(
        SILENT_SETS,
        f"{_HALF} more specific features that write no label than any control.",
        "lowers",
        minus=", minus the closest control",
    ),
    _pool(STEPWISE, "More features are shared if further emotions are tested without the strongest.", "describes"),
    _pool(SUPPORTING, "More features that support an emotion in the prediction are shared.", "describes"),
    _pool(ACROSS_VALENCES, "More features of emotions of different valence are shared.", "describes"),
)


def _read(result: Sharing) -> Reading:
    if reason := str(result.setting.untested.iloc[0] or ""):
        return Reading(untested=reason)
    estimates = _estimates(result, TRAINED, ALL)
    silent = _estimates(result, TRAINED, SILENT)
    closest = [family for control in WHERE if isinstance(family := silent[compared(SETS, control)], Mapping)]
    described = {
        STEPWISE: _excess(result, "stepwise"),
        SUPPORTING: _excess(result, "supporting"),
        ACROSS_VALENCES: _across_valences(result),
    }
    second = _estimates(result, SECOND_SAES, ALL) if SECOND_SAES in set(result.advantage.condition) else {}
    draws = draws_of(result.stability)
    return Reading(
        estimates=estimates
        | {SILENT_POOL: silent[POOL], SILENT_SETS: {e: _lowest([f[e] for f in closest]) for e in closest[0]}}
        | described,
        draws=draws,
        dictionaries={name: [other] for name, other in second.items()},
        remarks=[*_undefined_in_words(result), _stepwise_in_words(described[STEPWISE], draws.get(STEPWISE, ()))],
    )


sharing = Rule(
    claim="C2",
    statement="The model's emotion features are a pool shared by several emotions and a specific set for each.",
    criteria=CRITERIA,
    read=_read,
    columns=("condition", "baseline"),
    own=frozenset((*OWN, NOTHING)),
)


def _estimates(result: Sharing, condition: Condition, features: FeatureSet) -> dict[str, Estimate | Family]:
    """Pool and sets of a condition, and their differences to each control, by name of the criterion."""
    leads = _leads(result, "selective", condition, features)
    emotions = dict.fromkeys(quantity for _, quantity in leads if quantity != SHARED)
    read: dict[str, Estimate | Family] = {}
    for control in (None, *WHERE):
        baseline = control or NOTHING
        read[compared(POOL, control)] = leads.get((baseline, SHARED), UNDEFINED)
        read[compared(SETS, control)] = {emotion: leads.get((baseline, emotion), UNDEFINED) for emotion in emotions}
    return read


def _leads(
    result: Sharing, evidence: Evidence, condition: Condition, features: FeatureSet
) -> dict[tuple[str, str], Estimate]:
    """Differences by baseline and quantity; a sample that misses features leaves the upper ends open."""
    table, least = result.advantage, float(result.setting.power.iloc[0])
    rows = table[(table.evidence == evidence) & (table.condition == condition) & (table.features == features)]
    reach = 0.0 if least >= POWER else 1.0
    return {
        (row["baseline"], row["quantity"]): Estimate(
            row["difference"], row["low"], max(row["high"], row["difference"] + reach), int(row["n"])
        )
        for row in rows.to_dict("records")
    }


def _excess(result: Sharing, evidence: Evidence) -> Estimate:
    return _leads(result, evidence, TRAINED, ALL).get((NOTHING, SHARED), UNDEFINED)


def _across_valences(result: Sharing) -> Estimate:
    table = result.sides
    rows = table[(table.evidence == "selective") & (table.condition == TRAINED) & (table.kind == ACROSS)]
    return number(rows, "excess") if len(rows) else UNDEFINED


def _lowest(leads: Sequence[Estimate]) -> Estimate:
    """The lead with the lowest lower end; undefined if one is."""
    return min(leads, key=lambda lead: lead.low if math.isfinite(lead.low) else -math.inf)


def _undefined_in_words(result: Sharing) -> list[str]:
    """Say why there are no shares, or why their upper ends are open, if that is so."""
    if (power := float(result.setting.power.iloc[0])) < POWER:
        chance = f"only {power:.0%} of the features with an AUROC of {FOUND} for an emotion"
        return [f"With so few texts, {chance} are found, so that features may share more than is seen."]
    table = result.advantage
    n = table.n[(table.evidence == "selective") & (table.features == ALL)]
    if not len(n) or n.min() >= LEAST_FEATURES:
        return []
    return [f"Only {int(n.min())} features belong to any emotion, and a share needs {LEAST_FEATURES}."]


def _stepwise_in_words(excess: Estimate, draws: Sequence[float]) -> str:
    """Sentence on the pool by stepwise evidence: on a direction only if it holds on all draws of the texts."""
    if not excess.excludes(0):
        return "With further emotions tested without the strongest, sharing does not differ from independent choice."
    more = "more" if excess.value > 0 else "fewer"
    sentence = f"With further emotions tested without the strongest, {more} features are shared than under independent "
    return stable_sentence(f"{sentence}choice.", draws, sign=1 if excess.value > 0 else -1)


def axes_in_words(result: Sharing) -> str:
    """Sentence on which axes of the circumplex the shared features follow, or why that cannot be tested."""
    rows = result.axes.query("evidence == 'selective' and condition == 'trained'")
    parts = []
    for row in rows.to_dict("records"):
        if why := str(row["untested"] or ""):
            parts.append(f"cannot be tested for {row['axis']} ({why})")
        elif row["p"] <= 0.05:
            parts.append(f"follow {row['axis']} better than with exchanged emotion names")
        else:
            parts.append(f"do not follow {row['axis']} better than with exchanged emotion names")
    return f"Features shared by several emotions {'; '.join(parts)}." if parts else "There are no shared features."
