"""Means over a text's tokens are those that are taken token by token, in the order of the texts."""

import numpy as np
import planted
import torch

from emomech.causal.questions import Questions
from emomech.chapters.depth.pooling import PLACES, pooled
from emomech.models.activations import collect


def test_means_are_those_of_each_text_alone() -> None:
    questions = Questions.of(planted.study(160), range(30))
    saes = planted.saes()
    found = pooled(questions, saes)
    assert tuple(found) == PLACES
    for row, text in enumerate(questions.texts):
        content = [i for i, special in enumerate(text.special) if not special]
        for where, positions in {"text": content[:-1], "answer": content[-1:]}.items():
            read = collect(questions.lm, list(saes), [text], [positions])
            for point, x in read.items():
                one = found[where][point]
                torch.testing.assert_close(one.activation[row], x.mean(0), atol=1e-4, rtol=1e-4)
                features = np.mean([saes[point].encode(token[None])[0].numpy() for token in x], 0)
                np.testing.assert_allclose(one.features.toarray()[row], features, atol=1e-4)


def test_a_feature_that_fires_at_one_word_is_in_the_mean() -> None:
    """The mean of a text's activations is too small for a feature that one of its tokens has in full."""
    study = planted.study(160)
    questions = Questions.of(study, range(30))
    point = planted.POINTS[6]
    found = pooled(questions, planted.saes())["text"][point]
    index = [planted.feature_names().index(f"emotion:{label}") for label in questions.labels]
    own = np.array(index)[questions.gold]
    assert (found.features.toarray()[np.arange(30), own] > 0).all()
    assert (planted.saes()[point].encode(found.activation)[:, index] == 0).all()
