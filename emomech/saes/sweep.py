"""Choose the size of an SAE: train several of each width and sparsity, and compare them.

An SAE is judged by the variance that it leaves unexplained, its cost in cross-entropy (SAEBench: Karvonen et al., 2025,
arXiv:2503.09532), its dead features, and its stability: does another seed give the same features? Often it does not.
Paulo and Belrose (2025, arXiv:2501.16615) match the features of two seeds one to one by the cosine of their decoder
rows, so that the sum of cosines is largest, and call pairs of 0.7 or more shared; wider and sparser SAEs share fewer.
Chance is high if all features lie in few dimensions, so random directions of the same span are matched as well.
"""

from collections.abc import Callable, Sequence
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
from emomech.models.store import ActivationStore
from emomech.saes.points import default_points
from emomech.saes.quality import Quality, fired, qualities
from emomech.saes.recipe import SaeRecipe
from emomech.saes.saelens import from_saelens
from emomech.saes.training import fit, read_pool
from emomech.stats.tables import Schema, frame

SHARED = 0.7
"""Smallest cosine of two decoder rows that count as the same feature (Paulo and Belrose, 2025)."""
MAX_HELD_OUT = 500
"""Largest number of texts that no SAE is trained on; at most a fifth of all texts."""
N_LOSS = 200
"""Held-out texts on which cross-entropy is measured."""
SWEEP = Schema(
    keys={"hook_point": "hook point of the SAEs", "d_sae": "features", "k": "most features that fire at once"},
    values={
        "fvu": "fraction of variance unexplained on held-out texts, mean over the seeds",
        "l0": "active features per token of held-out texts, mean over the seeds",
        "dead": "share of features that never fire on the training activations, mean over the seeds",
        "loss_recovered": "cross-entropy recovered on held-out texts: 1 as with the activation, 0 as with its mean",
        "stable": f"share of features that fire and have a partner of cosine {SHARED} or more in another seed",
        "stable_chance": "as before, with random directions in place of the other seed",
        "cosine": "mean cosine of features of two seeds that are matched one to one",
        "cosine_chance": "as before, with random directions in place of the other seed",
    },
)


@dataclass(frozen=True)
class Grid:
    """The sizes to train: every width with every k."""

    d_sae: Sequence[int] = (256, 512, 1024)
    k: Sequence[int] = (8, 16, 32)
    seeds: int = 2
    """Number of SAEs of each size; they differ only in the seed."""
    recipe: SaeRecipe = field(default_factory=SaeRecipe)
    """Training of each SAE. `d_sae` and `k` are replaced; seeds count up from its seed."""

    def recipes(self) -> list[list[SaeRecipe]]:
        """Return the recipes of each size, one per seed. Raises UsageError for a single seed and impossible sizes."""
        if self.seeds < 2:
            raise UsageError(f"seeds {self.seeds}: expected 2 or more, as features are compared between seeds.")
        for name, values in (("d_sae", self.d_sae), ("k", self.k)):
            if not values or len(set(values)) < len(values):
                raise UsageError(f"{name} {list(values)}: expected one or more different numbers.")
        seeds = range(self.recipe.seed, self.recipe.seed + self.seeds)
        sizes = product(self.d_sae, self.k)
        recipes = [[replace(self.recipe, d_sae=d_sae, k=k, seed=seed) for seed in seeds] for d_sae, k in sizes]
        for first, *_ in recipes:
            first.check()
        return recipes


@dataclass(frozen=True)
class Match:
    """Overlap of the features of two dictionaries."""

    shared: float
    """Share of the features of both that have a partner of cosine `SHARED` or more in the other."""
    cosine: float
    """Mean cosine of the matched pairs."""


def match(first: Tensor, second: Tensor) -> Match:
    """Pair the features of two dictionaries (n, d_in) and (m, d_in) one to one, with the largest sum of cosines.

    If one dictionary is larger, its unpaired features count as not shared. NaN if one of the two is empty. Memory grows
    with n times m.

    Example:
        >>> import torch
        >>> from emomech.saes.sweep import match
        >>> match(torch.eye(4), 3 * torch.eye(4).flip(0))
        Match(shared=1.0, cosine=1.0)
        >>> match(torch.eye(4), torch.eye(4)[:2]).shared
        0.6666666666666666
    """
    if not len(first) or not len(second):
        return Match(float("nan"), float("nan"))
    first_unit, second_unit = (torch.nn.functional.normalize(rows.double(), dim=-1) for rows in (first, second))
    cosine = (first_unit @ second_unit.T).numpy()
    paired = cosine[linear_sum_assignment(cosine, maximize=True)]
    return Match(2 * float((paired >= SHARED).sum()) / (len(first) + len(second)), float(paired.mean()))


def random_directions(dictionary: Tensor, n: int, seed: int) -> Tensor:
    """Draw n random directions (n, d_in) from the span of a dictionary (m, d_in).

    They are random sums of its rows. If all features lie in few dimensions, so do these directions, and two of them are
    similar more often than two random directions of the whole space.
    """
    weights = torch.randn(n, len(dictionary), generator=torch.Generator().manual_seed(seed))
    return weights @ torch.nn.functional.normalize(dictionary, dim=-1)


def default_sweep_points(lm: LanguageModel) -> list[HookPoint]:
    """List the embedding, the middle block and the last block."""
    points = default_points(lm)
    return [points[i] for i in sorted({0, len(points) // 2, len(points) - 1})]


def sweep(
    lm: LanguageModel,
    texts: Sequence[str],
    points: Sequence[HookPoint],
    grid: Grid,
    say: Callable[[str], None] = lambda _: None,
) -> pd.DataFrame:
    """Train SAEs of every size of the grid at every hook point, and measure them: a table with the schema `SWEEP`.

    Nothing is written to disk. `say` gets one line of progress per SAE. Raises UsageError for a single seed, for
    impossible sizes, and for too few texts.
    """
    sizes = grid.recipes()
    held_out, training = _split(texts, grid.recipe.seed)
    rows = []
    with ActivationStore.capture(lm, read_pool(lm, training, grid.recipe), points, say=say) as store:
        for (point, activations), recipes in product(store, sizes):
            measured = []
            for recipe in recipes:
                say(f"{point}: d_sae {recipe.d_sae}, k {recipe.k}, seed {recipe.seed}")
                sae = from_saelens(fit(lm, activations, point, recipe), name=f"d_sae {recipe.d_sae}, k {recipe.k}")
                (quality,) = qualities(lm, {point: sae}, held_out, n_loss=N_LOSS)
                measured.append(_Measured(sae.W_dec.cpu(), fired(sae, activations), quality))
            size = {"hook_point": str(point), "d_sae": recipes[0].d_sae, "k": recipes[0].k}
            rows.append(size | _summary(measured, grid.recipe.seed))
    return SWEEP.check(frame(SWEEP, rows), "sweep")


def _split(texts: Sequence[str], seed: int) -> tuple[list[str], list[str]]:
    """Split into held-out texts, in random order, and texts for training, in their original order."""
    if len(texts) < 5:
        raise UsageError(f"the corpus has {len(texts)} texts, at least 5 are needed. Take more texts.")
    drawn = Random(seed).sample(range(len(texts)), min(MAX_HELD_OUT, len(texts) // 5))
    held_out = set(drawn)
    return [texts[i] for i in drawn], [text for i, text in enumerate(texts) if i not in held_out]


@dataclass(frozen=True)
class _Measured:
    """One SAE of a sweep."""

    W_dec: Tensor
    """(d_sae, d_in)"""
    fired: Tensor
    """Features that fire on the training activations, booleans (d_sae)."""
    quality: Quality
    """On held-out texts."""


def _summary(measured: Sequence[_Measured], seed: int) -> dict[str, object]:
    """Summarise the SAEs of one size, by column of `SWEEP`."""
    quality = [sae.quality for sae in measured]
    pairs = list(combinations([sae.W_dec[sae.fired] for sae in measured], 2))
    real = [match(first, second) for first, second in pairs]
    chance = [match(first, random_directions(second, len(second), seed + i)) for i, (first, second) in enumerate(pairs)]
    return {
        "fvu": fmean(on_texts.fvu for on_texts in quality),
        "l0": fmean(on_texts.l0 for on_texts in quality),
        "dead": fmean(1 - float(sae.fired.float().mean()) for sae in measured),
        "loss_recovered": fmean(on_texts.loss_recovered for on_texts in quality),
        "stable": float(np.mean([pair.shared for pair in real])),
        "stable_chance": float(np.mean([pair.shared for pair in chance])),
        "cosine": float(np.mean([pair.cosine for pair in real])),
        "cosine_chance": float(np.mean([pair.cosine for pair in chance])),
    }
