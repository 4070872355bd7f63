"""Sizes of a study: its model and SAEs, from their presets or from the headers of local files, and its texts.

No model is loaded and nothing is fetched. Texts are counted if they are on this machine; else they are taken to be as
many and as long as those of the embedded corpus.

Example:
    >>> from emomech.study.sizes import texts_of
    >>> from emomech.study.spec import StudySpec
    >>> print(texts_of(StudySpec(limit=500)))
    500 texts of 26 words, from the embedded grammar
"""

from dataclasses import dataclass

from emomech.core import devices
from emomech.core.devices import NumberFormat
from emomech.core.errors import UsageError
from emomech.core.settings import Settings
from emomech.models.gguf.header import Header, is_gguf, read_header
from emomech.presets import lookup
from emomech.presets.kinds import ModelPreset, SaePreset
from emomech.study import corpora
from emomech.study.spec import StudySpec

EMBEDDED_TEXTS, EMBEDDED_WORDS = 2400, 26
"""Number of texts of the embedded corpus, and their mean number of words."""


@dataclass(frozen=True)
class Texts:
    """Number and length of the texts of a study."""

    number: int = EMBEDDED_TEXTS
    words: float = EMBEDDED_WORDS
    """Mean number of words of a text."""
    counted: str = "from the embedded grammar"
    """Where they were counted, or as what they are taken."""

    def __str__(self) -> str:
        """Write number, length and source."""
        return f"{self.number} texts of {self.words:.0f} words, {self.counted}"


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
    texts: Texts = Texts()

    @property
    def block(self) -> int:
        """Weights of a block that a token is multiplied with."""
        if self.model.path:
            from emomech.models.files import n_block_weights

            return n_block_weights(lookup.shipped(self.model.path)) // self.model.layers
        return (self.model.parameters - self.model.vocabulary * self.model.d_model) // self.model.layers

    @property
    def weights(self) -> int:
        """Bytes of the model in the number format that it computes in."""
        return self.model.parameters * devices.WIDTH[self.dtype]

    @property
    def sae(self) -> int:
        """Bytes of one SAE in float32."""
        return 2 * self.model.d_model * self.features * 4

    def batch(self, device: str) -> int:
        """Bytes of one batch: three copies of its logits, or the activations of all hook points and of 12 more."""
        n_tokens = devices.tokens_at_once(device)
        logits = 3 * 4 * min(devices.MAX_BATCH_LOGITS, n_tokens * self.model.vocabulary)
        return max(logits, n_tokens * self.model.d_model * devices.WIDTH[self.dtype] * (self.points + 12))


def sizes_of(spec: StudySpec, settings: Settings) -> Sizes:
    """Return the sizes of a study's model and SAEs. Raises UsageError for a preset that does not declare them."""
    model = _complete(spec.model, spec.resolved.model)
    dtype, texts = settings.number_format(model.dtype), texts_of(spec)
    if spec.sae is None:
        return Sizes(model, dtype, texts=texts)
    return Sizes(model, dtype, *_features_and_points(spec.sae_name, spec.sae_preset), texts)


def texts_of(spec: StudySpec) -> Texts:
    """Count the texts of a study, at most its limit. Raises UsageError for local files that cannot be read."""
    corpus = spec.resolved.corpus
    if not corpora.is_local(corpus):
        n, counted = corpus.preset.texts or EMBEDDED_TEXTS, "from the embedded grammar"
        if not corpus.preset.grammar:
            counted = f"as in the embedded corpus: {corpus.name} is no local file"
        return Texts(min(spec.limit or n, n), EMBEDDED_WORDS, counted)
    examples = corpora.read(corpus, spec.resolved.words).examples
    words = sum(len(example.text.split()) for example in examples) / max(1, len(examples))
    n = len(examples)
    return Texts(min(spec.limit or n, n), round(words, 1), f"counted in {corpus.name}")


def _complete(name: str, preset: ModelPreset) -> ModelPreset:
    """Add the sizes of the model in a folder to its preset. Raises UsageError for a public model without sizes."""
    if preset.path:
        from emomech.models.files import check_files, n_weights

        folder = lookup.shipped(preset.path)
        check_files(name, folder)
        if is_gguf(folder):
            return preset.model_copy(update={"parameters": n_weights(folder), **_of_gguf(read_header(name, folder))})
        from transformers import AutoConfig

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


def _of_gguf(header: Header) -> dict[str, int]:
    keys = {"layers": "block_count", "d_model": "embedding_length", "context": "context_length"}
    sizes = {ours: int(header.of_model(key)) for ours, key in keys.items()}
    return sizes | {"vocabulary": header.shape("token_embd.weight")[0]}


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
