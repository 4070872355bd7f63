"""Later blocks see the patched activation in every model family, and the logit lens uses the model's own head."""

from collections.abc import Mapping

import numpy as np
import planted
import pytest
import tiny
import torch

from emomech.causal.patching import patched, read_out
from emomech.causal.questions import Questions
from emomech.core.hook_points import HookPoint
from emomech.data import corpus
from emomech.models.language_model import LanguageModel
from emomech.study.spec import StudySpec
from emomech.study.study import Study

POINTS = (HookPoint(0, "resid_pre"), HookPoint(0), HookPoint(1), HookPoint(2))
LAST = POINTS[-1]


def asked(lm: LanguageModel) -> Questions:
    study = Study(StudySpec())
    examples = [corpus.Example(text, label) for text, label in zip(tiny.TEXTS, "abab", strict=True)]
    study = study.replaced(
        lm=lm, corpus=corpus.make("tiny", examples), prompts=list(tiny.TEXTS), answers=[" joy", " sad"]
    )
    return Questions.of(study, range(len(tiny.TEXTS)))


def at_the_answer(questions: Questions) -> Mapping[HookPoint, torch.Tensor]:
    return questions.activations(POINTS, "answer")


def test_the_own_activation_changes_nothing_and_the_last_block_s_is_the_answer(lm: LanguageModel) -> None:
    questions = asked(lm)
    clean, own = questions.logits(), at_the_answer(questions)
    for point in POINTS:
        np.testing.assert_allclose(patched(questions, point, own[point]), clean, atol=1e-4)
    np.testing.assert_allclose(read_out(questions, own[LAST]), clean, atol=1e-4)
    assert np.abs(read_out(questions, own[POINTS[1]]) - clean).max() > 1e-2


def test_another_text_s_activation_after_the_last_block_gives_its_answer(lm: LanguageModel) -> None:
    questions = asked(lm)
    other = [1, 2, 3, 0]
    given = at_the_answer(questions)[LAST][other]
    np.testing.assert_allclose(patched(questions, LAST, given), questions.logits()[other], atol=1e-4)


def test_the_read_out_is_the_unembedding_where_no_norm_stands_before_it() -> None:
    questions = Questions.of(planted.study(160), range(40))
    values = torch.randn(40, planted.D_MODEL, generator=torch.Generator().manual_seed(0))
    rows = questions.lm.module.get_submodule("lm_head").get_parameter("weight")[questions.label_ids]
    expected = torch.einsum("tld,td->tl", rows, values)
    np.testing.assert_allclose(read_out(questions, values), expected.numpy(), atol=1e-4)


@pytest.mark.parametrize("depth", [0, 3])
def test_a_planted_answer_moves_with_the_activation_from_the_depth_at_which_all_of_it_is_there(depth: int) -> None:
    study = planted.study(160)
    questions = Questions.of(study, range(40))
    point = planted.POINTS[depth]
    other = np.roll(np.arange(40), 1)
    values = questions.activations([point], "answer")[point]
    follows = patched(questions, point, values[other]).argmax(1) == questions.gold[other]
    assert (follows.mean() == 1) == (depth == 3)
