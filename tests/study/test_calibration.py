"""Calibration measures every cost, and writes what `costs` reads."""

import tomllib
from dataclasses import fields

from emomech.study import calibration
from emomech.study.costs import FILE, Costs


def test_one_round_measures_every_cost() -> None:
    measured = calibration.measured(rounds=1)
    assert list(measured) == [f.name for f in fields(Costs)]
    assert all(cost >= 0 for cost in measured.values())
    kept = Costs.kept()
    assert 0.2 < measured["rate"] / kept.rate * measured["ranked"] / kept.ranked < 5


def test_what_is_written_is_read_back() -> None:
    costs = {f.name: 1.5e-7 for f in fields(Costs)}
    assert tomllib.loads(calibration.written(costs)) == costs
    assert FILE.read_text(encoding="utf-8").splitlines()[0] == calibration.written({}).splitlines()[0]


def test_the_least_time_is_taken() -> None:
    assert 0 <= calibration.least(lambda: None) < 1e-3
