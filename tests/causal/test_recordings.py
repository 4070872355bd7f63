"""Kept recordings change no answer, follow the questions that they are of, and are limited in size."""

import numpy as np
import pytest
import tiny
import torch

from emomech.causal import recordings
from emomech.causal.attribution import attribute
from emomech.causal.effects import logits_of_each
from emomech.causal.questions import Questions, Where
from emomech.core.hook_points import HookPoint
from emomech.models.language_model import LanguageModel, randomised
from emomech.models.replay import Replay
from emomech.models.tokens import tokenize
from emomech.saes.controls import dimensions
from emomech.saes.edits import Add

POINT = HookPoint(0)
EDITS = [{}, {POINT: Add(torch.ones(tiny.D_MODEL))}, {HookPoint(1): Add(-torch.ones(tiny.D_MODEL))}]


def ask(lm: LanguageModel) -> Questions:
    texts = tuple(tokenize(lm, tiny.TEXTS[:4]))
    labels = torch.arange(5, 8).repeat(len(texts), 1)
    return Questions(lm, texts, labels, np.array([0, 1, 2, 0]), (None,) * 4, ("a", "b", "c"))  # pyright: ignore


@pytest.mark.parametrize("where", ["everywhere", "answer"])
def test_what_is_measured_is_the_same_again_and_again(
    lm: LanguageModel, where: Where, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, questions = ask(lm), recordings.kept(ask(lm))
    saes = dimensions([POINT], tiny.D_MODEL)
    logits, effects = logits_of_each(plain, EDITS, where), attribute(plain, saes, where=where)[POINT]
    made = count_recordings(monkeypatch)
    for _ in range(2):
        np.testing.assert_array_equal(logits_of_each(questions, EDITS, where), logits)
        np.testing.assert_array_equal(attribute(questions, saes, where=where)[POINT].effect, effects.effect)
        np.testing.assert_array_equal(logits_of_each(questions.with_gold(questions.gold[::-1]), EDITS, where), logits)
    assert len(made) <= 1


def count_recordings(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    made: list[int] = []
    record = Replay.of.__func__  # pyright: ignore

    def counted(*arguments: object) -> Replay:
        made.append(1)
        return record(Replay, *arguments)

    monkeypatch.setattr(Replay, "of", counted)
    return made


def test_other_texts_and_other_models_have_recordings_of_their_own() -> None:
    lm = tiny.language_model("gpt2")
    questions = recordings.kept(ask(lm))
    logits = logits_of_each(questions, EDITS)
    assert questions.recordings
    np.testing.assert_allclose(logits_of_each(questions.take([2, 0]), EDITS), logits[:, [2, 0]], rtol=1e-4, atol=1e-5)
    other = randomised(lm, 0)
    np.testing.assert_array_equal(logits_of_each(questions.on(other), EDITS), logits_of_each(ask(other), EDITS))


def test_large_recordings_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    questions = recordings.kept(ask(tiny.language_model("gpt2")))
    size = recordings.n_bytes(questions)
    n_tokens = sum(len(text.ids) for text in questions.texts)
    assert size == n_tokens * tiny.D_MODEL * (questions.lm.n_layers + 1) * 4
    monkeypatch.setattr(recordings, "MOST_BYTES", size - 1)
    logits_of_each(questions, EDITS)
    assert questions.recordings == []
    monkeypatch.setattr(recordings, "MOST_BYTES", size)
    logits_of_each(questions, EDITS)
    assert len(questions.recordings or ()) == 1


def test_by_default_nothing_is_kept() -> None:
    questions = ask(tiny.language_model("gpt2"))
    logits_of_each(questions, EDITS)
    assert questions.recordings is None and questions.take([0]).recordings is None
