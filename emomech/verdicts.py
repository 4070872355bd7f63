"""What a result says of a claim, by a rule that was fixed before the result was seen.

Each rule reads the tables of one analysis. It asks for the claimed sign with a 95 % interval that excludes zero, and
that no control shows the same; where the texts cannot speak about a claim it says why.
"""

from emomech.rules.behaviour import behaviour
from emomech.rules.fidelity import fidelity
from emomech.rules.flow import flow
from emomech.rules.ruling import Outcome, Verdict

__all__ = ["Outcome", "Verdict", "behaviour", "fidelity", "flow"]
