"""Which features of neighbouring hook points are the same one: tracks.

A direction that the residual stream keeps is a feature at every hook point that it passes. Counting it there each time
is no evidence from independent features, so intervals draw whole tracks. Two features of neighbouring hook points
belong to one track if each correlates best with the other over the texts, with a correlation of at least `SAME`.
"""

from collections.abc import Mapping

import numpy as np
from scipy.sparse import csr_array

from emomech.chapters.sharing.membership import Memberships
from emomech.core.hook_points import HookPoint
from emomech.stats.estimates import Floats, Ints

SAME = 0.7
"""Smallest correlation of two features of one track: each explains half of the other's variance."""


def tracks(encoded: Mapping[HookPoint, csr_array], memberships: Memberships) -> dict[HookPoint, Ints]:
    """Number of the track of each feature that fires, by hook point (feature), from activations (text, d_sae)."""
    numbers: dict[HookPoint, Ints] = {}
    before, before_numbers, n = np.zeros((0, 0)), np.zeros(0, dtype=int), 0
    for point, membership in memberships.items():
        here = _standardised(encoded[point][:, membership.feature].toarray())
        number = np.full(here.shape[1], -1)
        if before.size and here.size:
            correlation = before.T @ here
            best, best_back = correlation.argmax(1), correlation.argmax(0)
            first = np.flatnonzero(best_back[best] == np.arange(len(best)))
            first = first[correlation[first, best[first]] >= SAME]
            number[best[first]] = before_numbers[first]
        new = number < 0
        number[new] = n + np.arange(new.sum())
        n += int(new.sum())
        numbers[point], before, before_numbers = number, here, number
    return numbers


def _standardised(values: Floats) -> Floats:
    """Centre each column and give it length 1; a column that does not vary becomes 0."""
    centred = (values - values.mean(0)).astype(np.float32)
    size = np.linalg.norm(centred, axis=0)
    return centred / np.where(size > 0, size, 1)
