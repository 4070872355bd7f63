"""Seconds follow from declared calls and the costs of single operations, scaled to the rate of a machine."""

from dataclasses import fields, replace

import pytest

from emomech.core.machine import Machine, described
from emomech.study.calls import EXAMPLE, Calls
from emomech.study.costs import Costs, Expected, seconds, seconds_on

CALLS = Calls(forward=1e7, backward=1e6, block_calls=1000, encoded=1e5, fired=1e5, ranked=1e6, steps=1e4)


def test_every_operation_takes_time_and_every_cost_is_used() -> None:
    costs = Costs.kept()
    for f in fields(Calls):
        taken = seconds(Calls(**{f.name: 1e6}), EXAMPLE, costs).total
        assert (taken > 0) == (f.name != "texts"), f.name
    every = Calls(**{f.name: 1e6 for f in fields(Calls)})
    for f in fields(Costs):
        other = replace(costs, **{f.name: 2 * getattr(costs, f.name)})
        if f.name != "backward":
            assert seconds(every, EXAMPLE, other) != seconds(every, EXAMPLE, costs), f.name


def test_costs_can_be_those_of_a_processor() -> None:
    costs = Costs.kept()
    assert 1e9 < costs.rate < 1e13 and 0.2 < costs.efficiency < 1.5 and 0.8 < costs.backward < 3
    assert all(
        0 < getattr(costs, f.name) < 0.1
        for f in fields(Costs)
        if f.name not in ("rate", "efficiency", "backward", "sae_efficiency")
    )


def test_a_machine_half_as_fast_takes_twice_as_long() -> None:
    costs = Costs.kept()
    slow, fast = (seconds(CALLS, EXAMPLE, costs.at(rate)) for rate in (1e10, 2e10))
    assert slow.total == pytest.approx(2 * fast.total)


def test_cores_share_products_of_matrices_only() -> None:
    one = Machine("cpu", 10**10, (), 10**10, rate=1e11, host_rate=1e11, core_rate=1e11)
    four = replace(one, rate=4e11, host_rate=4e11)
    alone, together = seconds_on(CALLS, EXAMPLE, one), seconds_on(CALLS, EXAMPLE, four)
    assert alone.total == pytest.approx(seconds(CALLS, EXAMPLE, Costs.kept().at(1e11)).total)
    assert together.rest == alone.rest and together.saes == pytest.approx(alone.saes / 4)
    assert alone.model / 4 < together.model < alone.model


def test_a_gpu_is_never_faster_than_the_processor_starts_its_blocks() -> None:
    gpu = described("h100-80gb")
    wide = replace(EXAMPLE, width=4096, block=12 * 4096**2)
    starts = seconds_on(Calls(block_calls=1000), EXAMPLE, gpu).model
    assert seconds_on(Calls(block_calls=1000, forward=1000), EXAMPLE, gpu).model == starts > 0
    assert seconds_on(Calls(block_calls=1000, forward=1e9), wide, gpu).model > 10 * starts


def test_passes_are_counted_in_texts_of_the_study() -> None:
    task = EXAMPLE.task
    once = Calls(forward=task.texts * 40 * EXAMPLE.layers)
    machine = described("laptop-16gb")
    expected = Expected.of(3 * once, EXAMPLE, machine)
    assert (expected.texts, expected.passes) == (750, 3)
    assert expected.seconds == seconds_on(3 * once, EXAMPLE, machine)
