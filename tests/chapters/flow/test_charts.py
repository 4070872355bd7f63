"""Charts of flow are drawn from their schema's columns, with the control, and say what they show."""

import json

import pytest
from chart_specs import columns, fields, n_marks, svg
from tables import varied

from emomech.chapters.flow import analysis, charts
from emomech.core.errors import UsageError
from emomech.figures.palette import STAGE_COLOURS

ROW = {"condition": "trained", "where": "words", "stage": "syntax", "family": "role", "form": "K=1", "hook_point": "x"}
ROW |= {"depth": 0.5, "explained": 0.3, "chance": 0.1, "centre": 0.5, "error": 0.5, "starts": "0.00"}
ROW |= {"low": 0.2, "high": 0.6, "n": 40}
DRAWN = {
    "stages": charts.stages(varied(analysis.STAGE_PROFILE, ROW, condition=["trained", "random weights"]), "words"),
    "families": charts.families(varied(analysis.PROFILE, ROW, family=["role", "voice"]), "words"),
    "centres": charts.centres(varied(analysis.CENTRES, ROW, stage=list(STAGE_COLOURS)), "words"),
    "phases": charts.phases(varied(analysis.PHASES, ROW, form=["K=1", "K=2", "ramp"])),
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


def test_the_control_is_drawn_and_can_be_chosen() -> None:
    text = json.dumps(DRAWN["stages"].to_dict())
    assert '"random weights"' in text
    assert "datum.condition === control" in text


def test_an_empty_result_still_draws() -> None:
    empty = varied(analysis.STAGE_PROFILE, ROW).iloc[:0]
    assert charts.stages(empty, "answer").to_dict()


def test_a_place_that_is_not_there_is_named() -> None:
    with pytest.raises(UsageError, match="where 'end': the table has words"):
        charts.centres(varied(analysis.CENTRES, ROW), "end")
