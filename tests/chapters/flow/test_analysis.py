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
    return checked(flow(planted.study(480), n_permutations=40, n_resamples=40))


@pytest.fixture(scope="module")
def null() -> Flow:
    return checked(flow(planted.study(480, null=True), n_permutations=40, n_resamples=40))


def profile(result: Flow, condition: str, where: str, stage: str) -> pd.Series:
    rows = result.stages.query("condition == @condition and where == @where and stage == @stage")
    return rows.set_index("depth").explained


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
    assert rule.flow(staged).outcome == "replicates"
    assert rule.flow(null).outcome not in ("replicates", "partly")


def test_shuffled_labels_explain_nothing(staged: Flow) -> None:
    amounts = staged.amounts[(staged.amounts.condition == "shuffled labels") & (staged.amounts.stage != "lexical")]
    assert (amounts.low < 0.002).all()


def test_where_nothing_is_put_nothing_is_explained(null: Flow) -> None:
    amounts = null.amounts[(null.amounts.condition == "trained") & null.amounts.stage.isin(STAGES)]
    assert (amounts.low < 0.002).mean() > 0.8


def test_controls_are_compared_on_the_same_texts(staged: Flow) -> None:
    assert set(staged.beyond.control) == {"shuffled labels", "random dictionary", "random weights"}
    of_labels = staged.beyond[staged.beyond.control == "shuffled labels"]
    assert (of_labels.low > 0.1).all()


def test_half_of_the_texts_give_the_same_on_average(staged: Flow) -> None:
    at_answer = staged.sizes[staged.sizes["where"] == "answer"]
    assert (at_answer.all_texts - at_answer.half_of_the_texts).abs().max() < 0.05


def test_each_step_is_measured_on_every_draw(staged: Flow) -> None:
    assert staged.stability.groupby("quantity").size().to_dict() == dict.fromkeys(
        [f"{step}, {where}" for step in ("semantics − syntax", "emotion − semantics") for where in PLACES], 5
    )
    assert (staged.stability.value > 0).all()


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
    again = flow(planted.study(480), n_permutations=40, n_resamples=40)
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
