"""The deep model: its study answers as its labels say, except for the share that is wrong."""

from pathlib import Path

import numpy as np
import pytest

from emomech.bench import deep
from emomech.causal.questions import Questions, balanced
from emomech.core.hook_points import HookPoint


@pytest.mark.parametrize("wrong", [0, 4])
def test_the_model_answers_with_the_labels_except_for_the_wrong_share(deep_case: Path, wrong: int) -> None:
    study = deep.study(deep_case, [1, 2], wrong)
    assert list(study.saes) == [HookPoint(1), HookPoint(2)] and study.lm.n_layers == 4
    for split in ("discover", "report"):
        questions = Questions.of(study, balanced(study, split))
        right = (questions.logits().argmax(1) == questions.gold).mean()
        assert len(questions) >= 20 and abs(right - (0.75 if wrong else 1.0)) < (0.1 if wrong else 1e-9)


def test_lengths_of_texts_are_drawn_from_those_given_and_hold_no_label() -> None:
    texts = [text.split() for text in deep.sentences(50, [3, 9])]
    assert {len(text) for text in texts} == {3, 9}
    assert not {"w2", "w3"} & {word for text in texts for word in text}
    assert texts == [text.split() for text in deep.sentences(50, [3, 9])]
    assert np.unique([word for text in texts for word in text]).size > 100
