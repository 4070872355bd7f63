"""The same direction at several hook points is one track, and others are tracks of their own."""

import numpy as np
from scipy.sparse import csr_array

from emomech.chapters.sharing.membership import Membership
from emomech.chapters.sharing.tracks import tracks
from emomech.core.hook_points import HookPoint


def test_a_feature_keeps_its_track_and_a_new_one_gets_another() -> None:
    rng = np.random.default_rng(0)
    kept = rng.random((50, 2))
    later = np.column_stack([rng.random(50), 3 * kept[:, 1], kept[:, 0] + 0.01 * rng.random(50)])
    points = {HookPoint(1): kept, HookPoint(2): later, HookPoint(3): np.zeros((50, 0))}
    nothing = np.zeros(0)
    memberships = {p: Membership(np.arange(x.shape[1]), nothing, nothing, nothing) for p, x in points.items()}
    found = tracks({point: csr_array(x) for point, x in points.items()}, memberships)
    assert [numbers.tolist() for numbers in found.values()] == [[0, 1], [2, 1, 0], []]
