"""What an entry of `presets/` may hold: one class for each kind of thing that has a name.

A key that no class knows, and a value of another type, is an error; `presets` reads the files and finds the entries.
"""

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict

from emomech.vocab import HookPoint, Site


class Preset(BaseModel):
    """What every entry has: one line for the list that users see."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    summary: str


class ModelPreset(Preset):
    """A causal language model: `path` below the package or a folder of the user's, or `repository` on the hub."""

    path: str = ""
    repository: str = ""
    revision: str = "main"
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    prepend_bos: bool | None = None
    """Whether a beginning-of-sequence token stands before a text; None: what the tokenizer does itself."""
    sae: str = ""
    """The SAE preset that a study takes unless it names another."""
    made_by: str = ""
    """The command that makes the files at `path`, should they not be there."""


class SaePreset(Preset):
    """SAEs for one model, one per hook point: a folder, or a release that SAELens knows."""

    path: str = ""
    release: str = ""
    sae_id: str = ""
    """The release's id of one SAE, with `{layer}` for the 0-based block."""
    site: Site = "resid_post"
    layers: int = 0
    also: Mapping[str, str] = {}
    """Hook points beside those, each with its id in the release."""
    neuronpedia: Mapping[str, str] = {}
    """Hook points whose id on Neuronpedia SAELens has wrong, with the right one."""
    made_by: str = ""
    """The command that makes the files at `path`, should they not be there."""

    @property
    def ids(self) -> dict[HookPoint, str]:
        """The release's id of the SAE at each hook point, in order of depth."""
        blocks = (HookPoint(layer, self.site) for layer in range(self.layers))
        found = {point: self.sae_id.format(layer=point.layer) for point in blocks}
        found |= {HookPoint.parse(point): sae_id for point, sae_id in self.also.items()}
        return dict(sorted(found.items(), key=lambda item: item[0].resid_index()))


class CorpusPreset(Preset):
    """Texts with labels: drawn from the embedded grammar, or read from a file of the user's."""

    path: str = ""
    grammar: Literal["", "vignettes", "kinds", "worth"] = ""
    """What of the embedded grammar they are; see `organism.tasks` for the last two."""
    texts: int = 0
    """How many texts are drawn from the grammar."""
    controls: list[str] = []
    """Corpora of other tasks, about no emotion, for the same model; the first also serves as neutral text."""
    prompt: str = "plain"
    """The prompt that suits these texts; a study may name another."""
    emotions: str = ""
    """The emotion set of these texts; empty: the labels that stand in the file."""


class EmotionsPreset(Preset):
    """A closed set of emotion labels, in the order in which they are drawn."""

    labels: Mapping[str, str]
    """Label to the word that the model is scored on."""


class PromptPreset(Preset):
    """How a text becomes a question: `{text}` and, if the corpus says who is meant, `{person}`."""

    template: str
    answer: str = " {label}"
    """What continues the prompt for a label, its leading space included."""


class OrganismPreset(Preset):
    """An embedded model to be trained: what sets it apart from the default one."""

    group: str = ""
    """Presets that are trained together under this name."""
    seed: int = 0
    n_layers: int = 8
    d_model: int = 128
    d_sae: int = 512
    shares: Mapping[str, float] = {}
    """Emotion to its share of the answers; what is not named shares the rest equally."""
