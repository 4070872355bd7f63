"""Rows of the tables that the rule of transfer reads, from right answers to the reported texts of every pair of sets.

The interval of a mean over pairs is the wider of two: that over sets, where each set counts once as a source and as a
target, and that over texts. The simulation of the rule makes its tables with these functions too.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from emomech.causal.steering.experiment import BIAS, FEATURES, MATCHED
from emomech.chapters.stability import stability_rows
from emomech.stats.crossed_sets import mean_over_pairs
from emomech.stats.estimates import Bools, Estimate, Floats, Ints, covering, interval, t_interval
from emomech.stats.paired_answers import balanced_rises
from emomech.stats.tables import Row

SAME, OTHER = "the set it was chosen on", "other sets"
NONE = "no steering"
NOT_LOSING = "pairs that do not lose"
Names = tuple[str, str]
"""Source and target."""


@dataclass(frozen=True, eq=False)
class Pair:
    """Answers to the reported texts of a target, with what was chosen on a source."""

    gold: Ints = field(repr=False)
    before: Bools = field(repr=False)
    """Whether each text is right without steering (text)."""
    right: Mapping[str, Bools] = field(repr=False)
    """Whether each text is right with each method (text)."""
    weights: Floats = field(repr=False)
    """How often each text is drawn (resample, text); a cluster is drawn alike in all sets."""

    def rise(self, method: str, versus: str = NONE, resampled: bool = False) -> Floats:
        """Rise of balanced accuracy beyond another method: one value, or one for each resample."""
        other = self.before if versus == NONE else self.right[versus]
        weights = self.weights if resampled else None
        return balanced_rises(self.gold, self.right[method][None], other[None], weights)[:, 0]


def _mean(pairs: Mapping[Names, Pair], rise: Callable[[Pair, bool], Floats]) -> Estimate:
    """Mean over pairs, with an interval over sets and over texts."""
    values = {names: float(np.round(rise(pair, False)[0], 12)) for names, pair in pairs.items()}
    if all(source == target for source, target in values):
        over_sets = t_interval(np.array(list(values.values())))
    else:
        over_sets = mean_over_pairs(values)
    over_texts = np.mean([rise(pair, True) for pair in pairs.values()], 0)
    return covering(over_sets, [interval(over_sets.value, over_texts, len(values))])


def _of(pairs: Mapping[Names, Pair], targets: str) -> dict[Names, Pair]:
    return {names: pair for names, pair in pairs.items() if (names[0] == names[1]) == (targets == SAME)}


def means(pairs: Mapping[Names, Pair], methods: Sequence[str]) -> Iterator[Row]:
    """Average over the pairs of different sets, and over the sets with themselves."""
    for method in methods:
        for targets in (OTHER, SAME):
            if some := _of(pairs, targets):
                gain = _mean(some, lambda pair, resampled, m=method: pair.rise(m, resampled=resampled))
                kept = float(np.mean([pair.rise(method)[0] >= 0 for pair in some.values()]))
                yield {"method": method, "targets": targets, "gain": gain, "kept": kept, "n": gain.n}


def leads(pairs: Mapping[Names, Pair]) -> Iterator[Row]:
    """Compare the features on other sets with no steering and with each control, pair by pair on the same texts."""
    if some := _of(pairs, OTHER):
        for versus in (NONE, BIAS, MATCHED):
            lead = _mean(some, lambda pair, resampled, v=versus: pair.rise(FEATURES, v, resampled))
            yield {"versus": versus, "lead": lead, "n": lead.n}


def kept(pairs: Mapping[Names, Pair]) -> Iterator[Row]:
    """Share of the pairs of different sets that do not lose, less one half, with an interval over sets."""
    if some := _of(pairs, OTHER):
        share = mean_over_pairs({names: float(pair.rise(FEATURES)[0] >= 0) - 0.5 for names, pair in some.items()})
        yield {"quantity": NOT_LOSING, "share": share, "n": share.n}


def without_each_set(pairs: Mapping[Names, Pair]) -> Iterator[Row]:
    """Mean gain on other sets if one set is left out, for each set."""
    some = {names: pair.rise(FEATURES)[0] for names, pair in _of(pairs, OTHER).items()}
    sets = sorted({name for names in some for name in names})
    remaining = [[gain for names, gain in some.items() if left_out not in names] for left_out in sets]
    return stability_rows({"gain": [float(np.mean(gains)) for gains in remaining if gains]})
