"""Every chart is drawn from its schema's columns, says what it shows, and means the same by a colour."""

import json

import altair as alt
import pandas as pd
import pytest

from emomech.chapters.behaviour import analysis as behaviour
from emomech.chapters.behaviour import charts as behaviour_charts
from emomech.chapters.fidelity import analysis as fidelity
from emomech.chapters.fidelity import charts as fidelity_charts
from emomech.chapters.flow import analysis as flow
from emomech.chapters.flow import charts as flow_charts
from emomech.core.errors import UsageError
from emomech.figures import palette
from emomech.stats.tables import Schema

ROW = {"low": 0.2, "high": 0.6, "n": 40, "chance": 0.14, "balanced_accuracy": 0.4, "macro_f1": 0.4, "recall": 0.4}
ROW |= {"precision": 0.5, "share": 0.3, "confidence": 0.5, "accuracy": 0.4, "bin": 1, "centre": 0.5, "error": 0.5}
ROW |= {"difference": 0.1, "depth": 0.5, "n_selective": 3, "n_active": 10, "starts": "0.00"}
ROW |= {
    "predictor": "model",
    "breakdown": "all",
    "group": "all texts",
    "emotion": "joy",
    "gold": "joy",
    "predicted": "joy",
}
ROW |= {"condition": "trained", "where": "words", "stage": "syntax", "family": "role", "form": "K=1", "hook_point": "x"}
ROW |= {"reader": "SAE features", "baseline": "linear probe", "value": "joy", "auroc": 0.9, "f1": 0.8}


def table(schema: Schema, **columns: list[object]) -> pd.DataFrame:
    """Make a table with the schema's columns, from values that vary and values that do not."""
    n = max((len(values) for values in columns.values()), default=1)
    return pd.DataFrame({column: columns.get(column, [ROW[column]] * n) for column in schema.columns})


PREDICTORS = list(palette.PREDICTOR_COLOURS)
STAGES = list(palette.STAGE_COLOURS)
READERS = list(palette.READER_COLOURS)
CONDITIONS = ["trained", "random weights"]
DRAWN = {
    "accuracy": behaviour_charts.accuracy(table(behaviour.ACCURACY, predictor=PREDICTORS)),
    "emotions": behaviour_charts.emotions(table(behaviour.EMOTIONS, emotion=["joy", "fear"])),
    "confusion": behaviour_charts.confusion(table(behaviour.CONFUSION, predicted=["joy", "fear"])),
    "calibration": behaviour_charts.calibration(table(behaviour.CALIBRATION, bin=[1, 2])),
    "stages": flow_charts.stages(table(flow.STAGE_PROFILE, condition=CONDITIONS), "words"),
    "families": flow_charts.families(table(flow.PROFILE, family=["role", "voice"]), "words"),
    "centres": flow_charts.centres(table(flow.CENTRES, stage=STAGES), "words"),
    "best": fidelity_charts.best(table(fidelity.BEST, reader=READERS)),
    "advantage": fidelity_charts.advantage(table(fidelity.ADVANTAGE, baseline=READERS[1:])),
    "detection": fidelity_charts.detection(table(fidelity.DETECTION, reader=READERS)),
    "phases": flow_charts.phases(table(flow.PHASES, form=["K=1", "K=2", "ramp"])),
}


@pytest.mark.parametrize("name", DRAWN)
def test_a_chart_is_valid_and_says_what_it_shows(name: str) -> None:
    spec = DRAWN[name].to_dict()
    assert len(spec["description"]) > 40
    assert spec["width"] == "container"


@pytest.mark.parametrize("name", DRAWN)
def test_every_field_that_is_drawn_is_a_column(name: str) -> None:
    spec = DRAWN[name].to_dict()
    columns = {column for rows in spec["datasets"].values() for row in rows for column in row}
    fields = {found["field"] for found in _walk(spec) if isinstance(found.get("field"), str)}
    assert fields <= columns


def _walk(spec: object) -> list[dict]:
    if isinstance(spec, dict):
        return [spec, *(found for value in spec.values() for found in _walk(value))]
    return [found for value in spec for found in _walk(value)] if isinstance(spec, list) else []


@pytest.mark.parametrize("name", DRAWN)
def test_a_chart_draws_with_marks(name: str) -> None:
    svg = _svg(DRAWN[name])
    assert svg.count("<path") + svg.count("<line") + svg.count("<rect") > 3


def _svg(chart: alt.TopLevelMixin) -> str:
    import vl_convert

    spec = json.loads(chart.to_json()) | {"width": 400}
    return vl_convert.vegalite_to_svg(spec)


def test_the_control_is_drawn_and_can_be_chosen() -> None:
    text = json.dumps(DRAWN["stages"].to_dict())
    assert '"random weights"' in text
    assert "datum.condition === control" in text


def test_the_family_is_chosen_among_those_of_the_table() -> None:
    (family,) = DRAWN["detection"].to_dict()["params"]
    assert family["bind"]["options"] == ["all", "role"]


def test_an_empty_result_still_draws() -> None:
    empty = table(flow.STAGE_PROFILE).iloc[:0]
    assert flow_charts.stages(empty, "answer").to_dict()


def test_a_place_that_is_not_there_is_named() -> None:
    with pytest.raises(UsageError, match="where 'end': the table has words"):
        flow_charts.centres(table(flow.CENTRES), "end")


def test_palettes_have_no_colour_twice() -> None:
    named = (palette.STAGE_COLOURS, palette.PREDICTOR_COLOURS, palette.PLACE_COLOURS, palette.READER_COLOURS)
    for colours in named:
        assert len(set(colours.values())) == len(colours)
