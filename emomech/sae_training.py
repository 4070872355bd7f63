"""Train SAEs for any local language model, with SAELens's trainer, in SAELens's format.

TopK, because its sparsity is what was asked for after however short a training. One hook point at a time: its
activations are read from the texts, shuffled anew in every pass over them, and let go before the next.
Beginning-of-sequence tokens and padding are no activations that an SAE should learn.
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

from emomech.activations import collect
from emomech.errors import UsageError
from emomech.models import LanguageModel
from emomech.tokens import TokenizedText, tokenize
from emomech.vocab import HookPoint

if TYPE_CHECKING:
    from sae_lens import TopKTrainingSAE


@dataclass(frozen=True)
class SaeRecipe:
    """Size and training of each SAE."""

    d_sae: int = 512
    """Features."""
    k: int = 16
    """Features that fire at once."""
    n_tokens: int = 1_500_000
    """Activations that are learned from, over all passes."""
    seed: int = 0
    learning_rate: float = 1e-3
    batch: int = 4096
    pool: int = 400_000
    """Most activations held at once; texts beyond it are not read."""


def default_points(lm: LanguageModel) -> list[HookPoint]:
    """List the embedding and the output of every block."""
    return [HookPoint(0, "resid_pre"), *(HookPoint(layer) for layer in range(lm.n_layers))]


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
    if not 0 < recipe.k <= recipe.d_sae:
        raise UsageError(f"k {recipe.k}: expected 1 to d_sae, which is {recipe.d_sae}.")
    tokenized = _within(tokenize(lm, texts), recipe.pool)
    n_activations = sum(not special for text in tokenized for special in text.special)
    if n_activations < recipe.batch:
        raise UsageError(f"the texts have {n_activations} tokens, at least {recipe.batch} are needed. Take more texts.")
    for point in points:
        folder = out / str(point)
        if folder.exists():
            say(f"{point}: is there already")
            continue
        sae = _train(lm, tokenized, point, recipe)
        _keep(sae, folder)
        say(f"{point}: trained")


def _within(tokenized: Sequence[TokenizedText], pool: int) -> list[TokenizedText]:
    """Take as many texts as the pool holds."""
    kept, n = [], 0
    for text in tokenized:
        n += sum(not special for special in text.special)
        if kept and n > pool:
            break
        kept.append(text)
    return kept


def _train(
    lm: LanguageModel, tokenized: Sequence[TokenizedText], point: HookPoint, recipe: SaeRecipe
) -> "TopKTrainingSAE":
    positions = [[i for i, special in enumerate(text.special) if not special] for text in tokenized]
    activations = collect(lm, [point], tokenized, positions)[point].clone()  # not an inference tensor
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
        n_steps = max(1, recipe.n_tokens // recipe.batch)
        training = SAETrainerConfig(
            total_training_samples=n_steps * recipe.batch,
            train_batch_size_samples=recipe.batch,
            lr=recipe.learning_rate,
            lr_end=recipe.learning_rate / 10,
            lr_decay_steps=n_steps // 4,
            device=str(lm.device),
            n_batches_for_norm_estimate=8,
            logger=LoggingConfig(log_to_wandb=False),
        )
        return SAETrainer(cfg=training, sae=sae, data_provider=_shuffled(activations, recipe, lm.device)).fit()


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
