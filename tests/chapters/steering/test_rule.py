"""The rules on results made by hand: a gain that beats all baselines, some, or none, and texts that cannot be tested."""

from dataclasses import replace

import numpy as np
import pytest
from tables import table

from emomech.causal.steering.experiment import BIAS, FEATURES, MATCHED, RAW
from emomech.causal.steering.recognition import ACCURACY, F1
from emomech.chapters.steering.analysis import (
    DIFFERENCES,
    LANGUAGE,
    LANGUAGE_MODELLING,
    METHODS,
    RECOGNITION,
    SETTING,
    Steering,
)
from emomech.chapters.steering.rows import NONE
from emomech.chapters.steering.rule import language, steering
from emomech.core.errors import EmomechError
from emomech.stats.tables import checked, schemas

ALL = {NONE: 0.1, BIAS: 0.1, MATCHED: 0.1, RAW: 0.1}


def steered(leads: dict[str, float], loss: float = 0.0, untested: str = "", no_dose: str = "") -> Steering:
    """Leads of the causal features ± 0.05, a change of the loss ± 0.004, and what cannot be tested."""
    rows = [(FEATURES, versus, m, x, x - 0.05, x + 0.05, 100) for versus, x in leads.items() for m in (ACCURACY, F1)]
    setting = [
        (RECOGNITION, "mine", 0.8, 0.7, 0.9, 0.25, 100, untested),
        (LANGUAGE_MODELLING, "neutral", *(np.nan,) * 4, 80, no_dose),
    ]
    dose = 0.0 if no_dose else 0.5
    method = (FEATURES, "scale", "all tokens", dose, 0.1, 0.9, 0.8, 1.0, 0.9, 0.8, 1.0, 10, 0, 0.01, 100, "")
    costs = [
        (u, 0.5, 0.1, x, x - 0.004, x + 0.004, 0.01, 0.99, 0.1, 0.05, 0.15) for u, x in ((FEATURES, loss), (MATCHED, 0))
    ]
    tables = {name: table(schema) for name, schema in schemas(Steering).items()}
    tables |= {"setting": table(SETTING, setting), "methods": table(METHODS, [method])}
    tables |= {"language": table(LANGUAGE, [(*row, not no_dose, 80) for row in costs])}
    return checked(Steering(**tables | {"differences": table(DIFFERENCES, rows)}))


@pytest.mark.parametrize(
    ("result", "outcome"),
    [
        (steered(ALL), "replicates"),
        (steered(ALL | {BIAS: 0.0}), "partly"),
        (steered(ALL | {RAW: -0.1}), "partly"),
        (steered(ALL | {MATCHED: 0.0}), "does not replicate"),
        (steered(dict.fromkeys(ALL, 0.0)), "does not replicate"),
        (steered(dict.fromkeys(ALL, -0.1)), "does not replicate"),
        (steered({}, untested="the model is at chance here"), "cannot be tested here"),
    ],
)
def test_steering(result: Steering, outcome: str) -> None:
    assert steering(result).outcome == outcome


def test_steering_says_what_is_not_beaten_and_why_nothing_is_tested() -> None:
    assert steering(steered(ALL | {BIAS: 0.0})).reason == "There is a gain, but it does not exceed that of: logit bias."
    assert "at chance" in steering(steered({}, untested="the model is at chance here")).reason
    assert "No dose" in steering(steered(dict.fromkeys(ALL, 0.0), no_dose="none was chosen")).reason
    assert "beyond logit bias: 0.10 [0.05, 0.15]" in steering(steered(ALL)).control


@pytest.mark.parametrize("control", [BIAS, MATCHED, RAW])
def test_no_verdict_without_the_controls(control: str) -> None:
    with pytest.raises(EmomechError, match="0 rows"):
        steering(steered({versus: lead for versus, lead in ALL.items() if versus != control}))


@pytest.mark.parametrize(
    ("loss", "outcome"),
    [
        (0.0, "replicates"),
        (0.005, "replicates"),
        (0.009, "partly"),
        (-0.02, "partly"),
        (0.03, "partly"),
        (0.05, "does not replicate"),
        (-0.06, "does not replicate"),
    ],
)
def test_language(loss: float, outcome: str) -> None:
    assert language(steered(ALL, loss)).outcome == outcome


def test_language_cannot_be_tested_without_a_dose_or_a_recognition_to_steer() -> None:
    for result in (steered(ALL, no_dose="no dose was chosen"), steered({}, untested="no dose was chosen")):
        verdict = language(result)
        assert verdict.outcome == "cannot be tested here"
        assert "no dose was chosen" in verdict.reason


def test_language_needs_the_random_features_beside_it() -> None:
    result = steered(ALL)
    result = replace(result, language=result.language[result.language.units != MATCHED])
    with pytest.raises(EmomechError, match="0 rows"):
        language(result)
