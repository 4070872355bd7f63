"""A study: the model, SAEs and texts that a spec names, each loaded when it is first used.

A study is never modified. Code that already has a model, SAEs or texts builds a study around them with
`Study.replaced`. An analysis that reads several models builds the studies of the others with `Study.companion`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, wraps
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypedDict, TypeVar, Unpack, cast

from emomech.core.errors import unknown
from emomech.core.settings import Settings
from emomech.data import corpus
from emomech.data.annotation import gold
from emomech.data.annotation.gold import Gold
from emomech.data.corpus import Corpus, CorpusRead, Example
from emomech.presets import lookup, sources
from emomech.presets.kinds import PromptPreset
from emomech.study import corpora
from emomech.study.prompts import answer, ask, text_start
from emomech.study.spec import StudySpec

if TYPE_CHECKING:
    from emomech.core.hook_points import HookPoint
    from emomech.models.language_model import LanguageModel
    from emomech.models.tokens import TokenizedText
    from emomech.saes.sae import Sae

T = TypeVar("T")


class Parts(TypedDict, total=False):
    """Parts of a study that can be given in place of what its spec names."""

    lm: "LanguageModel"
    saes: "Mapping[HookPoint, Sae]"
    control_saes: "Mapping[str, Mapping[HookPoint, Sae]]"
    other_saes: "Mapping[HookPoint, Sae]"
    corpus: Corpus
    emotions: Mapping[str, str]
    """Label to the word that the model is scored on, in the order of the corpus's labels."""
    prompts: list[str]
    answers: list[str]
    gold: Gold
    controls: "list[Study]"


@dataclass
class _Record:
    """Warnings and counts from loading, for the provenance of a result."""

    warnings: list[str] = field(default_factory=list)
    read: CorpusRead | None = None


def _part(load: Callable[["Study"], T]) -> Callable[["Study"], T]:
    """Return a part that was given to the study, or else load it as the spec says."""

    @wraps(load)
    def given_or_loaded(study: "Study") -> T:
        parts = cast(Mapping[str, Any], study.parts)
        return parts[load.__name__] if load.__name__ in parts else load(study)

    return given_or_loaded


@dataclass(frozen=True)
class Study:
    """The things that a spec names, each loaded when it is first used.

    Example:
        >>> from emomech.study.spec import StudySpec
        >>> from emomech.study.study import Study
        >>> study = Study(StudySpec(limit=200))
        >>> len(study.prompts), study.lm.n_layers, study.answers[0]
        (200, 8, ' joy')
        >>> study.replaced(lm=study.lm, answers=[" glad", " sad"]).answers
        [' glad', ' sad']
    """

    spec: StudySpec
    settings: Settings = field(default_factory=Settings.from_environment)
    """Device, number format, and whether SAEs that do not fit are used; by default as the environment says."""
    parts: Parts = field(default_factory=Parts, compare=False, repr=False)
    """Parts that replace what the spec names, see `replaced`."""
    _record: _Record = field(default_factory=_Record, compare=False, repr=False)

    def replaced(self, **parts: Unpack[Parts]) -> Self:
        """Return a study with the same spec that uses `parts` in place of what the spec names.

        Parts that were given before are kept. Everything else is loaded again when it is first used, so pass `lm` and
        `saes` to share them. Parts that depend on a given part follow from it, such as `prompts` from `corpus`, unless
        they are given as well.
        """
        for name in parts:
            if name not in Parts.__annotations__:
                raise unknown("part of a study", name, Parts.__annotations__)
        record = _Record(self._record.warnings)
        return type(self)(self.spec, self.settings, cast(Parts, {**self.parts, **parts}), record)

    def companion(self, spec: StudySpec) -> Self:
        """Return a study of another spec for the same result: its warnings count as warnings of this study."""
        return type(self)(spec, self.settings, Parts(), _Record(self._record.warnings))

    @cached_property
    @_part
    def lm(self) -> "LanguageModel":
        """The language model, in evaluation mode, without gradients."""
        from emomech.models.loading import load_model

        preset = self.spec.resolved.model
        name, source = sources.of_model(self.spec.model, preset)
        return load_model(
            name,
            source,
            revision=preset.revision,
            dtype=self.settings.number_format(preset.dtype),
            prepend_bos=preset.prepend_bos,
            leading=self.settings.leading_token(preset.leading),
            device=self.settings.device,
        )

    @cached_property
    @_part
    def saes(self) -> "Mapping[HookPoint, Sae]":
        """The SAEs by hook point, in order of depth; each is read when it is first used.

        Raises UsageError if the spec names none, and for SAEs that do not fit the model: by their shape, or by their
        quality on the study's texts unless `settings.force` overrides that (see `saes.compatibility`).
        """
        from emomech.saes.collection import saes_of
        from emomech.saes.compatibility import check_fit

        saes = saes_of(self.spec.sae_name, self.spec.sae_preset)
        saes.check_fits(self.lm)
        self._record.warnings.extend(check_fit(self.lm, saes, self.prompts, override=self.settings.force))
        return saes

    @cached_property
    @_part
    def control_saes(self) -> "Mapping[str, Mapping[HookPoint, Sae]]":
        """SAEs that hardly learn, by name of the control and hook point: those that lie beside the study's SAEs.

        The names are `beside.SOFT_FROZEN` and `beside.FROZEN`; the hook points and the sizes are those of `saes`. Empty
        if none are there, for a study without SAEs, and for a study that was given SAEs (`replaced`) without controls.
        `spec.control_command` makes them (see `saes.beside`). Raises UsageError for controls of another kind,
        size or model, and for a hook point without one; `settings.force` overrides the check of the model.
        """
        from emomech.saes.beside import CONDITIONS, control_folders

        folder = None if "saes" in self.parts else self.spec.sae_folder
        found = control_folders(folder) if folder else {}
        return {CONDITIONS[control]: self._beside(path, control) for control, path in found.items()}

    @cached_property
    @_part
    def other_saes(self) -> "Mapping[HookPoint, Sae]":
        """SAEs of another seed at the hook points of `saes`, from the folder beside it; empty as `control_saes`.

        `emomech sae train --seed` makes them (see `saes.beside`). Raises as `control_saes` does.
        """
        from emomech.saes.beside import other_folder

        folder = None if "saes" in self.parts else self.spec.sae_folder
        found = other_folder(folder) if folder else None
        return self._beside(found, "") if found else {}

    def _beside(self, folder: Path, control: str) -> "Mapping[HookPoint, Sae]":
        """Load SAEs that have to be like those of the study, apart from the control."""
        from emomech.saes.collection import SaeSet, check_alike, saes_of
        from emomech.saes.compatibility import MAX_FVU, MAX_FVU_FROZEN, check_fit
        from emomech.saes.files import scan

        own = saes_of(self.spec.sae_name, self.spec.sae_preset)
        saes = SaeSet(file for file in scan(folder, name=folder.name) if file.point in own)
        check_alike(saes, own, control, folder)
        saes.check_fits(self.lm)
        limit = MAX_FVU_FROZEN if control == "frozen" else MAX_FVU
        force = self.settings.force
        self._record.warnings.extend(check_fit(self.lm, saes, self.prompts, override=force, max_fvu=limit))
        return saes

    @property
    def warnings(self) -> tuple[str, ...]:
        """Problems of SAEs that were loaded despite them, by this study or by a companion; one sentence each."""
        return tuple(dict.fromkeys(self._record.warnings))

    @property
    def corpus_read(self) -> CorpusRead | None:
        """The texts as they were read, with counts of those left out; None if they were not read, or were given."""
        return self._record.read

    @cached_property
    @_part
    def controls(self) -> "list[Study]":
        """Studies of the same model, with the same SAEs, that ask about something other than emotions."""
        shared = Parts(lm=self.lm)
        if self.spec.sae is not None:
            shared["saes"] = self.saes
        return [self.companion(spec).replaced(**shared) for spec in self.spec.control_specs]

    @cached_property
    @_part
    def emotions(self) -> Mapping[str, str]:
        """Label to the word that the model is scored on; only labels of the corpus, in the emotion set's order."""
        words = self.spec.resolved.words
        return {label: words.get(label, label) for label in self.corpus.labels}

    @cached_property
    @_part
    def corpus(self) -> Corpus:
        """The texts, in the order of the file or of the grammar."""
        resolved, read = self.spec.resolved, self._read()
        path, name = resolved.corpus.preset.path, resolved.corpus.name
        self._record.read = read
        named = name if name in lookup.table("corpora") else Path(path).name or name
        return corpus.make(named, read.examples, resolved.words, read.dropped)

    @cached_property
    @_part
    def gold(self) -> Gold:
        """Texts whose words have labels: the corpus, or other texts. Raises UsageError as `annotation.gold` does."""
        return gold.gold(self.spec.gold_source, self.corpus, self.spec.limit, self.spec.seed)

    def _read(self) -> CorpusRead:
        """Draw the texts from the grammar, or read them from files."""
        source, limit, seed = self.spec.resolved.corpus, self.spec.limit, self.spec.seed
        preset = source.preset
        if preset.grammar:
            from emomech.data.grammar.tasks import TASKS

            n_texts = min(limit or preset.texts, preset.texts)
            return CorpusRead(tuple(islice(TASKS[preset.grammar](seed), n_texts)))
        read = corpora.read(source, self.spec.resolved.words)
        return corpus.draw(read.examples, limit, seed, self._fits_context).after_dropping(read.dropped)

    def _fits_context(self, example: Example) -> bool:
        """Whether a text fits into the model's context, as a question with its longest answer; some are pages long."""
        answers = (answer(self._prompt, word) for word in self.spec.resolved.words.values())
        text = ask(self._prompt, example) + max(answers, key=len, default="")
        tokens = self.lm.tokenizer(text, add_special_tokens=False, verbose=False)
        return len(tokens["input_ids"]) + len(self.lm.prefix) <= self.lm.context  # pyright: ignore[reportArgumentType]

    @cached_property
    def _prompt(self) -> PromptPreset:
        return self._in_template(self.spec.resolved.prompt)

    def prompt_named(self, name: str) -> PromptPreset:
        """Look up a prompt, for a chat model inside its chat template. Raises UsageError for an unknown name."""
        return self._in_template(lookup.prompt(name))

    def _in_template(self, prompt: PromptPreset) -> PromptPreset:
        if not self.spec.resolved.model.chat:
            return prompt
        from emomech.study.chat import spoken, turns

        return spoken(prompt, turns(self.lm))

    @cached_property
    @_part
    def prompts(self) -> list[str]:
        """Every text as a question, in the corpus's order. Raises UsageError if the prompt needs a person."""
        return [ask(self._prompt, example) for example in self.corpus.examples]

    @cached_property
    @_part
    def answers(self) -> list[str]:
        """The continuation of a prompt for each label, in the order of `emotions`."""
        return [answer(self._prompt, word) for word in self.emotions.values()]

    @property
    def answer_end(self) -> str:
        """Text that ends each answer of the worked examples before a question."""
        return self._prompt.answer_end

    @cached_property
    def tokens(self) -> "list[TokenizedText]":
        """The prompts as tokens, with spans in characters of the example's own text, wherever it is in the prompt."""
        from emomech.models.tokens import tokenize

        starts = [text_start(self._prompt, example) for example in self.corpus.examples]
        prompts = tokenize(self.lm, self.prompts)
        return [text.counted_from(start) for text, start in zip(prompts, starts, strict=True)]
