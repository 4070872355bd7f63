"""Early layers on a model whose blocks are known: blocks two and four infer, the others can be skipped."""

import numpy as np
import pandas as pd
import planted
import pytest
import tiny

from emomech.chapters.early_layers import rule
from emomech.chapters.early_layers.analysis import early_layers
from emomech.chapters.early_layers.tables import AVERAGE, CHANGES, REFERENCE, EarlyLayers
from emomech.chapters.tasks import EMOTION
from emomech.stats.tables import checked, number
from emomech.study.study import Study

SIZES = {"most": 20, "n_language": 20, "n_draws": 3}


def asked(null: bool = False, controls: int = 1) -> Study:
    """The planted study; its control asks the same question about other texts."""
    study = planted.study(480, null=null)
    study = study.replaced(controls=[planted.study(240, seed=1 + i, null=null) for i in range(controls)])
    return study


@pytest.fixture(scope="module")
def result() -> EarlyLayers:
    study = asked()
    before = [weight.clone() for weight in study.lm.module.parameters()]
    result = checked(early_layers(study, **SIZES))
    assert all((weight == old).all() for weight, old in zip(study.lm.module.parameters(), before, strict=True))
    return result


@pytest.fixture(scope="module")
def null() -> EarlyLayers:
    return checked(early_layers(asked(null=True), **SIZES))


def emotion(result: EarlyLayers) -> pd.DataFrame:
    return result.losses[result.losses.task == EMOTION]


def test_skipping_costs_where_a_block_does_something(result: EarlyLayers) -> None:
    loss = emotion(result).query("method == 'skipping'").set_index(["third", "dose"]).loss
    assert loss["early", "all blocks"] == 0
    assert loss["middle", "first block"] == loss["late", "first block"] == pytest.approx(0.75)
    assert loss["middle", "last block"] == loss["late", "last block"] == 0
    assert "middle block" not in loss.index.get_level_values("dose")  # two blocks have none


def test_noise_in_blocks_that_do_nothing_costs_nothing(result: EarlyLayers) -> None:
    noise = emotion(result).query("method == 'noise'").set_index(["third", "target"]).loss
    assert noise["early", REFERENCE] == 0
    assert noise["middle", 0.4] >= 0


def test_the_change_that_is_compared_is_the_one_asked_for(result: EarlyLayers) -> None:
    averages = emotion(result).query("method == @AVERAGE")
    assert len(averages) == 3 * len(CHANGES)
    np.testing.assert_allclose(averages.change, averages.target, rtol=0.25)
    assert averages.groupby("target").dose.nunique().eq(1).all()
    noise = emotion(result).query("method == 'noise'")
    np.testing.assert_allclose(noise.change, noise.target, rtol=1e-3)


def test_contrasts_are_differences_of_what_is_lost(result: EarlyLayers) -> None:
    lost = [
        number(result.losses, "loss", third=third, method=AVERAGE, target=0.4, task=EMOTION).value
        for third in ("early", "middle")
    ]
    contrast = number(result.contrasts, "difference", target=0.4, contrast="early less middle", task=EMOTION)
    assert contrast.value == pytest.approx(lost[0] - lost[1])
    special = result.special.query("contrast == 'early'")
    assert (special.low <= 0).all() and (special.high >= 0).all()


def test_so_few_texts_cannot_show_that_early_blocks_are_safe(result: EarlyLayers) -> None:
    verdict = rule.early_layers(result)
    assert verdict.outcome in ("no power here", "partly", "does not replicate")
    assert verdict.checks[0].status == "no power" and verdict.checks[0].estimate.startswith("0.00")
    assert "control task planted" in verdict.reason


def test_the_draws_begin_with_the_estimates_of_the_page(result: EarlyLayers) -> None:
    first = result.stability[result.stability.draw == 0].set_index("quantity").value
    loss = number(result.losses, "loss", third="early", method=AVERAGE, target=REFERENCE, task=EMOTION)
    assert first["accuracy lost"] == pytest.approx(loss.value)
    assert result.stability.draw.nunique() == 3


def test_blocks_are_named(result: EarlyLayers) -> None:
    assert result.blocks.blocks.tolist() == ["0, 1", "2, 3", "4, 5"]


def test_a_model_at_chance_cannot_be_tested(null: EarlyLayers) -> None:
    assert null.losses.empty
    verdict = rule.early_layers(null)
    assert verdict.outcome == "cannot be tested here"
    assert "no better than chance" in verdict.reason


def test_a_model_of_two_blocks_has_no_thirds() -> None:
    study = asked(controls=0)
    study = study.replaced(lm=tiny.language_model("gpt2"))
    if study.lm.n_layers < 3:
        result = checked(early_layers(study, **SIZES))
        assert "3 are needed to compare thirds" in rule.early_layers(result).reason


def test_without_a_control_task_it_is_unknown_whether_emotion_is_special() -> None:
    result = checked(early_layers(asked(controls=0), **SIZES))
    assert "no control task that can be tested" in rule.early_layers(result).reason
    assert result.special.empty


def test_the_seed_decides_everything(result: EarlyLayers) -> None:
    pd.testing.assert_frame_equal(early_layers(asked(), **SIZES).losses, result.losses)
