"""Concentration on planted models: one weak emotion with many features, no such emotion, and no recognised emotion."""

import copy
from dataclasses import replace

import numpy as np
import planted
import pytest
import torch

from emomech.causal.concentration import Resplit, SelectedFeatures
from emomech.causal.feature_selection import draw_questions
from emomech.causal.sample import Sample
from emomech.chapters.concentration import rule
from emomech.chapters.concentration.analysis import Concentration, concentration
from emomech.chapters.concentration.controls import N_SHUFFLES, first_rows
from emomech.chapters.concentration.measured import by_place, place_of, screened, with_silent
from emomech.chapters.concentration.resplit import resplits
from emomech.chapters.concentration.specifications import (
    COUNT,
    DIFFUSE,
    EVERY,
    EVERYWHERE,
    HALF,
    ITS,
    MATCHED,
    MEAN,
    MOST,
    RANDOM,
    ROLES,
    SHUFFLED,
    SILENT,
    SUMMED,
    WEAKER,
    WHOLE,
    ZERO,
)
from emomech.chapters.concentration.tables import ABLATED, DOUBLED
from emomech.chapters.conditions import FROZEN, SECOND_SAES, SOFT_FROZEN
from emomech.models.language_model import wrap
from emomech.saes.sae import Sae
from emomech.stats.tables import checked, number
from emomech.study.study import Study

EMOTION, RIVAL = "anger", "fear"
COPIES = 8
LATE = planted.POINTS[-2:]
SIZES = {"emotion": EMOTION, "rival": RIVAL, "n_texts": 24, "n_resamples": 60, "n_draws": 2}


def split(sae: Sae, name: str, copies: int) -> Sae:
    """Replace one feature by `copies` features: each fires as the original did, and writes an equal share."""
    which = planted.feature_names().index(name)
    share = sae.W_dec[which] / copies
    more = copies - 1
    W_dec = torch.cat([sae.W_dec, share.expand(more, -1)])
    W_dec[which] = share
    return replace(
        sae,
        W_dec=W_dec,
        W_enc=torch.cat([sae.W_enc, sae.W_enc[:, [which]].expand(-1, more)], 1),
        b_enc=torch.cat([sae.b_enc, sae.b_enc[which].expand(more)]),
        threshold=torch.full((len(W_dec),), 1.5),
    )


def study(copies: int = 1, strength: float = 1.0, null: bool = False) -> Study:
    """Plant an emotion with `copies` features whose word the model writes with this strength."""
    made = planted.study(480, null=null)
    lm = made.lm
    if strength != 1:
        module = copy.deepcopy(lm.module)
        with torch.no_grad():
            module.lm_head.weight[planted.VOCABULARY.index(EMOTION)] *= strength
        lm = wrap("weak", module, lm.tokenizer, True)
    saes = {p: split(planted.saes()[p], f"emotion:{EMOTION}", copies) for p in LATE}
    stand_ins = {SOFT_FROZEN: planted.saes(), FROZEN: planted.saes()}
    return made.replaced(lm=lm, saes=saes, control_saes=stand_ins, other_saes=saes)


def measured(**what: object) -> Concentration:
    return checked(concentration(study(**what), **SIZES))  # pyright: ignore[reportArgumentType]


@pytest.fixture(scope="module")
def diffuse() -> Concentration:
    return measured(copies=COPIES, strength=0.5)


@pytest.fixture(scope="module")
def alike() -> Concentration:
    return measured()


LAST = place_of(LATE[-1])


def value(result: Concentration, measure: str, emotion: str, place: str = LAST):
    return number(result.depths, "value", place=place, emotion=emotion, measure=measure)


def contrast(result: Concentration, part: str, versus: str = "", member: str = ""):
    return number(result.medians, "contrast", part=part, what=WHOLE, versus=versus, member=member)


@pytest.mark.parametrize("measure", [COUNT, HALF, MOST])
def test_copies_of_a_feature_are_counted(diffuse: Concentration, measure: str) -> None:
    """By hand: n features that write equally count as n, and half of the effect takes half of them."""
    share = {COUNT: 1, HALF: 0.5, MOST: 0.9}[measure]
    assert value(diffuse, measure, EMOTION).value == pytest.approx(COPIES * share, rel=0.05)
    for other in ("joy", "pride", RIVAL):
        assert value(diffuse, measure, other).value == pytest.approx(share, rel=0.05)


def test_total_effect_is_what_the_word_is_written_with(diffuse: Concentration, alike: Concentration) -> None:
    for measure in (MEAN, ZERO):
        weak, strong = (value(result, measure, EMOTION).value for result in (diffuse, alike))
        assert weak == pytest.approx(strong / 2, rel=0.1)
        assert value(diffuse, measure, "joy").value == pytest.approx(value(alike, measure, "joy").value, rel=0.02)
    assert value(diffuse, SUMMED, EMOTION).value < value(alike, SUMMED, EMOTION).value


def test_specifications_are_contrasts_of_what_is_shown(diffuse: Concentration) -> None:
    others = [value(diffuse, MEAN, emotion).value for emotion in ("joy", "pride", RIVAL)]
    keys = {"part": WEAKER, "place": LAST, "estimator": MEAN, "features": EVERY, "others": "all others"}
    found = number(diffuse.specifications, "contrast", **keys).value
    assert found == pytest.approx(value(diffuse, MEAN, EMOTION).value / np.mean(others) - 1, abs=1e-6)


def test_all_hook_points_hold_the_features_of_each(diffuse: Concentration) -> None:
    assert value(diffuse, COUNT, EMOTION, EVERYWHERE).value == pytest.approx(2 * COPIES, rel=0.05)
    assert value(diffuse, COUNT, "joy", EVERYWHERE).value == pytest.approx(2, rel=0.05)


def test_the_median_shows_what_is_planted_and_controls_do_not(diffuse: Concentration, alike: Concentration) -> None:
    assert contrast(diffuse, WEAKER).high < -0.2 and contrast(diffuse, DIFFUSE).low > 1
    assert contrast(diffuse, WEAKER, MATCHED).high < -0.2
    assert np.isfinite([contrast(diffuse, part, RANDOM).low for part in (WEAKER, DIFFUSE)]).all()
    assert len(diffuse.medians.query("part == @WEAKER and versus == @SHUFFLED")) == N_SHUFFLES
    assert contrast(diffuse, WEAKER, ROLES, "joy").high < -0.2
    assert abs(contrast(alike, WEAKER).value) < 0.1 and abs(contrast(alike, DIFFUSE).value) < 0.1


def test_stand_ins_for_controls_and_other_saes_are_measured(diffuse: Concentration) -> None:
    """SAEs without copies show what is weaker just as well, and not what is more diffuse; equal SAEs show the same."""
    assert contrast(diffuse, WEAKER, SOFT_FROZEN).value == pytest.approx(0, abs=0.05)
    assert contrast(diffuse, DIFFUSE, FROZEN).low > 1
    again = contrast(diffuse, DIFFUSE, member=SECOND_SAES)
    assert again.value == pytest.approx(contrast(diffuse, DIFFUSE).value, abs=0.1)
    assert {ITS, MATCHED, SHUFFLED, RANDOM, SOFT_FROZEN, FROZEN, SECOND_SAES} == set(diffuse.emotions.condition)


def test_other_splits_agree(diffuse: Concentration) -> None:
    values = diffuse.stability.pivot(index="draw", columns="quantity", values="value")
    assert len(values) == SIZES["n_draws"]
    assert (values[f"{DIFFUSE}, {WHOLE}"] > 1).all() and (values[f"{WEAKER}, {WHOLE}"] < 0).all()


@pytest.fixture(scope="module")
def selected() -> SelectedFeatures:
    made = study()
    questions = draw_questions(made, {"discover": 16, "tune": 12, "report": 16})
    assert not isinstance(questions, str)
    return SelectedFeatures.of(made, questions, Sample.of(questions["report"], 20, 0))


def test_features_that_write_a_label_are_left_out(selected: SelectedFeatures) -> None:
    found = by_place(selected.screen, LATE)
    sets = with_silent(found, selected.dictionary, selected.discover)
    assert all(len(ranked) == 1 for ranked in sets[LAST, EVERY])
    assert all(not ranked for ranked in sets[LAST, SILENT])
    assert len(first_rows(selected.sample, 3)) == 3 * 4


def test_splits_share_no_text(selected: SelectedFeatures) -> None:
    again = Resplit.of(selected, 0)
    assert len(again.sample) == 64 and len(again.screen.gold) == 64
    first = dict(zip(selected.discover.clusters + selected.sample.questions.clusters, range(128), strict=True))
    reported = [first[cluster] for cluster in again.sample.questions.clusters]
    both = np.concatenate([selected.screen.support[LATE[-1]], selected.support[LATE[-1]]])
    np.testing.assert_array_equal(again.support[LATE[-1]], both[reported])
    np.testing.assert_allclose(again.effective_numbers(LATE[-1]), 1, atol=1e-6)
    assert len(list(resplits(selected, 2))) == 2


def test_estimators_of_the_screen_equal_those_by_hand() -> None:
    support = np.tile([3.0, 1.0], (4, 1))
    made = screened(support, ["a", "b", "c", "d"], np.ones((2, 4)), (SUMMED, COUNT, HALF, MOST))
    assert [made[name][0] for name in (SUMMED, COUNT, HALF)] == pytest.approx([4, 1.6, 2 / 3])


def test_ablating_acts_on_the_emotion_itself_and_doubling_does_the_opposite(alike: Concentration) -> None:
    rows = alike.interference.query("measure == 'log-odds' and condition == @ITS")
    for edit, sign in ((ABLATED, -1), (DOUBLED, 1)):
        change = rows[rows.edit == edit].set_index(["acted_on", "affected"]).change * sign
        for emotion in planted.CLASSES["emotion"]:
            assert change.xs(emotion, level="acted_on").idxmax() == emotion
            assert change[emotion, emotion] > 5


def test_confusions_of_a_text_sum_to_one(alike: Concentration) -> None:
    assert alike.confusions.groupby("gold").share.sum().to_list() == pytest.approx([1] * 4)
    assert (alike.confusions.query("gold == predicted").share == 1).all()


def test_curves_begin_small_and_end_at_the_total_effect(diffuse: Concentration) -> None:
    rows = diffuse.curves.query("condition == @ITS and emotion == @EMOTION")
    assert rows.k.to_list() == [1, 2, 4, 8]
    assert rows.fall.iloc[-1] == pytest.approx(value(diffuse, MEAN, EMOTION).value)
    assert (rows.fall.diff().dropna() > 0).all()


def test_verdicts_tell_them_apart(diffuse: Concentration, alike: Concentration) -> None:
    """SAEs in the place of controls show that it is weaker, and all features write a label, so nothing holds."""
    assert rule.concentration(diffuse).outcome == "does not replicate"
    statuses = {check.control: check.status for check in rule.concentration(diffuse).checks if check.role == "decides"}
    assert statuses[FROZEN] == "met" and statuses[SILENT] != "met"
    assert rule.concentration(alike).outcome == "does not replicate"


def test_a_model_at_chance_has_nothing_to_count() -> None:
    result = measured(null=True)
    assert "not above chance" in result.setting.untested[0]
    assert rule.concentration(result).outcome == "cannot be tested here"


@pytest.mark.parametrize(
    ("arguments", "n", "reason"),
    [
        ({"emotion": "disgust"}, 480, "the texts have no disgust"),
        ({}, 80, "texts of the rarest emotion are left"),
    ],
)
def test_texts_that_cannot_speak_are_told(arguments: dict, n: int, reason: str) -> None:
    made = planted.study(n)
    result = checked(concentration(made, **(SIZES | arguments)))  # pyright: ignore[reportArgumentType]
    assert reason in result.setting.untested[0]
    assert rule.concentration(result).outcome == "cannot be tested here"


def test_labels_that_begin_alike_cannot_be_told_apart() -> None:
    made = study()
    made = made.replaced(answers=[" joy", " joy", " fear", " anger"])
    result = checked(concentration(made, **SIZES))  # pyright: ignore[reportArgumentType]
    assert "cannot be told apart by one token" in result.setting.untested[0]


def test_an_emotion_that_is_never_recognised_is_told() -> None:
    result = measured(strength=0.0)
    assert result.setting.untested[0].startswith(f"the model does not recognise {EMOTION}")
