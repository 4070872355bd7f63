"""Concentration on planted models: one weak emotion with many features, no such emotion, and no recognised emotion."""

import copy
from dataclasses import replace

import planted
import pytest
import torch

from emomech.causal.concentration import EFFECTIVE, HALF, MOST, TOTAL
from emomech.chapters.concentration import rule
from emomech.chapters.concentration.analysis import (
    ABLATED,
    ALL,
    DOUBLED,
    ITS,
    MATCHED,
    ONE,
    RANDOM,
    SHUFFLED,
    Concentration,
    concentration,
)
from emomech.models.language_model import wrap
from emomech.saes.sae import Sae
from emomech.stats.tables import checked, number
from emomech.study.study import Study

EMOTION, RIVAL = "anger", "fear"
COPIES = 8
LATE = planted.POINTS[-2:]
SIZES = {"emotion": EMOTION, "rival": RIVAL, "n_texts": 24, "n_top": 4, "n_resamples": 100}


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
    made = made.replaced(lm=lm, saes=saes)
    return made


def measured(**what: object) -> Concentration:
    return checked(concentration(study(**what), **SIZES))  # pyright: ignore[reportArgumentType]


@pytest.fixture(scope="module")
def diffuse() -> Concentration:
    return measured(copies=COPIES, strength=0.5)


@pytest.fixture(scope="module")
def alike() -> Concentration:
    return measured()


def value(result: Concentration, measure: str, emotion: str, condition: str = ITS, place: str = ONE):
    keys = {"condition": condition, "place": place, "emotion": emotion, "measure": measure}
    return number(result.emotions, "value", **keys)


@pytest.mark.parametrize("measure", [EFFECTIVE, HALF, MOST])
def test_copies_of_a_feature_are_counted(diffuse: Concentration, measure: str) -> None:
    """By hand: n features that write equally count as n, and half of the effect takes half of them."""
    share = {EFFECTIVE: 1, HALF: 0.5, MOST: 0.9}[measure]
    assert value(diffuse, measure, EMOTION).value == pytest.approx(COPIES * share, rel=0.05)
    for other in ("joy", "pride", RIVAL):
        assert value(diffuse, measure, other).value == pytest.approx(share, rel=0.05)


def test_total_effect_is_what_the_word_is_written_with(diffuse: Concentration, alike: Concentration) -> None:
    weak, strong = (value(result, TOTAL, EMOTION).value for result in (diffuse, alike))
    assert weak == pytest.approx(strong / 2, rel=0.05)
    assert value(diffuse, TOTAL, "joy").value == pytest.approx(value(alike, TOTAL, "joy").value, rel=0.02)


def test_contrasts_are_differences_of_what_is_shown(diffuse: Concentration) -> None:
    for condition in (ITS, MATCHED):
        values = {e: value(diffuse, TOTAL, e, condition).value for e in planted.CLASSES["emotion"]}
        keys = {"condition": condition, "place": ONE, "emotion": EMOTION, "measure": TOTAL}
        mean = sum(values[e] for e in values if e != EMOTION) / 3
        assert number(diffuse.contrasts, "difference", **keys).value == pytest.approx(values[EMOTION] - mean)


def test_all_hook_points_hold_the_features_of_each(diffuse: Concentration) -> None:
    assert value(diffuse, EFFECTIVE, EMOTION, place=ALL).value == pytest.approx(2 * COPIES, rel=0.05)
    assert value(diffuse, EFFECTIVE, "joy", place=ALL).value == pytest.approx(2, rel=0.05)


def test_controls_carry_less(alike: Concentration) -> None:
    for emotion in planted.CLASSES["emotion"]:
        its = value(alike, TOTAL, emotion).value
        for condition in (MATCHED, SHUFFLED, RANDOM):
            assert abs(value(alike, TOTAL, emotion, condition).value) < its / 4


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
    assert rows.fall.iloc[-1] == pytest.approx(value(diffuse, TOTAL, EMOTION).value)
    assert (rows.fall.diff().dropna() > 0).all()


def test_verdicts_tell_them_apart(diffuse: Concentration, alike: Concentration) -> None:
    assert rule.concentration(diffuse).outcome == "replicates"
    assert rule.concentration(alike).outcome == "does not replicate"
    assert rule.concentration(measured(copies=COPIES)).outcome == "partly"


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
