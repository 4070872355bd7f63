"""Override of the SAE compatibility check: the message that offers it, and the record that it was used.

A user overrides a refusal with `--force`, or with the variable that `settings.FORCE` names. A run that used refused
SAEs records what is wrong with them, and every page that shows the run begins with a warning.
"""

from collections.abc import Sequence

from emomech.core.settings import FORCE

OVERRIDDEN = "refused SAEs that were used"
"""Key of a run's provenance that lists what is wrong with them; absent if every SAE fits."""
_SHOWN = 3
"""Problems that a message shows in full."""


def refusal(problems: Sequence[str]) -> str:
    """Join problems into one message that ends with the way out; only the first three are given in full."""
    n_more = len(problems) - _SHOWN
    more = [f"and {n_more} more SAEs of {len(problems)} that are refused."] if n_more > 0 else []
    way_out = f"Take SAEs of the model that is studied, or use these anyway with --force ({FORCE}=1)."
    return "\n".join([*problems[:_SHOWN], *more, way_out])
