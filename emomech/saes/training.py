"""Train SAEs for any local language model, in SAELens's format.

They are TopK SAEs (Gao et al., 2024, arXiv:2406.04093): only the k features with the largest pre-activations fire, so
even a short training gives the requested sparsity. The model reads the texts once for all hook points, and their
activations lie on the disk while the SAEs are trained (`models.store`). BOS tokens, padding and massive activations
(`models.sinks`) are left out. Too short a training leaves dead features and a large unexplained variance: look at both
with `quality.qualities`.
"""

import warnings
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from emomech.core import progress
from emomech.core.errors import UsageError
from emomech.core.files import atomic_folder
from emomech.core.hook_points import HookPoint
from emomech.core.outputs import writable_folder
from emomech.models.language_model import LanguageModel
from emomech.models.pool import TokenPool
from emomech.models.sinks import ordinary_rows
from emomech.models.store import ActivationStore, Place
from emomech.saes.compatibility import measure_fit
from emomech.saes.config_fields import DEAD, INPUTS, LEFT_OUT, LIBRARIES
from emomech.saes.points import default_points
from emomech.saes.recipe import SaeRecipe
from emomech.saes.resume import missing
from emomech.saes.saelens import from_saelens

if TYPE_CHECKING:
    from sae_lens import TopKTrainingSAE


UNFINISHED = ".training"
"""Folder for activations and checkpoints inside that of the SAEs; it is removed at the end."""
_N_MEASURED = 8192
"""Activations on which a control is measured."""


def train_saes(
    lm: LanguageModel,
    texts: Iterable[str],
    points: Sequence[HookPoint] | None = None,
    recipe: SaeRecipe | None = None,
    *,
    out: str | Path,
    place: Place | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> None:
    """Train one SAE per hook point; each gets a SAELens folder in `out`, named after the point. `load_saes` reads them.

    Without `points`, the embedding and the output of every block; without a `recipe`, `SaeRecipe()`, which has 512
    features per SAE. Texts may come from a stream; no more are read than `recipe.pool` takes. `place` says where the
    activations lie and what they may take; by default, in `out` and as much as the disk has.

    A point whose SAE is there already is skipped, so an interrupted training can be continued; a folder appears whole
    or not at all. `say` gets one line of progress per point. Raises UsageError for a recipe with an impossible size,
    for a folder of a point that holds another SAE or none (see `resume`), for a place that cannot be written, for texts
    with fewer tokens than one batch, and as `ActivationStore.capture`. Nothing is computed before all points are
    checked.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from emomech.saes.collection import load_saes
        >>> from emomech.saes.points import default_points
        >>> from emomech.saes.recipe import SaeRecipe
        >>> from emomech.saes.training import train_saes
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
    pool = read_pool(lm, texts, recipe)
    points, inputs = default_points(lm) if points is None else points, {"model": pool.model, "texts": pool.texts}
    absent = missing(out, points, {"d_in": lm.d_model, "trained on": lm.name, **asdict(recipe), **inputs}, say)
    if not absent:
        return
    place, inside = place or Place(), out / UNFINISHED
    checkpoint = inside / f"checkpoint-{blake2b(repr((recipe, inputs)).encode(), digest_size=8).hexdigest()}"
    try:
        with ActivationStore.capture(lm, pool, absent, replace(place, folder=place.folder or inside), say) as store:
            for point, activations in progress.counted(store, "SAEs", unit="hook point", total=len(absent)):
                sae = fit(lm, activations, point, recipe, checkpoint.with_name(f"{checkpoint.name}-{point}"))
                sae.cfg.metadata[INPUTS], sae.cfg.metadata[LIBRARIES] = inputs, libraries()
                _keep(sae, out / str(point))
                say(f"{point}: trained; {_dead(sae)}")
    finally:
        with suppress(OSError):  # it is not there, or holds activations with which the training goes on
            inside.rmdir()


def read_pool(lm: LanguageModel, texts: Iterable[str], recipe: SaeRecipe) -> TokenPool:
    """Read as many texts as the recipe takes. Raises UsageError for texts with fewer tokens than one batch."""
    pool = TokenPool.read(lm, texts, recipe.pool)
    if pool.n < recipe.batch:
        raise UsageError(f"the texts have {pool.n} tokens, at least {recipe.batch} are needed. Take more texts.")
    return pool


def fit(
    lm: LanguageModel, activations: Tensor, point: HookPoint, recipe: SaeRecipe, checkpoint: Path | None = None
) -> "TopKTrainingSAE":
    """Train one SAE on activations (n, d_model) of a hook point; the normalisation is folded into its weights.

    The recipe is recorded in the metadata of the SAE. So is the share of variance that a control explains, because a
    control of another model can only be recognised by it (see `compatibility`). `checkpoint`: see `train_topk`.
    """
    from emomech.saes.topk_training import train_topk

    metadata: dict[str, Any] = {"model_name": lm.name, "hook_name": str(point), "prepend_bos": lm.prepend_bos}
    title = f"training {point}"
    trained = train_topk(activations, recipe, device=lm.device, metadata=metadata, title=title, checkpoint=checkpoint)
    if recipe.control:
        some = activations[ordinary_rows(activations)[:_N_MEASURED]].float()
        explained = 1 - measure_fit(from_saelens(trained), some).fvu
        trained.cfg.metadata.variance_explained = round(explained, 3)
    return trained


def _dead(sae: "TopKTrainingSAE") -> str:
    """Say how many features are dead at the end of a training, and how many activations it left out."""
    recorded: Any = sae.cfg.metadata
    left_out = getattr(recorded, LEFT_OUT)
    massive = f"; {left_out:.2%} of the activations are massive and were left out" if left_out else ""
    return f"{getattr(recorded, DEAD):,} of {sae.cfg.d_sae:,} features are dead{massive}"


def libraries() -> dict[str, str]:
    """Versions of the libraries that decide what is trained."""
    return {name: version(name) for name in ("torch", "transformers", "sae-lens")}


def _keep(sae: "TopKTrainingSAE", folder: Path) -> None:
    """Save an SAE in half precision, which halves the files and changes no feature noticeably."""
    sae.cpu().half()
    sae.cfg.dtype, sae.cfg.device = "float16", "cpu"
    with atomic_folder(folder) as unfinished, warnings.catch_warnings(action="ignore"):
        sae.save_inference_model(unfinished)
