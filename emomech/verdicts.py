"""What a result says of a claim, by a rule that stands in a file of its own.

Each rule reads the tables of one analysis. It asks for the claimed sign with a 95 % interval that excludes zero, and
that no control shows the same; where the texts cannot speak about a claim it says why.
"""

from emomech.rules.behaviour import behaviour
from emomech.rules.concentration import concentration
from emomech.rules.depth import depth
from emomech.rules.early_layers import early_layers
from emomech.rules.fidelity import fidelity
from emomech.rules.flow import flow
from emomech.rules.ruling import Outcome, Verdict
from emomech.rules.scarcity import scarcity
from emomech.rules.sharing import sharing
from emomech.rules.steering import language, steering
from emomech.rules.tracing import tracing
from emomech.rules.transfer import transfer

__all__ = [
    "Outcome",
    "Verdict",
    "behaviour",
    "concentration",
    "depth",
    "early_layers",
    "fidelity",
    "flow",
    "language",
    "scarcity",
    "sharing",
    "steering",
    "tracing",
    "transfer",
]
