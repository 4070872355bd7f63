"""Which size should an SAE have? Trains some of each width and sparsity, and holds them against each other.

An SAE is judged by what it leaves unexplained, by what it costs the model (SAEBench: Karvonen et al. 2025,
arXiv:2503.09532), by the features that never fire, and by whether another seed finds the same features. The last is
by no means given: Paulo and Belrose (2025, arXiv:2501.16615) match the features of two seeds one to one by the cosine
of their decoder rows, and call those above 0.7 shared; wider and sparser SAEs share fewer.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations, product
from random import Random
from statistics import fmean

import numpy as np
import pandas as pd
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from emomech.core.errors import UsageError
from emomech.core.hook_points import HookPoint
from emomech.models.language_model import LanguageModel
from emomech.saes.quality import Quality, fired, qualities
from emomech.saes.saelens import from_saelens
from emomech.saes.training import SaeRecipe, default_points, fit, pools
from emomech.stats.tables import Schema

SHARED = 0.7
"""Cosine of two decoder rows from which on they are the same feature (Paulo and Belrose, 2025)."""
MAX_HELD_OUT = 500
"""Texts, at most a fifth of all, that no SAE learns from."""
N_LOSS = 200
"""Held-out texts on which the cross-entropy is measured."""
SWEEP = Schema(
    keys={"hook_point": "where the SAEs stand", "d_sae": "features", "k": "features that may fire at once"},
    values={
        "fvu": "fraction of variance unexplained on held-out texts, mean over the seeds",
        "l0": "features that fire per token of held-out texts, mean over the seeds",
        "dead": "share of features that fire on none of the activations learned from, mean over the seeds",
        "loss_recovered": "cross-entropy recovered on held-out texts: 1 as good as the activation, 0 as its mean",
        "stable": f"share of living features with a partner in another seed, of cosine {SHARED} or more",
        "stable_chance": "the same against random directions in the place of the other seed",
        "cosine": "mean cosine of the features of two seeds that are matched one to one",
        "cosine_chance": "the same against random directions in the place of the other seed",
    },
)


@dataclass(frozen=True)
class Grid:
    """The sizes that are tried, every width with every k."""

    d_sae: Sequence[int] = (256, 512, 1024)
    k: Sequence[int] = (8, 16, 32)
    seeds: int = 2
    """SAEs of each size, which differ in nothing but the seed."""
    recipe: SaeRecipe = field(default_factory=SaeRecipe)
    """How each is trained; its d_sae and k are replaced, and its seed is the first one."""

    def recipes(self) -> list[list[SaeRecipe]]:
        """Give the recipes of each size, one per seed. Raises UsageError for a grid that makes no sense."""
        if self.seeds < 2:
            raise UsageError(f"seeds {self.seeds}: expected 2 or more, as features are compared between seeds.")
        for name, values in (("d_sae", self.d_sae), ("k", self.k)):
            if not values or len(set(values)) < len(values):
                raise UsageError(f"{name} {list(values)}: expected one number or more, each of them once.")
        seeds = range(self.recipe.seed, self.recipe.seed + self.seeds)
        sizes = product(self.d_sae, self.k)
        found = [[replace(self.recipe, d_sae=d_sae, k=k, seed=seed) for seed in seeds] for d_sae, k in sizes]
        for recipe, *_ in found:
            recipe.check()
        return found


@dataclass(frozen=True)
class Match:
    """How far two dictionaries hold the same features."""

    shared: float
    """Share of the features of both that have a partner in the other, of cosine `SHARED` or more."""
    cosine: float
    """Mean cosine of the pairs."""


def match(one: Tensor, other: Tensor) -> Match:
    """Pair the features of two dictionaries (n, d_in) and (m, d_in) one to one, so that the cosines sum to the most.

    Where one is larger, some of it stay alone and count as not shared. Takes time and memory of n times m; NaN where
    one of the two is empty.
    """
    if not len(one) or not len(other):
        return Match(float("nan"), float("nan"))
    unit, other_unit = (torch.nn.functional.normalize(rows.double(), dim=-1) for rows in (one, other))
    cosine = (unit @ other_unit.T).numpy()
    paired = cosine[linear_sum_assignment(cosine, maximize=True)]
    return Match(2 * float((paired >= SHARED).sum()) / (len(one) + len(other)), float(paired.mean()))


def random_like(dictionary: Tensor, n: int, seed: int) -> Tensor:
    """Draw n random directions (n, d_in) that lie in space as the features of a dictionary (m, d_in) do.

    They are random sums of its rows: where all features lie in a few dimensions, so do these, and two of them are
    alike more often than two directions of the whole space.
    """
    weights = torch.randn(n, len(dictionary), generator=torch.Generator().manual_seed(seed))
    return weights @ torch.nn.functional.normalize(dictionary, dim=-1)


def default_sweep_points(lm: LanguageModel) -> list[HookPoint]:
    """Give the embedding, the middle and the last block."""
    points = default_points(lm)
    return [points[i] for i in sorted({0, len(points) // 2, len(points) - 1})]


def sweep(
    lm: LanguageModel,
    texts: Sequence[str],
    points: Sequence[HookPoint],
    grid: Grid,
    say: Callable[[str], None] = lambda _: None,
) -> pd.DataFrame:
    """Train SAEs of every size of the grid at every hook point; a table as `SWEEP` says. Nothing is kept on disk.

    Raises UsageError for a grid that makes no sense, and for too few texts.
    """
    sizes = grid.recipes()
    held_out, learned = _split(texts, grid.recipe.seed)
    rows = []
    for point, activations in pools(lm, learned, points, grid.recipe):
        for recipes in sizes:
            measured = []
            for recipe in recipes:
                say(f"{point}: d_sae {recipe.d_sae}, k {recipe.k}, seed {recipe.seed}")
                sae = from_saelens(fit(lm, activations, point, recipe), name=f"d_sae {recipe.d_sae}, k {recipe.k}")
                (quality,) = qualities(lm, {point: sae}, held_out, n_loss=N_LOSS)
                measured.append(_Measured(sae.W_dec.cpu(), fired(sae, activations), quality))
            rows.append((str(point), recipes[0].d_sae, recipes[0].k, *_summary(measured, grid.recipe.seed)))
    return SWEEP.check(pd.DataFrame(rows, columns=list(SWEEP.columns)), "sweep")


def _split(texts: Sequence[str], seed: int) -> tuple[list[str], list[str]]:
    """Draw the texts that are held out, in random order, and give the others as they stand."""
    if len(texts) < 5:
        raise UsageError(f"the corpus has {len(texts)} texts, at least 5 are needed. Take more texts.")
    drawn = Random(seed).sample(range(len(texts)), min(MAX_HELD_OUT, len(texts) // 5))
    chosen = set(drawn)
    return [texts[i] for i in drawn], [text for i, text in enumerate(texts) if i not in chosen]


@dataclass(frozen=True)
class _Measured:
    W_dec: Tensor
    """(d_sae, d_in)"""
    fired: Tensor
    """(d_sae)"""
    quality: Quality


def _summary(measured: Sequence[_Measured], seed: int) -> Iterator[float]:
    """The values of a row, in the order of the schema."""
    found = [one.quality for one in measured]
    yield fmean(one.fvu for one in found)
    yield fmean(one.l0 for one in found)
    yield fmean(1 - float(one.fired.float().mean()) for one in measured)
    yield fmean(one.loss_recovered for one in found)
    alive = [one.W_dec[one.fired] for one in measured]
    pairs = list(combinations(alive, 2))
    real = [match(one, other) for one, other in pairs]
    chance = [match(one, random_like(other, len(other), seed + i)) for i, (one, other) in enumerate(pairs)]
    yield float(np.mean([one.shared for one in real]))
    yield float(np.mean([one.shared for one in chance]))
    yield float(np.mean([one.cosine for one in real]))
    yield float(np.mean([one.cosine for one in chance]))
