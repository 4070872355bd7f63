"""Charts of behaviour are drawn from their schema's columns and say what they show."""

import pytest
from chart_specs import columns, fields, n_marks, svg
from tables import varied

from emomech.chapters.behaviour import analysis, charts
from emomech.figures.palette import PREDICTOR_COLOURS

ROW = {"predictor": "model", "breakdown": "all", "group": "all texts", "emotion": "joy", "gold": "joy"}
ROW |= {
    "predicted": "joy",
    "balanced_accuracy": 0.4,
    "macro_f1": 0.4,
    "recall": 0.4,
    "precision": 0.5,
    "chance": 0.14,
    "auroc": 0.7,
}
ROW |= {"low": 0.2, "high": 0.6, "n": 40, "share": 0.3, "confidence": 0.5, "accuracy": 0.4, "bin": 1}
DRAWN = {
    "accuracy": charts.accuracy(varied(analysis.ACCURACY, ROW, predictor=list(PREDICTOR_COLOURS))),
    "emotions": charts.emotions(varied(analysis.EMOTIONS, ROW, emotion=["joy", "fear"])),
    "confusion": charts.confusion(varied(analysis.CONFUSION, ROW, predicted=["joy", "fear"])),
    "calibration": charts.calibration(varied(analysis.CALIBRATION, ROW, bin=[1, 2])),
}


@pytest.mark.parametrize("name", DRAWN)
def test_a_chart_is_valid_and_says_what_it_shows(name: str) -> None:
    spec = DRAWN[name].to_dict()
    assert len(spec["description"]) > 40
    assert spec["width"] == "container"


@pytest.mark.parametrize("name", DRAWN)
def test_every_field_that_is_drawn_is_a_column(name: str) -> None:
    spec = DRAWN[name].to_dict()
    assert fields(spec) <= columns(spec)


@pytest.mark.parametrize("name", DRAWN)
def test_a_chart_draws_with_marks(name: str) -> None:
    assert n_marks(svg(DRAWN[name])) > 3
