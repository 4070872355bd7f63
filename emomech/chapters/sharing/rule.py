"""The rule for claim C2: emotion features are a shared pool and specific sets."""

from dataclasses import dataclass

from emomech.chapters.sharing.analysis import SHARED, Sharing
from emomech.chapters.sharing.relations import ALL, SILENT, Evidence, FeatureSet
from emomech.chapters.verdict import Verdict
from emomech.stats.estimates import Estimate
from emomech.stats.tables import number

CONTROLS = ("shuffled labels", "random weights")
STATEMENT = "The model's emotion features are a pool shared by several emotions and a specific set for each."


@dataclass(frozen=True)
class _Structure:
    """The two halves of the claim, pool and sets, by one kind of evidence."""

    excess: Estimate
    """Share of features of two emotions or more, beyond independent assignment."""
    beyond: Estimate
    """The excess minus that with random weights."""
    with_set: tuple[str, ...]
    """Emotions with more specific features than in both controls."""
    n_emotions: int

    @property
    def pool(self) -> bool:
        return self.excess.low > 0 and self.beyond.low > 0

    @property
    def sets(self) -> bool:
        return len(self.with_set) >= self.n_emotions / 2


def sharing(result: Sharing) -> Verdict:
    """Decide claim C2 from the features that are selective for emotions at the answer.

    There is a *pool* if the share of features of two emotions or more exceeds that under independent assignment, by
    more than with random weights. There are *sets* if, for at least half of the emotions, the share of features of this
    emotion only exceeds those with shuffled labels and with random weights. All comparisons use 95 % intervals.

    Replicates if there are both, also without the features that write a label word. Partly if there is one of them, or
    both only with these features. Does not replicate otherwise. Cannot be tested if the model is at chance, or with
    fewer than three emotions.
    """
    if reason := str(result.setting.untested.iloc[0] or ""):
        return Verdict(
            "C2", STATEMENT, "cannot be tested here", f"{reason[0].upper()}{reason[1:].rstrip('.')}.", "", ""
        )
    ranked, silent = (_structure(result, "selective", features) for features in (ALL, SILENT))
    if ranked.pool and ranked.sets:
        outcome = "replicates" if silent.pool and silent.sets else "partly"
    else:
        outcome = "partly" if ranked.pool or ranked.sets else "does not replicate"
    stepwise, effects = (_structure(result, evidence, ALL) for evidence in ("stepwise", "supporting"))
    parts = [
        f"Among the features that are selective for emotions, {_in_words(ranked)}.",
        f"Without those that write a label word, {_in_words(silent)}.",
        f"If further emotions of a feature are tested without texts of its strongest, {_pool_in_words(stepwise)}.",
        f"Among the features that support an emotion in the prediction, {_in_words(effects)}.",
        _directions(result),
    ]
    return Verdict(
        claim="C2",
        statement=STATEMENT,
        outcome=outcome,
        reason=" ".join(parts),
        estimate="share of shared features beyond independent assignment, in per cent: "
        f"selective {_percent(ranked.excess)}; stepwise {_percent(stepwise.excess)}; "
        f"writing no label {_percent(silent.excess)}; supporting {_percent(effects.excess)}",
        control=f"selective, minus the share with random weights: {_percent(ranked.beyond)}",
    )


def _structure(result: Sharing, evidence: Evidence, features: FeatureSet) -> _Structure:
    """Read pool and sets from the tables. Raises EmomechError if a control is missing."""
    keys = {"evidence": evidence, "features": features}
    specific = result.specific.query("evidence == @evidence and features == @features and condition == 'trained'")
    leads = {
        emotion: [
            number(result.advantage, "difference", baseline=control, quantity=emotion, **keys) for control in CONTROLS
        ]
        for emotion in specific.emotion
    }
    return _Structure(
        excess=number(result.sharing, "excess", condition="trained", **keys),
        beyond=number(result.advantage, "difference", baseline="random weights", quantity=SHARED, **keys),
        with_set=tuple(emotion for emotion, over in leads.items() if all(lead.low > 0 for lead in over)),
        n_emotions=len(leads),
    )


def _in_words(structure: _Structure) -> str:
    n = len(structure.with_set)
    sets = f"{n} of {structure.n_emotions} emotions have more specific features than in both controls"
    return f"{_pool_in_words(structure)}, and {sets}"


def _pool_in_words(structure: _Structure) -> str:
    if structure.pool:
        return "more features are shared than under independent assignment"
    if structure.excess.high < 0:
        return "fewer features are shared than under independent assignment"
    return "no more features are shared than under independent assignment and with random weights"


def _directions(result: Sharing) -> str:
    """Sentence on random directions in the same model, which need no SAE."""
    rows = result.advantage.query("evidence == 'selective' and features == @ALL and baseline == 'random dictionary'")
    keys = {"evidence": "selective", "features": ALL, "baseline": "random dictionary"}
    lead = number(rows, "difference", quantity=SHARED, **keys)
    pool = "smaller than" if lead.low > 0 else "larger than" if lead.high < 0 else "similar to"
    sets = rows[rows.quantity != SHARED]
    return (
        f"With random directions in place of the SAEs, the pool is {pool} that of the SAEs; there are fewer specific "
        f"features for {int((sets.low > 0).sum())} of {len(sets)} emotions and more for {int((sets.high < 0).sum())}."
    )


def _percent(share: Estimate) -> Estimate:
    return Estimate(100 * share.value, 100 * share.low, 100 * share.high, share.n)


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
