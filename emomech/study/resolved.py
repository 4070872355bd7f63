"""The presets that the names of a spec refer to, each looked up once, and a joined corpus with its parts."""

from dataclasses import dataclass

from emomech.presets import lookup
from emomech.presets.kinds import CorpusPreset, EmotionsPreset, ModelPreset, PromptPreset, SaePreset


@dataclass(frozen=True)
class ResolvedCorpus:
    """A corpus preset, with the corpora that it joins and the labels that its data set uses."""

    name: str
    """The preset's name or a path, as a user gives it."""
    preset: CorpusPreset
    joined: tuple["ResolvedCorpus", ...] = ()
    """The corpora that it joins, in order; empty for a single corpus."""
    vocabulary: tuple[str, ...] | None = None
    """The labels that the data set may use; None: any."""

    @classmethod
    def of(cls, name: str) -> "ResolvedCorpus":
        """Look up a preset, a file, a folder, or several separated by commas. Raises UsageError as `lookup` does."""
        preset = lookup.corpus(name)
        vocabulary = tuple(lookup.emotions(preset.vocabulary).labels) if preset.vocabulary else None
        return cls(name, preset, tuple(cls.of(member) for member in preset.joins), vocabulary)


@dataclass(frozen=True)
class ResolvedSpec:
    """The presets of a study."""

    model: ModelPreset
    corpus: ResolvedCorpus
    prompt: PromptPreset
    sae: SaePreset | None
    """None if the study names no SAEs, or names those of a model that has none."""
    emotions: EmotionsPreset | None
    """None: the labels that the corpus itself has."""

    @property
    def words(self) -> dict[str, str]:
        """The word that the model is scored on, by label; empty if the labels are those of the corpus."""
        return dict(self.emotions.labels) if self.emotions else {}
