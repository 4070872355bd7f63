"""The rule of claim C4: that few features carry the prediction."""

import numpy as np

from emomech.chapters.tracing.analysis import AT_SIZE, EVERYWHERE, JOINT, KEPT_SIZE, SHARE, SIZE, Tracing
from emomech.chapters.tracing.curves import ALL_TEXTS, MATCHED, RECOGNISED, SILENT, UNTRAINED
from emomech.chapters.verdict import Verdict
from emomech.stats.estimates import Estimate
from emomech.stats.tables import number

FEW = 0.05
"""Largest share of the features that fire that counts as few."""
_BEATEN = (MATCHED, "residual dimensions", "shuffled labels")
_QUOTED = (
    *("size", "kept_size", "n_alive", "joint", "at_size", "n_first", "n_writing", "features", "silent", "shuffled"),
    *("n_audited", "n_missed", "agreement", "error"),
)


def tracing(result: Tracing) -> Verdict:
    """Claim C4, from ablating the first k features of the ranking together, on texts that ranked nothing.

    k is the smallest size tried that has 80 % of the joint effect of all features. Replicates if the upper end of its
    interval is at most 5 % of the features that fire, and to ablate as many matched features, as many residual
    dimensions and as many features ranked for exchanged labels costs less: by differences on the same texts whose 95 %
    intervals lie above zero. Partly if matched features cost less but any of the other three fails. Cannot be
    tested where the model is at chance, the labels begin alike, or texts are too few.
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
    """Give what the page quotes, by name; all of it is undefined where nothing can be said."""
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
    """How many features have enough of the joint effect; 0 where nothing can be said."""
    return int(result.advantage.k.iloc[0]) if len(result.advantage) else 0


def _lead(result: Tracing, baseline: str) -> Estimate:
    return number(result.advantage, "difference", texts=ALL_TEXTS, baseline=baseline)


def _value(result: Tracing, measure: str, texts: str = ALL_TEXTS) -> Estimate:
    return number(result.headline, "value", texts=texts, measure=measure)


def _whole(found: Estimate) -> str:
    """Write a number of features with its interval."""
    if not np.isfinite(found.value):
        return "undefined"
    ends = f" [{found.low:,.0f}, {found.high:,.0f}]" if np.isfinite([found.low, found.high]).all() else ""
    return f"{found.value:,.0f}{ends}"


def _percent(found: Estimate) -> str:
    """Write a share with its interval."""
    if not np.isfinite(found.value):
        return "undefined"
    ends = f" [{found.low:.1%}, {found.high:.1%}]" if np.isfinite([found.low, found.high]).all() else ""
    return f"{found.value:.1%}{ends}".replace("%", " %")


def _size_in_words(result: Tracing, few: bool) -> str:
    found, n_alive = _value(result, SIZE), int(result.setting.n_alive.iloc[0])
    if not np.isfinite(found.value):
        return "To ablate all features costs no log-odds, so that there is nothing to carry."
    limit = "" if few else f", which is not few: the interval's upper end is above {FEW:.0%} of them".replace("%", " %")
    return f"Without {found.value:,.0f} of {n_alive:,} features 80 % of the joint effect of all is lost{limit}."


def _leads_in_words(unbeaten: list[str]) -> str:
    if not unbeaten:
        return "As many matched features, residual dimensions or features ranked for exchanged labels cost less."
    return f"To ablate as many of these does not cost less: {', '.join(unbeaten)}."


def _kept_in_words(result: Tracing) -> str:
    """Say what a ranking by the size of the effect has to keep; necessity alone decides the verdict."""
    kept, n_alive = _value(result, KEPT_SIZE), int(result.setting.n_alive.iloc[0])
    if not np.isfinite(kept.value):
        return "No number of features that was tried keeps as much when all others are ablated."
    return f"To keep as much when all others are ablated takes {kept.value:,.0f} of {n_alive:,}."
