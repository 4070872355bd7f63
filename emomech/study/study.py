"""What is studied: a spec of names and numbers, and the model, SAEs and texts that it stands for."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from emomech.core import devices
from emomech.core.errors import UsageError
from emomech.data import corpus
from emomech.data.annotation import gold
from emomech.data.annotation.gold import Gold
from emomech.data.corpus import Corpus, Example, Reading
from emomech.presets import lookup
from emomech.presets.kinds import CorpusPreset, PromptPreset
from emomech.saes.override import forced, refusal
from emomech.study import corpora
from emomech.study.prompts import answer, ask, text_start
from emomech.study.spec import AUTO, StudySpec

if TYPE_CHECKING:
    from emomech.core.hook_points import HookPoint
    from emomech.models.language_model import LanguageModel
    from emomech.models.tokens import TokenizedText
    from emomech.saes.sae import Sae


@dataclass(frozen=True)
class Study:
    """The things that a spec names, each loaded when it is first asked for."""

    spec: StudySpec

    @cached_property
    def lm(self) -> "LanguageModel":
        """The language model, in evaluation mode, without gradients."""
        from emomech.models.loading import load_model

        preset = lookup.model(self.spec.model)
        source = lookup.shipped(preset.path) if preset.path else preset.repository
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
        from emomech.saes.collection import SaeSet
        from emomech.saes.compatibility import misfits
        from emomech.saes.files import scan
        from emomech.saes.releases import released

        name = self.spec.sae_name
        preset = lookup.sae(name)
        files = scan(lookup.shipped(preset.path), name=name) if preset.path else released(preset)
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
        name = lookup.corpus(self.spec.corpus).emotions if self.spec.emotions == AUTO else self.spec.emotions
        return lookup.emotions(name).labels if name else {}

    @cached_property
    def corpus(self) -> Corpus:
        """The texts, in the order in which the corpus holds them or the grammar writes them."""
        preset = lookup.corpus(self.spec.corpus)
        name = self.spec.corpus if not preset.path else Path(preset.path).name
        found = self._reading(preset)
        return replace(corpus.make(name, found.examples, self._emotion_words), dropped=found.dropped)

    @cached_property
    def gold(self) -> Gold:
        """Texts whose words have labels: the corpus, or other texts. Raises UsageError as `linguistics.gold` does."""
        return gold.gold(self.spec.gold, self.corpus, self.spec.limit, self.spec.seed)

    def _reading(self, preset: CorpusPreset) -> Reading:
        limit, seed = self.spec.limit, self.spec.seed
        if preset.grammar:
            from emomech.data.grammar.tasks import TASKS

            return Reading(tuple(islice(TASKS[preset.grammar](seed), min(limit or preset.texts, preset.texts))))
        found = corpora.read(self.spec.corpus, preset, self._emotion_words)
        published = preset.format or preset.joins
        return corpus.drawn(found.examples, limit, seed, self._fits if published else None).without(found.dropped)

    def _fits(self, example: Example) -> bool:
        """Say whether the model can read a text as a question with its longest answer; some posts are pages long."""
        longest = max((answer(self._prompt, word) for word in self._emotion_words.values()), key=len, default="")
        tokens = self.lm.tokenizer(ask(self._prompt, example) + longest, add_special_tokens=False, verbose=False)
        return len(tokens["input_ids"]) + self.lm.prepend_bos <= self.lm.context  # pyright: ignore[reportArgumentType]

    @cached_property
    def _prompt(self) -> PromptPreset:
        name = lookup.corpus(self.spec.corpus).prompt if self.spec.prompt == AUTO else self.spec.prompt
        return self.prompt_named(name)

    def prompt_named(self, name: str) -> PromptPreset:
        """Find a prompt as this model is asked: a chat model in its template. Raises UsageError."""
        preset = lookup.prompt(name)
        if not lookup.model(self.spec.model).chat:
            return preset
        from emomech.study.chat import spoken, turns

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
        from emomech.models.tokens import tokenize

        starts = [text_start(self._prompt, example) for example in self.corpus.examples]
        found = tokenize(self.lm, self.prompts)
        return [text.counted_from(start) for text, start in zip(found, starts, strict=True)]
