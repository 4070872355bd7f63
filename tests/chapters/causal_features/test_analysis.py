"""Cards on the planted model: its emotion features are found, described and linked; the null model has none."""

from collections.abc import Callable

import numpy as np
import planted
import pytest
import torch

from emomech.causal.feature_selection import draw_questions
from emomech.causal.feature_stats import feature_stats
from emomech.causal.questions import Questions, log_odds
from emomech.chapters.causal_features.analysis import CAUSAL, MATCHED, CausalFeatures, causal_features
from emomech.core.hook_points import HookPoint
from emomech.models.architectures import module_at
from emomech.stats.tables import checked
from emomech.study.study import Study

SIZES = {"n_features": 1, "n_texts": 24, "n_shown": 3, "n_resamples": 60}
EMOTIONS = planted.CLASSES["emotion"]


def study(null: bool = False) -> Study:
    return planted.study(480, null=null)


@pytest.fixture(scope="module")
def result() -> CausalFeatures:
    return checked(causal_features(study(), **SIZES))


def planted_as(row) -> str:
    """The class that the feature of a card was planted for."""
    return planted.feature_names()[row.feature]


def test_the_first_feature_of_each_emotion_is_the_planted_one(result: CausalFeatures) -> None:
    writing = result.cards[result.cards.writes != ""]
    assert set(writing.supports) == set(EMOTIONS)
    for row in writing.itertuples():
        assert planted_as(row) == f"emotion:{row.supports}"
        assert row.writes == row.supports
        assert row.raises.split()[0] == row.supports
        assert row.auroc > 0.8  # before the end of the text, another emotion may be the answer


def test_those_that_write_no_label_stand_beside_them(result: CausalFeatures) -> None:
    silent = result.cards[result.cards.writes == ""]
    assert len(silent)
    assert not [row for row in silent.itertuples() if planted_as(row).startswith("emotion:")]


def test_ablating_the_planted_feature_costs_its_emotion_and_a_matched_one_nothing(result: CausalFeatures) -> None:
    effects = result.effects.merge(result.cards[["hook_point", "feature", "writes"]], how="left")
    writing = effects[effects.own & (effects.condition == CAUSAL) & (effects.writes != "")]
    assert (writing.low > 0).all()
    assert (writing.q <= 0.05).all()
    matched = effects[effects.condition == MATCHED]
    assert len(matched)
    assert matched.loss.abs().max() < writing.loss.min() / 4


def test_the_effect_is_that_of_ablation_by_hand(result: CausalFeatures) -> None:
    """Each text separately, with one forward pass and a hook of the test."""
    made = study()
    row = result.effects[result.effects.own & (result.effects.condition == CAUSAL)].iloc[0]
    questions = draw_questions(made, {"discover": 24, "report": 24})
    assert not isinstance(questions, str)
    point = next(p for p in made.saes if str(p) == row.hook_point)
    sae = made.saes[point]
    mean = feature_stats(questions["discover"], {point: sae})[point].features[row.feature]

    def ablated(x: torch.Tensor) -> torch.Tensor:
        moved = x + (mean - sae.encode(x)[..., row.feature])[..., None] * sae.W_dec[row.feature]
        return torch.cat([x[:, :1], moved[:, 1:]], 1)  # the BOS is left as it is

    report = questions["report"]
    of_it = [report.take([i]) for i, e in enumerate(report.examples) if e.label == row.emotion]
    losses = [(one.log_odds() - log_odds(edited(one, point, ablated), one.gold))[0] for one in of_it]
    assert np.mean(losses) == pytest.approx(row.loss, abs=1e-4)


@torch.inference_mode()
def edited(question: Questions, point: HookPoint, edit: Callable[[torch.Tensor], torch.Tensor]) -> np.ndarray:
    """Logits of the labels after one text."""
    module, side = module_at(question.lm, point)
    if side == "output":
        hook = module.register_forward_hook(lambda module, given, out: edit(out))
    else:
        hook = module.register_forward_pre_hook(lambda module, given: (edit(given[0]), *given[1:]))
    logits = question.lm.module(input_ids=torch.tensor([question.texts[0].ids])).logits[:, -1]
    hook.remove()
    return logits[:, question.label_ids[0]].numpy()


def test_texts_are_those_on_which_the_feature_is_highest(result: CausalFeatures) -> None:
    for _, rows in result.texts.groupby(["hook_point", "feature"]):
        assert rows["rank"].tolist() == list(range(1, len(rows) + 1))
        assert rows.highest.is_monotonic_decreasing
    for row in result.texts.itertuples():
        values = [float(token.split(":")[2]) for token in row.heat.split()]
        assert 0 < max(values) <= 1


def test_a_model_at_chance_has_no_cards() -> None:
    result = checked(causal_features(study(null=True), **SIZES))
    assert "at chance" in result.setting.untested.iloc[0]
    assert result.cards.empty and result.effects.empty and result.texts.empty
