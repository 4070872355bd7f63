"""Compare the SAEs in a folder with those that are to be trained there: the same are kept, others are in the way.

Two trainings are the same if all that is recorded with an SAE agrees: its hook point and size, the recipe, and hashes
of the model and the texts. Of an SAE without such a record, only the size and the name of the model are compared.

Example:
    >>> from pathlib import Path
    >>> from emomech.core.hook_points import HookPoint
    >>> from emomech.presets import lookup
    >>> from emomech.saes.resume import missing
    >>> folder = lookup.shipped(lookup.sae("organism").path)
    >>> missing(folder, [HookPoint(3)], {"d_in": 128, "d_sae": 512, "k": 16, "control": "", "trained on": "organism"})
    []
"""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from emomech.core.errors import EmomechError, UsageError
from emomech.core.hook_points import HookPoint
from emomech.saes.config import SaeConfig, read
from emomech.saes.files import CONFIG, describe

_HASHED = ("model", "texts")
"""Names of the hashes."""


def missing(
    out: Path, points: Sequence[HookPoint], asked: Mapping[str, object], say: Callable[[str], None] = lambda _: None
) -> list[HookPoint]:
    """Return the hook points that have no SAE in `out` yet; `say` gets one line for each of the others.

    `asked` holds what is compared, by name: `d_in`, `trained on` (the name of the model), the fields of a
    `recipe.SaeRecipe`, and the hashes `model` and `texts` of a `TokenPool`. Raises UsageError for a folder that holds
    another SAE than what is asked for, or none that can be read.
    """
    absent, there = [], []
    for point in points:
        folder = out / str(point)
        if not os.path.lexists(folder):
            absent.append(point)
            continue
        config = _read(folder)
        held, wanted = _recorded(config), {**asked, "hook point": str(point)}
        if differing := [name for name in held if name in wanted and held[name] != wanted[name]]:
            has, should = (", ".join(_shown(name, of[name]) for name in differing) for of in (held, wanted))
            raise _in_the_way(folder, f"holds an SAE with {has}, but asked for is {should}")
        unknown = "" if config.recipe and config.inputs else "; its texts are not recorded, so they may be others"
        there.append(f"{point}: is there already{unknown}")
    for line in there:
        say(line)
    return absent


def _read(folder: Path) -> SaeConfig:
    """Read the configuration of an SAE. Raises UsageError if the SAE cannot be loaded."""
    try:
        describe(folder, name=folder.name).load()
        return read(folder / CONFIG)
    except EmomechError as error:
        raise _in_the_way(folder, f"holds no SAE that can be read ({str(error).rstrip('.')})") from error


def _recorded(config: SaeConfig) -> dict[str, object]:
    """Collect what is recorded with an SAE, by the names of what is asked for."""
    size = {"hook point": str(config.point), "d_in": config.d_in, "d_sae": config.d_sae, "k": config.k}
    origin = dict(config.inputs) or {"trained on": config.trained_on}
    return {"control": "", **config.recipe, **size, **origin}


def _shown(name: str, value: object) -> str:
    if name in _HASHED:
        return f"{name} (hash {str(value)[:8]})"
    return f"{name} {'none' if value in ('', None) else value}"


def _in_the_way(folder: Path, what: str) -> UsageError:
    return UsageError(f"{folder}: {what}. Name another folder (--out), or delete this one to train it again.")
