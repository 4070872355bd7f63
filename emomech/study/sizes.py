"""Sizes of a study's model and SAEs, from their presets or from the headers of local files; nothing is loaded."""

from dataclasses import dataclass

from emomech.core import devices
from emomech.core.devices import NumberFormat
from emomech.core.errors import UsageError
from emomech.core.settings import Settings
from emomech.models.language_model import MAX_BATCH_LOGITS
from emomech.presets import lookup
from emomech.presets.kinds import ModelPreset, SaePreset
from emomech.study.spec import StudySpec

BATCH_TOKENS = 8192
"""Tokens of one batch."""


@dataclass(frozen=True)
class Sizes:
    """The sizes on which memory, disk space and time depend."""

    model: ModelPreset
    """The preset, with all its sizes."""
    dtype: NumberFormat
    features: int = 0
    """Features of one SAE; 0 if that is not known, or no SAE is read."""
    points: int = 0
    """Hook points with an SAE."""

    @property
    def weights(self) -> int:
        """Bytes of the model in the number format that it computes in."""
        return self.model.parameters * devices.WIDTH[self.dtype]

    @property
    def sae(self) -> int:
        """Bytes of one SAE in float32."""
        return 2 * self.model.d_model * self.features * 4

    @property
    def batch(self) -> int:
        """Bytes of one batch: three copies of its logits, or the activations of all hook points and of 12 more."""
        logits = 3 * 4 * min(MAX_BATCH_LOGITS, BATCH_TOKENS * self.model.vocabulary)
        return max(logits, BATCH_TOKENS * self.model.d_model * devices.WIDTH[self.dtype] * (self.points + 12))


def sizes_of(spec: StudySpec, settings: Settings) -> Sizes:
    """Return the sizes of a study's model and SAEs. Raises UsageError for a preset that does not declare them."""
    model = _complete(spec.model, spec.resolved.model)
    dtype = settings.number_format(model.dtype)
    if spec.sae is None:
        return Sizes(model, dtype)
    return Sizes(model, dtype, *_features_and_points(spec.sae_name, spec.sae_preset))


def _complete(name: str, preset: ModelPreset) -> ModelPreset:
    """Add the sizes of the model in a folder to its preset. Raises UsageError for a public model without sizes."""
    if preset.path:
        from transformers import AutoConfig

        from emomech.models.files import check_files, n_weights

        folder = lookup.shipped(preset.path)
        check_files(name, folder)
        config = AutoConfig.from_pretrained(folder, local_files_only=True).get_text_config()
        shapes = {"layers": config.num_hidden_layers, "d_model": config.hidden_size, "vocabulary": config.vocab_size}
        shapes["context"] = config.max_position_embeddings
        return preset.model_copy(update={"parameters": n_weights(folder), **shapes})
    if not (preset.parameters and preset.layers and preset.d_model and preset.vocabulary):
        raise UsageError(
            f"model {name!r}: its preset does not say its sizes, so nothing can be planned. Add parameters, "
            "layers, d_model, vocabulary and context to it."
        )
    return preset


def _features_and_points(name: str, sae: SaePreset) -> tuple[int, int]:
    """Return the features of the largest SAE and the number of SAEs, from the preset or the headers of the files."""
    if not sae.path:
        if not sae.features:
            raise UsageError(
                f"SAEs {name!r}: their preset does not say how many features they have; add features to it."
            )
        return sae.features, len(sae.ids)
    from safetensors import safe_open

    widest, points = 0, 0
    for file in lookup.shipped(sae.path).rglob("sae_weights.safetensors"):
        with safe_open(file, "pt") as weights:
            widest, points = max(widest, weights.get_slice("W_dec").get_shape()[0]), points + 1
    return widest, points
