"""The rule on results made by hand: pool and sets, one of them, neither, each control that shows the same, and no power."""

from dataclasses import replace

import pytest
from tables import table

from emomech.chapters.conditions import RANDOM_DICTIONARY, SECOND_SAES, TRAINED
from emomech.chapters.sharing.analysis import SETTING, SPECIFIC, Sharing
from emomech.chapters.sharing.relations import ACROSS, ADVANTAGE, ALL, AXES, NOTHING, SHARED, SIDES, SILENT
from emomech.chapters.sharing.rule import WHERE, axes_in_words, sharing
from emomech.chapters.sharing.stability import POOL, SETS, STEPWISE
from emomech.chapters.stability import STABILITY
from emomech.core.errors import EmomechError
from emomech.stats.tables import checked, schemas

EMOTIONS = ("joy", "fear", "anger", "calm")


def shared(
    pool: float = 0.2,
    own: int = 4,
    *,
    silent: tuple[float, int] | None = None,
    condition: str = TRAINED,
    error: float = 0.02,
    untested: str = "",
) -> Sharing:
    """Tables with an excess ± `error` and `own` emotions with specific features; no control shows anything."""
    rows = []
    for evidence in ("selective", "stepwise", "supporting"):
        for features, (excess, n) in {ALL: (pool, own), SILENT: silent or (pool, own)}.items():
            for baseline in (NOTHING, *WHERE):
                key = (evidence, condition, features, baseline)
                rows.append((*key, SHARED, excess, excess - error, excess + error, 90))
                for i, emotion in enumerate(EMOTIONS):
                    share = 0.15 if i < n else 0.0
                    rows.append((*key, emotion, share, share - error, share + error, 90))
    axes = [
        ("selective", "trained", "valence", 0.6, 0.0, 0.4, 0.01, 0.01, 30, ""),
        ("selective", "trained", "arousal", 0.2, 0.0, 0.4, 0.5, 0.05, 30, ""),
    ]
    filled = {
        "setting": table(SETTING, [("m", 0.9, 0.8, 0.95, 0.25, 400, 400, 0.99, untested)]),
        "specific": table(SPECIFIC, [("selective", TRAINED, ALL, "joy", 0.1, 0.0, 0.2, 9)]),
        "advantage": table(ADVANTAGE, rows),
        "sides": table(SIDES, [("selective", TRAINED, ACROSS, 0.1, 0.05, 0.15, 0.3, 20)]),
        "axes": table(AXES, axes),
        "stability": table(STABILITY, [(name, i, 0.1) for name in (POOL, SETS, STEPWISE) for i in range(3)]),
    }
    return checked(Sharing(**{name: filled.get(name, table(schema)) for name, schema in schemas(Sharing).items()}))


def changed(result: Sharing, *, pool: float | None = None, sets: float | None = None, baseline: str) -> Sharing:
    """Set the differences to one control, ± 0.02."""
    advantage = result.advantage.copy()
    for value, is_quantity in ((pool, advantage.quantity == SHARED), (sets, advantage.quantity != SHARED)):
        if value is not None:
            rows = (advantage.baseline == baseline) & is_quantity
            advantage.loc[rows, ["difference", "low", "high"]] = (value, value - 0.02, value + 0.02)
    return replace(result, advantage=advantage)


@pytest.mark.parametrize(
    ("result", "outcome"),
    [
        (shared(), "replicates"),
        (shared(own=2), "replicates"),
        (shared(silent=(0.0, 4)), "partly"),
        (shared(silent=(0.2, 1)), "partly"),
        (shared(own=1), "partly"),
        (shared(pool=0.0), "partly"),
        (shared(pool=0.04), "partly"),
        (shared(pool=-0.2), "partly"),
        (shared(pool=0.0, own=1), "does not replicate"),
        (shared(pool=-0.2, own=1), "reversed"),
        (shared(pool=0.0, own=0, error=0.5), "no power here"),
        (shared(untested="the model is at chance"), "cannot be tested here"),
    ],
)
def test_sharing(result: Sharing, outcome: str) -> None:
    assert sharing(result).outcome == outcome


@pytest.mark.parametrize("control", WHERE)
def test_a_control_that_shows_the_same_decides_both_parts(control: str) -> None:
    assert sharing(changed(shared(), pool=0.0, baseline=control)).outcome == "partly"
    assert sharing(changed(shared(), sets=0.0, baseline=control)).outcome == "partly"
    assert sharing(changed(shared(), pool=0.0, sets=0.0, baseline=control)).outcome == "does not replicate"


@pytest.mark.parametrize("control", WHERE)
def test_a_control_that_is_missing_is_not_beaten(control: str) -> None:
    result = shared()
    without = replace(result, advantage=result.advantage[result.advantage.baseline != control])
    verdict = sharing(without)
    assert verdict.outcome == "does not replicate"
    assert {check.status for check in verdict.checks if check.control == control} == {"undefined"}


def test_a_control_that_the_rule_does_not_name_is_refused() -> None:
    result = shared()
    result.advantage.loc[result.advantage.baseline == RANDOM_DICTIONARY, "baseline"] = "another"
    with pytest.raises(EmomechError, match="another"):
        sharing(result)


def test_a_pool_that_other_divisions_do_not_have_is_partly() -> None:
    result = shared()
    result.stability.loc[1, "value"] = -0.1
    assert sharing(result).outcome == "partly"


def test_a_sample_that_misses_features_shows_no_lack_of_sharing() -> None:
    result = shared(pool=0.0, own=0)
    result.setting["power"] = 0.3
    verdict = sharing(result)
    assert verdict.outcome == "no power here"
    assert "30%" in verdict.reason


def test_second_saes_have_to_agree() -> None:
    both = shared()
    assert sharing(_with_second(both, shared(condition=SECOND_SAES))).outcome == "replicates"
    apart = sharing(_with_second(both, shared(pool=0.0, own=0, condition=SECOND_SAES)))
    assert apart.outcome == "no power here"  # the interval that covers both says nothing


def _with_second(result: Sharing, second: Sharing) -> Sharing:
    import pandas as pd

    return replace(result, advantage=pd.concat([result.advantage, second.advantage], ignore_index=True))


def test_a_direction_is_printed_only_if_it_is_stable() -> None:
    result = shared()
    assert "more features are shared than under independent choice" in sharing(result).reason
    result.stability.loc[result.stability.quantity == STEPWISE, "value"] = -0.1
    assert "Not stable over draws of the texts: with further emotions" in sharing(result).reason


def test_few_features_are_said_to_be_few() -> None:
    result = shared()
    result.advantage["n"] = 4
    assert "Only 4 features belong to any emotion" in sharing(result).reason


def test_why_it_cannot_be_tested_is_said() -> None:
    assert sharing(shared(untested="too few texts")).reason == "Too few texts."


def test_the_sentence_names_each_axis() -> None:
    assert axes_in_words(shared()) == (
        "Features shared by several emotions follow valence better than with exchanged emotion names; "
        "do not follow arousal better than with exchanged emotion names."
    )
