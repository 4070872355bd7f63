"""All texts that label families are read on: the corpus alone, or the corpus and the sentences of a treebank."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from emomech.chapters.flow.reads import STAGES
from emomech.data.corpus import Example
from emomech.models.tokens import TokenizedText, tokenize
from emomech.study.study import Study

if TYPE_CHECKING:
    from emomech.models.language_model import LanguageModel


EMOTION = "emotion"
"""The family whose labels are those of the corpus, whatever else has labels."""


@dataclass(frozen=True)
class TextKind:
    """Texts of one origin."""

    texts: str
    """Whose texts they are."""
    labels: str
    """Who labelled their words."""
    numbers: range
    """Which of all texts they are."""


@dataclass(frozen=True)
class LabelledTexts:
    """Texts, each as the model reads it, and the kind of them that each label family is read on."""

    examples: Sequence[Example]
    questions: Sequence[TokenizedText]
    """The corpus's texts with their question; a treebank's sentences as they are, since they ask about no emotion."""
    kind_of: Mapping[str, TextKind]

    @classmethod
    def of(cls, study: Study) -> "LabelledTexts":
        """Take the corpus, and the sentences of the study's treebank that the model can read, if it names one."""
        gold, corpus = study.gold, study.corpus
        families = [family for found in STAGES.values() for family in found]
        n = len(corpus.examples)
        own = TextKind(corpus.name, "corpus", range(n))
        if gold.of_corpus:
            labelled = TextKind(corpus.name, gold.name, range(n))
            kinds = dict.fromkeys(families, labelled) | {EMOTION: own}
            return cls(gold.examples, study.tokens, kinds)
        further = readable(study.lm, gold.examples)
        other = TextKind(gold.name, gold.name, range(n, n + len(further)))
        questions = [*study.tokens, *tokenize(study.lm, [example.text for example in further])]
        return cls([*corpus.examples, *further], questions, dict.fromkeys(families, other) | {EMOTION: own})

    @property
    def numbers(self) -> dict[str, range]:
        """Which texts each family is read on."""
        return {family: kind.numbers for family, kind in self.kind_of.items()}

    def first(self, n: int) -> list[str]:
        """Take the first `n` texts of each kind."""
        kinds = sorted(set(self.numbers.values()), key=lambda numbers: numbers.start)
        return [self.examples[i].text for numbers in kinds for i in numbers[:n]]


def readable(lm: "LanguageModel", examples: Iterable[Example]) -> list[Example]:
    """Keep the texts that have a token and no more of them than the model reads."""
    kept = list(examples)
    if not kept:
        return []
    tokenizer: Any = lm.tokenizer
    ids = tokenizer([e.text for e in kept], add_special_tokens=False, verbose=False)["input_ids"]
    return [e for e, one in zip(kept, ids, strict=True) if 0 < len(one) <= lm.context - lm.prepend_bos]
