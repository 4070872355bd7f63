"""What is studied: a spec of names and numbers, and the model, SAEs and texts that it stands for."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from emomech import corpus as corpora
from emomech import presets
from emomech.corpus import Corpus, Example
from emomech.errors import UsageError
from emomech.forcing import forced, refusal
from emomech.preset_kinds import CorpusPreset, Preset, PromptPreset
from emomech.prompts import answer, ask

if TYPE_CHECKING:
    from emomech.models import LanguageModel
    from emomech.saes import Sae
    from emomech.vocab import HookPoint

AUTO, NONE = "auto", "none"


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

    def validate(self) -> "StudySpec":
        """Return the spec if all it names exists. Raises UsageError; loads nothing."""
        self._presets()
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
        parts = {kind: entry.model_dump(exclude={"summary", "path"}) for kind, entry in found.items()}
        for kind, entry in found.items():
            if path := getattr(entry, "path", ""):
                parts[kind]["content"] = content_hash(presets.shipped(path))
        controls = [control.identity() for control in self.control_specs]
        return {**parts, "seed": self.seed, "limit": self.limit, "controls": controls}

    @property
    def control_specs(self) -> "list[StudySpec]":
        """What is asked of the same model beside the emotion. Raises UsageError for a corpus that does not exist."""
        named = presets.corpus(self.corpus).controls if self.controls == AUTO else presets.listed(self.controls)
        asked = {"emotions": AUTO, "prompt": AUTO, "controls": NONE}
        return [replace(self, corpus=name, **asked) for name in named if name != NONE]

    @property
    def sae_name(self) -> str:
        """The SAEs' preset or path. Raises UsageError where the study has none, and for a model of unknown SAEs."""
        if self.sae is None:
            raise UsageError("sae: this study names no SAEs, and its analysis reads some; name a preset or a folder.")
        if self.sae != AUTO:
            return self.sae
        if not (found := presets.model(self.model).sae):
            raise UsageError(f"sae: for the model {self.model!r} no SAEs are known; name some, or `emomech sae train`.")
        return found

    def _presets(self) -> dict[str, Preset]:
        corpus = presets.corpus(self.corpus)
        emotions = corpus.emotions if self.emotions == AUTO else self.emotions
        found: dict[str, Preset] = {
            "model": presets.model(self.model),
            "corpus": corpus,
            "prompt": presets.prompt(corpus.prompt if self.prompt == AUTO else self.prompt),
        }
        if self.sae is not None:
            found["sae"] = presets.sae(self.sae_name)
        if emotions:
            found["emotions"] = presets.emotions(emotions)
        return found


@dataclass(frozen=True)
class Study:
    """The things that a spec names, each loaded when it is first asked for."""

    spec: StudySpec

    @cached_property
    def lm(self) -> "LanguageModel":
        """The language model, in evaluation mode, without gradients."""
        from emomech.models import load_model

        preset = presets.model(self.spec.model)
        source = presets.shipped(preset.path) if preset.path else preset.repository
        revision = None if preset.path else preset.revision
        name = self.spec.model if not preset.path else Path(self.spec.model).name
        return load_model(name, source, revision=revision, dtype=preset.dtype, prepend_bos=preset.prepend_bos)

    @cached_property
    def saes(self) -> "Mapping[HookPoint, Sae]":
        """The SAEs by hook point, in order of depth; each is read when it is asked for.

        Raises UsageError where the spec has none, and for SAEs that do not fit the model: by their shape, or by
        their figures on the study's texts, unless that is forced (see `load_gate`).
        """
        from emomech.load_gate import misfits
        from emomech.sae_files import scan
        from emomech.sae_releases import released
        from emomech.sae_sets import SaeSet

        name = self.spec.sae_name
        preset = presets.sae(name)
        files = scan(presets.shipped(preset.path), name=name) if preset.path else released(preset)
        for file in files:
            file.check_fits(self.lm)
        saes = SaeSet(files)
        if (wrong := misfits(self.lm, saes, self.prompts)) and not forced():
            raise UsageError(refusal(wrong))
        self.forced.extend(wrong)
        return saes

    @cached_property
    def forced(self) -> list[str]:
        """What is wrong with SAEs that are used all the same."""
        return []

    @cached_property
    def controls(self) -> "list[Study]":
        """Studies of the same model, with its SAEs, that ask something else of it."""
        found = [Study(spec) for spec in self.spec.control_specs]
        for study in found:
            vars(study).update(lm=self.lm, **({"saes": self.saes} if self.spec.sae is not None else {}))
        return found

    @cached_property
    def emotions(self) -> Mapping[str, str]:
        """Label to the word that the model is scored on; the labels of the corpus alone, in the set's order."""
        words = self._emotion_words
        return {label: words.get(label, label) for label in self.corpus.labels}

    @cached_property
    def _emotion_words(self) -> Mapping[str, str]:
        name = presets.corpus(self.spec.corpus).emotions if self.spec.emotions == AUTO else self.spec.emotions
        return presets.emotions(name).labels if name else {}

    @cached_property
    def corpus(self) -> Corpus:
        """The texts, in the order in which the corpus holds them or the grammar writes them."""
        preset = presets.corpus(self.spec.corpus)
        name = self.spec.corpus if not preset.path else Path(preset.path).name
        return corpora.make(name, self._examples(preset), self._emotion_words)

    def _examples(self, preset: CorpusPreset) -> list[Example]:
        if preset.path:
            return corpora.read(Path(preset.path), self.spec.limit, self.spec.seed)
        from emomech.organism.tasks import TASKS

        n_texts = min(self.spec.limit or preset.texts, preset.texts)
        return list(islice(TASKS[preset.grammar](self.spec.seed), n_texts))

    @cached_property
    def _prompt(self) -> PromptPreset:
        name = presets.corpus(self.spec.corpus).prompt if self.spec.prompt == AUTO else self.spec.prompt
        return presets.prompt(name)

    @cached_property
    def prompts(self) -> list[str]:
        """Every text as a question, in the corpus's order. Raises UsageError where the prompt needs a person."""
        return [ask(self._prompt, example) for example in self.corpus.examples]

    @cached_property
    def answers(self) -> list[str]:
        """The continuation that stands for each label, in the label set's order."""
        return [answer(self._prompt, word) for word in self.emotions.values()]


def content_hash(path: Path) -> str:
    """Hash a file, or a folder's files and their names. Raises UsageError where there is nothing."""
    if not path.exists():
        raise UsageError(f"{path}: there is no such file or folder.")
    digest = blake2b(digest_size=16)
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if file.is_file():
            digest.update(os.fsencode(file.relative_to(path)) + b"\0")
            digest.update(blake2b(file.read_bytes()).digest())
    return digest.hexdigest()
