"""The median contrast on other random splits of the same texts into those that choose and those that report.

Nothing is run through the model again: the screen of single effects is known for every text, so features are selected
and counted again from it. Ablations are not repeated; what features carry is the sum of their single effects.
"""

from collections.abc import Iterator

from emomech.causal.concentration import Resplit, SelectedFeatures
from emomech.chapters.concentration.measured import by_place, combined, counted, summed, with_silent
from emomech.chapters.concentration.specifications import Measured


def resplits(selected: SelectedFeatures, n: int) -> Iterator[Measured]:
    """Select features on a random half of the clusters, and measure them on the other half, `n` times."""
    for draw in range(n):
        again = Resplit.of(selected, draw)
        found = by_place(again.screen, list(again.support))
        sets = with_silent(found, selected.dictionary, selected.discover)
        measured = combined(summed(again.sample, again.support, sets), counted(again.sample, again.support, sets))
        yield measured.recognised(selected.sample.recognised)
