"""Does the model infer the emotion? Its choice among the labels, scored as a classifier and compared with baselines.

The model reads a text followed by a question; its answer is the label whose words it finds most probable. Four
baselines say what can be reached without inference: logistic regression on word counts, of the whole text or of its
last sentence; the most frequent label; and the same network with random weights, which shows what the form of the
prompt gives away. The baselines learn on the `discover` and `tune` splits; all scores are on `report`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pandas as pd

from emomech.chapters.behaviour.lengths import LENGTHS, length_rows
from emomech.chapters.behaviour.scores import (
    ABOVE,
    ADVANTAGE,
    GROUP,
    MODEL,
    Predictions,
    above_rows,
    advantage_rows,
    on_draws,
)
from emomech.chapters.stability import STABILITY, stability_rows
from emomech.core.errors import UsageError
from emomech.data.corpus import Corpus, Example
from emomech.models.language_model import randomised
from emomech.models.scoring import label_log_probs, label_probabilities
from emomech.stats.auroc import aurocs, members
from emomech.stats.classification import calibration_error, reliability
from emomech.stats.estimates import (
    Bools,
    Estimate,
    Floats,
    Ints,
    bootstrap_weights,
    interval,
    posterior_interval,
    wilson_interval,
)
from emomech.stats.tables import INTERVAL, Schema, frame
from emomech.study.study import Study

_WORD = r"\w+"
_BETWEEN_SENTENCES = re.compile(r"(?<=[.!?])\s+")
MIN_TEXTS = 20
"""Fewest texts on the `report` split; with fewer, the scores are too noisy to use."""
_PREDICTOR = {"predictor": "the model, or a baseline"}
ACCURACY = Schema(
    keys=_PREDICTOR | GROUP,
    values={
        "balanced_accuracy": "mean recall over the emotions that occur in the group",
        **INTERVAL,
        "macro_f1": "mean F1 over the emotions that occur or are predicted in the group",
        "chance": "balanced accuracy of guessing among the emotions that occur in the group",
        "n": "number of texts",
    },
)
EMOTIONS = Schema(
    keys=_PREDICTOR | {"emotion": "labelled emotion"},
    values={
        "recall": "share of the emotion's texts that are recognised",
        **INTERVAL,
        "precision": "share of the predictions of this emotion that are right",
        "auroc": "probability that a text of the emotion gets it with a higher log-probability than another text",
        "n": "number of texts",
    },
)
CONFUSION = Schema(
    keys={"gold": "labelled emotion of the text", "predicted": "emotion that the model chooses"},
    values={"share": "share of the labelled emotion's texts", "n": "number of texts"},
)
CALIBRATION = Schema(
    keys={"bin": "tenth of the texts, ordered by the model's confidence"},
    values={
        "confidence": "mean probability of the chosen label, relative to all labels",
        "accuracy": "share of right answers",
        **INTERVAL,
        "n": "number of texts",
    },
)
MEASURES = Schema(
    keys={"measure": "what is measured"},
    values={"value": "value of the measure", **INTERVAL, "n": "number of texts or pairs"},
)


@dataclass(frozen=True)
class Behaviour:
    """How well the model and the baselines recognise emotions on the `report` texts."""

    accuracy: Annotated[pd.DataFrame, ACCURACY]
    above: Annotated[pd.DataFrame, ABOVE]
    advantage: Annotated[pd.DataFrame, ADVANTAGE]
    stability: Annotated[pd.DataFrame, STABILITY]
    emotions: Annotated[pd.DataFrame, EMOTIONS]
    confusion: Annotated[pd.DataFrame, CONFUSION]
    calibration: Annotated[pd.DataFrame, CALIBRATION]
    measures: Annotated[pd.DataFrame, MEASURES]
    lengths: Annotated[pd.DataFrame, LENGTHS]


@dataclass(frozen=True)
class Scored:
    """The model's answers with its log-probabilities of all labels (text, label)."""

    predictions: Predictions
    log_probs: Floats

    @property
    def confidence(self) -> Floats:
        """Probability of the chosen label, relative to all labels (text)."""
        return label_probabilities(self.log_probs).max(1)

    @property
    def correct(self) -> Bools:
        """Whether each answer is right (text)."""
        return self.predictions.predicted[MODEL] == self.predictions.gold

    def without_label_means(self) -> Estimate:
        """Balanced accuracy once each label's mean log-probability is taken off; the labels of the texts are not used.

        A model that prefers some words whatever it reads knows more than its answers say. The means are those of the
        scored texts, so this is a description and no result of a method.
        """
        chosen = (self.log_probs - self.log_probs.mean(0)).argmax(1)
        right, gold = chosen == self.predictions.gold, self.predictions.gold
        recall = [right[gold == label].mean() for label in np.unique(gold)]
        weights = self.predictions.weights
        weighed = [(weights * (gold == label)) for label in np.unique(gold)]
        shares = np.stack([(of_label @ right) / np.maximum(of_label.sum(1), 1) for of_label in weighed], 1)
        return interval(float(np.mean(recall)), shares.mean(1), len(gold))


def behaviour(study: Study, *, n_resamples: int = 1000, n_draws: int = 5) -> Behaviour:
    """Score the model and its baselines, with intervals from `n_resamples` draws.

    Scores have posterior intervals, which describe them. Whether a score exceeds chance is tested by `n_resamples`
    exchanges of the labels; differences on the same texts have intervals from the bootstrap over clusters, and are also
    measured on `n_draws` − 1 random halves of the texts. Raises UsageError if the corpus has fewer than 20 texts on the
    `report` split.
    """
    corpus, seed = study.corpus, study.spec.seed
    split = np.array([corpus.split(example, seed) for example in corpus.examples])
    reported, fitted = np.flatnonzero(split == "report"), np.flatnonzero(split != "report")
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
    predictions = Predictions(examples, corpus.labels, label[reported], predicted, weights, seed)
    measured = Scored(predictions, log_probs)
    return Behaviour(
        accuracy=_accuracy(predictions),
        above=frame(ABOVE, above_rows(predictions, predictions.groups())),
        advantage=frame(ADVANTAGE, advantage_rows(predictions)),
        stability=frame(STABILITY, stability_rows(on_draws(predictions, n_draws))),
        emotions=_emotions(measured),
        confusion=_confusion(predictions),
        calibration=_calibration(measured),
        measures=_measures(measured),
        lengths=frame(LENGTHS, length_rows(study.lm, questions)),
    )


def _require_enough(corpus: Corpus, n: int) -> None:
    if n < MIN_TEXTS:
        raise UsageError(
            f"corpus {corpus.name!r}: {n} of its {len(corpus.examples)} texts are on the report split, expected at "
            f"least {MIN_TEXTS}. Take more texts."
        )


def _bag_of_words(texts: Sequence[str], labels: Ints, questions: Sequence[str]) -> Ints:
    """Predict the labels of `questions` by logistic regression on word counts, fitted on `texts` and `labels`.

    If the fitted texts all have one label, or if none has a word, the most frequent label is predicted everywhere.
    """
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    if len(np.unique(labels)) < 2 or not any(re.search(_WORD, text) for text in texts):
        return np.full(len(questions), np.bincount(labels).argmax())
    classifier = make_pipeline(CountVectorizer(token_pattern=_WORD), LogisticRegression(max_iter=2000))
    return classifier.fit(texts, labels).predict(questions)


def _last_sentence(example: Example) -> str:
    """Last sentence of a text, followed by the person whose emotion the question asks about."""
    return f"{_BETWEEN_SENTENCES.split(example.text.strip())[-1]} {example.person}"


def _accuracy(predictions: Predictions) -> pd.DataFrame:
    rows = []
    for predictor in predictions.predicted:
        for breakdown, group, numbers in predictions.groups():
            texts = np.array(numbers)
            confusion, recall = predictions.recall(predictor, texts)
            balanced = confusion.balanced_accuracy()[0]
            rows.append(
                {
                    "predictor": predictor,
                    "breakdown": breakdown,
                    "group": group,
                    "balanced_accuracy": posterior_interval(balanced, np.nanmean(recall, 1), len(texts)),
                    "macro_f1": confusion.macro_f1()[0],
                    "chance": 1 / len(np.unique(predictions.gold[texts])),
                    "n": len(texts),
                }
            )
    return frame(ACCURACY, rows)


def _emotions(scored: Scored) -> pd.DataFrame:
    rows, predictions = [], scored.predictions
    separated = aurocs(scored.log_probs, members(predictions.gold, len(predictions.labels))).diagonal()
    for predictor in (MODEL, "bag of words"):
        confusion, draws = predictions.recall(predictor, np.arange(len(predictions.gold)))
        recall, precision = confusion.recall()[0], confusion.precision()[0]
        for i, emotion in enumerate(predictions.labels):
            n = int((predictions.gold == i).sum())
            rows.append(
                {
                    "predictor": predictor,
                    "emotion": emotion,
                    "recall": posterior_interval(recall[i], draws[:, i], n),
                    "precision": precision[i],
                    "auroc": separated[i] if predictor == MODEL else np.nan,
                    "n": n,
                }
            )
    return frame(EMOTIONS, rows)


def _confusion(predictions: Predictions) -> pd.DataFrame:
    counts = predictions.confusion(MODEL)[0].counts[0]
    rows = [
        {
            "gold": gold,
            "predicted": predicted,
            "share": counts[g, p] / counts[g].sum() if counts[g].sum() else np.nan,
            "n": int(counts[g, p]),
        }
        for g, gold in enumerate(predictions.labels)
        for p, predicted in enumerate(predictions.labels)
    ]
    return frame(CONFUSION, rows)


def _calibration(scored: Scored) -> pd.DataFrame:
    rows = []
    for number, tenth in enumerate(reliability(scored.confidence, scored.correct), 1):
        wilson = wilson_interval(round(tenth.accuracy * tenth.n), tenth.n)
        ends = {"low": wilson.low, "high": wilson.high}
        rows.append({"bin": number, "confidence": tenth.confidence, "accuracy": tenth.accuracy, **ends, "n": tenth.n})
    return frame(CALIBRATION, rows)


def _measures(scored: Scored) -> pd.DataFrame:
    predictions, correct = scored.predictions, scored.correct
    error = calibration_error(reliability(scored.confidence, correct))
    estimates = {"expected calibration error": Estimate(error, np.nan, np.nan, len(correct))}  # resampling biases it up
    estimates["balanced accuracy without label means"] = scored.without_label_means()
    pairs = [np.array(texts) for texts in _minimal_pairs(predictions.examples)]
    if pairs:
        both = np.array([correct[texts].all() for texts in pairs])
        weight = np.stack([predictions.weights[:, texts[0]] for texts in pairs], 1)
        shares = (weight @ both) / np.maximum(weight.sum(1), 1)
        estimates["both of a minimal pair right"] = interval(both.mean(), shares, len(pairs))
    rows = [{"measure": name, "value": estimate, "n": estimate.n} for name, estimate in estimates.items()]
    return frame(MEASURES, rows)


def _minimal_pairs(examples: Sequence[Example]) -> list[list[int]]:
    """Numbers of the texts of each minimal pair."""
    members: dict[str, list[int]] = {}
    for i, example in enumerate(examples):
        if example.item_type == "minimal pair":
            members.setdefault(example.cluster, []).append(i)
    return [texts for texts in members.values() if len(texts) > 1]
