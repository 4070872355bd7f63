"""What the answer loses without one part alone, exactly, and whether the gradient screen had said so.

Of every hook point the parts that the screen ranks first are ablated one by one, and as many of the others, drawn at
random: the first say how much of the screen's promise holds on other texts, the second what it misses (the idea of the
diagnostic of Kramár et al., 2024, arXiv:2403.00745).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from emomech.causal.ablation import Asked, Ranking
from emomech.causal.dictionary import Parts, Style
from emomech.core.hook_points import FeatureId, HookPoint
from emomech.stats.estimates import Floats
from emomech.stats.testing import p_values, rank_correlation

Kind = Literal["screened", "audited"]
"""Among the first of its hook point by the screen, or drawn at random from the others."""
KINDS: tuple[Kind, ...] = ("screened", "audited")
LEVEL = 0.05
_RESOLUTION = 4
"""Decimals of a log-odds that single precision can tell apart."""


@dataclass(frozen=True)
class SingleEffect:
    """One part, and what the answer loses without it."""

    part: FeatureId
    kind: Kind
    rank: int
    """Its place in the ranking of all parts; 1 is the first."""
    estimate: float
    """What the screen says that it costs, in nats, on the texts that chose."""
    loss: Floats = field(repr=False)
    """What it costs each text to ablate it to its mean, in nats (text)."""
    zero: float
    """The same when it is ablated to zero, mean over the texts; not measured for what is audited."""
    resample: float
    """The same when it takes its value at a token drawn at random."""


def single_effects(asked: Asked, parts: Parts, ranking: Ranking, n: int, seed: int) -> list[SingleEffect]:
    """Ablate one by one, of each hook point, the first `n` by the screen and `n` others."""
    picked = _picked(ranking, n, seed)
    tried: list[tuple[int, Style]] = [(place, "mean") for place, _ in picked]
    for place, kind in picked:
        if kind == "screened":
            tried.extend([(place, "zero"), (place, "resample")])
    losses = asked.losses([parts.ablate([ranking.parts[place]], style) for place, style in tried]).round(_RESOLUTION)
    loss = dict(zip(tried, losses, strict=True))
    unmeasured = np.array([np.nan])
    return [
        SingleEffect(
            part=ranking.parts[place],
            kind=kind,
            rank=place + 1,
            estimate=float(ranking.loss[place]),
            loss=loss[place, "mean"],
            zero=float(loss.get((place, "zero"), unmeasured).mean()),
            resample=float(loss.get((place, "resample"), unmeasured).mean()),
        )
        for place, kind in picked
    ]


def _picked(ranking: Ranking, n: int, seed: int) -> list[tuple[int, Kind]]:
    """Places in the ranking that are verified, by hook point."""
    rng = np.random.default_rng(seed)
    found: list[tuple[int, Kind]] = []
    for point in sorted({part.point for part in ranking.parts}, key=lambda point: point.resid_index()):
        here = [i for i, part in enumerate(ranking.parts) if part.point == point]
        drawn = rng.permutation(here[n:])[:n].tolist()
        for place in (*here[:n], *sorted(drawn)):
            found.append((place, "screened" if place in here[:n] else "audited"))
    return found


def corrected(singles: Sequence[SingleEffect], clusters: Sequence[str]) -> Floats:
    """p-values of all parts together, corrected for their number (Benjamini and Hochberg, 1995)."""
    from scipy.stats import false_discovery_control

    return false_discovery_control(p_values(np.stack([one.loss for one in singles]), clusters))


@dataclass(frozen=True)
class LayerSummary:
    """How often parts of a hook point have an effect, and whether the ways to measure it agree."""

    point: HookPoint | None
    """None: all hook points together."""
    kind: Kind
    n: int
    n_nominal: int
    """Those whose p-value is below the level, uncorrected."""
    n_found: int
    """Those that are found at a false discovery rate of the level."""
    n_needed: int
    """Those among the found that cost log-odds."""
    agreement: float
    """Rank correlation of screen and exact loss, over both kinds."""
    same_sign: float
    """Share of the found, of both kinds, for which the two have one sign."""
    zero: float
    """Rank correlation of the losses by mean and by zero ablation, of the screened."""
    resample: float
    """The same of mean and resample ablation."""


def by_layer(singles: Sequence[SingleEffect], clusters: Sequence[str]) -> list[LayerSummary]:
    """Summarise all hook points together and each of them, the screened and the audited apart."""
    p = p_values(np.stack([one.loss for one in singles]), clusters)
    found_at = corrected(singles, clusters) < LEVEL
    kind = np.array([one.kind for one in singles])
    exact = np.array([one.loss.mean() for one in singles])
    estimate, zero, resample = (
        np.array([getattr(one, name) for one in singles]) for name in ("estimate", "zero", "resample")
    )
    summaries = []
    for point in (None, *dict.fromkeys(one.part.point for one in singles)):
        here = np.array([point in (None, one.part.point) for one in singles])
        screened, found = here & (kind == "screened"), here & found_at
        same = np.sign(exact[found]) == np.sign(estimate[found])
        agreement = (
            rank_correlation(estimate[here], exact[here]),
            float(same.mean()) if found.any() else float("nan"),
            rank_correlation(exact[screened], zero[screened]),
            rank_correlation(exact[screened], resample[screened]),
        )
        for name in KINDS:
            of = here & (kind == name)
            n, n_nominal, n_found = (int(some.sum()) for some in (of, of & (p < LEVEL), of & found))
            n_needed = int((of & found & (exact > 0)).sum())
            summaries.append(LayerSummary(point, name, n, n_nominal, n_found, n_needed, *agreement))
    return summaries
