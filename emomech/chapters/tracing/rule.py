"""The rule for claim C4: few features carry the prediction."""

import numpy as np

from emomech.chapters.tracing.analysis import AT_SIZE, EVERYWHERE, JOINT, KEPT_SIZE, SHARE, SIZE, Tracing
from emomech.chapters.tracing.curves import ALL_TEXTS, MATCHED, RECOGNISED, SILENT, UNTRAINED
from emomech.chapters.verdict import Verdict
from emomech.stats.estimates import Estimate
from emomech.stats.tables import number

FEW = 0.05
"""Largest share of the alive features that counts as few."""
_BEATEN = (MATCHED, "residual dimensions", "shuffled labels")
_QUOTED = (
    *("size", "kept_size", "n_alive", "joint", "at_size", "n_first", "n_writing", "features", "silent", "shuffled"),
    *("n_audited", "n_missed", "agreement", "error"),
)


def tracing(result: Tracing) -> Verdict:
    """Decide claim C4 from ablating the first k features of the ranking together, on texts that did not rank them.

    k is the smallest size tried that has 80 % of the joint effect of all features. Replicates if the upper end of its
    interval is at most 5 % of the features that fire, and if ablating k matched features, k residual dimensions, and k
    features ranked for permuted labels costs less, each by a difference on the same texts with a 95 % interval above
    zero. Partly if matched features cost less, but the size or one of the other two fails. Does not replicate
    otherwise. Cannot be tested if the model is at chance, if labels begin with the same token, or with too few texts.
    """
    claim, statement = "C4", "Few features carry the prediction."
    if untested := str(result.setting.untested.iloc[0]):
        return Verdict(claim, statement, "cannot be tested here", untested, "", "")
    leads = {name: _lead(result, name) for name in (*_BEATEN, SILENT, UNTRAINED)}
    unbeaten = [name for name in _BEATEN if not leads[name].low > 0]
    few = _value(result, SHARE).high <= FEW
    outcome = "replicates" if few and not unbeaten else "does not replicate" if MATCHED in unbeaten else "partly"
    return Verdict(
        claim,
        statement,
        outcome,
        reason=" ".join([_size_in_words(result, few), _leads_in_words(unbeaten), _kept_in_words(result)]),
        estimate=f"features to 80 % of the joint effect: {_whole(_value(result, SIZE))}; "
        f"of recognised texts: {_whole(_value(result, SIZE, RECOGNISED))}; "
        f"share of the features that fire: {_percent(_value(result, SHARE))}",
        control="; ".join(f"log-odds lost beyond {name}: {lead}" for name, lead in leads.items()),
    )


def numbers(result: Tracing) -> dict[str, object]:
    """Numbers that the page quotes, by name; all are undefined if the claim cannot be tested."""
    if result.setting.untested.iloc[0]:
        return dict.fromkeys(_QUOTED, "undefined")
    audited = result.layers.query("hook_point == @EVERYWHERE and kind == 'audited'")
    silent = result.advantage.query("texts == @ALL_TEXTS and baseline == @SILENT")
    values = (
        _whole(_value(result, SIZE)),
        _whole(_value(result, KEPT_SIZE)),
        int(result.setting.n_alive.iloc[0]),
        _value(result, JOINT),
        _percent(_value(result, AT_SIZE)),
        len(result.first),
        int((result.first.writes != "").sum()),
        float(silent.features.iloc[0]),
        float(silent.other.iloc[0]),
        number(result.advantage, "other", texts=ALL_TEXTS, baseline="shuffled labels").value,
        int(audited.n.iloc[0]),
        int(audited.n_found.iloc[0]),
        float(audited.agreement.iloc[0]),
        number(result.nodes, "loss", hook_point=EVERYWHERE, node="SAE error"),
    )
    return dict(zip(_QUOTED, values, strict=True))


def size(result: Tracing) -> int:
    """Number of features that have 80 % of the joint effect; 0 if the claim cannot be tested."""
    return int(result.advantage.k.iloc[0]) if len(result.advantage) else 0


def _lead(result: Tracing, baseline: str) -> Estimate:
    return number(result.advantage, "difference", texts=ALL_TEXTS, baseline=baseline)


def _value(result: Tracing, measure: str, texts: str = ALL_TEXTS) -> Estimate:
    return number(result.headline, "value", texts=texts, measure=measure)


def _whole(size: Estimate) -> str:
    """Write a number of features with its interval."""
    if not np.isfinite(size.value):
        return "undefined"
    ends = f" [{size.low:,.0f}, {size.high:,.0f}]" if np.isfinite([size.low, size.high]).all() else ""
    return f"{size.value:,.0f}{ends}"


def _percent(share: Estimate) -> str:
    """Write a share with its interval."""
    if not np.isfinite(share.value):
        return "undefined"
    ends = f" [{share.low:.1%}, {share.high:.1%}]" if np.isfinite([share.low, share.high]).all() else ""
    return f"{share.value:.1%}{ends}".replace("%", " %")


def _size_in_words(result: Tracing, few: bool) -> str:
    size, n_alive = _value(result, SIZE), int(result.setting.n_alive.iloc[0])
    if not np.isfinite(size.value):
        return "Ablating all features costs no log-odds, so there is no effect to carry."
    limit = "" if few else f", which is not few: the interval's upper end is above {FEW:.0%} of them".replace("%", " %")
    return f"Without {size.value:,.0f} of {n_alive:,} features 80 % of the joint effect of all is lost{limit}."


def _leads_in_words(unbeaten: list[str]) -> str:
    if not unbeaten:
        return (
            "Ablating as many matched features, residual dimensions or features ranked for permuted labels costs less."
        )
    return f"Ablating as many of these does not cost less: {', '.join(unbeaten)}."


def _kept_in_words(result: Tracing) -> str:
    """Say how many features, by the size of their effect, have to be kept; this does not change the outcome."""
    kept, n_alive = _value(result, KEPT_SIZE), int(result.setting.n_alive.iloc[0])
    if not np.isfinite(kept.value):
        return "No number of features that was tried keeps 80 % of the joint effect when all others are ablated."
    return f"Keeping 80 % of the joint effect when all others are ablated takes {kept.value:,.0f} of {n_alive:,}."
