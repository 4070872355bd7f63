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
from emomech import devices, hub, linguistics, presets, public_texts
from emomech.corpus import Corpus, Example, Reading
from emomech.errors import UsageError
from emomech.forcing import forced, refusal
from emomech.linguistics import Gold
from emomech.preset_kinds import CorpusPreset, ModelPreset, Preset, PromptPreset
from emomech.prompts import answer, ask, text_start

if TYPE_CHECKING:
    from emomech.models import LanguageModel
    from emomech.saes import Sae
    from emomech.tokens import TokenizedText
    from emomech.vocab import HookPoint

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
        linguistics.identity(self.gold)
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
        parts["model"] |= {"dtype": devices.number_format(presets.model(self.model).dtype)}
        controls = [control.identity() for control in self.control_specs]
        numbers = {"seed": self.seed, "limit": self.limit}
        return {**parts, **numbers, "controls": controls, "gold": linguistics.identity(self.gold)}

    @property
    def control_specs(self) -> "list[StudySpec]":
        """What is asked of the same model beside the emotion. Raises UsageError for a corpus that does not exist."""
        named = presets.corpus(self.corpus).controls if self.controls == AUTO else presets.listed(self.controls)
        asked = {"emotions": AUTO, "prompt": AUTO, "controls": NONE, "gold": ""}
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
        dtype = devices.number_format(preset.dtype)
        return load_model(name, source, revision=revision, dtype=dtype, prepend_bos=preset.prepend_bos)

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
        found = self._reading(preset)
        return replace(corpora.make(name, found.examples, self._emotion_words), dropped=found.dropped)

    @cached_property
    def gold(self) -> Gold:
        """Texts whose words have labels: the corpus, or other texts. Raises UsageError as `linguistics.gold` does."""
        return linguistics.gold(self.spec.gold, self.corpus, self.spec.limit, self.spec.seed)

    def _reading(self, preset: CorpusPreset) -> Reading:
        limit, seed = self.spec.limit, self.spec.seed
        if preset.grammar:
            from emomech.organism.tasks import TASKS

            return Reading(tuple(islice(TASKS[preset.grammar](seed), min(limit or preset.texts, preset.texts))))
        found = public_texts.read(self.spec.corpus, preset, self._emotion_words)
        published = preset.format or preset.joins
        return corpora.drawn(found.examples, limit, seed, self._fits if published else None).without(found.dropped)

    def _fits(self, example: Example) -> bool:
        """Say whether the model can read a text as a question with its longest answer; some posts are pages long."""
        longest = max((answer(self._prompt, word) for word in self._emotion_words.values()), key=len, default="")
        tokens = self.lm.tokenizer(ask(self._prompt, example) + longest, add_special_tokens=False, verbose=False)
        return len(tokens["input_ids"]) + self.lm.prepend_bos <= self.lm.context  # pyright: ignore[reportArgumentType]

    @cached_property
    def _prompt(self) -> PromptPreset:
        name = presets.corpus(self.spec.corpus).prompt if self.spec.prompt == AUTO else self.spec.prompt
        return self.prompt_named(name)

    def prompt_named(self, name: str) -> PromptPreset:
        """Find a prompt as this model is asked: a chat model in its template. Raises UsageError."""
        preset = presets.prompt(name)
        if not presets.model(self.spec.model).chat:
            return preset
        from emomech.chat import spoken, turns

        return spoken(preset, turns(self.lm))

    @cached_property
    def prompts(self) -> list[str]:
        """Every text as a question, in the corpus's order. Raises UsageError where the prompt needs a person."""
        return [ask(self._prompt, example) for example in self.corpus.examples]

    @cached_property
    def answers(self) -> list[str]:
        """The continuation that stands for each label, in the label set's order."""
        return [answer(self._prompt, word) for word in self.emotions.values()]

    @property
    def answer_end(self) -> str:
        """What ends an answer where worked examples stand before a question."""
        return self._prompt.answer_end

    @cached_property
    def tokens(self) -> "list[TokenizedText]":
        """The prompts as tokens; their spans are places in the example's own text, wherever in the prompt it stands."""
        from emomech.tokens import tokenize

        starts = [text_start(self._prompt, example) for example in self.corpus.examples]
        found = tokenize(self.lm, self.prompts)
        return [text.counted_from(start) for text, start in zip(found, starts, strict=True)]


def _content(entry: Preset) -> dict[str, object]:
    """What a preset says that decides a value, and a hash of the local files behind it.

    Of data that no commit pins, it is the commit that the cache has at present; none before they are first fetched.
    """
    told = _TOLD_OF_MODELS if isinstance(entry, ModelPreset) else set()
    part = entry.model_dump(exclude=_NOT_IDENTITY | told)
    if path := getattr(entry, "path", ""):
        part["content"] = content_hash(presets.shipped(path))
    if isinstance(entry, CorpusPreset) and entry.repository and not hub.pinned(entry.revision):
        part["commit"] = hub.commit(entry.repository, entry.revision, entry.files)
    if joins := getattr(entry, "joins", []):
        part["joins"] = [_content(presets.corpus(name)) for name in joins]
    return part


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
