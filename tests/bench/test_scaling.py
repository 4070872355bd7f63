"""Growth of cost: exponents of power laws are recovered, and their intervals have the stated coverage."""

from pathlib import Path

import numpy as np
import pytest

from emomech.bench import scaling, workloads
from emomech.bench.comparisons import Sizes
from emomech.bench.interleaved import Processes

SMALL = Sizes(n_texts=3, n_answer=5, n_everywhere=2, n_slow=1, n_turns=1)


@pytest.mark.parametrize("power", [0.0, 0.7, 1.0, 2.0])
def test_the_exponent_of_a_power_law_is_found_with_its_interval(power: float) -> None:
    rng = np.random.default_rng(0)
    sizes = np.repeat([10, 20, 40, 80], 5)
    seconds = 3e-3 * sizes**power * np.exp(rng.normal(scale=0.02, size=len(sizes)))
    estimate, low, high = scaling.exponent(sizes, seconds)
    assert low < power < high and abs(estimate - power) < 0.05 and high - low < 0.1


def test_the_interval_holds_the_exponent_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    sizes = np.repeat([1.0, 2.0, 4.0], 3)
    covered = []
    for _ in range(400):
        _, low, high = scaling.exponent(sizes, sizes * np.exp(rng.normal(scale=0.1, size=9)))
        covered.append(low <= 1 <= high)
    assert 0.92 <= np.mean(covered) <= 0.98


@pytest.mark.usefixtures("in_process")
def test_growth_is_measured_of_texts_features_and_layers(workload: workloads.Workload, case: Path) -> None:
    growth = [*scaling.measure_growth(workload, Processes(case, 1), SMALL)]
    assert {line.of for line in growth} == {"texts", "layers", "features"}
    assert all(len(line.sizes) == len(line.seconds) for line in growth)
