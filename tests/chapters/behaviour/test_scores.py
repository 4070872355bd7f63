"""Differences to baselines and excess over chance, on predictions made by hand."""

import numpy as np
import pytest

from emomech.chapters.behaviour.scores import Predictions, above_rows, advantage_rows, on_draws
from emomech.data.corpus import Example
from emomech.stats.estimates import Estimate, bootstrap_weights

LABELS = ("joy", "fear", "anger")


@pytest.fixture
def predictions() -> Predictions:
    """The model is right on three of four texts, one baseline on none, one exactly where the model is."""
    gold = np.tile([0, 1, 2], 40)
    model = np.where(np.arange(120) % 4 > 0, gold, (gold + 1) % 3)
    examples = [Example("", LABELS[g], cluster=str(i), item_type="easy") for i, g in enumerate(gold)]
    weights = bootstrap_weights([e.cluster for e in examples], 100, seed=0)
    predicted = {"model": model, "wrong": (gold + 1) % 3, "same": model}
    return Predictions(examples, LABELS, gold, predicted, weights, seed=0)


def gains(predictions: Predictions) -> dict[object, Estimate]:
    rows = {row["baseline"]: row["difference"] for row in advantage_rows(predictions)}
    return {name: gain for name, gain in rows.items() if isinstance(gain, Estimate)}


def test_differences_are_paired(predictions: Predictions) -> None:
    found = gains(predictions)
    assert found["same"] == Estimate(0.0, 0.0, 0.0, 120)
    assert found["wrong"].value == pytest.approx(0.75) and 0.6 < found["wrong"].low < 0.72


def test_weighted_accuracy_is_that_of_the_confusion(predictions: Predictions) -> None:
    expected = predictions.confusion("model")[1].balanced_accuracy()
    np.testing.assert_allclose(predictions.balanced_accuracy("model", predictions.weights), expected)


def test_every_group_is_tested_against_chance(predictions: Predictions) -> None:
    rows = list(above_rows(predictions, predictions.groups()))
    assert [(row["breakdown"], row["group"]) for row in rows] == [("all", "all texts"), ("item type", "easy")]
    above = rows[0]["above"]
    assert isinstance(above, Estimate) and above.low > 0.2


def test_draws_begin_with_all_texts(predictions: Predictions) -> None:
    found = on_draws(predictions, 5)
    assert found["wrong"][0] == pytest.approx(0.75) and len(found["wrong"]) == 5
    assert len(on_draws(predictions, 1)["same"]) == 1
