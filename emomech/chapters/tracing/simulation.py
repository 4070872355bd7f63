"""Studies in worlds whose truth is known, to try the rule of claim C4.

A world says how much of the prediction the best features carry, how much of it without features that write a label, and
how much of the same each control does. Texts differ in how much they lose, and clusters of them vary together. Losses
and answers go through the functions of `evidence` that the analysis uses; the sizes of comparisons are chosen on other
texts of the same world, as on the page.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import TypeAlias

import numpy as np

from emomech.chapters.simulation import Parameters, Scenario, Simulation, World
from emomech.chapters.tracing.curves import STYLES
from emomech.chapters.tracing.evidence import (
    ALL_TEXTS,
    BASELINES,
    NECESSITY,
    PARTS,
    SILENT,
    SUFFICIENCY,
    UNTRAINED,
    VARIANTS,
    ContenderName,
    Evidence,
    PartName,
    dose_rows,
    edit_rows,
    lead_rows,
    reached,
    size_rows,
)
from emomech.chapters.tracing.rule import tracing
from emomech.chapters.tracing.tables import DOSE_STEPS, FEW, LEADS, OTHER_EDITS, SETTING, SIZES, Tracing
from emomech.stats.estimates import Floats, with_resamples
from emomech.stats.tables import filled, frame

_N_LABELS, _N_DIMENSIONS, _N_FEATURES, _N_ACTIVE = 7, 128, 4500, 144
_FEATURES_AT_POINT, _ACTIVE_AT_POINT = 330, 16
_KS = [2**i for i in range(8)]
_WHOLE, _SPREAD = 6.5, 3.0
"""Log-odds above guessing, in nats, and their standard deviation between texts."""
_BASE, _FIRES = 0.9, 0.3
"""Accuracy of the model, and share of the answers at which a feature that matters fires."""
_CLUSTER = 0.3
"""Share of the variance between texts that is shared within a cluster of two."""
_PER_CLUSTER, _MOST_RESAMPLES = 2, 200
_WEAK = 0.15
"""Share of the whole that k features of a control have in a planted world."""


@dataclass(frozen=True)
class _World:
    """Share of the whole that a set reaches in the limit, and the number of features at which it has half of that."""

    reach: Mapping[tuple[PartName, ContenderName], float]
    half: float = 2.0
    same: tuple[ContenderName, ...] = ()
    """Controls that do as much as the features."""
    spread: bool = False
    """All features matter alike."""
    controls: Mapping[ContenderName, float] = field(default_factory=dict)

    def curve(self, part: PartName, variant: ContenderName, ks: Floats, effect: float) -> Floats:
        """Share of the whole that the first k reach (size)."""
        if self.spread:
            return np.minimum(1, ks / (_N_FEATURES if part == NECESSITY else _FEATURES_AT_POINT))
        return self.reach.get((part, variant), 0.0) * (1 - 2 ** (-ks * effect / self.half))


def _draw(world: _World, rng: np.random.Generator, parameters: Parameters, effect: float) -> Tracing:
    per_label, n_resamples = int(parameters["n_report"]), min(_MOST_RESAMPLES, int(parameters["n_resamples"]))
    n = per_label * _N_LABELS
    clusters = [f"cluster {i // _PER_CLUSTER}" for i in range(n)]
    weights = with_resamples(clusters, n_resamples, int(rng.integers(2**31)))
    evidence = [_evidence(world, part, variant, rng, n, effect) for part in PARTS for variant in VARIANTS]
    groups = {ALL_TEXTS: np.arange(n)}
    need = evidence[0]
    doses = np.outer([0.0, 0.6, 1.0], need.at_k) + rng.normal(0, 0.3, (3, n))
    doses[0] -= 0.05 * need.at_k
    other_edits = [row for edit in STYLES for row in edit_rows(_again(need, rng), edit, weights)]
    return replace(
        _empty(),
        sizes=frame(SIZES, (row for one in evidence for row in size_rows(one, weights, groups))),
        leads=frame(LEADS, (row for one in evidence for row in lead_rows(one, weights, groups))),
        other_edits=frame(OTHER_EDITS, other_edits),
        dose_steps=frame(DOSE_STEPS, dose_rows(doses, need.whole(weights), weights)),
    )


@cache
def _empty() -> Tracing:
    """Tables that are the same in every study."""
    return filled(Tracing, setting=frame(SETTING, [{"model": "simulated", "untested": ""}]))


def _evidence(
    world: _World, part: PartName, variant: ContenderName, rng: np.random.Generator, n: int, effect: float
) -> Evidence:
    curve = world.curve(part, variant, np.array(_KS, float), effect)
    chosen_on, texts = (_texts(part, rng, n) for _ in range(2))
    most = int(FEW * _N_DIMENSIONS)
    k = reached(_KS, _values(part, curve, chosen_on, rng), *chosen_on[:2], most)
    at_k = float(world.curve(part, variant, np.array([k], float), effect)[0])
    others: dict[ContenderName, Floats] = {}
    for name in BASELINES[part]:
        share = at_k if world.spread or name in world.same else world.controls.get(name, _WEAK) * min(1.0, at_k + 0.2)
        others[name] = _values(part, np.array([share]), texts, rng)[0]
    nothing, everything, _ = texts
    active = _N_ACTIVE if part == NECESSITY else _ACTIVE_AT_POINT
    firing = np.repeat(np.array(_KS)[:, None], n, 1)
    if part == SUFFICIENCY:
        firing = rng.binomial(firing, _FIRES)
    return Evidence(
        part=part,
        variant=variant,
        ks=_KS,
        values=_values(part, curve, texts, rng),
        nothing=nothing,
        everything=everything,
        active=np.full(n, float(active)),
        firing=np.minimum(firing, active).astype(float),
        k=k,
        others=others,
        n_features=_N_FEATURES if part == NECESSITY else _FEATURES_AT_POINT,
        n_dimensions=_N_DIMENSIONS,
        point="simulated",
    )


def _texts(part: PartName, rng: np.random.Generator, n: int) -> tuple[Floats, Floats, Floats]:
    """Values of each text with nothing and with everything (text), and how easily a text changes (text)."""
    shared = np.repeat(rng.normal(size=(n + 1) // _PER_CLUSTER), _PER_CLUSTER)[:n]
    own = np.sqrt(_CLUSTER) * shared + np.sqrt(1 - _CLUSTER) * rng.normal(size=n)
    if part == NECESSITY:
        return np.zeros(n), _WHOLE + _SPREAD * own, own
    right = rng.random(n) < _BASE
    guessed = rng.random(n) < 1 / _N_LABELS
    return guessed.astype(float), right.astype(float), rng.random(n)


def _values(part: PartName, share: Floats, texts: tuple[Floats, Floats, Floats], rng: np.random.Generator) -> Floats:
    """What each text loses, or whether its answer is kept, with a set of a given share (size, text)."""
    nothing, everything, ease = texts
    if part == NECESSITY:
        noise = rng.normal(0, 1.5, (len(share), len(everything)))
        return share[:, None] * everything[None] + noise
    return np.where(ease[None] < share[:, None], everything, nothing)


def _again(evidence: Evidence, rng: np.random.Generator) -> Evidence:
    """The same features ablated in another way, which costs each text a little more or less."""
    values = evidence.values + rng.normal(0, 1.0, evidence.values.shape)
    return replace(evidence, values=values)


_Reach: TypeAlias = Mapping[tuple[PartName, ContenderName], float]
_FULL: _Reach = {(part, variant): 1.1 if part == NECESSITY else 0.98 for part in PARTS for variant in VARIANTS}
_WRITERS: _Reach = {**_FULL, **{(part, SILENT): 0.2 for part in PARTS}}
_NEEDED: _Reach = {**_FULL, **{(SUFFICIENCY, variant): 0.2 for variant in VARIANTS}}
_ENOUGH: _Reach = {**_FULL, **{(NECESSITY, variant): 0.2 for variant in VARIANTS}}


def _scenario(name: str, world: World, truth: _World) -> Scenario[Tracing]:
    return Scenario(name, world, partial(_draw, truth))


SIMULATION = Simulation(
    rule=tracing,
    units="half of the effect of a ranking in its first two features",
    scenarios=(
        _scenario("the effect is spread evenly over all features", "null", _World({}, spread=True)),
        *(
            _scenario(f"as many of these do the same: {name}", "null", _World(_FULL, same=(name,)))
            for name in BASELINES[SUFFICIENCY]
        ),
        _scenario("only features that write a label carry it", "null", _World(_WRITERS)),
        _scenario("random weights do the same, for necessity", "partial null", _World(_FULL, same=(UNTRAINED,))),
        _scenario("needed, but not enough", "partial null", _World(_NEEDED)),
        _scenario("enough, but not needed", "partial null", _World(_ENOUGH)),
        _scenario("few features are needed and enough, and no control does the same", "planted", _World(_FULL)),
    ),
    effects=(0.25, 0.5, 1.0, 2.0),
)
