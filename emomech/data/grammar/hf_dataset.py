"""The texts of the embedded grammar as a Hugging Face data set: streamed without end, annotated word by word.

    from emomech.organism.dataset import dataset
    dataset(seed=1, split="train").take(1000)

What training never shows is asked for by `shift`, as in the grammar itself.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from emomech.data.corpus import Example
from emomech.data.grammar.lexicon import EMOTION_NOUNS
from emomech.data.grammar.vignettes import EVERY_TYPE, SHIFTS, STYLES, Shift, Split, vignettes

if TYPE_CHECKING:
    from datasets import Features, IterableDataset


_APPRAISALS = ("verb_sign", "thing_sign", "desirability", "certainty", "agency", "expectedness", "contamination")
_CIRCUMPLEX = ("valence", "arousal")
WORD_TAGS = ("pos", "role", "semantic_role", "entity", "cluster", "voice", *_APPRAISALS, "emotion", *_CIRCUMPLEX)
"""Tag families of a word."""
ANSWER_TAGS = ("role", "semantic_role", "voice", "entity", *_APPRAISALS, *_CIRCUMPLEX)
"""Tag families of whom a text asks about."""


def features() -> "Features":
    """Give the columns: strings, closed sets as class labels, and for each word its place and one string per tag.

    A tag that a word does not have is None. `shift` is "" where nothing of the text is new to the model.
    """
    from datasets import ClassLabel, Features, List, Value

    text = Value("string")
    word = {"start": Value("int32"), "end": Value("int32"), **dict.fromkeys(WORD_TAGS, text)}
    return Features(
        {
            "text": text,
            "label": ClassLabel(names=list(EMOTION_NOUNS)),
            "person": text,
            "item_type": ClassLabel(names=list(EVERY_TYPE)),
            "style": ClassLabel(names=list(STYLES)),
            "shift": ClassLabel(names=["", *SHIFTS]),
            "cluster": text,
            "words": List(word),
            "answer_tags": dict.fromkeys(ANSWER_TAGS, text),
        }
    )


def dataset(seed: int = 0, *, split: Split = "study", shift: Shift = "") -> "IterableDataset":
    """Stream the examples of `grammar.vignettes` without end, in its order; take as many as are wanted."""
    from datasets import IterableDataset

    drawn = {"seed": seed, "split": split, "shift": shift}
    return IterableDataset.from_generator(_rows, features=features(), gen_kwargs=drawn)


def _rows(seed: int, split: Split, shift: Shift) -> Iterator[dict[str, Any]]:
    return map(_row, vignettes(seed, split=split, shift=shift))


def _row(example: Example) -> dict[str, Any]:
    words = [{"start": word.start, "end": word.end, **_all(word.tags, WORD_TAGS)} for word in example.words]
    return {**vars(example), "words": words, "answer_tags": _all(example.answer_tags, ANSWER_TAGS)}


def _all(tags: Mapping[str, str], families: tuple[str, ...]) -> dict[str, str | None]:
    return {family: tags.get(family) for family in families}
