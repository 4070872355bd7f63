"""Baselines behave as documented: a bias shifts labels only, projections grow, worked examples are read."""

import noisy
import numpy as np
import planted
import pytest
import torch

from emomech.causal.dictionary import Dictionary
from emomech.causal.questions import Questions, balanced
from emomech.causal.steering.baselines import class_means, few_shot, logit_bias, selective
from emomech.causal.steering.label_draws import joined
from emomech.causal.steering.operations import Move, label_support, strongest
from emomech.causal.steering.recognition import accuracy
from emomech.core.errors import UsageError
from emomech.core.hook_points import HookPoint
from emomech.saes.controls import dimensions


@pytest.fixture(scope="module")
def sides() -> tuple[Questions, Questions]:
    study = planted.study(320)
    return Questions.of(study, balanced(study, "discover", 8)), Questions.of(study, balanced(study, "tune", 8))


@pytest.fixture(scope="module")
def dictionary(sides: tuple[Questions, Questions]) -> Dictionary:
    return Dictionary.of(sides[1], planted.saes())


def test_dimensions_reproduce_the_activation() -> None:
    sae = dimensions([HookPoint(1)], 6)[HookPoint(1)]
    x = torch.randn(5, 6, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(sae.decode(sae.encode(x), x), x)
    assert (sae.encode(x) >= 0).all()


def test_class_means_stand_where_the_emotion_is_and_grow(
    dictionary: Dictionary, sides: tuple[Questions, Questions]
) -> None:
    both = joined(*sides)
    rows = np.arange(len(both))
    at_answer = both.activations(list(dictionary.saes), "answer")
    means = class_means(dictionary, at_answer, both.gold, rows[: len(sides[0])], rows[len(sides[0]) :])
    (point,) = means.dictionary.saes
    assert point.resid_index() in planted.BANDS["emotion"]
    x = dictionary.stats[point].drawn
    (edit,) = means.edits(Move("scale", (1.0,) * 4)).values()
    d = planted.directions()
    emotion = torch.stack([d[f"emotion:{label}"] for label in sides[0].labels])
    contrast = emotion[0] - emotion[1]
    centre = means.dictionary.saes[point].b_dec
    torch.testing.assert_close((edit(x) - centre) @ contrast, 2 * (x - centre) @ contrast, atol=1e-3, rtol=1e-3)
    background = torch.stack([d[f"background:{i}"] for i in range(3)]).T
    torch.testing.assert_close(edit(x) @ background, x @ background, atol=1e-3, rtol=1e-3)


def test_selective_features_are_none_of_the_causal_ones(
    dictionary: Dictionary, sides: tuple[Questions, Questions]
) -> None:
    supports = label_support(sides[0], dictionary, [8], 0)[8]
    causal = strongest(dictionary, supports, 1)
    selected = selective(causal, supports, sides[0], 2)
    assert not set(selected.all) & set(causal.all)
    for label, features in enumerate(selected.by_label):
        least = min(supports[one.point][label, one.index] for one in causal.by_label[label])
        assert all(abs(supports[one.point][label, one.index]) <= 0.1 * least for one in features)


def test_a_bias_undoes_a_prior_and_nothing_else() -> None:
    rng = np.random.default_rng(0)
    gold = np.repeat(np.arange(3), 60)
    logits = 2.0 * np.eye(3)[gold] + rng.normal(0, 0.5, (180, 3))
    shifted = logits + np.array([3.0, 0.0, -1.0])
    bias = logit_bias(shifted[::2], gold[::2])
    assert bias[0] - bias[1] == pytest.approx(-3, abs=0.5)
    assert accuracy(shifted[1::2] + bias, gold[1::2]) > accuracy(shifted[1::2], gold[1::2]) + 0.3
    assert np.abs(np.diff(logit_bias(logits, gold))).max() < 0.3


def test_worked_examples_are_of_two_labels_and_stand_before_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
    study = noisy.study(320)
    monkeypatch.setattr(study.lm.module.config, "n_positions", 64)
    labelled, rows = balanced(study, "discover", 3), balanced(study, "report", 2)
    asked, bare = few_shot(study, rows, labelled), Questions.of(study, rows)
    assert all(
        long.ids[-len(short.ids) + 1 :] == short.ids[1:] for long, short in zip(asked.texts, bare.texts, strict=True)
    )
    shown = asked.texts[0].ids[: len(asked.texts[0].ids) - len(bare.texts[0].ids) + 1]
    tokens = study.lm.tokenizer.convert_ids_to_tokens(list(shown))
    assert len({token for token in tokens if token in study.corpus.labels}) == 2
    assert (asked.gold == bare.gold).all()


def test_worked_examples_that_do_not_fit_are_refused() -> None:
    study = noisy.study(320)
    with pytest.raises(UsageError, match="reads at most 32"):
        few_shot(study, balanced(study, "report", 2), balanced(study, "discover", 3))
