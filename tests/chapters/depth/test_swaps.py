"""Swapped activations give the same answers as whole forward passes."""

import numpy as np
import planted
import pytest
import tiny
import torch

from emomech.causal.patching import patched
from emomech.causal.questions import Questions
from emomech.chapters.depth.swaps import answers_after
from emomech.core.hook_points import HookPoint
from emomech.data.corpus import Example
from emomech.models.tokens import tokenize


@pytest.mark.parametrize("family", ["gpt2", "gemma2", "qwen3"])
def test_answers_are_those_of_whole_forward_passes(family: str) -> None:
    lm = tiny.language_model(family)
    texts, examples = tuple(tokenize(lm, tiny.TEXTS)), tuple(Example(text, "a") for text in tiny.TEXTS)
    ids = torch.tensor([[5, 7, 11]] * len(texts))
    questions = Questions(lm, texts, ids, np.array([0, 1, 2, 0]), examples, ("a", "b", "c"))
    points = [HookPoint(0, "resid_pre"), HookPoint(1), HookPoint(2)]
    values = {p: x.roll(1, 0) for p, x in questions.activations(points, "answer").items()}
    expected = np.stack([patched(questions, point, x).argmax(1) for point, x in values.items()])
    np.testing.assert_array_equal(answers_after(questions, values), expected)


def test_a_family_that_cannot_be_replayed_takes_whole_passes() -> None:
    questions = Questions.of(planted.study(160), range(12))
    values = {p: x.roll(1, 0) for p, x in questions.activations(planted.POINTS, "answer").items()}
    answers = answers_after(questions, values)
    assert answers.shape == (len(planted.POINTS), 12)
    np.testing.assert_array_equal(answers[-1], np.roll(questions.logits().argmax(1), 1))
