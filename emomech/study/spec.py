"""The names that make a study, and what they stand for: the identity of everything computed from it."""

from dataclasses import dataclass, replace

from emomech.core import devices, hub
from emomech.core.errors import UsageError
from emomech.data.annotation import gold
from emomech.presets import lookup
from emomech.presets.kinds import CorpusPreset, ModelPreset, Preset
from emomech.study.identity import content_hash

AUTO, NONE = "auto", "none"
_NOT_IDENTITY = {"summary", "card", "path", "joins"}
"""What is told of a thing, and changes nothing of it; of files it is the content that counts."""
_TOLD_OF_MODELS = {"stored", "parameters", "layers", "d_model", "vocabulary", "context"}
"""Sizes, for plans: they follow from the revision."""


@dataclass(frozen=True, kw_only=True)
class StudySpec:
    """Preset names (or paths) and numbers: all that decides the values of a result."""

    model: str = "organism"
    sae: str | None = AUTO
    """SAEs; auto: those that belong to the model; None: no SAEs are read."""
    corpus: str = "organism"
    emotions: str = AUTO
    """An emotion set; auto: what suits the corpus, or else the labels that stand in it."""
    prompt: str = AUTO
    """A prompt; auto: the one that suits the corpus."""
    seed: int = 0
    limit: int = 0
    """At most this many texts; 0: all that the corpus has."""
    controls: str = AUTO
    """Corpora of other tasks for the same model, separated by commas; auto: those that go with the corpus; or none."""
    gold: str = ""
    """Where words have their labels from: the corpus; a CoNLL-U file or a folder of them; `spacy` or `spacy:MODEL`."""

    def validate(self) -> "StudySpec":
        """Return the spec if all it names exists. Raises UsageError; loads nothing."""
        self._presets()
        gold.identity(self.gold)
        for control in self.control_specs:
            control.validate()
        if self.limit < 0:
            raise UsageError(f"limit {self.limit}: expected 0 (all texts) or a positive number.")
        return self

    def identity(self) -> dict[str, object]:
        """What the names stand for at present: each preset's content, and a hash of every local file behind it.

        Two specs with the same identity give the same result; a summary is no part of it.
        """
        found = self._presets()
        parts = {kind: _content(entry) for kind, entry in found.items()}
        parts["model"] |= {"dtype": devices.number_format(lookup.model(self.model).dtype)}
        controls = [control.identity() for control in self.control_specs]
        numbers = {"seed": self.seed, "limit": self.limit}
        return {**parts, **numbers, "controls": controls, "gold": gold.identity(self.gold)}

    @property
    def control_specs(self) -> "list[StudySpec]":
        """What is asked of the same model beside the emotion. Raises UsageError for a corpus that does not exist."""
        named = lookup.corpus(self.corpus).controls if self.controls == AUTO else lookup.listed(self.controls)
        asked = {"emotions": AUTO, "prompt": AUTO, "controls": NONE, "gold": ""}
        return [replace(self, corpus=name, **asked) for name in named if name != NONE]

    @property
    def sae_name(self) -> str:
        """The SAEs' preset or path. Raises UsageError where the study has none, and for a model of unknown SAEs."""
        if self.sae is None:
            raise UsageError("sae: this study names no SAEs, and its analysis reads some; name a preset or a folder.")
        if self.sae != AUTO:
            return self.sae
        if not (found := lookup.model(self.model).sae):
            raise UsageError(f"sae: for the model {self.model!r} no SAEs are known; name some, or `emomech sae train`.")
        return found

    def _presets(self) -> dict[str, Preset]:
        corpus = lookup.corpus(self.corpus)
        emotions = corpus.emotions if self.emotions == AUTO else self.emotions
        found: dict[str, Preset] = {
            "model": lookup.model(self.model),
            "corpus": corpus,
            "prompt": lookup.prompt(corpus.prompt if self.prompt == AUTO else self.prompt),
        }
        if self.sae is not None:
            found["sae"] = lookup.sae(self.sae_name)
        if emotions:
            found["emotions"] = lookup.emotions(emotions)
        return found


def _content(entry: Preset) -> dict[str, object]:
    """What a preset says that decides a value, and a hash of the local files behind it.

    Of data that no commit pins, it is the commit that the cache has at present; none before they are first fetched.
    """
    told = _TOLD_OF_MODELS if isinstance(entry, ModelPreset) else set()
    part = entry.model_dump(exclude=_NOT_IDENTITY | told)
    if path := getattr(entry, "path", ""):
        part["content"] = content_hash(lookup.shipped(path))
    if isinstance(entry, CorpusPreset) and entry.repository and not hub.pinned(entry.revision):
        part["commit"] = hub.commit(entry.repository, entry.revision, entry.files)
    if joins := getattr(entry, "joins", []):
        part["joins"] = [_content(lookup.corpus(name)) for name in joins]
    return part
