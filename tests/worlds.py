"""Send a few studies from a simulated world through its rule, for the tests of the chapters' simulations."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from emomech.chapters.simulation import Parameters, Scenario, Simulation, World
from emomech.chapters.verdict import Verdict


def named(simulation: Simulation, name: str) -> Scenario:
    """The world with this name."""
    return next(scenario for scenario in simulation.scenarios if scenario.name == name)


def of_kind(simulation: Simulation, kind: World) -> Sequence[str]:
    """Names of all worlds of a kind."""
    return [scenario.name for scenario in simulation.scenarios if scenario.world == kind]


def verdicts(simulation: Simulation, world: Scenario | str, parameters: Parameters, n: int) -> list[Verdict]:
    """Verdicts on `n` studies from a world at the size of its effect, with the seeds from 0."""
    scenario = named(simulation, world) if isinstance(world, str) else world
    draws = (scenario.draw(np.random.default_rng(seed), parameters, simulation.effect) for seed in range(n))
    return [simulation.rule(tables) for tables in draws]


def outcomes(simulation: Simulation, world: Scenario | str, parameters: Parameters, n: int) -> Counter[str]:
    """How often each outcome occurs among `verdicts`."""
    return Counter(verdict.outcome for verdict in verdicts(simulation, world, parameters, n))
