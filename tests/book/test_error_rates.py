"""Rates have exact intervals, and a bound is broken if the whole interval lies on its wrong side."""

import pytest
from planted_rules import NULL, OPPOSITE, PARTIAL, PLANTED, measured

from emomech.book import error_rates


def test_rates_within_their_bounds_are_kept() -> None:
    table = error_rates.rates(measured(NULL, PARTIAL, OPPOSITE, *PLANTED))
    assert set(table.kept) == {"yes"} and error_rates.broken(table) == []
    (row,) = table[(table.scenario == "nothing") & (table.outcome == "partly or better")].itertuples()
    assert (row.rate, row.n, row.bound) == (0.08, 100, "at most 0.1") and 0.03 < row.low < 0.04


@pytest.mark.parametrize(
    ("world", "outcomes", "said"),
    [
        ("null", {"replicates": 20, "does not replicate": 80}, "replicates in 0.200"),
        ("null", {"partly": 30, "does not replicate": 70}, "partly or better in 0.300"),
        ("partial null", {"replicates": 20, "partly": 80}, "expected at most 0.05"),
        ("planted", {"replicates": 50, "partly": 50}, "replicates in 0.500"),
        ("planted", {"replicates": 60, "does not replicate": 40}, "denied in 0.400"),
        ("reversed", {"reversed": 50, "does not replicate": 50}, "reversed in 0.500"),
        ("reversed", {"replicates": 20, "reversed": 80}, "partly or better in 0.200"),
    ],
)
def test_a_broken_bound_is_named_with_rule_world_and_rate(world: str, outcomes: dict[str, int], said: str) -> None:
    lines = error_rates.broken(error_rates.rates(measured(("some world", world, 1.0, outcomes))))
    assert any(said in line and line.startswith(f"C1, full sizes, {world} world 'some world'") for line in lines)


def test_power_is_by_size_and_the_smallest_reliable_size_is_named() -> None:
    record = measured(*PLANTED)
    curve = error_rates.curves(record)
    assert curve[curve.outcome == "replicates"].rate.tolist() == [0.4, 0.85, 0.9]
    (row,) = error_rates.smallest(record).to_dict("records")
    assert (row["replicates"], row["partly or better"], row["units"]) == ("1", "0.5", "points")
    assert error_rates.smallest(measured(PLANTED[0])).replicates.tolist() == ["none tried"]


def test_the_rates_of_all_outcomes_sum_to_one() -> None:
    table = error_rates.outcome_rates(measured(NULL, *PLANTED))
    assert table.groupby("scenario").rate.sum().round(9).tolist() == [1.0, 1.0] and len(table) == 12
