"""How often a parser's labels of words differ from those of a treebank, for each family of labels that *flow* reads.

The treebank's texts are parsed anew, tokens included, so a word that the parser divides otherwise counts as an error.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from emomech.core.errors import UsageError
from emomech.data.annotation.conllu import Sentence
from emomech.data.annotation.gold import word_tags


@dataclass(frozen=True)
class Agreement:
    """Agreement of a parser with a treebank on one family of labels."""

    family: str
    recall: float
    """Share of the treebank's labels that the parser gives to the same word."""
    precision: float
    """Share of the parser's labels that the treebank gives to the same word."""
    n: int
    """Labels in the treebank."""

    def __str__(self) -> str:
        return f"recall {self.recall:.3f}, precision {self.precision:.3f}, {self.n:,} labels"


def agreement(treebank: Sequence[Sentence], parsed: Sequence[Sentence]) -> list[Agreement]:
    """Compare the parse of each sentence with the treebank, in the same order; families without labels are left out.

    Raises UsageError for a treebank without any label.

    Example:
        >>> from emomech.data.annotation import conllu
        >>> from emomech.data.annotation.parser_errors import agreement
        >>> rows = ["1 Ed Ed {0} _ _ 2 nsubj _ _", "2 slept sleep VERB _ _ 0 root _ _"]
        >>> of = lambda pos: conllu.parse("\\n".join(rows).format(pos).replace(" ", "\\t"), "mine.conllu")
        >>> [(a.family, a.recall, a.n) for a in agreement(of("PROPN"), of("NOUN"))]
        [('pos', 0.5, 2), ('role', 1.0, 1), ('voice', 1.0, 1)]
    """
    labels, given, right = Counter[str](), Counter[str](), Counter[str]()
    for sentence, parse in zip(treebank, parsed, strict=True):
        expected, found = word_tags(sentence), word_tags(parse)
        for tags in expected.values():
            labels.update(tags.keys())
        for tags in found.values():
            given.update(tags.keys())
        for span, tags in expected.items():
            right.update(family for family, tag in tags.items() if found.get(span, {}).get(family) == tag)
    if not labels:
        raise UsageError("treebank: has no label of a word; expected parts of speech and relations in CoNLL-U.")
    both = [family for family in labels if given[family]]
    return [Agreement(f, right[f] / labels[f], right[f] / given[f], labels[f]) for f in both]
