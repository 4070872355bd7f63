"""What exactly the answer loses without a single feature, and whether the gradient screen predicted it.

At every hook point the features that the screen ranks first are ablated one by one, and equally many of the others,
drawn at random: the first show whether the screen's estimates hold on other texts, the second what it misses (after
the diagnostic of Kramár et al., 2024, arXiv:2403.00745).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from emomech.causal.ablation import Ranking
from emomech.causal.dictionary import Dictionary, Style
from emomech.causal.sample import Sample
from emomech.core.hook_points import FeatureId, HookPoint
from emomech.stats.estimates import Floats
from emomech.stats.testing import LEVEL, benjamini_hochberg, p_values, rank_correlation

PickedBy = Literal["screened", "audited"]
"""Among the first of its hook point by the screen, or drawn at random from the others."""
KINDS: tuple[PickedBy, ...] = ("screened", "audited")
_RESOLUTION = 4
"""Decimals of a log-odds that single precision resolves."""


@dataclass(frozen=True)
class SingleEffect:
    """One feature, and what the answer loses without it."""

    feature: FeatureId
    kind: PickedBy
    rank: int
    """Place in the ranking of all features, from 1."""
    estimate: float
    """Loss that the screen estimates, in nats, on the texts of `discover`."""
    loss: Floats = field(repr=False)
    """Loss of each text when the feature is ablated to its mean, in nats (text)."""
    zero: float
    """Mean loss when it is ablated to zero; NaN for audited features."""
    resample: float
    """Mean loss when it takes its value at a random token; NaN for audited features."""


def single_effects(sample: Sample, dictionary: Dictionary, ranking: Ranking, n: int, seed: int) -> list[SingleEffect]:
    """Ablate one by one, at each hook point, the first `n` features by the screen and `n` others."""
    picked = _picked(ranking, n, seed)
    tried: list[tuple[int, Style]] = [(place, "mean") for place, _ in picked]
    for place, kind in picked:
        if kind == "screened":
            tried.extend([(place, "zero"), (place, "resample")])
    edits = [dictionary.ablate([ranking.features[place]], style) for place, style in tried]
    loss = dict(zip(tried, sample.losses(edits).round(_RESOLUTION), strict=True))
    unmeasured = np.array([np.nan])
    return [
        SingleEffect(
            feature=ranking.features[place],
            kind=kind,
            rank=place + 1,
            estimate=float(ranking.loss[place]),
            loss=loss[place, "mean"],
            zero=float(loss.get((place, "zero"), unmeasured).mean()),
            resample=float(loss.get((place, "resample"), unmeasured).mean()),
        )
        for place, kind in picked
    ]


def _picked(ranking: Ranking, n: int, seed: int) -> list[tuple[int, PickedBy]]:
    """Places in the ranking to verify, by hook point."""
    rng = np.random.default_rng(seed)
    picked: list[tuple[int, PickedBy]] = []
    for point in sorted({feature.point for feature in ranking.features}, key=lambda point: point.resid_index()):
        places = [i for i, feature in enumerate(ranking.features) if feature.point == point]
        audited = rng.permutation(places[n:])[:n].tolist()
        for place in (*places[:n], *sorted(audited)):
            picked.append((place, "screened" if place in places[:n] else "audited"))
    return picked


def corrected(effects: Sequence[SingleEffect], clusters: Sequence[str]) -> Floats:
    """p-values of all features together, corrected for their number (Benjamini and Hochberg, 1995)."""
    return benjamini_hochberg(p_values(np.stack([effect.loss for effect in effects]), clusters))


@dataclass(frozen=True)
class LayerSummary:
    """How often features of a hook point have an effect, and whether the ways to measure it agree."""

    point: HookPoint | None
    """None: all hook points together."""
    kind: PickedBy
    n: int
    n_nominal: int
    """Features with p below the level, uncorrected."""
    n_found: int
    """Features with an effect at a false discovery rate of the level."""
    n_needed: int
    """Features among these whose ablation costs log-odds."""
    agreement: float
    """Rank correlation of screen and exact loss, over both kinds."""
    same_sign: float
    """Share of the features with an effect, of both kinds, for which screen and exact loss have the same sign."""
    zero: float
    """Rank correlation of the losses by mean and by zero ablation, of the screened."""
    resample: float
    """Rank correlation of the losses by mean and by resample ablation, of the screened."""


def by_layer(effects: Sequence[SingleEffect], clusters: Sequence[str]) -> list[LayerSummary]:
    """Summarise all hook points together and each of them, the screened and the audited apart."""
    p = p_values(np.stack([effect.loss for effect in effects]), clusters)
    significant = corrected(effects, clusters) < LEVEL
    kind = np.array([effect.kind for effect in effects])
    exact = np.array([effect.loss.mean() for effect in effects])
    estimate, zero, resample = (
        np.array([getattr(effect, name) for effect in effects]) for name in ("estimate", "zero", "resample")
    )
    summaries = []
    for point in (None, *dict.fromkeys(effect.feature.point for effect in effects)):
        at_point = np.array([point in (None, effect.feature.point) for effect in effects])
        screened, with_effect = at_point & (kind == "screened"), at_point & significant
        same = np.sign(exact[with_effect]) == np.sign(estimate[with_effect])
        agreement = (
            rank_correlation(estimate[at_point], exact[at_point]),
            float(same.mean()) if with_effect.any() else float("nan"),
            rank_correlation(exact[screened], zero[screened]),
            rank_correlation(exact[screened], resample[screened]),
        )
        for name in KINDS:
            of_kind = at_point & (kind == name)
            n, n_nominal, n_found = (
                int(which.sum()) for which in (of_kind, of_kind & (p < LEVEL), of_kind & with_effect)
            )
            n_needed = int((of_kind & with_effect & (exact > 0)).sum())
            summaries.append(LayerSummary(point, name, n, n_nominal, n_found, n_needed, *agreement))
    return summaries
