"""How much a notebook asks of a model and its SAEs on the embedded model: the basis of every estimate of time.

`workload.json` holds counts per notebook, from the quick profile on the embedded model: tokens that the model reads,
multiplications in the SAEs, and seconds of one core for the rest. The counts predate faster edits, so they
overestimate. The growth with depth is the difference from an embedded model of 5 blocks; for depth, concentration and
sharing it was not counted and is taken as proportional to the blocks.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FILE = Path(__file__).with_name("workload.json")


@dataclass
class Work:
    """What was asked for while it was counted."""

    tokens: int = 0
    """Tokens that a model read, padding included; a backward pass counts as two more readings."""
    products: int = 0
    """Multiplications of SAEs: numbers of an activation, times features, times activations encoded or decoded."""
    points: int = 0
    """Different SAEs that were used."""
    seconds: float = 0.0
    """Processor time of all that was neither model nor SAE."""
    tokens_per_block: float = 0.0
    """By how many the tokens grow with every block: what is done at each depth is done more often in a deeper model."""


@cache
def counted() -> Mapping[str, Work]:
    """Read what was counted, by notebook."""
    return {name: Work(**work) for name, work in json.loads(FILE.read_text(encoding="utf-8")).items()}
