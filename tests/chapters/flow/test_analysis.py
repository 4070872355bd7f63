"""Flow on a model with each stage in its own band of depth, and on a model without any stage."""

from dataclasses import replace

import numpy as np
import pandas as pd
import planted
import pytest

from emomech.chapters.flow import rule
from emomech.chapters.flow.analysis import Flow, flow, phase_starts
from emomech.data import corpus
from emomech.stats.tables import checked, number

PLACES = ("words", "answer")
STAGES = ("syntax", "semantics", "emotion")


@pytest.fixture(scope="module")
def staged() -> Flow:
    return checked(flow(planted.study(480), n_permutations=60, n_resamples=40))


@pytest.fixture(scope="module")
def null() -> Flow:
    return checked(flow(planted.study(480, null=True), n_permutations=60, n_resamples=40))


def profile(result: Flow, condition: str, where: str, stage: str) -> pd.Series:
    rows = result.stages.query("condition == @condition and where == @where and stage == @stage")
    return rows.set_index("depth").share


@pytest.mark.parametrize("where", PLACES)
@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_is_found_in_its_band_and_nowhere_else(staged: Flow, where: str, stage: str) -> None:
    found = profile(staged, "trained", where, stage)
    family = {"syntax": "role", "semantics": "entity", "emotion": "emotion"}[stage]
    band = [index / planted.N_BLOCKS for index in planted.BANDS[family]]
    inside = np.isclose(np.subtract.outer(found.index.to_numpy(), band), 0).any(1)
    if where == "words":
        assert found[inside].min() > 0.02
    assert found[~inside].max() < 0.02 or found[inside].max() > 3 * found[~inside].max()


@pytest.mark.parametrize("where", PLACES)
def test_centres_of_gravity_are_in_order(staged: Flow, where: str) -> None:
    for contrast in ("semantics − syntax", "emotion − semantics"):
        found = number(staged.differences, "difference", condition="trained", where=where, contrast=contrast)
        assert 0.1 < found.low <= found.value <= found.high


@pytest.mark.parametrize("where", PLACES)
def test_three_phases_are_counted(staged: Flow, where: str) -> None:
    forms = staged.phases.query("condition == 'trained' and where == @where").set_index("form").error
    assert forms["K=3"] < 0.2 * forms["K=1"]
    assert forms["K=3"] < forms["ramp"]


def test_the_verdict_follows(staged: Flow, null: Flow) -> None:
    assert rule.flow(staged).outcome in ("replicates", "partly")
    assert rule.flow(null).outcome == "does not replicate"


@pytest.mark.parametrize("condition", ["shuffled labels"])
def test_shuffled_labels_select_nothing_beyond_the_rate(staged: Flow, condition: str) -> None:
    cells = staged.profile.query("condition == @condition")
    assert (cells.n_selective > 0).mean() < 0.15


def test_where_nothing_is_put_nothing_is_found(null: Flow) -> None:
    cells = null.profile[(null.profile.condition == "trained") & null.profile.stage.isin(STAGES)]
    assert (cells.n_selective > 0).mean() < 0.15


def test_families_have_equally_many_reads_and_all_that_are_annotated_are_tested(staged: Flow) -> None:
    tested = staged.families[staged.families.untested == ""]
    assert set(staged.families.family) - set(tested.family) == {"part of speech"}
    assert tested.groupby("where").n.nunique().eq(1).all()


def test_one_kind_of_texts_is_said_to_be_one(staged: Flow) -> None:
    assert set(staged.texts.texts) == {"planted"} and set(staged.texts.labels) == {"corpus"}
    assert staged.texts.set_index("stage").n_tested.to_dict() == {
        "lexical": 1,
        "syntax": 2,
        "semantics": 3,
        "emotion": 1,
    }


def test_where_phases_begin_is_read_from_their_table(staged: Flow) -> None:
    row = staged.phases.query("condition == 'trained' and where == 'answer' and form == 'K=3'").iloc[0]
    found = phase_starts(staged.phases)
    assert " ".join(f"{start:.2f}" for start in found) == row.starts and len(found) == 3
    assert phase_starts(staged.phases[:0]) == []


def test_quality_has_a_row_per_sae(staged: Flow) -> None:
    assert staged.quality.hook_point.tolist() == [str(point) for point in planted.POINTS]
    assert staged.quality.depth.is_monotonic_increasing


def test_the_seed_decides_everything(staged: Flow) -> None:
    again = flow(planted.study(480), n_permutations=60, n_resamples=40)
    pd.testing.assert_frame_equal(again.profile, staged.profile)


def test_texts_without_annotation_say_so() -> None:
    study = planted.study(480)
    bare = [replace(e, words=(), answer_tags={}) for e in study.corpus.examples]
    study = study.replaced(corpus=corpus.make("mine", bare, study.corpus.labels))
    result = checked(flow(study, n_permutations=20, n_resamples=20))
    found = rule.flow(result)
    assert found.outcome == "cannot be tested here"
    assert (
        "part of speech, role, voice, semantic role, entity, desirability (the texts have no such annotation)"
        in found.reason
    )
    assert set(result.profile.family) == {"word", "emotion"}


def test_too_few_texts_leave_every_family_untested() -> None:
    result = checked(flow(planted.study(48), n_permutations=20, n_resamples=20))
    assert len(result.profile) == 0
    assert (result.families.untested != "").all()
    assert rule.flow(result).outcome == "cannot be tested here"
