"""The words of the project: where in a model an activation stands, and which feature of it is meant."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from emomech.core.errors import UsageError

Site = Literal["resid_pre", "resid_post", "attn_out", "mlp_out"]
_HOOK_NAME = re.compile(r"blocks\.(\d+)\.hook_(\w+)")


@dataclass(frozen=True, order=True)
class HookPoint:
    """One activation of the model: `site` of the 0-based block `layer`.

    `resid_pre` is what a block reads, `resid_post` what it leaves in the residual stream, and
    `attn_out` and `mlp_out` what attention and MLP add to it. The names are TransformerLens's.
    """

    layer: int
    site: Site = "resid_post"

    @classmethod
    def parse(cls, name: str) -> "HookPoint":
        """Read a name such as `blocks.3.hook_resid_post`. Raises UsageError on any other form."""
        match = _HOOK_NAME.fullmatch(name)
        if match is None or match[2] not in get_args(Site):
            sites = ", ".join(get_args(Site))
            raise UsageError(f"hook point {name!r}: expected blocks.<layer>.hook_<site> with a site of {sites}.")
        return cls(int(match[1]), match[2])  # pyright: ignore[reportArgumentType]

    def __str__(self) -> str:
        return f"blocks.{self.layer}.hook_{self.site}"

    def resid_index(self) -> int:
        """Blocks that have written to the stream here: 0 at the embedding, n_layers after the last block."""
        return self.layer if self.site == "resid_pre" else self.layer + 1

    def depth(self, n_layers: int) -> float:
        """Relative depth in [0, 1], comparable between models."""
        return self.resid_index() / n_layers


@dataclass(frozen=True, order=True)
class FeatureId:
    """One feature of the SAE that stands at `point`."""

    point: HookPoint
    index: int


def by_point(features: Iterable[FeatureId]) -> dict[HookPoint, list[int]]:
    """Gather features by hook point, in order of depth."""
    found: dict[HookPoint, list[int]] = {}
    for one in features:
        found.setdefault(one.point, []).append(one.index)
    return dict(sorted(found.items(), key=lambda item: item[0].resid_index()))
