"""The interval of the difference between the AUROCs of two kinds of units on the same texts.

It is an exact sum over texts with the quantiles of Student's t, so that it holds its level for rare values as well.

Example:
    >>> import numpy as np
    >>> from emomech.chapters.fidelity.intervals import auroc_lead
    >>> rng = np.random.default_rng(0)
    >>> member = np.arange(200) < 40
    >>> good, poor = member + rng.normal(0, 0.5, 200), member + rng.normal(0, 2, 200)
    >>> auroc_lead(good, poor, member).low > 0.1
    True
"""

import numpy as np
from scipy.stats import t

from emomech.stats.auroc import Bools, concordance
from emomech.stats.estimates import Estimate, Floats


def auroc_lead(first: Floats, second: Floats, member: Bools) -> Estimate:
    """AUROC of the first score minus that of the second on the same texts, with its 95 % interval (all: text).

    The variance is that of DeLong, DeLong and Clarke-Pearson (1988, Biometrics 44).
    """
    gain = concordance(first, member) - concordance(second, member)
    inside, outside = gain.shape
    variance = gain.mean(1).var(ddof=1) / inside + gain.mean(0).var(ddof=1) / outside
    mean, reach = float(gain.mean()), float(t.ppf(0.975, max(1, min(inside, outside) - 1)) * np.sqrt(variance))
    return Estimate(mean, mean - reach, mean + reach, inside)
