"""The rule on results made by hand: safe and safer, one of the two, neither, too few texts, and a model at chance."""

from dataclasses import replace

import pytest
from tables import table

from emomech.chapters.early_layers.rule import early_layers, skipping_in_words
from emomech.chapters.early_layers.tables import (
    AVERAGE,
    CONTRASTS,
    EARLY_LESS,
    LANGUAGE,
    LOSSES,
    LOST,
    REFERENCE,
    SETTING,
    SPECIAL,
    EarlyLayers,
)
from emomech.chapters.stability import STABILITY
from emomech.chapters.tasks import EMOTION
from emomech.stats.tables import checked, schemas


def edited(
    loss: float,
    less: tuple[float, float],
    *,
    rise: float = 0.01,
    control: float | None = 0.0,
    untested: str = "",
    reach: float = 0.005,
) -> EarlyLayers:
    """Tables with the loss of the early third, its difference from the others, and that from a control task."""
    edit = ("early", AVERAGE, REFERENCE, "noise")
    skips = [
        ("late", "skipping", float("nan"), dose, EMOTION, 0.2, x, x - 0.1, x + 0.1, 200)
        for dose, x in {"first block": 0.4, "last block": 0.1, "all blocks": 0.8}.items()
    ]
    contrasts = [
        (REFERENCE, name, EMOTION, x, x - 4 * reach, x + 4 * reach, 200)
        for name, x in zip(EARLY_LESS, less, strict=True)
    ]
    special = (
        [(REFERENCE, "early", "worth", control, control - 0.02, control + 0.02, 200)] if control is not None else []
    )
    filled = {
        "setting": table(SETTING, [(EMOTION, 0.9, 0.85, 0.95, 0.25, 200, untested)]),
        "losses": table(LOSSES, [(*edit, EMOTION, 0.2, loss, loss - reach, loss + reach, 200), *skips]),
        "language": table(LANGUAGE, [(*edit, 0.2, rise, rise - 0.005, rise + 0.005, 60)]),
        "contrasts": table(CONTRASTS, contrasts),
        "special": table(SPECIAL, special),
    }
    made = {name: filled.get(name, table(schema)) for name, schema in schemas(EarlyLayers).items()}
    return checked(EarlyLayers(**made))


@pytest.mark.parametrize(
    ("result", "outcome"),
    [
        (edited(0.01, (-0.1, -0.1)), "replicates"),
        (edited(0.01, (-0.1, 0.0)), "partly"),
        (edited(0.01, (0.0, -0.1)), "partly"),
        (edited(0.01, (-0.1, 0.1)), "partly"),
        (edited(0.1, (-0.1, -0.1)), "partly"),
        (edited(0.01, (-0.1, -0.1), rise=0.1), "partly"),
        (edited(0.017, (-0.1, 0.0)), "does not replicate"),
        (edited(0.1, (0.1, 0.1)), "reversed"),
        (edited(0.1, (0.1, 0.0)), "reversed"),
        (edited(0.1, (0.0, 0.0)), "does not replicate"),
        (edited(0.0, (0.0, 0.0), reach=0.05), "no power here"),
        (edited(0.01, (-0.1, -0.1), untested="the model is at chance"), "cannot be tested here"),
    ],
)
def test_early_layers(result: EarlyLayers, outcome: str) -> None:
    assert early_layers(result).outcome == outcome


@pytest.mark.parametrize("missing", EARLY_LESS)
def test_early_layers_are_not_safer_without_both_other_thirds(missing: str) -> None:
    result = edited(0.01, (-0.1, -0.1))
    without = replace(result, contrasts=result.contrasts[result.contrasts.contrast != missing])
    assert early_layers(without).outcome == "partly"


def test_a_loss_that_is_larger_on_another_draw_leaves_partly() -> None:
    result = edited(0.01, (-0.1, -0.1))
    drawn = [(LOST, draw, value) for draw, value in enumerate((0.01, 0.015, 0.03))]
    unstable = replace(result, stability=table(STABILITY, drawn))
    assert early_layers(unstable).outcome == "partly"
    assert "Not stable over draws" in early_layers(unstable).reason


@pytest.mark.parametrize(
    ("control", "sentence"),
    [
        (0.0, "The emotion task loses not clearly more or less than the control task worth."),
        (0.1, "The emotion task loses more than the control task worth."),
        (-0.1, "The emotion task loses less than the control task worth."),
        (None, "This model has no control task that can be tested"),
    ],
)
def test_the_control_task_is_part_of_the_reason(control: float | None, sentence: str) -> None:
    assert sentence in early_layers(edited(0.01, (-0.1, -0.1), control=control)).reason


def test_the_checklist_says_how_it_compares() -> None:
    verdict = early_layers(edited(0.1, (-0.1, 0.1)))
    assert verdict.outcome == "reversed"
    assert "costs less accuracy than editing the late third" in verdict.reason
    assert [check.status for check in verdict.checks] == ["not met", "met", "met", "reversed"]


def test_the_block_that_is_needed_most_is_named() -> None:
    assert "the first block of the late third costs most: 40.00" in skipping_in_words(edited(0.0, (0.0, 0.0)))
    empty = edited(0.0, (0.0, 0.0))
    assert "No block" in skipping_in_words(replace(empty, losses=empty.losses.iloc[:1]))
