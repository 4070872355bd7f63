"""The texts of the embedded grammar as an endless Hugging Face data set, annotated word by word.

`shift` selects texts with content that training never shows, as in `vignettes`.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from emomech.data.corpus import Example
from emomech.data.grammar.lexicon import EMOTION_NOUNS
from emomech.data.grammar.vignettes import ALL_ITEM_TYPES, SHIFTS, STYLES, GrammarSplit, Shift, vignettes

if TYPE_CHECKING:
    from datasets import Features, IterableDataset


_APPRAISALS = ("verb_sign", "thing_sign", "desirability", "certainty", "agency", "expectedness", "contamination")
_CIRCUMPLEX = ("valence", "arousal")
WORD_TAGS = ("pos", "role", "semantic_role", "entity", "cluster", "voice", *_APPRAISALS, "emotion", *_CIRCUMPLEX)
"""Tag families of a word."""
ANSWER_TAGS = ("role", "semantic_role", "voice", "entity", *_APPRAISALS, *_CIRCUMPLEX)
"""Tag families of the person that the text asks about."""


def features() -> "Features":
    """Return the columns: strings, closed sets as class labels, and for each word its span and one string per tag.

    A tag that a word does not have is None. `shift` is "" for a text like those of training.
    """
    from datasets import ClassLabel, Features, List, Value

    text = Value("string")
    word = {"start": Value("int32"), "end": Value("int32"), **dict.fromkeys(WORD_TAGS, text)}
    return Features(
        {
            "text": text,
            "label": ClassLabel(names=list(EMOTION_NOUNS)),
            "person": text,
            "item_type": ClassLabel(names=list(ALL_ITEM_TYPES)),
            "style": ClassLabel(names=list(STYLES)),
            "shift": ClassLabel(names=["", *SHIFTS]),
            "cluster": text,
            "words": List(word),
            "answer_tags": dict.fromkeys(ANSWER_TAGS, text),
        }
    )


def dataset(seed: int = 0, *, split: GrammarSplit = "study", shift: Shift = "") -> "IterableDataset":
    """Stream the examples of `emomech.data.grammar.vignettes.vignettes` without end, in its order.

    Example:
        >>> from emomech.data.grammar.hf_dataset import dataset
        >>> row = next(iter(dataset(seed=1, split="train")))
        >>> list(row)[:3]
        ['text', 'label', 'person']
    """
    from datasets import IterableDataset

    options = {"seed": seed, "split": split, "shift": shift}
    return IterableDataset.from_generator(_rows, features=features(), gen_kwargs=options)


def _rows(seed: int, split: GrammarSplit, shift: Shift) -> Iterator[dict[str, Any]]:
    return map(_row, vignettes(seed, split=split, shift=shift))


def _row(example: Example) -> dict[str, Any]:
    words = [{"start": word.start, "end": word.end, **_all(word.tags, WORD_TAGS)} for word in example.words]
    return {**vars(example), "words": words, "answer_tags": _all(example.answer_tags, ANSWER_TAGS)}


def _all(tags: Mapping[str, str], families: tuple[str, ...]) -> dict[str, str | None]:
    return {family: tags.get(family) for family in families}
