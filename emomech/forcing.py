"""To go on against a refusal: how a user says so, and how everything that comes of it says so too."""

import os
from collections.abc import Iterable, Sequence
from html import escape

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


def banner(wrong: Sequence[str]) -> str:
    """Warn, as HTML, of SAEs that were used though they do not fit the model; nothing where there are none."""
    if not wrong:
        return ""
    listing = "".join(f"<li>{escape(one)}</li>" for one in wrong)
    return (
        '<aside class="emo emo-note emo-forced" role="alert"><p><strong>The features of this page may mean nothing: '
        f"{len(wrong)} of its SAEs do not fit the model, and their use was forced.</strong></p>"
        f"<ul>{listing}</ul></aside>"
    )
