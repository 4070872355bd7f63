"""Does the model infer the emotion? Its choice among the labels, scored as a classifier beside simpler readers.

The model reads a text and the question that follows it, and its answer is the label whose words it finds most
probable. Bag of words, of the whole text or of its last sentence, and majority say what needs no inference; the same
network with random weights says what the prompt's form alone gives away. All scores are on the `report` split; what
learns from labels learns on the other two.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pandas as pd

from emomech.core.errors import UsageError
from emomech.data.corpus import Corpus, Example, divisions
from emomech.models.language_model import randomised
from emomech.models.scoring import label_log_probs, label_probabilities
from emomech.stats.classification import Confusion, calibration_error, reliability
from emomech.stats.estimates import Estimate, Floats, Ints, bootstrap_weights, interval, posterior_interval
from emomech.stats.tables import INTERVAL, Schema, frame
from emomech.study.study import Study

MODEL = "model"
_BETWEEN_SENTENCES = re.compile(r"(?<=[.!?])\s+")
MIN_TEXTS = 20
"""Fewer reported texts than this say nothing about a classifier."""
_SCORED = {"predictor": "who predicts: the model, or what it has to beat"}
ACCURACY = Schema(
    keys=_SCORED | {"breakdown": "all texts, or one way to divide them", "group": "which part of them"},
    values={
        "balanced_accuracy": "mean recall over the emotions that occur",
        **INTERVAL,
        "macro_f1": "mean F1 over the emotions that occur or are predicted",
        "chance": "balanced accuracy of guessing among the emotions that occur",
        "n": "texts",
    },
)
ADVANTAGE = Schema(
    keys={"baseline": "what the model is compared with"},
    values={"difference": "the model's balanced accuracy less the baseline's, same texts", **INTERVAL, "n": "texts"},
)
EMOTIONS = Schema(
    keys=_SCORED | {"emotion": "gold emotion"},
    values={
        "recall": "share of its texts that are recognised",
        **INTERVAL,
        "precision": "share of its predictions that are right",
        "n": "texts",
    },
)
CONFUSION = Schema(
    keys={"gold": "emotion of the text", "predicted": "emotion that the model chooses"},
    values={"share": "share of the gold emotion's texts", "n": "texts"},
)
CALIBRATION = Schema(
    keys={"bin": "tenth of the texts, by the model's confidence"},
    values={
        "confidence": "mean probability of the chosen label, among the labels",
        "accuracy": "share of right choices",
        **INTERVAL,
        "n": "texts",
    },
)
MEASURES = Schema(
    keys={"measure": "what is measured of the model"},
    values={"value": "its value", **INTERVAL, "n": "texts or pairs"},
)


@dataclass(frozen=True)
class Behaviour:
    """How well the model recognises emotions on the reported texts, and what it has to beat."""

    accuracy: Annotated[pd.DataFrame, ACCURACY]
    advantage: Annotated[pd.DataFrame, ADVANTAGE]
    emotions: Annotated[pd.DataFrame, EMOTIONS]
    confusion: Annotated[pd.DataFrame, CONFUSION]
    calibration: Annotated[pd.DataFrame, CALIBRATION]
    measures: Annotated[pd.DataFrame, MEASURES]


@dataclass(frozen=True)
class _Scored:
    """The reported texts, their gold emotions, every predictor's choices, and the bootstrap's weights."""

    examples: Sequence[Example]
    labels: tuple[str, ...]
    gold: Ints
    predicted: dict[str, Ints]
    weights: Floats
    seed: int

    def recall(self, predictor: str, rows: Ints) -> tuple[Confusion, Floats]:
        """Confusion of some texts, and draws of each class's recall (draw, class)."""
        found = Confusion.of(self.gold[rows], self.predicted[predictor][rows], len(self.labels))
        independent = len({self.examples[i].cluster for i in rows}) / len(rows)
        return found, found.recall_draws(len(self.weights), self.seed, independent)

    def confusion(self, predictor: str) -> tuple[Confusion, Confusion]:
        """Confusion of the texts themselves and of all resamples."""
        cells = (self.gold, self.predicted[predictor], len(self.labels))
        return Confusion.of(*cells), Confusion.of(*cells, self.weights)


def behaviour(study: Study, *, n_resamples: int = 1000) -> Behaviour:
    """Score the model and its baselines, with intervals from `n_resamples` draws.

    Scores have intervals of their posterior, differences on the same texts those of the bootstrap over clusters.
    Raises UsageError where the corpus leaves fewer than 20 texts to report on.
    """
    corpus, seed = study.corpus, study.spec.seed
    side = np.array([corpus.split(example, seed) for example in corpus.examples])
    reported, fitted = np.flatnonzero(side == "report"), np.flatnonzero(side != "report")
    _require_enough(corpus, len(reported))
    examples = [corpus.examples[i] for i in reported]
    questions = [study.prompts[i] for i in reported]
    label = np.array([corpus.labels.index(example.label) for example in corpus.examples])
    log_probs = label_log_probs(study.lm, questions, study.answers)
    predicted = {
        MODEL: log_probs.argmax(1),
        "bag of words": _bag_of_words([study.prompts[i] for i in fitted], label[fitted], questions),
        "last sentence": _bag_of_words(
            [_last_sentence(corpus.examples[i]) for i in fitted], label[fitted], [_last_sentence(e) for e in examples]
        ),
        "majority": np.full(len(reported), np.bincount(label[fitted]).argmax()),
        "random weights": label_log_probs(randomised(study.lm, seed), questions, study.answers).argmax(1),
    }
    weights = bootstrap_weights([example.cluster for example in examples], n_resamples, seed)
    scored = _Scored(examples, corpus.labels, label[reported], predicted, weights, seed)
    confidence = label_probabilities(log_probs).max(1)
    return Behaviour(
        accuracy=_accuracy(scored),
        advantage=_advantage(scored),
        emotions=_emotions(scored),
        confusion=_confusion(scored),
        calibration=_calibration(scored, confidence),
        measures=_measures(scored, confidence),
    )


def _require_enough(corpus: Corpus, n: int) -> None:
    if n < MIN_TEXTS:
        raise UsageError(
            f"corpus {corpus.name!r}: {n} of its {len(corpus.examples)} texts are reported on, at least {MIN_TEXTS} "
            "are needed. Take more texts."
        )


def _bag_of_words(texts: Sequence[str], labels: Ints, questions: Sequence[str]) -> Ints:
    """Predict from word counts alone, by logistic regression; one class among the fitted texts is all it then knows."""
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    if len(np.unique(labels)) < 2:
        return np.full(len(questions), labels[0])
    reader = make_pipeline(CountVectorizer(token_pattern=r"\w+"), LogisticRegression(max_iter=2000))
    return reader.fit(texts, labels).predict(questions)


def _last_sentence(example: Example) -> str:
    """Give the last sentence of a text, and who is asked about."""
    return f"{_BETWEEN_SENTENCES.split(example.text.strip())[-1]} {example.person}"


def _accuracy(scored: _Scored) -> pd.DataFrame:
    rows = []
    everything = ("all", "all texts", list(range(len(scored.examples))))
    for predictor in scored.predicted:
        for breakdown, group, numbers in [everything, *divisions(scored.examples)]:
            texts = np.array(numbers)
            here, recall = scored.recall(predictor, texts)
            estimate = posterior_interval(here.balanced_accuracy()[0], np.nanmean(recall, 1), len(texts))
            chance = 1 / len(np.unique(scored.gold[texts]))
            scores = (estimate, here.macro_f1()[0], chance, len(texts))
            rows.append((predictor, breakdown, group, *scores))
    return frame(ACCURACY, rows)


def _advantage(scored: _Scored) -> pd.DataFrame:
    model, resampled = (c.balanced_accuracy() for c in scored.confusion(MODEL))
    rows = []
    for baseline in list(scored.predicted)[1:]:
        other, other_resampled = (c.balanced_accuracy() for c in scored.confusion(baseline))
        gain = interval((model - other)[0], resampled - other_resampled, len(scored.gold))
        rows.append((baseline, gain, gain.n))
    return frame(ADVANTAGE, rows)


def _emotions(scored: _Scored) -> pd.DataFrame:
    rows = []
    for predictor in (MODEL, "bag of words"):
        here, drawn = scored.recall(predictor, np.arange(len(scored.gold)))
        for i, emotion in enumerate(scored.labels):
            recall = posterior_interval(here.recall()[0, i], drawn[:, i], int((scored.gold == i).sum()))
            values = (recall, here.precision()[0, i], recall.n)
            rows.append((predictor, emotion, *values))
    return frame(EMOTIONS, rows)


def _confusion(scored: _Scored) -> pd.DataFrame:
    counts = scored.confusion(MODEL)[0].counts[0]
    rows = [
        (gold, predicted, counts[g, p] / counts[g].sum() if counts[g].sum() else np.nan, int(counts[g, p]))
        for g, gold in enumerate(scored.labels)
        for p, predicted in enumerate(scored.labels)
    ]
    return frame(CONFUSION, rows)


def _calibration(scored: _Scored, confidence: Floats) -> pd.DataFrame:
    from scipy.stats import binomtest

    correct = scored.predicted[MODEL] == scored.gold
    rows = []
    for number, found in enumerate(reliability(confidence, correct)):
        wilson = binomtest(round(found.accuracy * found.n), found.n).proportion_ci(method="wilson")
        rows.append((number + 1, found.confidence, found.accuracy, wilson.low, wilson.high, found.n))
    return frame(CALIBRATION, rows)


def _measures(scored: _Scored, confidence: Floats) -> pd.DataFrame:
    correct = scored.predicted[MODEL] == scored.gold
    error = calibration_error(reliability(confidence, correct))
    estimates = {"expected calibration error": Estimate(error, np.nan, np.nan, len(correct))}  # resampling biases it up
    pairs = [np.array(rows) for rows in _pairs(scored.examples)]
    if pairs:
        both = np.array([correct[rows].all() for rows in pairs])
        weight = np.stack([scored.weights[:, rows[0]] for rows in pairs], 1)
        shares = (weight @ both) / np.maximum(weight.sum(1), 1)
        estimates["both of a minimal pair right"] = interval(both.mean(), shares, len(pairs))
    rows = [(name, e, e.n) for name, e in estimates.items()]
    return frame(MEASURES, rows)


def _pairs(examples: Sequence[Example]) -> list[list[int]]:
    """Find the texts of each minimal pair."""
    members: dict[str, list[int]] = {}
    for i, example in enumerate(examples):
        if example.item_type == "minimal pair":
            members.setdefault(example.cluster, []).append(i)
    return [rows for rows in members.values() if len(rows) > 1]
