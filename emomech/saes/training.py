"""Train SAEs for any local language model, with SAELens's trainer, in SAELens's format.

They are TopK SAEs (Gao et al., 2024, arXiv:2406.04093): only the k features with the largest pre-activations fire, so
even a short training gives the requested sparsity. Activations are read once, for as many hook points at a
time as memory allows, and shuffled again in every pass of the training. BOS tokens and padding are left out. Too short
a training leaves dead features and a large unexplained variance: look at both with `quality.qualities`.
"""

import contextlib
import io
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from emomech.core.errors import UsageError, unknown
from emomech.core.files import atomic_folder
from emomech.core.hook_points import HookPoint
from emomech.core.outputs import writable_folder
from emomech.models.activations import collect
from emomech.models.language_model import LanguageModel
from emomech.models.tokens import TokenizedText, tokenize
from emomech.saes.beside import Control, named
from emomech.saes.compatibility import measure_fit
from emomech.saes.config_fields import INPUTS, RECIPE
from emomech.saes.resume import inputs_of, missing
from emomech.saes.saelens import from_saelens
from emomech.saes.soft_frozen import keep_near_start

if TYPE_CHECKING:
    from sae_lens import TopKTrainingSAE


HELD_BYTES = 2**31
"""Bytes of activations that are held at once; those of one hook point may take more."""
_N_MEASURED = 8192
"""Activations on which a control is measured."""


@dataclass(frozen=True)
class SaeRecipe:
    """Size and training of each SAE.

    Steps are small and many: for the same number of activations this leaves less variance unexplained than few large
    steps, and the data of a step fit into the processor's cache.
    """

    d_sae: int = 512
    """Features."""
    k: int = 16
    """Largest number of features that fire at once."""
    n_tokens: int = 600_000
    """Activations that are trained on, over all passes."""
    seed: int = 0
    learning_rate: float = 3e-3
    """Of Adam; it falls to a tenth over the last quarter of the training."""
    batch: int = 1024
    """Activations per step."""
    pool: int = 400_000
    """Largest number of activations that are read per hook point; further texts are not read."""
    dead_window: int = 50
    """Steps without firing after which a feature counts as dead, and learns from the error of the others to revive.

    It has to be much shorter than the training, and long enough for a rare word to occur.
    """
    control: Control | Literal[""] = ""
    """Keep the decoder from learning, to have a control (Korznikov et al., 2026, arXiv:2602.14111).

    frozen: it stays at its random start; soft-frozen: each row stays within a cosine of 0.8 of its start. Start, order
    of the activations and all else are those of the same recipe without a control. Empty: the decoder learns.
    """

    def check(self) -> None:
        """Raise UsageError for a size below 1, for a k above d_sae, and for an unknown control."""
        for name in ("d_sae", "k", "n_tokens", "batch", "pool"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} {getattr(self, name)}: expected 1 or more.")
        if not 0 < self.k <= self.d_sae:
            raise UsageError(f"k {self.k}: expected 1 to d_sae, which is {self.d_sae}.")
        if self.control:
            named(self.control)


def default_points(lm: LanguageModel) -> list[HookPoint]:
    """List the embedding and the output of every block."""
    return [HookPoint(0, "resid_pre"), *(HookPoint(layer) for layer in range(lm.n_layers))]


def named_points(lm: LanguageModel, names: Sequence[str]) -> list[HookPoint]:
    """Read names such as `blocks.3.hook_resid_post`, and return the points in order of depth.

    Raises UsageError for an empty list, a name that is given twice, and a point that `default_points` does not have.
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
    points: Sequence[HookPoint] | None = None,
    recipe: SaeRecipe | None = None,
    *,
    out: str | Path,
    say: Callable[[str], None] = lambda _: None,
) -> None:
    """Train one SAE per hook point; each gets a SAELens folder in `out`, named after the point. `load_saes` reads them.

    Without `points`, the embedding and the output of every block; without a `recipe`, `SaeRecipe()`, which has 512
    features per SAE. A point whose SAE is there already is skipped, so an interrupted training can be continued; a
    folder appears whole or not at all. `say` gets one line of progress per point. Raises UsageError for a recipe with
    an impossible size, for a folder of a point that holds another SAE or none (see `resume`), for a place that cannot
    be written, and for texts with fewer tokens than one batch. Nothing is computed before all points are checked.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from emomech.saes.collection import load_saes
        >>> from emomech.saes.training import SaeRecipe, default_points, train_saes
        >>> from emomech.study.spec import StudySpec
        >>> from emomech.study.study import Study
        >>> study, out = Study(StudySpec(sae=None, limit=20)), Path(tempfile.mkdtemp())
        >>> recipe = SaeRecipe(d_sae=64, k=8, n_tokens=512, batch=128)
        >>> train_saes(study.lm, study.prompts, default_points(study.lm)[:1], recipe, out=out)
        >>> [(str(point), sae.d_sae, sae.k) for point, sae in load_saes(out).items()]
        [('blocks.0.hook_resid_pre', 64, 8)]
    """
    recipe, out = recipe or SaeRecipe(), writable_folder(Path(out), "the folder of the SAEs")
    recipe.check()
    points, inputs = default_points(lm) if points is None else points, inputs_of(lm, texts)
    absent = missing(out, points, {"d_in": lm.d_model, "trained on": lm.name, **asdict(recipe), **inputs}, say)
    for point, activations in pools(lm, texts, absent, recipe):
        sae = fit(lm, activations, point, recipe)
        sae.cfg.metadata[INPUTS] = inputs
        _keep(sae, out / str(point))
        say(f"{point}: trained")


def pools(
    lm: LanguageModel, texts: Sequence[str], points: Sequence[HookPoint], recipe: SaeRecipe
) -> Iterator[tuple[HookPoint, Tensor]]:
    """Yield each hook point with its activations (n, d_model), float32 on the CPU; n is at most about `recipe.pool`.

    Raises UsageError, at the first point, for texts with fewer tokens than one batch.
    """
    tokenized = _within(tokenize(lm, texts), recipe.pool)
    positions = [[i for i, special in enumerate(text.special) if not special] for text in tokenized]
    n = sum(map(len, positions))
    if n < recipe.batch:
        raise UsageError(f"the texts have {n} tokens, at least {recipe.batch} are needed. Take more texts.")
    at_once = max(1, HELD_BYTES // (n * lm.d_model * 4))
    for first in range(0, len(points), at_once):
        activations = dict(collect(lm, points[first : first + at_once], tokenized, positions))
        for point in list(activations):
            yield point, activations.pop(point)


def _within(tokenized: Sequence[TokenizedText], pool: int) -> list[TokenizedText]:
    """Select texts until the pool is full; at least one."""
    kept, n = [], 0
    for text in tokenized:
        n += sum(not special for special in text.special)
        if kept and n > pool:
            break
        kept.append(text)
    return kept


def fit(lm: LanguageModel, activations: Tensor, point: HookPoint, recipe: SaeRecipe) -> "TopKTrainingSAE":
    """Train one SAE on activations (n, d_model) of a hook point; the normalisation is folded into its weights.

    The k features that fire are those that add most to the reconstruction: value times length of the decoder row. The
    recipe is recorded in the metadata of the SAE. So is the share of variance that a control explains, because a
    control of another model can only be recognised by it (see `compatibility`).
    """
    torch.manual_seed(recipe.seed)
    with warnings.catch_warnings(action="ignore"), contextlib.redirect_stderr(io.StringIO()):
        from sae_lens import LoggingConfig, TopKTrainingSAE
        from sae_lens import TopKTrainingSAEConfig as Config
        from sae_lens.config import SAETrainerConfig
        from sae_lens.saes.sae import SAEMetadata
        from sae_lens.training.sae_trainer import SAETrainer

        metadata = {"model_name": lm.name, "hook_name": str(point), "prepend_bos": lm.prepend_bos}
        cfg = Config(
            d_in=lm.d_model,
            d_sae=recipe.d_sae,
            k=recipe.k,
            apply_b_dec_to_input=True,
            normalize_activations="expected_average_only_in",
            device=str(lm.device),
            metadata=SAEMetadata(**metadata, **{RECIPE: asdict(recipe)}),
        )
        sae = TopKTrainingSAE(cfg)
        sae.b_dec.data = _centre(activations).to(lm.device)
        sae.W_dec.requires_grad_(recipe.control != "frozen")
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
        trainer = SAETrainer(cfg=training, sae=sae, data_provider=_shuffled(activations, recipe, lm.device))
        if recipe.control == "soft-frozen":
            keep_near_start(trainer)
        trained = trainer.fit()
    if recipe.control:
        explained = 1 - measure_fit(from_saelens(trained), activations[:_N_MEASURED]).fvu
        trained.cfg.metadata.variance_explained = round(explained, 3)
    return trained


def _centre(activations: Tensor) -> Tensor:
    """Return the mean activation (d_in), scaled as SAELens trains: an activation has length √d_in on average."""
    length = activations.norm(dim=-1).mean().clamp(min=1e-8)
    return activations.mean(0) * (activations.shape[1] ** 0.5 / length)


def _shuffled(activations: Tensor, recipe: SaeRecipe, device: torch.device) -> Iterator[Tensor]:
    """Yield batches without end; each pass has every activation at most once, and drops an incomplete last batch."""
    generator = torch.Generator().manual_seed(recipe.seed)
    while True:
        order = torch.randperm(len(activations), generator=generator)
        for rows in order.split(recipe.batch):
            if len(rows) == recipe.batch:
                yield activations[rows].to(device)


def _keep(sae: "TopKTrainingSAE", folder: Path) -> None:
    """Save an SAE in half precision, which halves the files and changes no feature noticeably."""
    sae.cpu().half()
    sae.cfg.dtype, sae.cfg.device = "float16", "cpu"
    with atomic_folder(folder) as unfinished, warnings.catch_warnings(action="ignore"):
        sae.save_inference_model(unfinished)
