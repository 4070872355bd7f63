"""What an entry of `presets/` may hold: one class for each kind of thing that has a name.

A key that no class knows, and a value of another type, is an error; `presets` reads the files and finds the entries.
"""

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict

from emomech.core.devices import NumberFormat
from emomech.core.hook_points import HookPoint, Site
from emomech.data.published.formats import Format


class Preset(BaseModel):
    """What every entry has: one line for the list that users see."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    summary: str


class ModelPreset(Preset):
    """A causal language model: `path` below the package or a folder of the user's, or `repository` on the hub."""

    path: str = ""
    repository: str = ""
    revision: str = "main"
    dtype: NumberFormat = "float32"
    """What is computed in; the environment's `EMOMECH_DTYPE` goes before it."""
    stored: NumberFormat = "float32"
    """What the repository's files hold."""
    prepend_bos: bool | None = None
    """Whether a beginning-of-sequence token stands before a text; None: what the tokenizer does itself."""
    chat: bool = False
    """Whether a question is put as a user's turn, in the model's own chat template."""
    sae: str = ""
    """The SAE preset that a study takes unless it names another."""
    parameters: int = 0
    """How many weights there are, tied ones counted once; this and what follows, for plans made without the model."""
    layers: int = 0
    d_model: int = 0
    vocabulary: int = 0
    context: int = 0
    """Most tokens of a text."""
    made_by: str = ""
    """The command that makes the files at `path`, should they not be there."""


class SaePreset(Preset):
    """SAEs for one model, one per hook point: a folder, or a release that SAELens knows."""

    path: str = ""
    release: str = ""
    sae_id: str = ""
    """The release's id of one SAE, with `{layer}` for the 0-based block."""
    features: int = 0
    """How many each SAE has; for plans made without the SAEs."""
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


class DataCard(BaseModel):
    """What has to be known of a published data set before anything is concluded from it; prose, for readers."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    title: str
    source: str
    """The publication."""
    home: str
    licence: str
    size: str
    """As published, before anything is left out."""
    style: str
    """Who wrote the texts, and how."""
    labelled_by: str
    noise: str
    revision_note: str = ""
    """Where the data on the hub are not pinned, or are a copy by somebody else."""


class CorpusPreset(Preset):
    """Texts with labels: from the embedded grammar, a file of the user's, or a published data set."""

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
    joins: list[str] = []
    """Other corpora that this one is made of, in the order in which a text that stands in two of them is kept."""
    format: Format | Literal[""] = ""
    """How a published data set is written; empty: `text` and `label`."""
    repository: str = ""
    """A published data set's repository on the hub; empty: it is on no hub."""
    revision: str = "main"
    files: list[str] = []
    """What of the repository is read, in this order."""
    vocabulary: str = ""
    """The emotion set of a data set's own labels; empty: they are open."""
    mapping: Mapping[str, str] = {}
    """A data set's own label to an emotion of the book; a label that is not here is left out."""
    masked: bool = False
    """Whether emotion words are hidden in the texts."""
    card: DataCard | None = None


class EmotionsPreset(Preset):
    """A closed set of emotion labels, in the order in which they are drawn."""

    labels: Mapping[str, str]
    """Label to the word that the model is scored on."""


class PromptPreset(Preset):
    """How a text becomes a question: `{text}` and, if the corpus says who is meant, `{person}`."""

    template: str
    chat: str = ""
    """What a chat model is asked, in the user's turn, so that its first word is the answer; empty: the template."""
    answer: str = " {label}"
    """What continues the prompt for a label, its leading space included."""
    answer_end: str = ". "
    """What ends an answer where worked examples stand before a question."""


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
