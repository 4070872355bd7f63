"""Tables that the premise rests on: how far the model is above chance, and above every baseline on the same texts.

The simulation makes its tables with them too.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import t

from emomech.data.corpus import Example, breakdowns
from emomech.stats.chance import above_chance
from emomech.stats.classification import Confusion
from emomech.stats.estimates import Estimate, Floats, Ints
from emomech.stats.explained import split
from emomech.stats.tables import INTERVAL, Row, Schema

MODEL = "model"
ALL_TEXTS = "all texts"
ITEM_TYPE = "item type"
GROUP = {"breakdown": "property by which the texts are grouped", "group": "group of texts"}
ABOVE = Schema(
    keys=GROUP,
    values={
        "above": "balanced accuracy of the model, less what it would be if gold labels were exchanged among the texts",
        **INTERVAL,
        "n": "number of texts",
    },
)
ADVANTAGE = Schema(
    keys={"baseline": "the baseline that the model is compared with"},
    values={
        "difference": "balanced accuracy of the model minus that of the baseline, on the same texts",
        **INTERVAL,
        "n": "number of texts",
    },
)
Groups = Iterable[tuple[str, str, Sequence[int]]]
"""Breakdown, group, and the numbers of its texts."""


@dataclass(frozen=True)
class Predictions:
    """The `report` texts, their labels, the labels that each predictor chose, and bootstrap weights."""

    examples: Sequence[Example]
    labels: tuple[str, ...]
    gold: Ints
    """Number of the right label (text)."""
    predicted: dict[str, Ints]
    """Predictor -> number of the chosen label (text)."""
    weights: Floats
    """How often each text is drawn (resample, text)."""
    seed: int

    @property
    def clusters(self) -> list[str]:
        """Name of each text's cluster."""
        return [example.cluster for example in self.examples]

    def recall(self, predictor: str, texts: Ints) -> tuple[Confusion, Floats]:
        """Confusion on some texts, and posterior draws of the recall of each label (draw, label)."""
        confusion = Confusion.of(self.gold[texts], self.predicted[predictor][texts], len(self.labels))
        independent = len({self.examples[i].cluster for i in texts}) / len(texts)
        return confusion, confusion.recall_draws(len(self.weights), self.seed, independent)

    def confusion(self, predictor: str) -> tuple[Confusion, Confusion]:
        """Confusion on all texts, and in each resample."""
        cells = (self.gold, self.predicted[predictor], len(self.labels))
        return Confusion.of(*cells), Confusion.of(*cells, self.weights)

    def balanced_accuracy(self, predictor: str, weights: Floats) -> Floats:
        """Mean recall over the labels that occur, under weights of the texts (resample, text)."""
        member = np.eye(len(self.labels))[self.gold]
        right = member * (self.predicted[predictor] == self.gold)[:, None]
        n = weights @ member
        recall = np.where(n > 0, (weights @ right) / np.maximum(n, 1e-12), np.nan)
        return np.nanmean(recall, 1)

    def groups(self) -> Iterator[tuple[str, str, Sequence[int]]]:
        """All texts, and the texts of every item type, style and so on."""
        yield "all", ALL_TEXTS, range(len(self.examples))
        yield from breakdowns(self.examples)


def above_rows(predictions: Predictions, groups: Groups) -> Iterator[Row]:
    """Rows of `ABOVE`, with as many exchanges of the labels as there are bootstrap draws."""
    gold, predicted, clusters = predictions.gold, predictions.predicted[MODEL], predictions.clusters
    for breakdown, group, numbers in groups:
        texts = np.array(numbers)
        of_group = [clusters[i] for i in texts]
        n_exchanges = len(predictions.weights)
        above = above_chance(gold[texts], predicted[texts], of_group, n_exchanges, predictions.seed)
        yield {"breakdown": breakdown, "group": group, "above": above, "n": above.n}


def advantage_rows(predictions: Predictions) -> Iterator[Row]:
    """Rows of `ADVANTAGE`: the bootstrap draws whole clusters, with all predictors on the same draws.

    The interval is Student's, with the size of the smallest class: a mean of recalls is as uncertain as its classes are
    small, of which a bootstrap sees too little.
    """
    size = np.bincount(predictions.gold)
    smallest = max(2, int(size[size > 0].min()))
    reach = float(t.ppf(0.975, smallest - 1)) * np.sqrt(smallest / (smallest - 1))
    for baseline, gains in _advantages(predictions, _with_sample(predictions.weights)).items():
        gain, error = float(gains[0]), float(reach * gains[1:].std())
        n = len(predictions.gold)
        yield {"baseline": baseline, "difference": Estimate(gain, gain - error, gain + error, n), "n": n}


def on_draws(predictions: Predictions, n_draws: int) -> dict[str, list[float]]:
    """The advantage over each baseline on all texts, and on `n_draws` − 1 random halves of their clusters."""
    names, cluster = np.unique(predictions.clusters, return_inverse=True)
    halves = [split(len(names), predictions.seed + 1 + i)[cluster] for i in range(n_draws - 1)]
    weights = np.stack([np.ones(len(cluster)), *halves]).astype(float)
    return {baseline: list(map(float, gains)) for baseline, gains in _advantages(predictions, weights).items()}


def _with_sample(weights: Floats) -> Floats:
    return np.concatenate([np.ones((1, weights.shape[1])), weights])


def _advantages(predictions: Predictions, weights: Floats) -> Mapping[str, Floats]:
    model = predictions.balanced_accuracy(MODEL, weights)
    baselines = [name for name in predictions.predicted if name != MODEL]
    return {name: model - predictions.balanced_accuracy(name, weights) for name in baselines}
