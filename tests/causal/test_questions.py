"""The score of a question does not depend on its batch, and edits change exactly the chosen tokens."""

import numpy as np
import planted
import pytest
import torch
from scipy.special import logsumexp

from emomech.causal.questions import Questions, balanced, log_odds
from emomech.core.errors import UsageError
from emomech.core.hook_points import HookPoint
from emomech.data.corpus import Corpus
from emomech.models.scoring import label_log_probs
from emomech.saes.edits import MoveFeatures, Replace

LAST = HookPoint(planted.N_BLOCKS - 1)


@pytest.fixture(scope="module")
def study():
    return planted.study(160)


@pytest.fixture(scope="module")
def questions(study) -> Questions:
    return Questions.of(study, range(40))


def test_logits_rank_labels_as_their_log_probabilities_do(study, questions: Questions) -> None:
    scores = label_log_probs(study.lm, study.prompts[:40], study.answers)
    logits = questions.logits()
    np.testing.assert_allclose(logits - logits[:, :1], scores - scores[:, :1], atol=1e-4)
    assert (logits.argmax(1) == questions.gold).all()


def test_alone_is_as_in_a_batch(questions: Questions) -> None:
    together = questions.logits()
    for i in (0, 17, 39):
        np.testing.assert_allclose(questions.take([i]).logits()[0], together[i], atol=1e-4)


def test_log_odds_are_of_the_own_label_against_all_others() -> None:
    logits = np.array([[1.0, 2.0, 3.0], [0.0, 5.0, -1.0]])
    expected = [1.0 - logsumexp([2.0, 3.0]), 5.0 - logsumexp([0.0, -1.0])]
    np.testing.assert_allclose(log_odds(logits, np.array([0, 1])), expected)


@pytest.mark.parametrize("where", ["everywhere", "answer", "text"])
def test_an_edit_reaches_the_tokens_that_are_named(questions: Questions, where) -> None:
    """After the last block, only the activation at the last token reaches the logits."""
    nothing = torch.zeros(planted.D_MODEL)
    logits = questions.logits({LAST: Replace(nothing)}, where)
    assert (logits == 0).all() == (where != "text")


def test_an_edit_of_nothing_changes_nothing(questions: Questions) -> None:
    edits = {point: MoveFeatures(sae, [], offset=1.0) for point, sae in planted.saes().items()}
    np.testing.assert_array_equal(questions.logits(edits), questions.logits())


def test_ablating_the_feature_of_an_emotion_takes_its_odds(questions: Questions) -> None:
    index = planted.feature_names().index("emotion:joy")
    drop = questions.log_odds({LAST: MoveFeatures(planted.saes()[LAST], [index])}) - questions.log_odds()
    joyful = questions.gold == planted.CLASSES["emotion"].index("joy")
    assert drop[joyful].max() < -3 and abs(drop[~joyful]).max() < 1e-3


def test_equally_many_texts_of_every_label_all_from_one_split(study) -> None:
    corpus: Corpus = study.corpus
    for split in ("discover", "tune", "report"):
        rows = balanced(study, split)
        assert {corpus.split(corpus.examples[i], 0) for i in rows} == {split}
        assert len(set(np.bincount(Questions.of(study, rows).gold))) == 1
        assert len(balanced(study, split, most=2)) == 8


def test_labels_that_begin_alike_are_refused(study) -> None:
    alike = study.replaced(answers=[" joy", " joy .", " fear", " anger"])
    with pytest.raises(UsageError, match=r"' joy' and ' joy \.': planted begins both with the token 'joy'"):
        Questions.of(alike, [0])
