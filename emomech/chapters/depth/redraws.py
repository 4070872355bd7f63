"""The same measures on other random halves of the texts, from activations that are read already.

On each draw the clusters of both splits are divided anew: probe and best feature are fitted on one half, and
everything is scored on the other. The lenses need no fit on these texts. Interventions are not repeated; they are
scored on a random half of the clusters that were intervened on. What each measure has to exceed stays the same.
"""

from collections.abc import Mapping

import numpy as np
import scipy.sparse as sp

from emomech.chapters.depth.measures import (
    Measured,
    MeasuredTask,
    feature_draws,
    lens_answers,
    probe_answers,
)
from emomech.chapters.depth.pooling import PLACES
from emomech.stats.classification import Confusion
from emomech.stats.estimates import Bools, Floats, Ints

Redraw = Mapping[tuple[str, str], Floats]
"""Profile (hook point) by place and measure, on one draw of the texts."""


def redraws(task: MeasuredTask, measured: Measured, n: int, seed: int) -> list[Redraw]:
    """Measure the trained model again on `n` random divisions of its texts."""
    texts = _Texts(task, measured)
    rng = np.random.default_rng(seed)
    return [texts.divided(rng) for _ in range(n)]


class _Texts:
    """The texts of both splits together, as the trained model's activations show them."""

    def __init__(self, task: MeasuredTask, measured: Measured) -> None:
        network, self.measured, self.points = measured.trained, measured, list(measured.trained.saes)
        both = [network.fitted, network.scored]
        self.gold = np.concatenate([task.discover.gold, task.report.gold])
        self.clusters = np.array([*task.discover.clusters, *task.report.questions.clusters])
        self.edited = np.array(network.edited.clusters)
        self.activation = {
            (w, p): np.concatenate([split[w][p].activation.numpy() for split in both])
            for w in PLACES
            for p in self.points
        }
        self.features = {
            (w, p): sp.csr_array(sp.vstack([split[w][p].features for split in both])).toarray()
            for w in PLACES
            for p in self.points
        }
        read = ((network.discover, network.fitted["answer"]), (network.report, network.scored["answer"]))
        self.read = {
            name: [np.concatenate(answers) for answers in zip(*(lens_answers(*r, lens) for r in read), strict=True)]
            for name, lens in (("read-out", None), ("J-lens", measured.lens))
        }

    def divided(self, rng: np.random.Generator) -> Redraw:
        """Measure on one random division."""
        fit = _half(self.clusters, rng)
        profiles: dict[tuple[str, str], Floats] = {}
        for where in PLACES:
            profiles[where, "probe"] = np.array([self._probe(self.activation[where, p], fit) for p in self.points])
            best = [self._best_feature(self.features[where, p], fit) for p in self.points]
            profiles[where, "best feature"] = np.array(best)
        for name, answers in self.read.items():
            profiles["answer", name] = np.array([self._accuracy(a[~fit], ~fit) for a in answers])
        weights = 1.0 * _half(self.edited, rng)[None]
        shares = {key: effects.shares(weights)[0] for key, effects in self.measured.effects.items()}
        return {**profiles, **shares}

    def _accuracy(self, predicted: Ints, rows: Bools) -> float:
        n = int(self.gold.max()) + 1
        accuracy = Confusion.of(self.gold[rows], predicted, n).balanced_accuracy()[0]
        return float((accuracy - 1 / n) / (1 - 1 / n))

    def _probe(self, x: Floats, fit: Bools) -> float:
        return self._accuracy(probe_answers(x[fit], self.gold[fit], x[~fit]), ~fit)

    def _best_feature(self, x: Floats, fit: Bools) -> float:
        weights = np.ones((1, int((~fit).sum())))
        return float(feature_draws(x[fit], self.gold[fit], x[~fit], self.gold[~fit], weights)[0])


def _half(clusters: "np.ndarray", rng: np.random.Generator) -> Bools:
    """Select half of the clusters at random; true for their texts (text)."""
    names, member = np.unique(clusters, return_inverse=True)
    return (rng.permutation(len(names)) < len(names) / 2)[member]
