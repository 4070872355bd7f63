"""The rule of claim C2: emotion features are a shared pool and specific sets."""

from dataclasses import dataclass

from emomech.chapters.sharing.analysis import ALL, SHARED, SILENT, Evidence, Features, Sharing
from emomech.chapters.verdict import Verdict
from emomech.stats.estimates import Estimate
from emomech.stats.tables import number

CONTROLS = ("shuffled labels", "random weights")
STATEMENT = "Emotion features are a pool shared by several emotions and a specific set for each."


@dataclass(frozen=True)
class _Structure:
    """What one kind of evidence says of the claim's two halves."""

    excess: Estimate
    beyond: Estimate
    """The excess less that of random weights."""
    own: tuple[str, ...]
    """Emotions with features of their own, beyond both controls."""
    n_emotions: int

    @property
    def pool(self) -> bool:
        return self.excess.low > 0 and self.beyond.low > 0

    @property
    def sets(self) -> bool:
        return len(self.own) >= self.n_emotions / 2


def sharing(result: Sharing) -> Verdict:
    """Claim C2, from the features that are selective for emotions at the answer.

    There is a *pool* if the share of features of two emotions or more exceeds that under independent assignment, and
    does so by more than with random weights; there are *sets* if for half of the emotions or more the share of features
    of this one alone exceeds those with shuffled labels and with random weights. All by 95 % intervals.

    Replicates if there are both, also among the features that write no label word; partly if there is one of them, or
    both only with these; does not replicate otherwise. Cannot be tested where the model is at chance, and with fewer
    than three emotions.
    """
    if reason := str(result.setting.untested.iloc[0] or ""):
        return Verdict(
            "C2", STATEMENT, "cannot be tested here", f"{reason[0].upper()}{reason[1:].rstrip('.')}.", "", ""
        )
    told, silent = (_structure(result, "selective", features) for features in (ALL, SILENT))
    if told.pool and told.sets:
        outcome = "replicates" if silent.pool and silent.sets else "partly"
    else:
        outcome = "partly" if told.pool or told.sets else "does not replicate"
    beside, effects = (_structure(result, evidence, ALL) for evidence in ("stepwise", "supporting"))
    parts = [
        f"By what features tell, {_in_words(told)}.",
        f"Without those that write a label word, {_in_words(silent)}.",
        f"With the texts of a feature's strongest emotion put aside, {_pool_in_words(beside)}.",
        f"By what features do to the prediction, {_in_words(effects)}.",
        _directions(result),
    ]
    return Verdict(
        claim="C2",
        statement=STATEMENT,
        outcome=outcome,
        reason=" ".join(parts),
        estimate=f"share of features beyond independent assignment, in per cent: telling {_percent(told.excess)}; "
        f"stepwise {_percent(beside.excess)}; writing no label {_percent(silent.excess)}; "
        f"supporting {_percent(effects.excess)}",
        control=f"the first less that with random weights: {_percent(told.beyond)}",
    )


def _structure(result: Sharing, evidence: Evidence, features: Features) -> _Structure:
    """Read the claim's halves from the tables. Raises EmomechError where a control is missing."""
    here = {"evidence": evidence, "features": features}
    specific = result.specific.query("evidence == @evidence and features == @features and condition == 'trained'")
    leads = {
        emotion: [
            number(result.advantage, "difference", baseline=control, quantity=emotion, **here) for control in CONTROLS
        ]
        for emotion in specific.emotion
    }
    return _Structure(
        excess=number(result.sharing, "excess", condition="trained", **here),
        beyond=number(result.advantage, "difference", baseline="random weights", quantity=SHARED, **here),
        own=tuple(emotion for emotion, found in leads.items() if all(lead.low > 0 for lead in found)),
        n_emotions=len(leads),
    )


def _in_words(found: _Structure) -> str:
    own = f"{len(found.own)} of {found.n_emotions} emotions have features of their own beyond the controls"
    return f"{_pool_in_words(found)}, and {own}"


def _pool_in_words(found: _Structure) -> str:
    if found.pool:
        return "more features are shared than under independent assignment"
    if found.excess.high < 0:
        return "fewer features are shared than under independent assignment"
    return "no more features are shared than under independent assignment and with random weights"


def _directions(result: Sharing) -> str:
    """Say how random directions in the same model compare, which need no SAE."""
    rows = result.advantage.query("evidence == 'selective' and features == @ALL and baseline == 'random dictionary'")
    here = {"evidence": "selective", "features": ALL, "baseline": "random dictionary"}
    lead = number(rows, "difference", quantity=SHARED, **here)
    pool = "less" if lead.low > 0 else "more" if lead.high < 0 else "about as much"
    own = rows[rows.quantity != SHARED]
    return (
        f"Random directions in the same model share {pool}, counted so; for {int((own.low > 0).sum())} of {len(own)} "
        f"emotions they have fewer features of their own than the SAEs, for {int((own.high < 0).sum())} more."
    )


def _percent(found: Estimate) -> Estimate:
    return Estimate(100 * found.value, 100 * found.low, 100 * found.high, found.n)


def axes_in_words(result: Sharing) -> str:
    """Say which axes of the circumplex the shared features follow, or why that cannot be tested."""
    rows = result.axes.query("evidence == 'selective' and condition == 'trained'")
    told = []
    for row in rows.to_dict("records"):
        if why := str(row["untested"] or ""):
            told.append(f"cannot be tested for {row['axis']} ({why})")
        elif row["p"] <= 0.05:
            told.append(f"follow {row['axis']} better than other orders of the names do")
        else:
            told.append(f"do not follow {row['axis']} better than other orders of the names do")
    return f"Features that emotions share {'; '.join(told)}." if told else "There are no shared features to speak of."
