"""Train SAEs for any local language model, with SAELens's trainer, in SAELens's format.

TopK (Gao et al. 2024, arXiv:2406.04093), because its sparsity is what was asked for after however short a training.
Activations of as many hook points as memory allows are read in one pass over the texts, and shuffled anew in every
pass of the training over them. Beginning-of-sequence tokens and padding are no activations that an SAE should learn.
"""

import contextlib
import io
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from emomech.core.errors import UsageError, unknown
from emomech.core.hook_points import HookPoint
from emomech.models.activations import collect
from emomech.models.language_model import LanguageModel
from emomech.models.tokens import TokenizedText, tokenize

if TYPE_CHECKING:
    from sae_lens import TopKTrainingSAE


HELD_BYTES = 2**31
"""Activations that are held at once, unless those of a single hook point take more."""


@dataclass(frozen=True)
class SaeRecipe:
    """Size and training of each SAE.

    Many small steps: for the same number of activations they leave less of the variance unexplained than few large
    ones, and the work of a step fits the processor's cache.
    """

    d_sae: int = 512
    """Features."""
    k: int = 16
    """Features that fire at once."""
    n_tokens: int = 600_000
    """Activations that are learned from, over all passes."""
    seed: int = 0
    learning_rate: float = 3e-3
    batch: int = 1024
    pool: int = 400_000
    """Most activations of a hook point that are read; texts beyond it are left."""
    dead_window: int = 50
    """Steps without firing after which a feature learns from what the others leave over, so that it fires again.

    It has to be much shorter than the training, and long enough for a rare word to come up.
    """

    def check(self) -> None:
        """Raise UsageError for sizes that make no sense."""
        if not 0 < self.k <= self.d_sae:
            raise UsageError(f"k {self.k}: expected 1 to d_sae, which is {self.d_sae}.")


def default_points(lm: LanguageModel) -> list[HookPoint]:
    """List the embedding and the output of every block."""
    return [HookPoint(0, "resid_pre"), *(HookPoint(layer) for layer in range(lm.n_layers))]


def named_points(lm: LanguageModel, names: Sequence[str]) -> list[HookPoint]:
    """Read names such as `blocks.3.hook_resid_post`; the points in order of depth.

    Raises UsageError for no name, for one that is given twice, and for one that `default_points` has not.
    """
    known = {str(point): point for point in default_points(lm)}
    for name in names:
        if name not in known:
            raise unknown(f"hook point of {lm.name}", name, known)
        if list(names).count(name) > 1:
            raise UsageError(f"hook point {name}: is named twice, expected once.")
    if not names:
        raise UsageError(f"points: none is named, expected some of {', '.join(known)}.")
    return [point for name, point in known.items() if name in names]


def train_saes(
    lm: LanguageModel,
    texts: Sequence[str],
    points: Sequence[HookPoint],
    out: Path,
    recipe: SaeRecipe,
    say: Callable[[str], None] = lambda _: None,
) -> None:
    """Train one SAE per hook point into a folder of its name below `out`; a point whose folder stands is left alone.

    Raises UsageError for a recipe that makes no sense, and for texts with fewer tokens than one batch; a folder
    appears as a whole or not at all.
    """
    recipe.check()
    missing = [point for point in points if not (out / str(point)).exists()]
    for point in points:
        if point not in missing:
            say(f"{point}: is there already")
    for point, activations in pools(lm, texts, missing, recipe):
        _keep(fit(lm, activations, point, recipe), out / str(point))
        say(f"{point}: trained")


def pools(
    lm: LanguageModel, texts: Sequence[str], points: Sequence[HookPoint], recipe: SaeRecipe
) -> Iterator[tuple[HookPoint, Tensor]]:
    """Give each hook point with the activations to learn from (n, d_model), float32 on the CPU, at most the pool's.

    Raises UsageError, at the first one, for texts with fewer tokens than one batch.
    """
    tokenized = _within(tokenize(lm, texts), recipe.pool)
    positions = [[i for i, special in enumerate(text.special) if not special] for text in tokenized]
    n = sum(map(len, positions))
    if n < recipe.batch:
        raise UsageError(f"the texts have {n} tokens, at least {recipe.batch} are needed. Take more texts.")
    at_once = max(1, HELD_BYTES // (n * lm.d_model * 4))
    for first in range(0, len(points), at_once):
        found = dict(collect(lm, points[first : first + at_once], tokenized, positions))
        for point in list(found):
            yield point, found.pop(point)


def _within(tokenized: Sequence[TokenizedText], pool: int) -> list[TokenizedText]:
    """Take as many texts as the pool holds."""
    kept, n = [], 0
    for text in tokenized:
        n += sum(not special for special in text.special)
        if kept and n > pool:
            break
        kept.append(text)
    return kept


def fit(lm: LanguageModel, activations: Tensor, point: HookPoint, recipe: SaeRecipe) -> "TopKTrainingSAE":
    """Train one SAE on activations (n, d_model) of a hook point; its normalisation is folded into its weights.

    Features are ranked by what they add to the reconstruction, their value times the length of their decoder row.
    """
    torch.manual_seed(recipe.seed)
    with warnings.catch_warnings(action="ignore"), contextlib.redirect_stderr(io.StringIO()):
        from sae_lens import LoggingConfig, TopKTrainingSAE
        from sae_lens import TopKTrainingSAEConfig as Config
        from sae_lens.config import SAETrainerConfig
        from sae_lens.saes.sae import SAEMetadata
        from sae_lens.training.sae_trainer import SAETrainer

        cfg = Config(
            d_in=lm.d_model,
            d_sae=recipe.d_sae,
            k=recipe.k,
            apply_b_dec_to_input=True,
            normalize_activations="expected_average_only_in",
            device=str(lm.device),
            metadata=SAEMetadata(model_name=lm.name, hook_name=str(point), prepend_bos=lm.prepend_bos),
        )
        sae = TopKTrainingSAE(cfg)
        sae.b_dec.data = _centre(activations).to(lm.device)
        n_steps = max(1, recipe.n_tokens // recipe.batch)
        training = SAETrainerConfig(
            total_training_samples=n_steps * recipe.batch,
            train_batch_size_samples=recipe.batch,
            lr=recipe.learning_rate,
            lr_end=recipe.learning_rate / 10,
            lr_decay_steps=n_steps // 4,
            device=str(lm.device),
            dead_feature_window=recipe.dead_window,
            n_batches_for_norm_estimate=32,
            logger=LoggingConfig(log_to_wandb=False),
        )
        return SAETrainer(cfg=training, sae=sae, data_provider=_shuffled(activations, recipe, lm.device)).fit()


def _centre(activations: Tensor) -> Tensor:
    """The mean activation (d_in), in units in which an activation has length √d_in, as SAELens trains."""
    length = activations.norm(dim=-1).mean().clamp(min=1e-8)
    return activations.mean(0) * (activations.shape[1] ** 0.5 / length)


def _shuffled(activations: Tensor, recipe: SaeRecipe, device: torch.device) -> Iterator[Tensor]:
    """Give batches without end, every activation once before any comes again."""
    generator = torch.Generator().manual_seed(recipe.seed)
    while True:
        order = torch.randperm(len(activations), generator=generator)
        for rows in order.split(recipe.batch):
            if len(rows) == recipe.batch:
                yield activations[rows].to(device)


def _keep(sae: "TopKTrainingSAE", folder: Path) -> None:
    """Save in half precision, which changes no feature that matters and halves what is shipped."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=folder.parent))
    try:
        sae.cpu().half()
        sae.cfg.dtype, sae.cfg.device = "float16", "cpu"
        with warnings.catch_warnings(action="ignore"):
            sae.save_inference_model(unfinished)
        os.replace(unfinished, folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
