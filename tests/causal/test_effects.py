"""Replayed edits give the same logits as a forward pass under each edit, in every model family."""

import numpy as np
import planted
import pytest
import tiny
import torch

from emomech.causal.effects import logits_of_each, logits_without_each
from emomech.causal.questions import Questions
from emomech.core.errors import UsageError
from emomech.core.hook_points import HookPoint
from emomech.models.language_model import LanguageModel
from emomech.models.tokens import tokenize
from emomech.saes.controls import random_sae
from emomech.saes.edits import Add, MoveFeatures, Reconstruct
from emomech.saes.sae import Sae

LABELS = torch.tensor([[5, 9, 200]] * len(tiny.TEXTS))


def questions_of(lm: LanguageModel) -> Questions:
    texts = tuple(tokenize(lm, tiny.TEXTS))
    return Questions(lm, texts, LABELS, np.array([0, 1, 2, 0]), (), ("a", "b", "c"))


def sae_at(lm: LanguageModel, point: HookPoint, n: int = 40) -> Sae:
    x = questions_of(lm).activations([point])[point]
    return random_sae(point, x, n, 8.0, seed=0)


@pytest.mark.parametrize("where", ["everywhere", "text", "answer"])
def test_each_of_several_edits_is_asked_as_if_alone(lm: LanguageModel, where) -> None:
    questions, point = questions_of(lm), HookPoint(1)
    sae = sae_at(lm, point)
    edits = [{point: MoveFeatures(sae, [i], offset=0.5)} for i in range(3)]
    edits += [
        {},
        {point: MoveFeatures(sae, [4])},
        {HookPoint(0): Add(torch.ones(tiny.D_MODEL)), point: Reconstruct(sae)},
    ]
    for edit, logits in zip(edits, logits_of_each(questions, edits, where), strict=True):
        np.testing.assert_allclose(questions.logits(edit, where), logits, atol=1e-5)


def test_features_moved_one_by_one_at_the_answer_are_edits_of_the_answer(lm: LanguageModel) -> None:
    questions = questions_of(lm)
    for point in (HookPoint(0), HookPoint(tiny.N_BLOCKS - 1)):
        sae, features = sae_at(lm, point), torch.arange(0, 40, 3)
        target = torch.rand(len(features))
        logits = logits_without_each(questions, sae, features, target)
        for i, feature in enumerate(features.tolist()):
            edit = {point: MoveFeatures(sae, [feature], offset=float(target[i]))}
            np.testing.assert_allclose(logits[i], questions.logits(edit, "answer"), atol=1e-5)


def test_a_model_of_other_blocks_is_replayed_whole_or_not_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    questions = Questions.of(planted.study(40), range(8))
    sae = planted.saes()[HookPoint(3)]
    edits = [{HookPoint(3): MoveFeatures(sae, [i], offset=1.0)} for i in range(3)]
    for where in ("everywhere", "answer"):
        expected = np.stack([questions.logits(edit, where) for edit in edits])
        np.testing.assert_allclose(logits_of_each(questions, edits, where), expected, atol=1e-5)
    expected = np.stack([questions.logits(edit) for edit in edits])
    monkeypatch.setattr(questions.lm.module.config, "model_type", "unheard of")
    assert np.array_equal(logits_of_each(questions, edits), expected)
    with pytest.raises(UsageError, match="known model family"):
        logits_without_each(questions, sae, torch.arange(3))
