"""Behaviour of a model that is always right on texts whose words do not help, and of a model at chance."""

from dataclasses import replace

import numpy as np
import planted
import pytest

from emomech.chapters.behaviour import rule
from emomech.chapters.behaviour.analysis import Behaviour, Scored, behaviour
from emomech.chapters.behaviour.scores import MODEL, Predictions
from emomech.core.errors import UsageError
from emomech.data import corpus
from emomech.stats.tables import checked, number

VERB_OF = dict(zip(planted.CLASSES["emotion"], planted.VERBS["good"], strict=False))
"""One word for each emotion, which gives the emotion away to a classifier of word counts."""


@pytest.fixture(scope="module")
def right() -> Behaviour:
    return checked(behaviour(planted.study(800), n_resamples=100))


@pytest.fixture(scope="module")
def null() -> Behaviour:
    return checked(behaviour(planted.study(800, null=True), n_resamples=100))


def score(result: Behaviour, predictor: str, group: str = "all texts") -> float:
    return number(result.accuracy, "balanced_accuracy", predictor=predictor, group=group).value


def test_a_model_that_infers_is_right_and_beats_all(right: Behaviour) -> None:
    assert score(right, "model") > 0.99
    assert (right.advantage.low > 0.5).all() and (right.above.low > 0.5).all()
    assert right.stability.groupby("quantity").size().to_dict() == dict.fromkeys(right.advantage.baseline, 5)
    assert rule.behaviour(right).outcome == "replicates"


def test_baselines_without_inference_are_at_chance(right: Behaviour) -> None:
    assert score(right, "majority") == 0.25
    assert score(right, "bag of words") < 0.35  # a parity of words, which it misses by more than chance
    assert abs(score(right, "random weights") - 0.25) < 0.1


def test_a_model_that_knows_nothing_is_at_chance(null: Behaviour) -> None:
    overall = number(null.accuracy, "balanced_accuracy", predictor="model", group="all texts")
    assert overall.low < 0.25 < overall.high
    assert rule.behaviour(null).outcome == "does not replicate"
    assert (null.advantage.low < 0).any()


@pytest.mark.parametrize("template", ["{word} . {text}", "{text} {word} ."])
def test_the_last_sentence_baseline_sees_only_the_last_sentence(template: str) -> None:
    study = planted.study(400, null=True)
    texts = [template.format(word=VERB_OF[e.label], text=e.text) for e in study.corpus.examples]
    examples = [replace(e, text=text, words=()) for e, text in zip(study.corpus.examples, texts, strict=True)]
    study = study.replaced(corpus=corpus.make("planted", examples, study.corpus.labels))
    study = study.replaced(prompts=[planted.question(e) for e in examples])
    result = behaviour(study, n_resamples=20)
    assert score(result, "bag of words") > 0.9
    if template.startswith("{word}"):
        assert score(result, "last sentence") < 0.4
    else:
        assert score(result, "last sentence") > 0.9


def test_confusion_is_of_the_reported_texts(right: Behaviour) -> None:
    reported = number(right.accuracy, "balanced_accuracy", predictor="model", group="all texts").n
    assert right.confusion.n.sum() == reported
    assert 0.3 < reported / 800 < 0.5
    np.testing.assert_allclose(right.confusion.groupby("gold").share.sum(), 1)


def test_emotions_average_to_balanced_accuracy(null: Behaviour) -> None:
    recall = null.emotions.query("predictor == 'model'").recall
    assert recall.mean() == pytest.approx(score(null, "model"))


def test_a_preference_for_some_words_hides_what_the_model_knows_and_label_means_and_auroc_show_it() -> None:
    rng = np.random.default_rng(0)
    gold = np.repeat(np.arange(4), 50)
    log_probs = np.eye(4)[gold] * 2 + rng.normal(size=(200, 4)) * 0.1 + np.array([9.0, 0, 0, 0])
    examples = [corpus.Example(str(i), "joy", item_type="", cluster=str(i)) for i in range(200)]
    chosen = {MODEL: log_probs.argmax(1)}
    scored = Scored(Predictions(examples, ("a", "b", "c", "d"), gold, chosen, np.ones((20, 200)), 0), log_probs)
    assert scored.correct.mean() == 0.25
    assert scored.without_label_means().value == 1


def test_auroc_is_that_of_the_own_label(right: Behaviour, null: Behaviour) -> None:
    own = right.emotions.query("predictor == 'model'").auroc
    assert (own > 0.99).all()
    assert null.emotions.query("predictor == 'model'").auroc.between(0.3, 0.7).all()
    assert right.emotions.query("predictor == 'bag of words'").auroc.isna().all()


def test_calibration_bins_hold_all_reported_texts(right: Behaviour) -> None:
    assert right.calibration.n.sum() == right.confusion.n.sum()
    error = number(right.measures, "value", measure="expected calibration error").value
    gaps = (right.calibration.confidence - right.calibration.accuracy).abs() * right.calibration.n
    assert error == pytest.approx(gaps.sum() / right.calibration.n.sum())


def test_groups_are_item_types_and_styles() -> None:
    study = planted.study(400)
    examples = [
        replace(e, item_type=["easy", "hard"][i % 2], style="tale") for i, e in enumerate(study.corpus.examples)
    ]
    study = study.replaced(corpus=corpus.make("planted", examples, study.corpus.labels))
    table = behaviour(study, n_resamples=20).accuracy.query("predictor == 'model'")
    assert list(zip(table.breakdown, table.group, strict=True)) == [
        ("all", "all texts"),
        ("item type", "easy"),
        ("item type", "hard"),
        ("style", "tale"),
    ]
    assert table.n[1:3].sum() == table.n[0]


def test_shifted_texts_are_a_separate_breakdown() -> None:
    study = planted.study(400)
    examples = [replace(e, style="tale", shift="" if i % 4 else "new") for i, e in enumerate(study.corpus.examples)]
    study = study.replaced(corpus=corpus.make("planted", examples, study.corpus.labels))
    table = behaviour(study, n_resamples=20).accuracy.query("predictor == 'model'").set_index(["breakdown", "group"]).n
    assert table["style", "tale"] == table["distribution", "as in training"] < table["all", "all texts"]
    assert table["distribution"].sum() == table["all", "all texts"]


def test_both_of_a_pair_have_to_be_right() -> None:
    study = planted.study(400, null=True)
    examples = [replace(e, item_type="minimal pair", cluster=str(i // 2)) for i, e in enumerate(study.corpus.examples)]
    study = study.replaced(corpus=corpus.make("planted", examples, study.corpus.labels))
    result = behaviour(study, n_resamples=50)
    both = number(result.measures, "value", measure="both of a minimal pair right")
    assert both.n * 2 == result.confusion.n.sum()
    assert both.value < score(result, "model", "minimal pair")
    assert both.low <= both.value <= both.high


def test_too_few_texts_are_refused() -> None:
    with pytest.raises(
        UsageError, match=r"corpus 'planted': \d+ of its 24 texts are on the report split, expected at least 20"
    ):
        behaviour(planted.study(24))
