"""Train a TopK SAE at the cost of the features that fire (Gao et al., 2024, arXiv:2406.04093).

Of d_sae features, k fire per token. Only the encoder's pre-activations need all features; the reconstruction and all
gradients need k rows of the weights per token, so a step costs one large matrix product where a dense step has six.

- The k features that fire are those that add most to the reconstruction: pre-activation times length of the decoder
  row. The value of a feature is its pre-activation if it is positive, and 0 otherwise.
- The loss is the squared error, summed over d_in and averaged over tokens. Features that are dead learn to reconstruct
  the error of the others; at most d_in / 2 of them per token.
- Everything else is SAELens's trainer: start, scale of the activations, Adam, schedule, clipping, format. Each gradient
  equals that of its dense step. Its own sparse option (`use_sparse_activations`, SAELens 6.54) has no backward pass on
  a CPU.

Example:
    >>> import torch
    >>> from emomech.saes.recipe import SaeRecipe
    >>> from emomech.saes.topk_training import train_topk
    >>> activations = torch.randn(2048, 16, generator=torch.Generator().manual_seed(0))
    >>> sae = train_topk(activations, SaeRecipe(d_sae=64, k=4, n_tokens=8192, batch=256))
    >>> sae.W_enc.shape, int((sae.encode(activations) > 0).sum(-1).max()) <= 4
    (torch.Size([16, 64]), True)
"""

import contextlib
import io
import shutil
import time
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from emomech.core import progress
from emomech.core.files import atomic_folder
from emomech.models.sinks import ordinary_rows
from emomech.saes.config_fields import LEFT_OUT, RECIPE
from emomech.saes.recipe import SaeRecipe
from emomech.saes.soft_frozen import keep_near_start

with warnings.catch_warnings(action="ignore"), contextlib.redirect_stderr(io.StringIO()):
    from sae_lens import LoggingConfig, TopKTrainingSAE
    from sae_lens import TopKTrainingSAEConfig as Config
    from sae_lens.config import SAETrainerConfig
    from sae_lens.saes.sae import SAEMetadata, TrainStepOutput
    from sae_lens.training.sae_trainer import SAETrainer
    from sae_lens.training.types import DataProvider

_CHUNK = 65536
"""Activations that are converted to float32 at once."""
CHECKPOINT_SECONDS = 600.0
"""Seconds between two checkpoints."""
_NORM_BATCHES = 32
"""Batches on which the length of the activations is measured before the first step."""
_WEIGHTS = "weights.pt"
_SHOWN_EVERY = 20
"""Steps between two updates of the figures beside the bar."""
_DEVICE_SHARE = 0.5
"""Share of a GPU's free memory that activations may take, to lie there during the training."""


def train_topk(
    activations: Tensor,
    recipe: SaeRecipe,
    *,
    device: torch.device | str = "cpu",
    metadata: Mapping[str, Any] | None = None,
    title: str = "training an SAE",
    checkpoint: Path | None = None,
) -> TopKTrainingSAE:
    """Train one SAE on activations (n, d_in) in any number format; they may be mapped from a file.

    The normalisation of the activations is folded into the weights, and the recipe is recorded in the metadata.
    Massive activations are left out (`models.sinks`), and their share is recorded. `metadata` holds further fields of
    SAELens's `SAEMetadata`. `title` is shown beside the progress. `checkpoint` names a folder for the state of the
    training, which is written every ten minutes and removed at the end. If it is there, the training goes on from it,
    and gives the SAE of an uninterrupted one; recipe and activations have to be the same.
    """
    device = torch.device(device)
    rows = ordinary_rows(activations)
    known = {**(metadata or {}), RECIPE: asdict(recipe), LEFT_OUT: 1 - len(rows) / len(activations)}
    torch.manual_seed(recipe.seed)
    with progress.track(title, total=_n_steps(recipe) * recipe.batch, unit="token") as bar, _quiet():
        cfg = Config(
            d_in=activations.shape[1],
            d_sae=recipe.d_sae,
            k=recipe.k,
            apply_b_dec_to_input=True,
            normalize_activations="expected_average_only_in",
            device=str(device),
            metadata=SAEMetadata(**known),
        )
        sae = TopKTrainingSAE(cfg)
        sae.b_dec.data = _centre(activations, rows).to(device)
        sae.W_dec.requires_grad_(recipe.control != "frozen")
        start, continued = sae.W_dec.detach().clone(), checkpoint is not None and checkpoint.is_dir()
        if checkpoint is not None and continued:
            sae.load_state_dict(torch.load(checkpoint / _WEIGHTS, map_location=device))
        trainer = SparseTrainer(_trainer_config(recipe, device), sae, iter(()), bar, checkpoint)
        if checkpoint is not None and continued:
            trainer.load_trainer_state(checkpoint)
            bar.advance(trainer.n_training_samples)
        n_used = trainer.n_training_steps + _NORM_BATCHES if continued else 0
        trainer.data_provider = _shuffled(_near(activations, device), rows, recipe, n_used)
        if recipe.control == "soft-frozen":
            keep_near_start(trainer, start)
        trained = trainer.fit()
    if checkpoint is not None:
        shutil.rmtree(checkpoint, ignore_errors=True)
    return trained


class SparseTrainer(SAETrainer[TopKTrainingSAE, Config]):
    """SAELens's trainer with a step that computes the features that fire alone, and shows its progress on a bar.

    During the training, the encoder lies in memory feature by feature. With a `checkpoint`, the state is written to
    this folder every `CHECKPOINT_SECONDS`.
    """

    def __init__(
        self,
        cfg: SAETrainerConfig,
        sae: TopKTrainingSAE,
        data: DataProvider,
        bar: progress.Bar,
        checkpoint: Path | None = None,
    ) -> None:
        super().__init__(cfg=cfg, sae=sae, data_provider=data)
        self._bar, self._checkpoint, self._saved = bar, checkpoint, time.monotonic()
        self._encoder = torch.nn.Parameter(sae.W_enc.data.T.contiguous())
        sae.W_enc.data = self._encoder.data.T
        (group,) = self.optimizer.param_groups
        group["params"] = [self._encoder if weight is sae.W_enc else weight for weight in group["params"]]
        group["fused"] = True

    def fit(self) -> TopKTrainingSAE:
        """Train to the end, and return the SAE with contiguous weights."""
        sae = super().fit()
        sae.W_enc.data = sae.W_enc.data.contiguous()
        return sae

    def step(self, batch: Tensor) -> TrainStepOutput:
        """Train on a batch (n, d_in) of activations."""
        if self._checkpoint is not None and time.monotonic() - self._saved >= CHECKPOINT_SECONDS:
            self._save(self._checkpoint)
        self.n_training_samples += len(batch)
        x = self.activation_scaler(batch.to(self.sae.device))
        output = losses(self.sae, self._encoder, x, self.dead_neurons)
        output.loss.backward()
        torch.nn.utils.clip_grad_norm_(self.optimizer.param_groups[0]["params"], 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.lr_scheduler.step()
        self._count(output.feature_acts)
        self._bar.advance(len(batch))
        if self.n_training_steps % _SHOWN_EVERY == 0:
            self._show(output)
        return output

    def _save(self, checkpoint: Path) -> None:
        """Write the state after the last step."""
        with atomic_folder(checkpoint) as unfinished:
            torch.save(self.sae.state_dict(), unfinished / _WEIGHTS)
            self.save_trainer_state(unfinished)
        self._saved = time.monotonic()

    def _count(self, features: Tensor) -> None:
        """Count how often each feature fires, and for how many steps it has not."""
        fires = features._values() > 0
        times = torch.bincount(features._indices()[1][fires], minlength=self.sae.cfg.d_sae)
        self.n_forward_passes_since_fired += 1
        self.n_forward_passes_since_fired[times > 0] = 0
        self.act_freq_scores += times
        self.n_frac_active_samples += self.cfg.train_batch_size_samples

    @torch.no_grad()
    def _show(self, output: TrainStepOutput) -> None:
        x, n = output.sae_in, len(output.sae_in)
        variance = float((x - x.mean(0)).square().sum()) / n
        fvu = output.losses["mse_loss"].item() / variance if variance else float("nan")
        l0 = float((output.feature_acts._values() > 0).sum()) / n
        self._bar.show(loss=output.loss.item(), fvu=fvu, l0=l0, dead=float(self.dead_neurons.float().mean()))


def losses(sae: TopKTrainingSAE, encoder: Tensor, x: Tensor, dead: Tensor) -> TrainStepOutput:
    """Compute the losses of scaled activations (n, d_in), with gradients; `dead` marks the dead features (d_sae).

    `encoder` holds the weights of `sae.W_enc` feature by feature (d_sae, d_in), and gets the gradient in its place.
    `feature_acts` of the output is a sparse matrix (n, d_sae) without gradients.
    """
    length = sae.W_dec.detach().norm(dim=-1)
    before = ((x - sae.b_dec.detach()) @ encoder.detach().T).add_(sae.b_enc.detach()).mul_(length)
    most, index = before.topk(sae.cfg.k, dim=-1, sorted=False)
    value = _Chosen.apply(x, encoder, sae.b_enc, sae.b_dec, most / length[index], index).relu()
    reconstruction = torch.nn.functional.embedding_bag(index, sae.W_dec, per_sample_weights=value, mode="sum")
    reconstruction = reconstruction + sae.b_dec
    parts: dict[str, Any] = {"mse_loss": (reconstruction - x).square().sum(-1).mean()}
    if n_dead := int(dead.sum()):
        error, n_used = (x - reconstruction).detach(), min(n_dead, sae.cfg.d_in // 2)
        revived = _dead_reconstruction(sae, encoder, x, dead.nonzero()[:, 0], n_used)
        weight = sae.cfg.aux_loss_coefficient * min(n_dead / (sae.cfg.d_in // 2), 1.0)
        parts["auxiliary_reconstruction_loss"] = weight * (revived - error).square().sum(-1).mean()
    row = torch.arange(len(x), device=x.device).repeat_interleave(sae.cfg.k)
    places = torch.stack([row, index.flatten()])
    fired = torch.sparse_coo_tensor(places, value.detach().flatten(), before.shape, check_invariants=False)
    return TrainStepOutput(x, reconstruction, fired, before, torch.stack([*parts.values()]).sum(), parts)


def _dead_reconstruction(sae: TopKTrainingSAE, encoder: Tensor, x: Tensor, dead: Tensor, n_used: int) -> Tensor:
    """Decode the `n_used` dead features (dead) of each token that would add most to its reconstruction (n, d_in)."""
    rows = sae.W_dec[dead]
    before = torch.addmm(sae.b_enc[dead], x - sae.b_dec, encoder[dead].T)
    if n_used < len(dead):
        most = (before.detach() * rows.detach().norm(dim=-1)).topk(n_used, dim=-1, sorted=False).indices
        before = before * torch.zeros_like(before).scatter(-1, most, 1.0)
    return before @ rows


class _Chosen(torch.autograd.Function):
    """Pre-activations `before` (n, k) of the chosen features `index`; gradients are sums over these features alone."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, encoder: Tensor, b_enc: Tensor, b_dec: Tensor, before: Tensor, index: Tensor
    ) -> Tensor:
        ctx.save_for_backward(x, encoder, b_dec, index)
        return before

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,), (x, encoder, b_dec, index) = gradients, ctx.saved_tensors
        feature, order = index.flatten().sort(stable=True)
        ends = torch.bincount(feature, minlength=len(encoder)).cumsum(0)
        start, row, value = torch.cat([ends.new_zeros(1), ends]), order // index.shape[1], gradient.flatten()[order]
        by_feature = torch.sparse_csr_tensor(start, row, value, (len(encoder), len(x)), check_invariants=False)
        b_enc = torch.zeros_like(encoder[:, 0]).index_add(0, feature, value)
        return None, by_feature @ (x - b_dec), b_enc, -(b_enc @ encoder), None, None


def _n_steps(recipe: SaeRecipe) -> int:
    return max(1, recipe.n_tokens // recipe.batch)


def _trainer_config(recipe: SaeRecipe, device: torch.device) -> SAETrainerConfig:
    n_steps = _n_steps(recipe)
    return SAETrainerConfig(
        total_training_samples=n_steps * recipe.batch,
        train_batch_size_samples=recipe.batch,
        lr=recipe.learning_rate,
        lr_end=recipe.learning_rate / 10,
        lr_decay_steps=n_steps // 4,
        device=str(device),
        dead_feature_window=recipe.dead_window,
        n_batches_for_norm_estimate=_NORM_BATCHES,
        logger=LoggingConfig(log_to_wandb=False),
    )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Hide the warnings and the bars of SAELens."""
    with warnings.catch_warnings(action="ignore"), contextlib.redirect_stderr(io.StringIO()):
        yield


def _centre(activations: Tensor, rows: Tensor) -> Tensor:
    """Return the mean activation (d_in) of some rows, scaled as SAELens trains: to a mean length of √d_in."""
    total, length = torch.zeros(activations.shape[1], dtype=torch.float64), 0.0
    for numbers in rows.split(_CHUNK):
        chunk = activations[numbers]
        total += chunk.double().sum(0).cpu()
        length += float(chunk.float().norm(dim=-1).double().sum())
    scale = activations.shape[1] ** 0.5 / max(length / len(rows), 1e-8)
    return (total / len(rows) * scale).float()


def _near(activations: Tensor, device: torch.device) -> Tensor:
    """Move activations to a GPU if they take at most `_DEVICE_SHARE` of its free memory."""
    if device.type != "cuda":
        return activations
    free, _ = torch.cuda.mem_get_info(device)
    return activations.to(device) if activations.nbytes <= _DEVICE_SHARE * free else activations


def _shuffled(activations: Tensor, used: Tensor, recipe: SaeRecipe, n_used: int = 0) -> Iterator[Tensor]:
    """Yield float32 batches without end; each pass has every activation at most once, and drops an incomplete batch.

    `used` numbers the activations to train on. The first `n_used` batches are left out.
    """
    generator = torch.Generator().manual_seed(recipe.seed)
    while True:
        order = used[torch.randperm(len(used), generator=generator)]
        batches = [rows for rows in order.split(recipe.batch) if len(rows) == recipe.batch]
        for rows in batches[n_used:]:
            yield activations[rows.to(activations.device)].float()
        n_used = max(0, n_used - len(batches))
