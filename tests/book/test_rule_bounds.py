"""Every world has bounds, and draws decide them once an exact interval lies on one side."""

from typing import get_args

from emomech.book import rule_bounds
from emomech.book.edition import PROFILES
from emomech.chapters.simulation import World


def test_every_world_has_bounds_at_every_size() -> None:
    for world in get_args(World):
        for profile in PROFILES:
            assert rule_bounds.bounds(world, profile)
    assert [str(bound) for bound in rule_bounds.bounds("planted", "quick")] == ["at most 0.2"]


def test_draws_decide_a_bound_or_do_not() -> None:
    null = rule_bounds.bounds("null", "full")
    assert rule_bounds.decided({"replicates": 0, "does not replicate": 80}, null)
    assert not rule_bounds.decided({"replicates": 2, "does not replicate": 78}, null)
    assert rule_bounds.decided({"replicates": 40, "does not replicate": 40}, null)
    assert rule_bounds.hits({"partly": 3, "replicates": 2}, rule_bounds.OR_BETTER) == 5
