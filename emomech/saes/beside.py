"""SAEs that lie beside those of a study: controls that hardly learn, and SAEs of another seed.

The SAEs of a study lie in a folder F, such as `organism/weights/default/saes`. Beside it lie, if they were trained:

- `F-soft-frozen` and `F-frozen`: SAEs of the same size at the same hook points, with a decoder that stays near its
  random start, or at it (Korznikov et al., 2026, arXiv:2602.14111);
- `F-seedN`, with a number N: the same SAEs, trained again with seed N. If there are several, the smallest N counts.

`emomech sae train` writes them there. SAEs of a public release lie in a cache, and have nothing beside them.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, get_args

from emomech.core.errors import unknown

Control = Literal["soft-frozen", "frozen"]
"""How the decoder of a control is kept from learning, as in `recipe.SaeRecipe.control`."""
FROZEN: Literal["frozen decoder"] = "frozen decoder"
SOFT_FROZEN: Literal["soft-frozen decoder"] = "soft-frozen decoder"
"""Names of the controls in tables: the decoder stays at its random start; it stays near it."""
CONDITIONS: Mapping[Control, str] = {"soft-frozen": SOFT_FROZEN, "frozen": FROZEN}
"""Control -> its name in tables, the stronger control first."""
LEAST_COSINE = 0.8
"""Smallest cosine of a soft-frozen decoder row with its start, as in the publication."""
CONTROLS: tuple[Control, ...] = get_args(Control)


def named(name: str) -> Control:
    """Return the control of this name. Raises UsageError for an unknown name."""
    for control in CONTROLS:
        if control == name:
            return control
    raise unknown("control of an SAE", name, CONTROLS)


def folder_of(folder: Path, control: Control) -> Path:
    """Return the folder of a control of the SAEs in `folder`.

    Example:
        >>> from pathlib import Path
        >>> from emomech.saes.beside import folder_of
        >>> folder_of(Path("mine/saes"), "frozen").name
        'saes-frozen'
    """
    return folder.with_name(f"{folder.name}-{control}")


def folder_of_seed(folder: Path, seed: int) -> Path:
    """Return the folder of the SAEs that are trained like those in `folder`, with another seed."""
    return folder.with_name(f"{folder.name}-seed{seed}")


def control_folders(folder: Path) -> dict[Control, Path]:
    """Find the controls of the SAEs in `folder` that are there; empty if there are none."""
    return {control: folder_of(folder, control) for control in CONDITIONS if folder_of(folder, control).is_dir()}


def other_folder(folder: Path) -> Path | None:
    """Find the SAEs of another seed beside those in `folder`; None if there are none."""
    numbered = re.compile(re.escape(folder.name) + r"-seed(\d+)")
    found = [(int(match[1]), path) for path in _beside(folder) if (match := numbered.fullmatch(path.name))]
    return min(found)[1] if found else None


def folders(folder: Path) -> list[Path]:
    """List the folders of controls and of another seed that are there, in this order."""
    other = other_folder(folder)
    return [*control_folders(folder).values(), *([other] if other else [])]


def _beside(folder: Path) -> list[Path]:
    return [path for path in folder.parent.iterdir() if path.is_dir()] if folder.parent.is_dir() else []
