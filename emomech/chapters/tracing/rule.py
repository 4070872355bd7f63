"""The rule for claim C4: few features carry the prediction.

A small set of features carries the prediction if it is both needed and enough. The claim has two parts:

- *Necessity*: few features of all hook points, ablated to their means at every token, take 80 % of what the model knows
  above guessing.
- *Sufficiency*: few features of one hook point, with everything else there at its mean, keep 80 % of the accuracy that
  is lost if none is kept, at the answer token.

Each part holds if four things are shown. The set is small beside what fires, and small beside the dimensions of the
residual stream. It does more than each control of the same size: matched features, features ranked for permuted
labels, residual dimensions, random directions, and random directions in a network with random weights (necessity
only). And all of this holds again without features that write a label, because such a feature is the answer itself.

Replicates if both parts hold, and if as few features are needed by zero and by resample ablation, with a loss that
rises with the dose. Partly if one part holds.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from emomech.chapters.criteria import Criterion, Family
from emomech.chapters.rules import Reading, Rule
from emomech.chapters.stability import draws_of
from emomech.chapters.tracing.curves import STYLES
from emomech.chapters.tracing.evidence import (
    ALL_TEXTS,
    AT_SIZE,
    BASELINES,
    FEATURES,
    NECESSITY,
    OF_ACTIVE,
    OF_DIMENSIONS,
    PARTS,
    RECOGNISED,
    SILENT,
    SIZE,
    SUFFICIENCY,
    VARIANTS,
    ContenderName,
    PartName,
    quantity,
)
from emomech.chapters.tracing.tables import EVERYWHERE, FEW, Tracing
from emomech.stats.estimates import Estimate
from emomech.stats.tables import number

BEYOND = 0.1
"""Share of the whole by which the features have to lead: a control that comes closer than this does about the same."""
_UNDEFINED = Estimate(np.nan, np.nan, np.nan, 0)
_EVERY = "every control"
_DOSE = "dose"
_WHAT: dict[PartName, str] = {
    NECESSITY: "Without few features, 80 % of the log-odds above guessing is lost",
    SUFFICIENCY: "Few features of one hook point keep 80 % of the accuracy at the answer",
}
_MORE: dict[PartName, str] = {NECESSITY: "More is lost without them", SUFFICIENCY: "More is kept with them"}
_NONE_SILENT = ", without any that writes a label"


def _few(part: PartName, variant: ContenderName) -> list[Criterion]:
    """A set is few if it is at most a quarter of what is there anyway.

    As many features as there are dimensions could express any activation, and all that fire at a token are all that the
    SAE says about it. A set of either size would be no finding, and one of a quarter is clearly apart from both. For
    necessity all k count against the features that fire at one token. A set at one hook point has to serve all labels,
    each with features of its own, so for sufficiency those of the set that fire at an answer count against all that do.
    """
    suffix, control = (_NONE_SILENT, SILENT) if variant == SILENT else ("", "")
    counted = {
        OF_ACTIVE: "at most a quarter of what fires at a token",
        OF_DIMENSIONS: "at most a quarter of the dimensions",
    }
    return [
        Criterion(
            quantity(part, variant, measure),
            f"{_WHAT[part]}{suffix}: {text}.",
            estimand=f"{measure} with 80 % of the whole{suffix}",
            part=part,
            control=control,
            margin=FEW,
            form="below",
        )
        for measure, text in counted.items()
    ]


def _beyond(part: PartName) -> list[Criterion]:
    each = [
        Criterion(
            quantity(part, FEATURES, name),
            f"{_MORE[part]} than with as many of these: {name}.",
            estimand="difference, as a share of the whole",
            part=part,
            control=name,
            margin=BEYOND,
        )
        for name in BASELINES[part]
    ]
    silent = Criterion(
        quantity(part, SILENT, _EVERY),
        f"{_MORE[part]} than with as many of each control{_NONE_SILENT}.",
        estimand="difference, as a share of the whole",
        part=part,
        control=SILENT,
        margin=BEYOND,
    )
    return [*each, silent]


def _lowering() -> list[Criterion]:
    edits = [
        Criterion(
            quantity(NECESSITY, FEATURES, edit),
            f"As few features are needed if they are {edit}.",
            estimand=f"{OF_ACTIVE} with 80 % of the whole, {edit}",
            role="lowers",
            margin=FEW,
            form="below",
        )
        for edit in STYLES
    ]
    dose = Criterion(
        quantity(NECESSITY, FEATURES, _DOSE),
        "Each step from raised to removed features costs log-odds.",
        estimand="log-odds lost by a step, as a share of the whole",
        role="lowers",
    )
    return [*edits, dose]


def _read(result: Tracing) -> Reading:
    if untested := str(result.setting.untested.iloc[0]):
        return Reading(untested=untested)
    sizes = _by_key(result.sizes, "value", "part", "condition", "measure")
    leads = _by_key(result.leads, "difference", "part", "condition", "baseline")
    edits = _by_key(result.other_edits, "value", "edit", "measure")
    steps = _by_key(result.dose_steps, "difference", "step")
    estimates: dict[str, Estimate | Family] = {}
    for part in PARTS:
        for measure in (OF_ACTIVE, OF_DIMENSIONS):
            for variant in VARIANTS:
                estimates[quantity(part, variant, measure)] = sizes.get((part, variant, measure), _UNDEFINED)
        for name in BASELINES[part]:
            estimates[quantity(part, FEATURES, name)] = leads.get((part, FEATURES, name), _UNDEFINED)
        silent = {name: leads.get((part, SILENT, name), _UNDEFINED) for name in BASELINES[part]}
        estimates[quantity(part, SILENT, _EVERY)] = silent
    for edit in STYLES:
        estimates[quantity(NECESSITY, FEATURES, edit)] = edits.get((edit, OF_ACTIVE), _UNDEFINED)
    estimates[quantity(NECESSITY, FEATURES, _DOSE)] = {step: estimate for (step,), estimate in steps.items()}
    names = {criterion.name for criterion in tracing.criteria}
    draws = {name: values for name, values in draws_of(result.stability).items() if name in names}
    return Reading(estimates=estimates, draws=draws, remarks=[_at_k(sizes)])


def _size(result: Tracing, part: PartName, variant: ContenderName, measure: str, texts: str = ALL_TEXTS) -> Estimate:
    return number(result.sizes, "value", texts=texts, part=part, condition=variant, measure=measure)


def _by_key(table: pd.DataFrame, value: str, *keys: str) -> dict[tuple[str, ...], Estimate]:
    """Estimates over all texts, by the values of some columns."""
    if "texts" in table:
        table = table[table.texts == ALL_TEXTS]
    named = zip(*(table[key] for key in keys), strict=True)
    values = zip(table[value], table.low, table.high, table.n, strict=True)
    return {key: Estimate(*row) for key, row in zip(named, values, strict=True)}


def _at_k(sizes: Mapping[tuple[str, ...], Estimate]) -> str:
    listed = [f"{part}: {whole(sizes.get((part, FEATURES, SIZE), _UNDEFINED))}" for part in PARTS]
    return f"Number of features with 80 % of the whole, {'; '.join(listed)}."


tracing = Rule(
    claim="C4",
    statement="Few features carry the prediction.",
    criteria=tuple(
        [criterion for part in PARTS for criterion in [*_few(part, FEATURES), *_beyond(part), *_few(part, SILENT)]]
        + _lowering()
    ),
    read=_read,
    columns=("condition", "baseline", "ranking"),
    own=frozenset({FEATURES}),
)

_QUOTED = (
    *("n_alive", "n_active", "d_model", "above_guess", "all_ablated", "accuracy"),
    *("needed", "needed_active", "needed_dimensions", "k", "at_k", "needed_silent", "needed_recognised"),
    *("enough", "enough_active", "enough_dimensions", "enough_point", "enough_silent", "silent_point"),
    *("n_first", "n_writing", "rank_shuffled", "expected", "n_audited", "n_missed", "agreement", "error"),
)


def numbers(result: Tracing) -> dict[str, object]:
    """Numbers that the page quotes, by name; all are undefined if the claim cannot be tested."""
    if result.setting.untested.iloc[0]:
        return dict.fromkeys(_QUOTED, "undefined")
    setting = result.setting.iloc[0]
    audited = result.layers.query("hook_point == @EVERYWHERE and kind == 'audited'")
    points = result.sizes.set_index(["part", "condition"]).hook_point
    values = (
        int(setting.n_alive),
        float(setting.n_active),
        int(setting.d_model),
        float(setting.above_guess),
        float(setting.all_ablated),
        number(result.setting, "accuracy"),
        whole(_size(result, NECESSITY, FEATURES, SIZE)),
        percent(_size(result, NECESSITY, FEATURES, OF_ACTIVE)),
        percent(_size(result, NECESSITY, FEATURES, OF_DIMENSIONS)),
        size(result),
        percent(_size(result, NECESSITY, FEATURES, AT_SIZE)),
        whole(_size(result, NECESSITY, SILENT, SIZE)),
        whole(_size(result, NECESSITY, FEATURES, SIZE, RECOGNISED)),
        whole(_size(result, SUFFICIENCY, FEATURES, SIZE)),
        percent(_size(result, SUFFICIENCY, FEATURES, OF_ACTIVE)),
        percent(_size(result, SUFFICIENCY, FEATURES, OF_DIMENSIONS)),
        str(points[SUFFICIENCY, FEATURES].iloc[0]),
        whole(_size(result, SUFFICIENCY, SILENT, SIZE)),
        str(points[SUFFICIENCY, SILENT].iloc[0]),
        len(result.first),
        int((result.first.writes != "").sum()),
        float(result.first.rank_shuffled.mean()),
        float(result.first.expected.mean()),
        int(audited.n.iloc[0]),
        int(audited.n_found.iloc[0]),
        float(audited.agreement.iloc[0]),
        number(result.nodes, "loss", hook_point=EVERYWHERE, node="SAE error"),
    )
    return dict(zip(_QUOTED, values, strict=True))


def size(result: Tracing) -> int:
    """Number of features that necessity compares with other parts; 0 if the claim cannot be tested."""
    rows = result.leads.query("part == @NECESSITY and condition == @FEATURES")
    return int(rows.k.iloc[0]) if len(rows) else 0


def whole(size: Estimate) -> str:
    """Write a number of features with its interval."""
    if not np.isfinite(size.value):
        return "undefined"
    ends = f" [{size.low:,.0f}, {size.high:,.0f}]" if np.isfinite([size.low, size.high]).all() else ""
    return f"{size.value:,.0f}{ends}"


def percent(share: Estimate) -> str:
    """Write a share with its interval."""
    if not np.isfinite(share.value):
        return "undefined"
    ends = f" [{share.low:.1%}, {share.high:.1%}]" if np.isfinite([share.low, share.high]).all() else ""
    return f"{share.value:.1%}{ends}".replace("%", " %")
