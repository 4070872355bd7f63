"""Override of the SAE compatibility check, and the warning that every affected page shows."""

import os
from collections.abc import Iterable

FORCE = "EMOMECH_FORCE"
"""Set to 1, SAEs that are refused are used all the same, and every page says so."""
FORCED = "refused SAEs that were used"
"""What of a run's provenance is there only where SAEs were used that do not fit."""
_TOLD = 3


def forced() -> bool:
    """Say whether SAEs are to be used that are refused."""
    return os.environ.get(FORCE) == "1"


def refusal(found: Iterable[str]) -> str:
    """Put what is wrong with some SAEs into one message with the way out; the first three are told in full."""
    wrong = list(found)
    more = [f"and {len(wrong) - _TOLD} more SAEs of {len(wrong)} that are refused."] if len(wrong) > _TOLD else []
    way_out = f"Take SAEs of the model that is studied, or go on all the same with --force ({FORCE}=1)."
    return "\n".join([*wrong[:_TOLD], *more, way_out])
