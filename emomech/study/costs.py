"""Turn declared calls into seconds, with the costs of single operations that were calibrated once.

`costs.toml` holds the seconds that one core of the calibrating machine takes for one of each operation, and the rate at
which that core multiplies matrices. On another machine all of them are scaled by the ratio of the two rates, so that
only one number has to be measured there. No cost belongs to a chapter: where a chapter takes longer than planned, a
call is missing. `python -m emomech.study.calibration` measures the costs anew.

Example:
    >>> from emomech.study.calls import EXAMPLE, Calls
    >>> from emomech.study.costs import Costs, seconds
    >>> costs = Costs.kept()
    >>> taken = seconds(Calls(forward=1e6, encoded=1e5), EXAMPLE, costs)
    >>> taken.model > taken.saes > 0 == taken.rest
    True
"""

import tomllib
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path

from emomech.core.machine import Machine
from emomech.study.calls import Calls, Scale

FILE = Path(__file__).with_name("costs.toml")
KEYS_SHARE = 0.3
"""What keys and values of a token cost, as a share of a whole block: three of its twelve square matrices."""
ON_GPU = 0.4
"""Share of a GPU's peak rate that large batches reach."""


@dataclass(frozen=True)
class Costs:
    """Seconds of one core for one of each operation, on the machine that was calibrated."""

    rate: float
    """Floating-point operations per second of one core, in products of large matrices."""
    efficiency: float
    """Share of that rate that the matrices of a block reach."""
    element: float
    """One number that is read, changed and written by what is no matrix product in a block."""
    block_call: float
    """One call of a block."""
    backward: float
    """A token's gradient through a block, in passes forward."""
    backward_call: float
    """One call of a block backward."""
    batch: float
    """One batch that is made, with what a pass does besides its blocks."""
    logit: float
    """One logit of the vocabulary that is computed and normalised, without its products."""
    sae_efficiency: float
    """Share of the rate that products of an SAE reach."""
    selected: float
    """One feature among which those that fire are selected."""
    sae_call: float
    """One call of an SAE, with the edit around it."""
    gathered: float
    """One number of a decoder row that meets a gradient."""
    copied: float
    """One weight that is copied and drawn again."""
    prepared: float
    """One text that is drawn from the grammar or read from a file."""
    tokenized: float
    """One text that is tokenized."""
    ranked: float
    """One value that is sorted."""
    weighed: float
    """One product in a weighted sum."""
    fitted: float
    """One product in a classifier that is fitted, for all of its iterations."""
    decomposed: float
    """One product in a decomposition of a matrix."""
    step: float
    """One operation on a small sparse array; several operations on dense ones."""
    row: float
    """One row of a result table."""

    @classmethod
    @cache
    def kept(cls) -> "Costs":
        """Read the costs that were measured last."""
        return cls(**tomllib.loads(FILE.read_text(encoding="utf-8")))

    def at(self, rate: float) -> "Costs":
        """Scale the costs to a machine of which one core has this rate."""
        shares = {"rate", "efficiency", "backward", "sae_efficiency"}
        times = {f.name: getattr(self, f.name) for f in fields(self)}
        scaled = {name: cost if name in shares else cost * self.rate / rate for name, cost in times.items()}
        return Costs(**(scaled | {"rate": rate}))


@dataclass(frozen=True)
class Seconds:
    """Seconds that an analysis takes, by what takes them."""

    model: float
    saes: float
    rest: float
    """Statistics, tokens and tables."""

    @property
    def total(self) -> float:
        """All seconds."""
        return self.model + self.saes + self.rest


def seconds(calls: Calls, scale: Scale, costs: Costs) -> Seconds:
    """Seconds of one core that the calls take."""
    logit = 2 * scale.width / (costs.rate * costs.efficiency) + costs.logit
    model = (
        passes_of_blocks(calls, costs) * _token(scale, costs)
        + _overhead(calls, costs)
        + calls.logits * scale.vocabulary * logit
        + calls.models * (scale.layers * scale.block + scale.width * scale.vocabulary) * costs.copied
    )
    return Seconds(model, _of_saes(calls, scale, costs), _rest(calls, costs))


def seconds_on(calls: Calls, scale: Scale, machine: Machine) -> Seconds:
    """Seconds that pass on a machine which does nothing else, with all its cores, and its GPU if it computes on one.

    Matrices are multiplied by all cores, everything else by one. On a GPU a block takes as long as its products at the
    same share of the rate, or as long as the processor needs to start it.
    """
    core = machine.core_rate or machine.host_rate
    costs = Costs.kept().at(core)
    alone, together = seconds(calls, scale, costs), core / max(core, machine.host_rate)
    if machine.device == "cpu":
        model = together * (alone.model - _overhead(calls, costs)) + _overhead(calls, costs)
    else:
        products = 2 * scale.block * passes_of_blocks(calls, costs) + 2 * scale.width * scale.vocabulary * calls.logits
        model = max(products / (machine.rate * ON_GPU), _overhead(calls, costs))
    return Seconds(model, together * alone.saes, alone.rest)


def passes_of_blocks(calls: Calls, costs: Costs) -> float:
    """Tokens through a block, with backward passes and keys in units of a pass forward."""
    return calls.forward + costs.backward * calls.backward + KEYS_SHARE * calls.keys


def _token(scale: Scale, costs: Costs) -> float:
    """Seconds of one token in one block."""
    return 2 * scale.block / (costs.rate * costs.efficiency) + scale.width * costs.element


def _overhead(calls: Calls, costs: Costs) -> float:
    starts = calls.block_calls * costs.block_call + calls.backward_calls * costs.backward_call
    return starts + calls.batches * costs.batch


def _of_saes(calls: Calls, scale: Scale, costs: Costs) -> float:
    products = 2 * scale.width * scale.features / (costs.rate * costs.sae_efficiency)
    return (
        (calls.encoded + calls.decoded + calls.met) * products
        + (calls.encoded + calls.met) * scale.features * costs.selected
        + calls.sae_calls * costs.sae_call
        + calls.fired * scale.width * costs.gathered
    )


def _rest(calls: Calls, costs: Costs) -> float:
    return (
        calls.prepared * costs.prepared
        + calls.tokenized * costs.tokenized
        + calls.ranked * costs.ranked
        + calls.weighed * costs.weighed
        + calls.fitted * costs.fitted
        + calls.decomposed * costs.decomposed
        + calls.steps * costs.step
        + calls.rows * costs.row
    )


@dataclass(frozen=True)
class Expected:
    """What an analysis is expected to take on a machine."""

    texts: int
    """Texts of the study."""
    passes: float
    """Times that all of them go through the model, forward or backward."""
    seconds: Seconds

    @classmethod
    def of(cls, calls: Calls, scale: Scale, machine: Machine) -> "Expected":
        """Expect what the declared calls of an analysis take."""
        once = scale.layers * sum(scale.task.lengths) / len(scale.task.lengths) * max(1, scale.task.texts)
        return cls(scale.task.texts, (calls.forward + calls.backward) / once, seconds_on(calls, scale, machine))
