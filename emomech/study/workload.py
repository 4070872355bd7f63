"""Work of each notebook on the embedded model, counted once; every estimate of time is based on it.

`workload.json` has counts per notebook for the quick profile: tokens that the model reads, multiplications in the SAEs,
and seconds of one core for the rest. The counts predate faster edits, so estimates are too high. Growth with depth was
counted as the difference to an embedded model of 5 blocks. For the notebooks depth, concentration and sharing it was
not counted, and is taken as proportional to the number of blocks.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FILE = Path(__file__).with_name("workload.json")


@dataclass
class Work:
    """Work of one notebook."""

    tokens: int = 0
    """Tokens that a model read, with padding; a backward pass counts as two more forward passes."""
    products: int = 0
    """Multiplications in SAEs: d_in times features times activations that were encoded or decoded."""
    points: int = 0
    """Hook points with an SAE that was used."""
    seconds: float = 0.0
    """Processor seconds outside of models and SAEs."""
    tokens_per_block: float = 0.0
    """Further tokens for every block of a deeper model, because some work is repeated at each depth."""


@cache
def counted() -> Mapping[str, Work]:
    """Read the counts, by notebook."""
    return {name: Work(**work) for name, work in json.loads(FILE.read_text(encoding="utf-8")).items()}
