"""Hook points name the activations of a model; feature ids name the features of the SAE at a hook point."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from numbers import Integral
from typing import Literal, get_args

from emomech.core.errors import UsageError, unknown

Site = Literal["resid_pre", "resid_post", "attn_out", "mlp_out"]
_HOOK_NAME = re.compile(r"blocks\.(\d+)\.hook_(\w+)")


@dataclass(frozen=True, order=True)
class HookPoint:
    """One activation of a model: `site` of the 0-based block `layer`, by TransformerLens's names.

    `resid_pre` and `resid_post` are the residual stream before and after the block; `attn_out` and `mlp_out` are what
    attention and MLP add to it.
    """

    layer: int
    site: Site = "resid_post"

    def __post_init__(self) -> None:
        """Raise UsageError for a layer that is no whole number from 0 on, and for an unknown site."""
        if not isinstance(self.layer, Integral) or self.layer < 0:
            raise UsageError(f"layer {self.layer!r}: expected a whole number, 0 for the first block.")
        if self.site not in get_args(Site):
            raise unknown("site of a hook point", str(self.site), get_args(Site))

    @classmethod
    def parse(cls, name: str) -> "HookPoint":
        """Read a name such as `blocks.3.hook_resid_post`. Raises UsageError for any other form.

        Example:
            >>> from emomech.core.hook_points import HookPoint
            >>> point = HookPoint.parse("blocks.3.hook_resid_post")
            >>> point, point.depth(n_layers=8)
            (HookPoint(layer=3, site='resid_post'), 0.5)
        """
        match = _HOOK_NAME.fullmatch(name)
        if match is None or match[2] not in get_args(Site):
            sites = ", ".join(get_args(Site))
            raise UsageError(f"hook point {name!r}: expected blocks.<layer>.hook_<site> with a site of {sites}.")
        return cls(int(match[1]), match[2])  # pyright: ignore[reportArgumentType]

    def __str__(self) -> str:
        return f"blocks.{self.layer}.hook_{self.site}"

    def resid_index(self) -> int:
        """Number of blocks that have written to the residual stream: 0 at the embedding, n_layers at the end."""
        return self.layer if self.site == "resid_pre" else self.layer + 1

    def depth(self, n_layers: int) -> float:
        """Depth from 0 at the embedding to 1 after the last block, comparable between models."""
        return self.resid_index() / n_layers


@dataclass(frozen=True, order=True)
class FeatureId:
    """One feature of the SAE at `point`, by its 0-based index."""

    point: HookPoint
    index: int

    def __post_init__(self) -> None:
        """Raise UsageError for a point that is no HookPoint, and for an index that is no whole number from 0 on."""
        if not isinstance(self.point, HookPoint):
            raise UsageError(f"point {self.point!r}: expected a HookPoint; `HookPoint.parse` reads a name.")
        if not isinstance(self.index, Integral) or self.index < 0:
            raise UsageError(f"feature {self.index!r}: expected a whole number, 0 for the first feature.")


def by_point(features: Iterable[FeatureId]) -> dict[HookPoint, list[int]]:
    """Group feature indices by hook point, in order of depth."""
    indices: dict[HookPoint, list[int]] = {}
    for feature in features:
        indices.setdefault(feature.point, []).append(feature.index)
    return dict(sorted(indices.items(), key=lambda item: item[0].resid_index()))
