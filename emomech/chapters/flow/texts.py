"""The texts on which label families are read: the corpus alone, or the corpus and the sentences of a treebank."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from emomech.chapters.flow.reads import STAGES
from emomech.data.corpus import Example
from emomech.models.tokens import TokenizedText, tokenize
from emomech.study.study import Study

if TYPE_CHECKING:
    from emomech.models.language_model import LanguageModel


EMOTION = "emotion"
"""The family whose labels always come from the corpus."""


@dataclass(frozen=True)
class TextKind:
    """Texts from one source."""

    texts: str
    """Name of the source."""
    labels: str
    """Source of the labels of their words."""
    numbers: range
    """Their numbers among all texts."""


@dataclass(frozen=True)
class LabelledTexts:
    """All texts as the model reads them, and the texts on which each label family is read."""

    examples: Sequence[Example]
    questions: Sequence[TokenizedText]
    """Texts of the corpus followed by their question; sentences of a treebank without one."""
    kind_of: Mapping[str, TextKind]
    """Label family -> texts on which it is read."""
    missing: Mapping[str, str] = field(default_factory=dict)
    """Label family that a treebank does not have -> the reason."""

    @classmethod
    def of(cls, study: Study) -> "LabelledTexts":
        """Texts of the corpus, and the sentences of the study's treebank, if any, that fit the model's context."""
        gold, corpus = study.gold, study.corpus
        families = [family for stage in STAGES.values() for family in stage]
        n = len(corpus.examples)
        corpus_texts = TextKind(corpus.name, "corpus", range(n))
        if gold.from_corpus:
            labelled = TextKind(corpus.name, gold.name, range(n))
            kinds = dict.fromkeys(families, labelled) | {EMOTION: corpus_texts}
            return cls(gold.examples, study.tokens, kinds)
        sentences = readable(study.lm, gold.examples)
        treebank = TextKind(gold.name, gold.name, range(n, n + len(sentences)))
        questions = [*study.tokens, *tokenize(study.lm, [example.text for example in sentences])]
        kinds = dict.fromkeys(families, treebank) | {EMOTION: corpus_texts}
        return cls([*corpus.examples, *sentences], questions, kinds, gold.missing)

    @property
    def numbers(self) -> dict[str, range]:
        """Numbers of the texts on which each family is read."""
        return {family: kind.numbers for family, kind in self.kind_of.items()}

    def first(self, n: int) -> list[str]:
        """The first `n` texts of each kind."""
        kinds = sorted(set(self.numbers.values()), key=lambda numbers: numbers.start)
        return [self.examples[i].text for numbers in kinds for i in numbers[:n]]


def readable(lm: "LanguageModel", examples: Iterable[Example]) -> list[Example]:
    """Keep the texts that have at least one token and fit the model's context."""
    kept = list(examples)
    if not kept:
        return []
    tokenizer: Any = lm.tokenizer
    ids = tokenizer([e.text for e in kept], add_special_tokens=False, verbose=False)["input_ids"]
    return [e for e, tokens in zip(kept, ids, strict=True) if 0 < len(tokens) <= lm.context - len(lm.prefix)]
