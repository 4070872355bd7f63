"""Settings of a whole process: device, number format, and the override of the SAE compatibility check.

Within a process, settings are passed as a value. The environment is read where a process begins: by a command, by a
kernel that executes a notebook, by a script that makes a `Study` or a `Run`. A value is checked where it is used, so
that a command that loads no model does not need a GPU.

Example:
    >>> from emomech.core.settings import Settings
    >>> settings = Settings.from_environment({"EMOMECH_DTYPE": "bfloat16"})
    >>> settings.number_format("float32"), settings.force
    ('bfloat16', False)
    >>> Settings(device="cpu").compute_device()
    'cpu'
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from emomech.core import devices
from emomech.core.devices import DEVICE, DTYPE, NumberFormat

LEADING = "EMOMECH_LEADING"
"""Variable that names a token of the model's vocabulary, which starts every text in place of a BOS."""
FORCE = "EMOMECH_FORCE"
"""If this variable is 1, SAEs that do not fit the model are used anyway, and pages that use them show a warning."""


@dataclass(frozen=True)
class Settings:
    """Device, number format and override as the user sets them; the defaults are those of an empty environment."""

    device: str = "auto"
    """`auto`, `cpu` or `cuda`; auto: a GPU if there is one. Read from `EMOMECH_DEVICE`."""
    dtype: str = ""
    """The number format that models compute in; empty: that of each model's preset. Read from `EMOMECH_DTYPE`."""
    leading: str = ""
    """A token that starts every text in place of a BOS; empty: that of each model's preset. From `EMOMECH_LEADING`."""
    force: bool = False
    """Use SAEs that fail the compatibility check, with a warning. Read from `EMOMECH_FORCE`."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "Settings":
        """Read the variables of this process, or of another environment; an empty one counts as not set."""
        variables = os.environ if environment is None else environment
        device, dtype = variables.get(DEVICE) or "auto", variables.get(DTYPE) or ""
        return cls(device, dtype, variables.get(LEADING) or "", force=variables.get(FORCE) == "1")

    def to_environment(self) -> dict[str, str]:
        """Return the environment variables from which a child process reads these settings."""
        return {DEVICE: self.device, DTYPE: self.dtype, LEADING: self.leading, FORCE: "1" if self.force else "0"}

    def compute_device(self) -> Literal["cpu", "cuda"]:
        """Choose the device. Raises UsageError for an unknown device, and for `cuda` without a GPU."""
        return devices.chosen(self.device)

    def leading_token(self, preset: str) -> str:
        """Choose the token that starts every text: `leading`, or the preset's if that is empty."""
        return self.leading or preset

    def number_format(self, preset: NumberFormat) -> NumberFormat:
        """Choose the number format: `dtype`, or the preset's if that is empty. Raises UsageError for an unknown one."""
        return devices.number_format(preset, self.dtype)
