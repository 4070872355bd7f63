"""The rule on results made by hand: safe and safer, one of the two, neither, and a model at chance."""

from dataclasses import replace

import pytest
from tables import table

from emomech.chapters.early_layers.analysis import (
    AVERAGE,
    CONTRASTS,
    EARLY_LESS,
    EMOTION,
    LANGUAGE,
    LOSSES,
    REFERENCE,
    SETTING,
    SPECIAL,
    EarlyLayers,
)
from emomech.chapters.early_layers.rule import early_layers, skipping_in_words
from emomech.core.errors import EmomechError
from emomech.stats.tables import checked, schemas


def edited(
    loss: float, less: tuple[float, float], *, rise: float = 0.01, control: float | None = 0.0, untested: str = ""
) -> EarlyLayers:
    """Loss of the early third ± 0.005, less that of the others ± 0.02, and the emotion's less a control task's."""
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
    ("control", "said"),
    [
        (0.0, "For worth the cost is not told apart from that"),
        (0.1, "The emotion loses more than worth."),
        (-0.1, "The emotion loses less than worth."),
        (None, "No other task could be asked of this model"),
    ],
)
def test_the_control_task_is_part_of_the_reason(control: float | None, said: str) -> None:
    assert said in early_layers(edited(0.01, (-0.1, -0.1), control=control)).reason


def test_the_reason_says_how_it_compares() -> None:
    found = early_layers(edited(0.1, (-0.1, 0.1)))
    assert found.outcome == "does not replicate"
    assert "It costs less than editing the middle third. It costs more than editing the late third." in found.reason
    assert "points of accuracy lost by editing the early third: 10.00 [9.50, 10.50]" in found.estimate
    assert found.control == "early less middle: −10.00 [−12.00, −8.00]; early less late: 10.00 [8.00, 12.00]"


def test_the_block_that_is_needed_most_is_named() -> None:
    assert "the first block of the late third costs most: 40.00" in skipping_in_words(edited(0.0, (0.0, 0.0)))
    empty = edited(0.0, (0.0, 0.0))
    assert "No block" in skipping_in_words(replace(empty, losses=empty.losses.iloc[:1]))
