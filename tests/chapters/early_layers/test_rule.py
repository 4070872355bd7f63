"""The rule on results made by hand: safe and safer, one of the two, neither, and a model at chance."""

from dataclasses import replace

import pytest
from tables import table

from emomech.chapters.early_layers.analysis import (
    AVERAGE,
    CONTRASTS,
    EARLY_LESS,
    LANGUAGE,
    LOSSES,
    REFERENCE,
    SETTING,
    SPECIAL,
    EarlyLayers,
)
from emomech.chapters.early_layers.rule import early_layers, skipping_in_words
from emomech.chapters.tasks import EMOTION
from emomech.core.errors import EmomechError
from emomech.stats.tables import checked, schemas


def edited(
    loss: float, less: tuple[float, float], *, rise: float = 0.01, control: float | None = 0.0, untested: str = ""
) -> EarlyLayers:
    """Tables with the loss of the early third, its difference from the others, and that from a control task."""
    edit = ("early", AVERAGE, REFERENCE, "noise")
    skips = [
        ("late", "skipping", float("nan"), dose, EMOTION, 0.2, x, x - 0.1, x + 0.1, 200)
        for dose, x in {"first block": 0.4, "last block": 0.1, "all blocks": 0.8}.items()
    ]
    contrasts = [
        (REFERENCE, name, EMOTION, x, x - 0.02, x + 0.02, 200) for name, x in zip(EARLY_LESS, less, strict=True)
    ]
    special = (
        [(REFERENCE, "early", "worth", control, control - 0.02, control + 0.02, 200)] if control is not None else []
    )
    filled = {
        "setting": table(SETTING, [(EMOTION, 0.9, 0.85, 0.95, 0.25, 200, untested)]),
        "losses": table(LOSSES, [(*edit, EMOTION, 0.2, loss, loss - 0.005, loss + 0.005, 200), *skips]),
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
        (edited(0.01, (-0.1, 0.0)), "replicates"),
        (edited(0.01, (0.0, 0.0)), "partly"),
        (edited(0.01, (-0.1, 0.1)), "partly"),
        (edited(0.1, (-0.1, -0.1)), "partly"),
        (edited(0.01, (-0.1, -0.1), rise=0.1), "partly"),
        (edited(0.018, (-0.1, 0.0)), "partly"),
        (edited(0.1, (0.1, 0.1)), "does not replicate"),
        (edited(0.1, (0.0, 0.0)), "does not replicate"),
        (edited(0.01, (-0.1, -0.1), untested="the model is at chance"), "cannot be tested here"),
    ],
)
def test_early_layers(result: EarlyLayers, outcome: str) -> None:
    assert early_layers(result).outcome == outcome


@pytest.mark.parametrize("missing", EARLY_LESS)
def test_a_verdict_needs_the_other_thirds(missing: str) -> None:
    result = edited(0.01, (-0.1, -0.1))
    without = replace(result, contrasts=result.contrasts[result.contrasts.contrast != missing])
    with pytest.raises(EmomechError, match="expected one"):
        early_layers(without)


@pytest.mark.parametrize(
    ("control", "sentence"),
    [
        (0.0, "For worth the cost does not differ clearly from that for emotion"),
        (0.1, "The emotion task loses more than the control task worth."),
        (-0.1, "The emotion task loses less than the control task worth."),
        (None, "This model has no control task that can be tested"),
    ],
)
def test_the_control_task_is_part_of_the_reason(control: float | None, sentence: str) -> None:
    assert sentence in early_layers(edited(0.01, (-0.1, -0.1), control=control)).reason


def test_the_reason_says_how_it_compares() -> None:
    verdict = early_layers(edited(0.1, (-0.1, 0.1)))
    assert verdict.outcome == "does not replicate"
    assert "It costs less than editing the middle third. It costs more than editing the late third." in verdict.reason
    assert "points of accuracy lost by editing the early third: 10.00 [9.50, 10.50]" in verdict.estimate
    assert verdict.control == "early less middle: −10.00 [−12.00, −8.00]; early less late: 10.00 [8.00, 12.00]"


def test_the_block_that_is_needed_most_is_named() -> None:
    assert "the first block of the late third costs most: 40.00" in skipping_in_words(edited(0.0, (0.0, 0.0)))
    empty = edited(0.0, (0.0, 0.0))
    assert "No block" in skipping_in_words(replace(empty, losses=empty.losses.iloc[:1]))
