"""Fidelity on a model with one SAE feature for each class, in known layers, and on a model without any."""

from dataclasses import replace

import numpy as np
import pandas as pd
import planted
import pytest

from emomech.chapters.fidelity import rule
from emomech.chapters.fidelity.analysis import Fidelity, fidelity
from emomech.chapters.fidelity.readers import FEATURES
from emomech.core.errors import UsageError
from emomech.data import corpus
from emomech.stats.tables import checked, number

FAMILIES = {family.replace("_", " "): family for family in planted.CLASSES}


@pytest.fixture(scope="module")
def clear() -> Fidelity:
    return checked(fidelity(planted.study(480), n_draws=3))


@pytest.fixture(scope="module")
def null() -> Fidelity:
    return checked(fidelity(planted.study(480, null=True)))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_feature_detects_its_class_in_its_layers_only(clear: Fidelity, family: str) -> None:
    rows = clear.detection.query("reader == @FEATURES and family == @family")
    band = [index / planted.N_BLOCKS for index in planted.BANDS[FAMILIES[family]]]
    inside = np.isclose(np.subtract.outer(rows.depth.to_numpy(), band), 0).any(1)
    assert rows.auroc[inside].min() > 0.95
    if family != "emotion":  # from role, voice and the semantic classes nothing follows for one another
        assert rows.auroc[~inside].max() < 0.75


def test_the_layer_that_is_chosen_is_one_of_the_band(clear: Fidelity) -> None:
    for row in clear.best[clear.best.reader == FEATURES].itertuples():
        band = [index / planted.N_BLOCKS for index in planted.BANDS[FAMILIES[row.family]]]
        assert np.isclose(band, row.depth).any()


def test_features_and_probe_exceed_an_untrained_network(clear: Fidelity) -> None:
    median = clear.best.groupby("reader").auroc.median()
    assert median[FEATURES] > 0.97
    assert median["linear probe"] > 0.9
    assert 0.35 < median["random weights"] < 0.7


def test_a_family_of_two_values_has_one_row(clear: Fidelity) -> None:
    n_values = clear.best[clear.best.reader == FEATURES].groupby("family").value.nunique()
    assert n_values.to_dict() == {name: 4 if name == "emotion" else 1 for name in FAMILIES}


def test_where_no_feature_stands_for_anything_none_is_found(null: Fidelity) -> None:
    best = null.best[null.best.reader == FEATURES]
    assert best.auroc.median() < 0.6
    assert ((best.low <= 0.5) & (best.high >= 0.5)).mean() >= 0.7
    assert (null.advantage.low > 0).mean() < 0.2


def test_verdicts_tell_them_apart(clear: Fidelity, null: Fidelity) -> None:
    assert rule.fidelity(null).outcome == "does not replicate"
    verdict = rule.fidelity(clear)
    assert verdict.outcome == "does not replicate"  # features are axes here, and so dimensions do as well
    assert verdict.checks[0].status == "met"


def test_the_answer_depends_on_the_features_of_the_emotions(clear: Fidelity, null: Fidelity) -> None:
    own = clear.ablation[clear.ablation.reader == FEATURES]
    assert own.low.min() > 1
    lead = clear.dependence[clear.dependence.baseline == "random directions"]
    assert lead.low.min() > 0
    assert null.ablation.empty and "chance" in null.setting.untested[0]


def test_a_control_has_the_same_units_where_its_saes_are_the_same(clear: Fidelity) -> None:
    study = planted.study(480).replaced(control_saes={"frozen decoder": planted.saes()}, other_saes=planted.saes())
    result = checked(fidelity(study, n_draws=1))
    same = result.dependence.query("reader == 'SAE features' and baseline == 'frozen decoder'")
    assert len(same) == 4 and not same.difference.any()
    gain = result.advantage.query("reader == 'SAE features' and baseline == 'frozen decoder'")
    assert len(gain) and not gain.difference.any()
    assert set(result.advantage.reader) == {"SAE features", "second SAEs"}
    assert result.stability.empty


def test_other_divisions_show_the_same(clear: Fidelity) -> None:
    values = clear.stability.groupby("quantity").value
    assert values.min()["detects, random weights"] > 0.1
    assert values.min()["matters, random directions"] > 0
    assert values.size().eq(2).all()


def test_leads_are_differences_of_what_is_shown(clear: Fidelity) -> None:
    emotion = {"family": "emotion", "value": "joy"}
    lead = number(clear.advantage, "difference", reader=FEATURES, baseline="random weights", **emotion)
    ours, theirs = (number(clear.best, "auroc", reader=r, **emotion).value for r in (FEATURES, "random weights"))
    assert lead.value == pytest.approx(ours - theirs)
    assert 0.1 < lead.low < lead.value < lead.high


def test_quality_is_of_saes_and_of_random_directions(clear: Fidelity) -> None:
    assert clear.quality.groupby("dictionary").size().eq(len(planted.POINTS)).all()
    fvu = clear.quality.groupby("dictionary").fvu.mean()
    assert fvu["SAE"] < fvu["random directions"]


def test_the_seed_decides_everything() -> None:
    first, second = (fidelity(planted.study(240)) for _ in range(2))
    pd.testing.assert_frame_equal(first.best, second.best)


def test_texts_without_annotation_speak_of_the_emotion_alone() -> None:
    study = planted.study(480)
    bare = [replace(example, words=(), answer_tags={}) for example in study.corpus.examples]
    study = study.replaced(corpus=corpus.make("mine", bare, study.corpus.labels))
    assert set(checked(fidelity(study)).best.family) == {"emotion"}


def test_too_few_texts_are_refused() -> None:
    with pytest.raises(UsageError, match="no label family has two values with 20 texts or more on both"):
        fidelity(planted.study(48))
