"""The rule on results made by hand: planted, each control equal or undefined, one part only, and no test at all."""

from dataclasses import replace

import numpy as np
import pytest
from tables import table

from emomech.chapters.stability import STABILITY
from emomech.chapters.tracing import tables
from emomech.chapters.tracing.curves import STYLES
from emomech.chapters.tracing.evidence import (
    ALL_TEXTS,
    BASELINES,
    FEATURES,
    MATCHED,
    MEASURES,
    NECESSITY,
    OF_ACTIVE,
    OF_DIMENSIONS,
    PARTS,
    RECOGNISED,
    SILENT,
    SUFFICIENCY,
    VARIANTS,
    PartName,
    quantity,
)
from emomech.chapters.tracing.rule import numbers, percent, size, tracing, whole
from emomech.chapters.tracing.tables import EVERYWHERE, Tracing
from emomech.core.errors import EmomechError
from emomech.stats.estimates import Estimate
from emomech.stats.tables import checked, schemas

SHARES = {OF_ACTIVE: 0.1, OF_DIMENSIONS: 0.1}


def traced(untested: str = "") -> Tracing:
    """Everything is met: shares of a tenth, and a lead of a half over each control."""
    empty = {name: table(schema) for name, schema in schemas(Tracing).items()}
    setting = (
        "planted",
        *([np.nan] * 12 if untested else [0.9, 0.8, 1, 0.25, 5, 6.4, 7, 900, 90, 128, 80, 40]),
        untested,
    )
    if untested:
        return checked(Tracing(**empty | {"setting": table(tables.SETTING, [setting])}))
    every: list[tuple[str, PartName, str]] = [
        (texts, part, variant) for texts in (ALL_TEXTS, RECOGNISED) for part in PARTS for variant in VARIANTS
    ]
    sizes = [(*keys, m, "blocks.6", x := SHARES.get(m, 12.0), 0.8 * x, 1.2 * x, 40) for keys in every for m in MEASURES]
    leads = [(*keys, name, 16, 6.0, 3.0, 0.5, 0.4, 0.6, 40) for keys in every for name in BASELINES[keys[1]]]
    filled = {
        "setting": table(tables.SETTING, [setting]),
        "sizes": table(tables.SIZES, sizes),
        "leads": table(tables.LEADS, leads),
        "other_edits": table(tables.OTHER_EDITS, [(edit, OF_ACTIVE, 0.1, 0.08, 0.12, 40) for edit in STYLES]),
        "dose_steps": table(tables.DOSE_STEPS, [(step, 0.3, 0.2, 0.4, 40) for step in ("up", "half", "none")]),
        "layers": table(tables.LAYERS, [(EVERYWHERE, "audited", np.nan, 27, 2, 1.35, 1, 1, 0.8, 1.0, 0.9, 0.9)]),
        "nodes": table(tables.NODES_LOST, [(EVERYWHERE, "SAE error", np.nan, 1.0, 0.5, 1.5, 40)]),
        "first": table(tables.FIRST, [(1, "a", 3, 0.5, 1.0, 9, 450, "joy"), (2, "a", 4, 0.5, 0.9, 8, 450, "")]),
    }
    return checked(Tracing(**empty | filled))


def changed(name: str, value: float, reach: float = 0.05, result: Tracing | None = None, **keys: str) -> Tracing:
    """Replace the estimates of some rows of a table, over all texts."""
    result = result or traced()
    rows = getattr(result, name).copy()
    where = np.logical_and.reduce([rows[key] == wanted for key, wanted in keys.items()])
    column = "difference" if "difference" in rows else "value"
    rows.loc[where, [column, "low", "high"]] = [value, value - reach, value + reach]
    return replace(result, **{name: rows})


def test_planted_replicates() -> None:
    verdict = tracing(traced())
    assert verdict.outcome == "replicates" and all(check.status == "met" for check in verdict.checks)
    assert "necessity: 12 [10, 14]; sufficiency: 12 [10, 14]" in verdict.reason


@pytest.mark.parametrize("value", [0.0, -0.5, float("nan")])
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(("part", "baseline"), [(part, name) for part in PARTS for name in BASELINES[part]])
def test_a_control_that_does_the_same_takes_the_part(part: str, baseline: str, variant: str, value: float) -> None:
    result = changed("leads", value, part=part, condition=variant, baseline=baseline)
    assert tracing(result).outcome == "partly"
    both = result
    for name in PARTS:
        both = changed("leads", value, result=both, part=name, condition=variant, baseline=MATCHED)
    assert tracing(both).outcome == "does not replicate"


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("measure", [OF_ACTIVE, OF_DIMENSIONS])
def test_a_set_that_is_not_few_takes_the_part(part: str, variant: str, measure: str) -> None:
    keys = {"part": part, "condition": variant, "measure": measure}
    assert tracing(changed("sizes", 0.4, 0.05, None, **keys)).outcome == "partly"
    assert tracing(changed("sizes", float("nan"), 0.05, None, **keys)).outcome == "partly"


def test_only_features_that_write_a_label_are_no_replication() -> None:
    result = traced()
    for part in PARTS:
        result = changed("sizes", 0.9, result=result, part=part, condition=SILENT, measure=OF_DIMENSIONS)
    verdict = tracing(result)
    assert (
        verdict.outcome == "does not replicate" and "Controls that are not beaten: writing no label." in verdict.reason
    )


def test_one_part_is_partly() -> None:
    for part in (NECESSITY, SUFFICIENCY):
        result = changed("sizes", 0.9, part=part, condition=FEATURES, measure=OF_DIMENSIONS)
        assert tracing(result).outcome == "partly"


@pytest.mark.parametrize("edit", STYLES)
def test_another_way_to_ablate_lowers(edit: str) -> None:
    assert tracing(changed("other_edits", 0.6, edit=edit)).outcome == "partly"


def test_a_dose_without_a_trend_lowers() -> None:
    assert tracing(changed("dose_steps", -0.1, step="up")).outcome == "partly"


def test_too_few_texts_have_no_power() -> None:
    result = traced()
    for name in ("sizes", "leads"):
        result = changed(name, 0.2, 2.0, result=result, texts=ALL_TEXTS)
    assert tracing(result).outcome == "no power here"


def test_a_draw_with_the_other_sign_is_not_stable() -> None:
    name = quantity(NECESSITY, FEATURES, MATCHED)
    unstable = replace(traced(), stability=table(STABILITY, [(name, i, x) for i, x in enumerate((0.5, -0.1))]))
    assert tracing(unstable).outcome == "partly"


def test_untested_and_unnamed() -> None:
    assert tracing(traced("The model is at chance.")).outcome == "cannot be tested here"
    result = traced()
    result.leads.loc[0, "baseline"] = "a new control"
    with pytest.raises(EmomechError, match="a new control"):
        tracing(result)


def test_numbers_of_the_page_are_there_whether_or_not_something_can_be_said() -> None:
    told, untold = numbers(traced()), numbers(traced(untested="Too few texts."))
    assert told.keys() == untold.keys() and set(untold.values()) == {"undefined"}
    assert (told["n_first"], told["n_writing"], told["needed"]) == (2, 1, "12 [10, 14]")
    assert size(traced()) == 16 and size(traced(untested="Too few texts.")) == 0
    nothing = Estimate(np.nan, np.nan, np.nan, 0)
    assert whole(nothing) == percent(nothing) == "undefined"
