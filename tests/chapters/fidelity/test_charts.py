"""Charts of fidelity are drawn from their schema's columns and say what they show."""

import pytest
from chart_specs import columns, fields, n_marks, svg
from tables import varied

from emomech.chapters.fidelity import analysis, charts
from emomech.figures.palette import READER_COLOURS

ROW = {"condition": "trained", "where": "words", "stage": "syntax", "family": "role", "hook_point": "x", "depth": 0.5}
ROW |= {
    "reader": "SAE features",
    "baseline": "linear probe",
    "value": "joy",
    "auroc": 0.9,
    "f1": 0.8,
    "difference": 0.1,
}
ROW |= {"low": 0.2, "high": 0.6, "n": 40}
READERS = list(READER_COLOURS)
DRAWN = {
    "best": charts.best(varied(analysis.BEST, ROW, reader=READERS)),
    "advantage": charts.advantage(varied(analysis.ADVANTAGE, ROW, baseline=READERS[1:])),
    "ablation": charts.ablation(varied(analysis.ABLATION, ROW | {"emotion": "joy", "loss": 0.4}, reader=READERS)),
    "detection": charts.detection(varied(analysis.DETECTION, ROW, reader=READERS)),
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


def test_the_family_is_chosen_among_those_of_the_table() -> None:
    (family,) = DRAWN["detection"].to_dict()["params"]
    assert family["bind"]["options"] == ["all", "role"]
