"""Pooled activations and features equal the means over single tokens, in the order of the texts."""

import numpy as np
import planted
import torch

from emomech.causal.questions import Questions
from emomech.chapters.depth.pooling import PLACES, pool
from emomech.models.activations import collect


def test_means_are_those_of_each_text_alone() -> None:
    questions = Questions.of(planted.study(160), range(30))
    saes = planted.saes()
    pooled = pool(questions, saes)
    assert tuple(pooled) == PLACES
    for row, text in enumerate(questions.texts):
        content = [i for i, special in enumerate(text.special) if not special]
        for where, positions in {"text": content[:-1], "answer": content[-1:]}.items():
            read = collect(questions.lm, list(saes), [text], [positions])
            for point, x in read.items():
                means = pooled[where][point]
                torch.testing.assert_close(means.activation[row], x.mean(0), atol=1e-4, rtol=1e-4)
                features = np.mean([saes[point].encode(token[None])[0].numpy() for token in x], 0)
                np.testing.assert_allclose(means.features.toarray()[row], features, atol=1e-4)


def test_a_feature_that_fires_at_one_word_is_in_the_mean() -> None:
    """A feature that fires at one token does not fire on the mean activation, but is in the mean of the features."""
    study = planted.study(160)
    questions = Questions.of(study, range(30))
    point = planted.POINTS[6]
    pooled = pool(questions, planted.saes())["text"][point]
    index = [planted.feature_names().index(f"emotion:{label}") for label in questions.labels]
    own = np.array(index)[questions.gold]
    assert (pooled.features.toarray()[np.arange(30), own] > 0).all()
    assert (planted.saes()[point].encode(pooled.activation)[:, index] == 0).all()
