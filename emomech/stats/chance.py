"""Are answers right more often than chance, and by how much? Exact answers by exchanging the gold labels.

Gold labels are exchanged among the clusters of texts while the answers stay as they are (Good, 2005, *Permutation,
Parametric and Bootstrap Tests of Hypotheses*). If the answers do not depend on the texts, every exchange is equally
likely, so the scores under exchange are what chance gives, however few the texts are and however unequal the answers.

Example:
    >>> import numpy as np
    >>> from emomech.stats.chance import above_chance, chance_p
    >>> gold, clusters = np.repeat(np.arange(3), 8), list(map(str, range(24)))
    >>> always_first = np.zeros(24, dtype=int)
    >>> chance_p(gold, gold, clusters, 3).accuracy < 0.001, chance_p(gold, always_first, clusters, 3).accuracy
    (True, 1.0)
    >>> print(above_chance(gold, gold, clusters, n_exchanges=500, seed=0))
    0.67 [0.46, 0.83]
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from emomech.stats.estimates import Estimate, Floats, Ints
from emomech.stats.testing import LEVEL

ABOVE = LEVEL / 2
"""Largest p-value at which a score counts as above chance. The test is one-sided."""
N_EXCHANGES = 2000
"""Exchanges of the gold labels behind a p-value."""
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
    recalls = _recalls(_exchanges(gold, clusters, N_EXCHANGES, seed), predicted, n_classes)
    scores = np.concatenate([np.nanmean(recalls, 1, keepdims=True), recalls], 1)
    as_high = np.nan_to_num(scores, nan=-1) >= np.nan_to_num(scores[0], nan=2) - _ROUNDING
    p = np.where(np.isfinite(scores[0]), as_high.mean(0), 1.0)
    return ChanceTest(float(p[0]), p[1:])


def above_chance(gold: Ints, predicted: Ints, clusters: Sequence[str], n_exchanges: int, seed: int) -> Estimate:
    """Balanced accuracy less its mean under exchanged gold labels (both: text), with a 95 % interval.

    The interval is the score less the quantiles of the exchanged scores (the test, inverted): it excludes zero for one
    in forty random answerers on each side, or fewer. Labels are exchanged as in `chance_p`. Undefined for texts that
    all have one label, as an exchange changes nothing there.
    """
    if len(np.unique(gold)) < 2:
        return Estimate(float("nan"), float("nan"), float("nan"), len(gold))
    n_classes = int(max(gold.max(), predicted.max())) + 1
    recalls = _recalls(_exchanges(gold, clusters, n_exchanges, seed), predicted, n_classes)
    scores = np.nanmean(recalls, 1)
    value, chance = float(scores[0]), scores[1:]
    low = float(np.quantile(chance, ABOVE, method="lower"))
    high = float(np.quantile(chance, 1 - ABOVE, method="higher"))
    return Estimate(_gap(value, float(chance.mean())), _gap(value, high), _gap(value, low), len(gold))


def _gap(value: float, chance: float) -> float:
    """Difference of two scores; 0 if they differ by rounding only."""
    return value - chance if abs(value - chance) > _ROUNDING else 0.0


def _exchanges(gold: Ints, clusters: Sequence[str], n: int, seed: int) -> Ints:
    """The gold labels, and below them `n` exchanges of them among clusters or texts (1 + exchange, text)."""
    names, unit = np.unique(np.asarray(clusters), return_inverse=True)
    of_unit = np.zeros(len(names), dtype=int)
    of_unit[unit] = gold
    if (of_unit[unit] != gold).any():
        of_unit, unit = np.asarray(gold), np.arange(len(gold))
    exchanged = np.random.default_rng(seed).permuted(np.tile(of_unit, (n, 1)), axis=1)
    return np.concatenate([of_unit[None], exchanged])[:, unit]


def _recalls(labels: Ints, predicted: Ints, n_classes: int) -> Floats:
    """Recall of each class (exchange, class), from labels (exchange, text) and answers (text); NaN without texts."""
    recalls = []
    for label in range(n_classes):
        n, right = (labels == label).sum(1), (labels[:, predicted == label] == label).sum(1)
        recalls.append(np.where(n > 0, right / np.maximum(n, 1), np.nan))
    return np.stack(recalls, 1)
