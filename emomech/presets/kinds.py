"""Schema of the entries in `presets/*.toml`: one class for each kind.

An unknown key and a value of another type are errors. `lookup` reads the files and finds entries by name.
"""

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict

from emomech.core.devices import NumberFormat
from emomech.core.hook_points import HookPoint, Site
from emomech.core.packages import PackagedFile
from emomech.data.published.formats import PublishedFormat


class Preset(BaseModel):
    """Base of all entries."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    summary: str
    """One line for the lists that users see."""


class ModelPreset(Preset):
    """A causal language model in a folder or on the hub."""

    path: str = ""
    """A folder below the package, or an absolute path."""
    repository: str = ""
    """A repository on the hub, if there is no `path`."""
    revision: str = "main"
    package: PackagedFile | None = None
    """A GGUF file in packages of the package index, in place of a repository."""
    dtype: NumberFormat = "float32"
    """Number format of the computation; `EMOMECH_DTYPE` in the environment replaces it."""
    stored: NumberFormat = "float32"
    """Number format of the files."""
    prepend_bos: bool | None = None
    """Whether to prepend a beginning-of-sequence token; None: as the tokenizer does."""
    leading: str = ""
    """A token that starts every text in place of a BOS, such as <|endoftext|>; `EMOMECH_LEADING` replaces it.

    A model without a BOS makes the first token of each text an attention sink (see `models.sinks`). This token takes
    the place, so that the text's own first token is an ordinary one.
    """
    chat: bool = False
    """Whether to ask a question as a user's turn, in the model's chat template."""
    sae: str = ""
    """The SAE preset that a study uses unless it names another one."""
    parameters: int = 0
    """Number of weights, tied ones counted once. `emomech plan` reads it and the four below, not the model."""
    layers: int = 0
    d_model: int = 0
    vocabulary: int = 0
    context: int = 0
    """Maximum number of tokens of a text."""
    made_by: str = ""
    """The command that makes the files at `path` if they are missing."""
    corpus: str = ""
    """The corpus preset that a study uses unless it names another one; empty: the embedded corpus."""


class SaePreset(Preset):
    """SAEs for one model, one per hook point, in a folder or from a release in SAELens's registry."""

    path: str = ""
    """A folder below the package, or an absolute path."""
    release: str = ""
    """Name of the release in SAELens's registry, if there is no `path`."""
    sae_id: str = ""
    """Id of an SAE in the release, with `{layer}` for the 0-based block."""
    features: int = 0
    """Features of each SAE, which `emomech plan` reads instead of the SAEs."""
    site: Site = "resid_post"
    """Site of the SAEs at blocks 0 to `layers` - 1."""
    layers: int = 0
    also: Mapping[str, str] = {}
    """Further hook points, each with the id of its SAE in the release."""
    neuronpedia: Mapping[str, str] = {}
    """Correct Neuronpedia ids of hook points for which SAELens has a wrong one."""
    made_by: str = ""
    """The command that makes the files at `path` if they are missing."""

    @property
    def ids(self) -> dict[HookPoint, str]:
        """Id in the release of the SAE at each hook point, in order of depth."""
        blocks = (HookPoint(layer, self.site) for layer in range(self.layers))
        ids = {point: self.sae_id.format(layer=point.layer) for point in blocks}
        ids |= {HookPoint.parse(point): sae_id for point, sae_id in self.also.items()}
        return dict(sorted(ids.items(), key=lambda item: item[0].resid_index()))


class DataCard(BaseModel):
    """What a reader has to know about a published data set before drawing conclusions from it; prose."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    title: str
    source: str
    """The publication."""
    home: str
    licence: str
    size: str
    """Number of texts as published, before any is left out."""
    style: str
    """Who wrote the texts, and how."""
    labelled_by: str
    noise: str
    revision_note: str = ""
    """Why the data on the hub are not pinned, or whose copy they are."""


class CorpusPreset(Preset):
    """Labelled texts from the embedded grammar, a file, or a published data set."""

    variant_of: str = ""
    """Another preset; what this one does not say is as in that one."""
    path: str = ""
    """A file below the package, or an absolute path."""
    grammar: Literal["", "vignettes", "kinds", "worth"] = ""
    """Part of the embedded grammar that the texts come from; see `data.grammar.tasks` for the last two."""
    texts: int = 0
    """Number of texts to draw from the grammar."""
    controls: list[str] = []
    """Corpora of tasks without emotion for the same model; the first also serves as neutral text."""
    prompt: str = "plain"
    """The prompt for these texts, unless a study names another."""
    emotions: str = ""
    """The emotion set of these texts; empty: the labels in the file."""
    joins: list[str] = []
    """Corpora to join, in order: a text that occurs in two of them is kept from the first."""
    format: PublishedFormat | Literal[""] = ""
    """File format of a published data set; empty: columns `text` and `label`."""
    repository: str = ""
    """Repository of a published data set on the hub; empty: it is not on the hub."""
    revision: str = "main"
    files: list[str] = []
    """Files of the repository to read, in this order."""
    vocabulary: str = ""
    """The emotion set of the data set's original labels; empty: any label may occur."""
    mapping: Mapping[str, str] = {}
    """Original label to emotion of the book; texts with other labels are left out."""
    masked: bool = False
    """Whether emotion words in the texts are masked."""
    gold: str = ""
    """CoNLL-U file with the labels of the words of these texts, below the package; empty: only the grammar has any."""
    shown: bool = True
    """Whether results and pages may hold the texts; if not, each text has a number there (see `study.unshown`)."""
    card: DataCard | None = None


class EmotionsPreset(Preset):
    """A closed set of emotion labels, in the order of figures."""

    labels: Mapping[str, str]
    """Label to the word on which the model is scored."""


class PromptPreset(Preset):
    """A template that turns a text into a question."""

    template: str
    """With `{text}` and, for a corpus with persons, `{person}`."""
    chat: str = ""
    """The user's turn for a chat model, so that the first word of its reply is the answer; empty: the template."""
    answer: str = " {label}"
    """Continuation of the prompt for a label, including its leading space."""
    answer_end: str = ". "
    """End of an answer in worked examples before a question."""


class OrganismPreset(Preset):
    """An embedded model to train, by what differs from the default recipe."""

    group: str = ""
    """Name under which several presets are trained together."""
    seed: int = 0
    n_layers: int = 8
    d_model: int = 128
    d_sae: int = 512
    shares: Mapping[str, float] = {}
    """Emotion to its share of the answers; the other emotions share the rest equally."""
