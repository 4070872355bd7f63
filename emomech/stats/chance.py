"""Are answers right more often than chance? An exact test by exchanging the gold labels.

Gold labels are exchanged among the clusters of texts while the answers stay as they are (Good, 2005, *Permutation,
Parametric and Bootstrap Tests of Hypotheses*). If the answers do not depend on the texts, every exchange is equally
likely, so the share of exchanges that score as high is a valid p-value, however few the texts are and however unequal
the answers.

Example:
    >>> import numpy as np
    >>> from emomech.stats.chance import chance_p
    >>> gold = np.repeat(np.arange(3), 8)
    >>> always_first = np.zeros(24, dtype=int)
    >>> chance_p(gold, gold, list(map(str, range(24))), 3).accuracy < 0.001
    True
    >>> chance_p(gold, always_first, list(map(str, range(24))), 3).accuracy
    1.0
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from emomech.stats.estimates import Floats, Ints
from emomech.stats.testing import LEVEL

ABOVE = LEVEL / 2
"""Largest p-value at which a score counts as above chance. The test is one-sided."""
N_EXCHANGES = 2000
"""Exchanges of the gold labels."""
_ROUNDING = 1e-9
"""Scores that differ by less are equal."""


@dataclass(frozen=True)
class ChanceTest:
    """p-values that the answers do not depend on the gold labels."""

    accuracy: float
    """One-sided p-value of the balanced accuracy; 1 without texts."""
    recalls: Floats
    """One-sided p-value of each class's recall (class); 1 for a class without texts.

    A class that is always answered has a recall of 1 under every exchange as well, so its p-value is 1.
    """


def chance_p(gold: Ints, predicted: Ints, clusters: Sequence[str], n_classes: int, seed: int = 0) -> ChanceTest:
    """Test whether predictions (text) agree with gold labels (text) more often than when labels are exchanged.

    The texts of a cluster keep together: if all of them have one label, labels are exchanged among clusters; otherwise
    among texts. Balanced accuracy is the mean recall over the classes that occur as gold.
    """
    if not len(gold):
        return ChanceTest(1.0, np.ones(n_classes))
    _, unit = np.unique(np.asarray(clusters), return_inverse=True)
    first = np.zeros(unit.max() + 1, dtype=int)
    first[unit] = gold
    if (first[unit] != gold).any():
        unit, first = np.arange(len(gold)), np.asarray(gold)
    answers = np.zeros((len(first), n_classes))
    np.add.at(answers, (unit, predicted), 1)
    rng = np.random.default_rng(seed)
    labels = np.stack([first, *(rng.permutation(first) for _ in range(N_EXCHANGES))])
    recall = _recalls(labels, answers)
    scores = np.concatenate([np.nanmean(recall, 1, keepdims=True), recall], 1)
    p = (np.nan_to_num(scores, nan=-1) >= np.nan_to_num(scores[0], nan=2) - _ROUNDING)[1:].sum(0) + 1.0
    p = np.where(np.isfinite(scores[0]), p / (N_EXCHANGES + 1), 1.0)
    return ChanceTest(float(p[0]), p[1:])


def _recalls(labels: Ints, answers: Floats) -> Floats:
    """Recall of each class (exchange, class), from labels (exchange, unit) and counts of answers (unit, class)."""
    size = answers.sum(1)
    recalls = []
    for label in range(answers.shape[1]):
        of_label = labels == label
        n = of_label @ size
        recalls.append(np.where(n > 0, of_label @ answers[:, label] / np.maximum(n, 1), np.nan))
    return np.stack(recalls, 1)
