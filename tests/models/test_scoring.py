"""A label's score is the probability of its whole string after the prompt, whatever else is scored with it."""

import numpy as np
import planted
import pytest
import tiny
import torch

from emomech.core.errors import UsageError
from emomech.models import scoring
from emomech.models.language_model import LanguageModel, wrap
from emomech.models.scoring import label_log_probs, label_probabilities
from emomech.models.tokens import batches, tokenize

PROMPTS = [f"{text} Ana felt" for text in tiny.TEXTS]
ANSWERS = [" joy", " sadness", " deeply moved, 🙂", " fear"]
"""Labels of one token and of several."""


@torch.inference_mode()
def one_by_one(lm: LanguageModel, prompt: str, answer: str) -> float:
    """Sum the log-probability of each token of the answer, in a separate pass and without padding."""
    (question,), (full,) = tokenize(lm, [prompt]), tokenize(lm, [prompt + answer])
    total = 0.0
    for i in range(len(question.ids), len(full.ids)):
        logits = lm.module(input_ids=torch.tensor([full.ids[:i]])).logits[0, -1]
        total += float(logits.log_softmax(-1)[full.ids[i]])
    return total


def test_labels_are_of_one_token_and_of_several() -> None:
    lm = tiny.language_model("gpt2")
    lengths = [len(tokenize(lm, [f"felt{answer}"])[0].ids) - len(tokenize(lm, ["felt"])[0].ids) for answer in ANSWERS]
    assert lengths[0] == 1 == lengths[3] and lengths[1] >= 1 and lengths[2] > 4


def test_a_score_is_the_sum_over_the_tokens_of_the_label(lm: LanguageModel) -> None:
    expected = [[one_by_one(lm, prompt, answer) for answer in ANSWERS] for prompt in PROMPTS]
    np.testing.assert_allclose(label_log_probs(lm, PROMPTS, ANSWERS), expected, rtol=1e-5)


def test_a_score_does_not_depend_on_the_company(lm: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> None:
    scores = label_log_probs(lm, PROMPTS, ANSWERS)
    order = [2, 0, 3, 1]
    turned = label_log_probs(lm, [PROMPTS[i] for i in order], ANSWERS[::-1])
    np.testing.assert_allclose(turned[:, ::-1], scores[order], rtol=1e-5)
    monkeypatch.setattr(scoring, "batches", lambda *a, **k: batches(*a, **k, max_tokens=30))
    np.testing.assert_allclose(label_log_probs(lm, PROMPTS, ANSWERS), scores, rtol=1e-5)


def test_both_ways_of_scoring_agree_on_labels_of_one_token(lm: LanguageModel) -> None:
    short = [" joy", " fear"]
    full = [tokenize(lm, [prompt + answer for prompt in PROMPTS]) for answer in short]
    slow = [scoring._string_log_probs(lm, texts, [text.ids[-1:] for text in texts]) for texts in full]
    np.testing.assert_allclose(label_log_probs(lm, PROMPTS, short), np.transpose(slow), rtol=1e-5)


def test_the_probabilities_of_all_that_can_follow_add_up_to_one() -> None:
    lm = planted.language_model()
    answers = [f" {word}" for word in planted.VOCABULARY if word.isalnum()]
    scores = label_log_probs(lm, ["ana felt"], answers)
    non_words = [planted.VOCABULARY.index(word) for word in planted.VOCABULARY if not word.isalnum()]
    with torch.inference_mode():
        ids = torch.tensor([tokenize(lm, ["ana felt"])[0].ids])
        rest = lm.module(input_ids=ids).logits[0, -1].softmax(-1)[non_words].sum()
    assert np.exp(scores).sum() + float(rest) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(("prompt", "answer"), [("Ana felt ", "sad"), ("Ana felt", ""), ("Ana was s", "ad")])
def test_a_label_that_runs_into_the_prompt_is_refused(prompt: str, answer: str) -> None:
    lm = tiny.language_model("gpt2")
    with pytest.raises(UsageError, match=f"label '{answer}': its tokens run into the prompt's.*begin with a space"):
        label_log_probs(lm, ["Ana felt", prompt], [answer] if answer else [" joy", answer])


def test_a_sentencepiece_tokenizer_is_scored_alike() -> None:
    lm = wrap("m", tiny.language_model("llama").module, tiny.sentencepiece(), None)
    expected = [[one_by_one(lm, prompt, answer) for answer in (" joy", " sad")] for prompt in PROMPTS]
    np.testing.assert_allclose(label_log_probs(lm, PROMPTS, [" joy", " sad"]), expected, rtol=1e-5)


def test_a_label_that_the_tokenizer_cannot_write_is_refused() -> None:
    with pytest.raises(UsageError, match="label ' grief': the tokenizer of planted cannot write it"):
        label_log_probs(planted.language_model(), ["ana felt"], [" joy", " grief"])


def test_probabilities_are_those_within_the_label_set() -> None:
    probabilities = label_probabilities(np.log([[0.1, 0.3], [0.02, 0.02]]))
    np.testing.assert_allclose(probabilities, [[0.25, 0.75], [0.5, 0.5]])
    np.testing.assert_allclose(label_probabilities(np.array([[-2000.0, -2000.0 - np.log(3)]])), [[0.75, 0.25]])


def test_no_prompts_have_no_scores() -> None:
    assert label_log_probs(tiny.language_model("gpt2"), [], ANSWERS).shape == (0, len(ANSWERS))
