"""By how much balanced accuracy exceeds chance, with an interval from exchanged gold labels.

If answers do not depend on the texts, every exchange of the gold labels is equally likely. The scores under exchange
are thus what chance gives, for any number of texts and any preference among the answers. The interval is the score
less the quantiles of these scores: it excludes zero for one in forty random answerers on each side, or fewer (the
permutation test, inverted; Good, 2005).

Example:
    >>> import numpy as np
    >>> from emomech.stats.above_chance import above_chance
    >>> gold, clusters = np.repeat(np.arange(3), 8), list(map(str, range(24)))
    >>> print(above_chance(gold, gold, clusters, n_exchanges=500, seed=0))
    0.67 [0.46, 0.83]
    >>> above_chance(gold, np.zeros(24, dtype=int), clusters, n_exchanges=500, seed=0).value
    0.0
"""

from collections.abc import Sequence

import numpy as np

from emomech.stats.estimates import Estimate, Floats, Ints

_ENDS = (0.025, 0.975)
_ROUNDING = 1e-12


def above_chance(gold: Ints, predicted: Ints, clusters: Sequence[str], n_exchanges: int, seed: int) -> Estimate:
    """Balanced accuracy less its mean under exchanged gold labels (both: text), with a 95 % interval.

    `clusters` names the cluster of each text. If all texts of every cluster have one label, clusters exchange their
    labels; otherwise texts do. Undefined for texts that all have one label, as an exchange changes nothing there.
    """
    if len(np.unique(gold)) < 2:
        return Estimate(float("nan"), float("nan"), float("nan"), len(gold))
    names, unit = np.unique(np.asarray(clusters), return_inverse=True)
    of_unit = np.zeros(len(names), dtype=int)
    of_unit[unit] = gold
    if (of_unit[unit] != gold).any():
        of_unit, unit = np.asarray(gold), np.arange(len(gold))
    rng = np.random.default_rng(seed)
    exchanged = rng.permuted(np.tile(of_unit, (n_exchanges, 1)), axis=1)[:, unit]
    value = float(_balanced_accuracy(gold[None], predicted)[0])
    chance = _balanced_accuracy(exchanged, predicted)
    low, high = np.quantile(chance, _ENDS[0], method="lower"), np.quantile(chance, _ENDS[1], method="higher")
    above, least, most = (_gap(value, float(end)) for end in (chance.mean(), high, low))
    return Estimate(above, least, most, len(gold))


def _gap(value: float, chance: float) -> float:
    """Difference of two scores; 0 if they differ by rounding only."""
    return value - chance if abs(value - chance) > _ROUNDING else 0.0


def _balanced_accuracy(gold: Ints, predicted: Ints) -> Floats:
    """Mean recall over the classes that occur (exchange), from labels (exchange, text) and answers (text)."""
    recalls = []
    for label in np.unique(gold):
        n = (gold == label).sum(1)
        right = (gold[:, predicted == label] == label).sum(1)
        recalls.append(np.where(n > 0, right / np.maximum(n, 1), np.nan))
    return np.nanmean(recalls, 0)
