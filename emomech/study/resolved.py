"""The presets that the names of a spec refer to, each looked up once, and a joined corpus with its parts."""

from dataclasses import dataclass

from emomech.core.errors import UsageError
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
    text: str = ""
    """Column of the texts in a user's table; empty: the column named text."""
    label: str = ""
    """Column of the labels in a user's table; empty: the column named label."""

    @classmethod
    def of(cls, name: str, text: str = "", label: str = "") -> "ResolvedCorpus":
        """Look up a preset, a file, a folder, or several separated by commas; a file with named columns is a table.

        Raises UsageError as `lookup` does, and for columns of a corpus that is no table of a user.
        """
        preset = lookup.corpus(name, plain=bool(text or label))
        vocabulary = tuple(lookup.emotions(preset.vocabulary).labels) if preset.vocabulary else None
        joined = tuple(cls.of(member, text, label) for member in preset.joins)
        if (text or label) and not joined and (preset.format or not preset.path):
            column = f"text {text!r}" if text else f"label {label!r}"
            raise UsageError(f"{column}: names a column, but the corpus {name!r} is no table of yours. Leave it out.")
        return cls(name, preset, joined, vocabulary, text, label)

    @property
    def is_table(self) -> bool:
        """Whether the corpus is a table of a user: one file with a column of texts and one of labels."""
        return bool(self.preset.path) and not self.preset.format


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
