"""Hook points are grouped so that each group fits, in as few groups as possible."""

from pathlib import Path

import pytest

from emomech.core.errors import UsageError
from emomech.core.hook_points import HookPoint
from emomech.models.store_planning import Plan, planned

POINTS = tuple(HookPoint(layer) for layer in range(31))


@pytest.mark.parametrize(
    ("room", "sizes"),
    [(31, [31]), (30, [16, 15]), (16, [16, 15]), (15, [11, 11, 9]), (1, [1] * 31)],
)
def test_groups_are_few_and_of_about_the_same_size(room: int, sizes: list[int]) -> None:
    plan = Plan(POINTS, 10, room * 10 + 9)
    assert [len(group) for group in plan.groups] == sizes
    assert [point for group in plan.groups for point in group] == list(POINTS)
    assert all(point in plan.group_of(point) and plan.fits(len(plan.group_of(point))) for point in POINTS)


def test_what_is_there_already_counts_as_free(tmp_path: Path) -> None:
    without = planned(POINTS, 10, None, tmp_path).room
    (tmp_path / "file").write_bytes(bytes(50_000_000))
    held = planned(POINTS, 10, None, tmp_path).room - without
    assert abs(held) < 40_000_000  # others use the disk as well


def test_the_budget_counts_if_it_is_smaller_and_has_to_hold_one_hook_point(tmp_path: Path) -> None:
    assert planned(POINTS, 10, 25, tmp_path).room == 25
    assert planned(POINTS, 10, 10**30, tmp_path).room == pytest.approx(
        planned(POINTS, 10, None, tmp_path).room, rel=0.2
    )
    with pytest.raises(UsageError, match=r"need 30\.0B, but the budget of disk space is 25\.0B"):
        planned(POINTS, 30, 25, tmp_path)
    assert planned((), 30, 25, tmp_path).groups == []
