"""A choice on one set helps on another that the model reads in the same way; untested sets give the reason."""

from dataclasses import replace

import noisy
import numpy as np
import pandas as pd
import planted
import pytest

from emomech.causal.steering.experiment import BIAS, FEATURES
from emomech.chapters.transfer import analysis, rule
from emomech.chapters.transfer.analysis import Transfer, transfer
from emomech.chapters.transfer.evidence import NONE, OTHER, SAME
from emomech.data import corpus
from emomech.stats.tables import checked, number
from emomech.study.study import Study

SMALL = {"n_report": 15, "n_resamples": 100}


@pytest.fixture(autouse=True)
def few_features(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analysis, "N_FEATURES", 2)


def styled(study: Study) -> Study:
    """Divide the texts into three styles, which mean nothing."""
    texts = [replace(e, style=("story", "diary", "dialogue")[i % 3]) for i, e in enumerate(study.corpus.examples)]
    study = study.replaced(corpus=corpus.make("mine", texts, study.corpus.labels))
    return study


@pytest.fixture(scope="module")
def carried() -> Transfer:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(analysis, "N_FEATURES", 2)
        return checked(transfer(styled(noisy.study(1440)), prompts="question", words="six", **SMALL))


def cell(result: Transfer, source: str, target: str, method: str = FEATURES):
    return number(result.cells, "gain", method=method, source=source, target=target)


def test_scaling_helps_on_the_other_style_too(carried: Transfer) -> None:
    assert cell(carried, "story", "diary").low > 0
    assert cell(carried, "diary", "story").low > 0
    assert abs(cell(carried, "story", "diary", BIAS).value) < 0.1
    assert rule.transfer(carried).outcome == "replicates"


def test_means_are_those_of_the_cells(carried: Transfer) -> None:
    styles = ("story", "diary", "dialogue")
    off = [cell(carried, a, b).value for a in styles for b in styles if a != b]
    on = [cell(carried, a, a).value for a in styles]
    assert number(carried.leads, "lead", versus=NONE).value == pytest.approx(np.mean(off))
    assert len(carried.stability) == 3
    assert number(carried.means, "gain", method=FEATURES, targets=OTHER).value == pytest.approx(np.mean(off))
    assert number(carried.means, "gain", method=FEATURES, targets=SAME).value == pytest.approx(np.mean(on))
    assert number(carried.means, "kept", method=FEATURES, targets=OTHER).value == 1


def test_a_set_on_which_nothing_can_be_tested_says_so_and_is_left_out(carried: Transfer) -> None:
    sets = carried.sets.set_index("set")
    assert sets.untested[["story", "diary", "dialogue"]].eq("").all()
    assert "at chance" in str(sets.untested["prompt question"]) and "no word" in str(sets.untested["words six"])
    assert carried.cells.query("target == 'prompt question'").untested.str.contains("at chance").all()
    assert (
        carried.cells.query("source == 'prompt question' and target == 'story'").untested.str.contains("source").all()
    )
    assert (carried.cells.untested == "").sum() == 3 * 9


def test_where_there_is_one_set_nothing_is_carried() -> None:
    verdict = rule.transfer(checked(transfer(noisy.study(480), prompts="", words="", **SMALL)))
    assert verdict.outcome == "cannot be tested here"
    assert "3 are needed" in verdict.reason


@pytest.mark.parametrize(
    ("study", "why"), [(planted.study(960, null=True), "at chance"), (planted.study(960), "no room")]
)
def test_where_no_gain_can_be_shown_it_says_why(study: Study, why: str) -> None:
    verdict = rule.transfer(checked(transfer(styled(study), prompts="", words="", **SMALL)))
    assert verdict.outcome == "cannot be tested here"
    assert why in verdict.reason


def test_labels_that_begin_alike_are_no_set() -> None:
    study = noisy.study(480)
    study = study.replaced(answers=[" joy", " joy", " fear", " anger"])
    result = checked(transfer(study, prompts="", words="", **SMALL))
    assert "begins both with the token" in str(result.sets.untested.iloc[0])


def test_the_seed_decides_everything() -> None:
    first, second = (transfer(styled(noisy.study(640)), prompts="", words="", **SMALL) for _ in range(2))
    pd.testing.assert_frame_equal(first.cells, second.cells)
