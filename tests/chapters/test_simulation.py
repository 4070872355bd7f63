"""A simulation of a rule holds its worlds; the error rates that a rule may have are fixed."""

import numpy as np

from emomech.chapters.criteria import Criterion
from emomech.chapters.rules import Reading, Rule
from emomech.chapters.simulation import MOST_PARTLY, MOST_REPLICATES, Parameters, Scenario, Simulation
from emomech.stats.estimates import Estimate


def test_a_rule_is_tried_in_a_world() -> None:
    rule: Rule[Estimate] = Rule(
        "C0", "It falls.", (Criterion("fall", "It falls.", "points"),), read=lambda e: Reading({"fall": e})
    )

    def draw(rng: np.random.Generator, parameters: Parameters, effect: float) -> Estimate:
        value = effect + rng.normal() / parameters["n"] ** 0.5
        return Estimate(value, value - 1.96 / parameters["n"] ** 0.5, value + 1.96 / parameters["n"] ** 0.5, 1)

    simulation = Simulation(rule, "one point", (Scenario("a fall", "planted", draw), Scenario("none", "null", draw)))
    rng = np.random.default_rng(0)
    planted, null = simulation.scenarios
    shown = [rule(planted.draw(rng, {"n": 25}, 1.0)).outcome for _ in range(100)]
    errors = [rule(null.draw(rng, {"n": 25}, 0.0)).outcome for _ in range(400)]
    assert shown.count("replicates") > 95
    assert errors.count("replicates") / 400 < MOST_REPLICATES < MOST_PARTLY
