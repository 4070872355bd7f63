"""A small rule with a control, and worlds to try it in, for tests of what happens to rules and checklists."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pandas as pd

from emomech.book.operating import Count, Measured
from emomech.chapters.criteria import Criterion
from emomech.chapters.rules import Reading, Rule
from emomech.chapters.simulation import Parameters, Scenario, Simulation
from emomech.chapters.verdict import Check, Verdict
from emomech.stats.estimates import Estimate
from emomech.stats.tables import INTERVAL, Schema, frame

LOSSES = Schema(
    keys={"condition": "what was edited"},
    values={"loss": "points of accuracy lost", **INTERVAL, "n": "number of texts"},
)
CLAIM = "C1"


@dataclass(frozen=True)
class Losses:
    table: Annotated[pd.DataFrame, LOSSES]


def losses(**by_condition: Estimate) -> Losses:
    rows = [{"condition": name.replace("_", " "), "loss": e, "n": e.n} for name, e in by_condition.items()]
    return Losses(frame(LOSSES, rows))


def read(result: Losses) -> Reading:
    rows = {row["condition"]: row for row in result.table.to_dict("records")}
    estimates = {name: Estimate(row["loss"], row["low"], row["high"], row["n"]) for name, row in rows.items()}
    names = {"features": "loss", "beyond matched": "beyond", "beyond silent": "silent"}
    return Reading({names[name]: estimate for name, estimate in estimates.items()})


RULE = Rule(
    claim=CLAIM,
    statement="The features matter <b>.",
    criteria=(
        Criterion("loss", "Accuracy falls.", estimand="points of accuracy lost", margin=2),
        Criterion("beyond", "It falls by more than without them.", estimand="points", control="beyond matched"),
        Criterion(
            "silent", "It falls without label writers.", estimand="points", role="lowers", control="beyond silent"
        ),
    ),
    read=read,
    columns=("condition",),
    own=frozenset({"features"}),
    described={"beyond nothing": "It is only shown."},
)


def estimate_of(values: np.ndarray) -> Estimate:
    mean, error = float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))
    return Estimate(mean, mean - 1.96 * error, mean + 1.96 * error, len(values))


def _draw(rng: np.random.Generator, parameters: Parameters, features: float, matched: float) -> Losses:
    n = 120 if parameters["limit"] else 400
    loss, control = rng.normal(features, 10, n), rng.normal(matched, 10, n)
    both = estimate_of(loss - control)
    return losses(features=estimate_of(loss), beyond_matched=both, beyond_silent=both)


def nothing(rng: np.random.Generator, parameters: Parameters, effect: float) -> Losses:
    return _draw(rng, parameters, 0, 0)


def control_as_well(rng: np.random.Generator, parameters: Parameters, effect: float) -> Losses:
    return _draw(rng, parameters, 5 * effect, 5 * effect)


def planted(rng: np.random.Generator, parameters: Parameters, effect: float) -> Losses:
    return _draw(rng, parameters, 5 * effect, 0)


def opposite(rng: np.random.Generator, parameters: Parameters, effect: float) -> Losses:
    return _draw(rng, parameters, -5 * effect, 0)


SIMULATION = Simulation(
    RULE,
    "five points of accuracy",
    (
        Scenario("no effect", "null", nothing),
        Scenario("the control loses as much", "null", control_as_well),
        Scenario("the features matter", "planted", planted),
        Scenario("they do harm", "reversed", opposite),
    ),
)


def checks() -> tuple[Check, ...]:
    """A checklist with every role and every status."""
    return (
        Check("It is <b> met.", "decides", "met", "points & more", "9.00 [6.00, 12.00]"),
        Check("It is not.", "decides", "not met", "points", "0.10 [−2.00, 2.20]", "matched <features>"),
        Check("The opposite is shown.", "decides", "reversed", "nats", "−3.00 [−4.00, −2.00]"),
        Check("It holds on one draw.", "lowers", "not stable", "share", "0.30 [0.10, 0.50]", "random weights"),
        Check("Too few texts.", "lowers", "no power", "share", "0.10 [−0.90, 1.10]; the smallest effect that could "
              "have been shown is 1.43, and 0.5 matters", "shuffled labels"),
        Check("There is none.", "describes", "undefined", "share", "undefined", "random dictionary"),
    )  # fmt: skip


def verdict(outcome: str = "partly", claim: str = CLAIM) -> Verdict:
    return Verdict(claim, "It is so & so.", outcome, "Because <it> is.", checks())  # pyright: ignore[reportArgumentType]


def measured(*counts: tuple[str, str, float, dict[str, int]]) -> list[Measured]:
    made = [Count("full", name, world, effect, outcomes) for name, world, effect, outcomes in counts]  # pyright: ignore[reportArgumentType]
    return [Measured("C1", "key", "points", 1.0, tuple(made))]


NULL = ("nothing", "null", 1.0, {"replicates": 0, "partly": 8, "does not replicate": 92})
PARTIAL = ("a part", "partial null", 1.0, {"replicates": 4, "partly": 96})
OPPOSITE = ("harm", "reversed", 1.0, {"reversed": 95, "does not replicate": 5})
PLANTED = [
    ("planted", "planted", size, {"replicates": n, "partly": 90 - n, "no power here": 10})
    for size, n in ((0.5, 40), (1.0, 85), (2.0, 90))
]
