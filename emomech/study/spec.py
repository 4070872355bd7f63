"""The names and numbers that decide a result, and the identity of what the names refer to."""

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self, cast

from emomech.core import hub
from emomech.core.errors import UsageError
from emomech.core.limits import LARGEST
from emomech.core.settings import Settings
from emomech.data.annotation import gold
from emomech.presets import lookup, sources
from emomech.presets.kinds import ModelPreset, Preset, SaePreset
from emomech.saes import beside
from emomech.study import corpora
from emomech.study.identity import content_hash
from emomech.study.resolved import ResolvedCorpus, ResolvedSpec

AUTO, NONE = "auto", "none"
EMBEDDED = "organism"
"""The corpus of the embedded grammar."""
_DESCRIPTION = {"summary", "card", "path", "joins", "variant_of", "gold"}
"""Fields of a preset that do not change a result. Files count by content; joined corpora and labels of words are listed
separately."""
_MODEL_SIZES = {"stored", "parameters", "layers", "d_model", "vocabulary", "context", "corpus"}
"""Fields that only plans use, which follow from the model's revision, and the corpus, which a study resolves itself."""


@dataclass(frozen=True, kw_only=True)
class StudySpec:
    """Preset names or paths, and numbers: all that decides the values of a result, except the analysis.

    Example:
        >>> from emomech.study.spec import StudySpec
        >>> spec = StudySpec(model="organism", limit=200).validate()
        >>> spec.sae_name, [control.corpus for control in spec.control_specs]
        ('organism', ['organism-kinds', 'organism-worth'])
        >>> spec.identity() == StudySpec(limit=200, sae="organism", prompt="felt").identity()
        True
    """

    model: str = "organism"
    sae: str | None = AUTO
    """SAEs; auto: those that the model's preset names; None: the analysis reads no SAEs."""
    corpus: str = AUTO
    """The texts; auto: those that the model's preset names, or else those of the embedded grammar."""
    emotions: str = AUTO
    """An emotion set; auto: the one that suits the corpus, or else the labels of the corpus."""
    prompt: str = AUTO
    """A prompt; auto: the one that suits the corpus."""
    seed: int = 0
    limit: int = 0
    """Largest number of texts; 0: all texts of the corpus."""
    controls: str = AUTO
    """Corpora of other tasks for the same model, separated by commas; auto: those of the corpus's preset; or none."""
    text: str = ""
    """Column of the texts, if the corpus is a table of yours; empty: the column named text."""
    label: str = ""
    """Column of the emotions, if the corpus is a table of yours; empty: the column named label."""
    gold: str = ""
    """Source of word labels: a CoNLL-U file or a folder of them, `spacy` or `spacy:MODEL`; empty: as `gold_source`."""

    @classmethod
    def of(cls, values: Mapping[str, object]) -> Self:
        """Make a spec of the values that have the name of a field, such as the parameters of a notebook.

        Without `sae` among them, the study names no SAEs.

        Example:
            >>> from emomech.study.spec import StudySpec
            >>> spec = StudySpec.of({"model": "organism", "limit": 200, "n_resamples": 100})
            >>> spec.limit, spec.sae
            (200, None)
        """
        names = {"sae": None} | {f.name: values[f.name] for f in fields(cls) if f.name in values}
        return cls(**cast(dict[str, Any], names))

    @cached_property
    def resolved(self) -> ResolvedSpec:
        """The presets that the names refer to, looked up once. Raises UsageError for a name that does not exist."""
        model = lookup.model(self.model)
        name = self.corpus if self.corpus != AUTO else model.corpus or EMBEDDED
        corpus = ResolvedCorpus.of(name, self.text, self.label)
        sae = model.sae if self.sae == AUTO else self.sae
        emotions = corpus.preset.emotions if self.emotions == AUTO else self.emotions
        return ResolvedSpec(
            model=model,
            corpus=corpus,
            prompt=lookup.prompt(corpus.preset.prompt if self.prompt == AUTO else self.prompt),
            sae=lookup.sae(sae) if sae else None,
            emotions=lookup.emotions(emotions) if emotions else None,
        )

    def validate(self, *, labelled: bool = True) -> Self:
        """Return the spec if all that it names exists, and local files can be read; no model is loaded.

        `labelled` False: the texts need no labels. Raises UsageError otherwise, and EmomechError for
        files of a model or of SAEs that are damaged.
        """
        presets = self._checked()
        if labelled:
            corpora.check(presets.corpus, presets.words)
        else:
            corpora.check_texts(presets.corpus)
        gold.identity(self.gold_source)
        gold.check(self.gold)  # the file of a preset ships with the package
        for control in self.control_specs:
            control.validate()
        if not 0 <= self.seed <= LARGEST:
            raise UsageError(f"seed {self.seed}: expected a whole number from 0 to {LARGEST}.")
        if self.limit < 0:
            raise UsageError(f"limit {self.limit}: expected 0 (all texts) or a positive number.")
        self._check_folders(presets)
        return self

    def identity(self, settings: Settings | None = None) -> dict[str, object]:
        """Describe what the names refer to now: each preset's content, and a hash of its local files.

        Two specs with the same identity give the same result; a preset's summary is left out. Of `settings` only the
        number format matters, because it changes values; None: the settings of the environment.
        """
        settings, presets = settings or Settings.from_environment(), self._checked()
        model = _content(presets.model) | {"dtype": settings.number_format(presets.model.dtype)}
        model["leading"] = settings.leading_token(presets.model.leading)
        parts = {"model": model, "corpus": _content_of_corpus(presets.corpus), "prompt": _content(presets.prompt)}
        parts |= {"sae": _content_of_saes(presets.sae)} if presets.sae else {}
        parts |= {"emotions": _content(presets.emotions)} if presets.emotions else {}
        numbers = {"seed": self.seed, "limit": self.limit}
        controls = [control.identity(settings) for control in self.control_specs]
        return {**parts, **numbers, "controls": controls, "gold": gold.identity(self.gold_source)}

    @property
    def corpus_name(self) -> str:
        """The corpus's preset or path. Raises as `resolved` does."""
        return self.resolved.corpus.name

    @property
    def gold_source(self) -> str:
        """The source of word labels: `gold`, or the file that the corpus's preset names; empty: the corpus itself."""
        named = self.resolved.corpus.preset.gold
        return self.gold or (str(lookup.shipped(named)) if named else "")

    @property
    def control_specs(self) -> "list[StudySpec]":
        """Specs of the control tasks, for the same model. Raises UsageError for a corpus that does not exist."""
        preset, spec = self.resolved.corpus.preset, cast("StudySpec", self)
        names = preset.controls if self.controls == AUTO else lookup.listed(self.controls)
        changes = {"emotions": AUTO, "prompt": AUTO, "controls": NONE, "gold": "", "text": "", "label": ""}
        return [replace(spec, corpus=name, **changes) for name in names if name != NONE]

    @property
    def sae_name(self) -> str:
        """The SAEs' preset or path. Raises UsageError if neither the study nor its model names any."""
        if self.sae is None:
            raise UsageError("sae: this study names no SAEs, but its analysis needs them; name a preset or a folder.")
        if self.sae != AUTO:
            return self.sae
        if not (name := self.resolved.model.sae):
            raise UsageError(
                f"sae: no SAEs are known for the model {self.model!r}; name some, or train them: `emomech sae train`."
            )
        return name

    @property
    def sae_preset(self) -> SaePreset:
        """The preset of `sae_name`. Raises as `sae_name` does."""
        return self.resolved.sae or lookup.sae(self.sae_name)

    @property
    def sae_folder(self) -> Path | None:
        """The folder of the SAEs; None without SAEs, and for SAEs of a release. Raises as `sae_name` does."""
        return None if self.sae is None else _folder_of_saes(self.sae_preset)

    @property
    def control_command(self) -> str:
        """The command that trains controls of the SAEs, see `saes.beside`; empty where there is no folder for them."""
        if (folder := self.sae_folder) is None:
            return ""
        if made_by := self.sae_preset.made_by:
            return f"{made_by} {'--controls' if 'organism' in made_by else '--control soft-frozen'}"
        options = {"--model": self.model, "--corpus": self.corpus_name, "--out": str(folder)}
        options["--control"] = "soft-frozen"
        return f"emomech sae train {' '.join(f'{name} {shlex.quote(value)}' for name, value in options.items())}"

    def _check_folders(self, presets: ResolvedSpec) -> None:
        """Check folders of a user: that of the model has a model, that of the SAEs has SAEs."""
        sources.check_model(self.model, presets.model)
        if presets.sae and os.path.isabs(presets.sae.path):
            from emomech.saes.files import scan  # loads torch

            scan(Path(presets.sae.path), name=self.sae_name)

    def _checked(self) -> ResolvedSpec:
        """Return the presets, SAEs included. Raises as `resolved` does, and as `sae_name` unless `sae` is None."""
        if self.sae is not None:
            _ = self.sae_preset
        return self.resolved


def _content(preset: Preset) -> dict[str, object]:
    """Return the fields of a preset that can change a result, and a hash of its local files."""
    sizes = _MODEL_SIZES if isinstance(preset, ModelPreset) else set()
    part = preset.model_dump(exclude=_DESCRIPTION | sizes)
    if path := getattr(preset, "path", ""):
        part["content"] = content_hash(lookup.shipped(path))
    return part


def _folder_of_saes(preset: SaePreset) -> Path | None:
    """Return the folder of SAEs, with its own name at the end; None for a release."""
    return Path(os.path.abspath(lookup.shipped(preset.path))) if preset.path else None


def _content_of_saes(preset: SaePreset) -> dict[str, object]:
    """Return the content of SAEs, and a hash of each set of SAEs that lies beside them."""
    if not (folder := _folder_of_saes(preset)):
        return _content(preset)
    other = beside.other_folder(folder)
    found = {str(control): path for control, path in beside.control_folders(folder).items()}
    found |= {"another seed": other} if other else {}
    hashes = {name: content_hash(path) for name, path in found.items()}
    return _content(preset) | ({"beside": hashes} if hashes else {})


def _content_of_corpus(corpus: ResolvedCorpus) -> dict[str, object]:
    """Return the content of a corpus and of those that it joins.

    Data on the hub that are not pinned to a commit are identified by the commit in the cache; empty before a fetch.
    """
    preset, part = corpus.preset, _content(corpus.preset)
    if columns := {name: column for name in ("text", "label") if (column := getattr(corpus, name))}:
        part["columns"] = columns
    if preset.repository and not hub.pinned(preset.revision):
        part["commit"] = hub.commit(preset.repository, preset.revision, preset.files)
    if corpus.joined:
        part["joins"] = [_content_of_corpus(member) for member in corpus.joined]
    return part
