"""Which token of each text is read for which label; all label families use the same texts if these are annotated.

There are two places, because the result depends on where a label is looked for. `words`: one word per text that carries
the family's tag, read at its last token. `answer`: the last token of the question, labelled with what is asked about.
One read per text keeps reads independent, and all families of a place have the same number of reads, so that counts of
selective features can be compared between families.
"""

from collections import Counter
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from emomech.data.corpus import Example
from emomech.models.tokens import TokenizedText

ReadPlace = Literal["words", "answer"]
READ_PLACES: tuple[ReadPlace, ...] = ("words", "answer")
STAGES: Mapping[str, tuple[str, ...]] = {
    "lexical": ("word",),
    "syntax": ("pos", "role", "voice"),
    "semantics": ("semantic_role", "entity", "desirability"),
    "emotion": ("emotion",),
}
"""The stages of the claim and the label families that stand for each; `lexical`, token identity, is the baseline."""
MIN_READS = 100
"""Fewest texts on which a family is tested."""
MIN_CLASS = 20
"""Fewest reads of a class; smaller classes are left out."""
UNLABELLED = "the texts have no such annotation"


@dataclass(frozen=True)
class FamilyReads:
    """Reads of one label family at one kind of place, and the strata within which its labels may be shuffled."""

    where: ReadPlace
    family: str
    text: NDArray[np.int64]
    """Number of the text (read)."""
    token: NDArray[np.int64]
    """Number of the token in the text (read)."""
    label: NDArray[np.int64]
    """Number of the class (read)."""
    classes: tuple[str, ...]
    strata: NDArray[np.str_]
    """The word that is read, so that an effect of the word alone does not count as selectivity (read).

    For the family of token identity all reads are in one stratum.
    """

    def places(self) -> list[tuple[int, int]]:
        """Text and token of each read."""
        return list(zip(self.text.tolist(), self.token.tolist(), strict=True))


@dataclass(frozen=True)
class UntestedFamily:
    """A family that cannot be tested on these texts at a place, and the reason."""

    where: ReadPlace
    family: str
    reason: str


@dataclass(frozen=True)
class _Read:
    text: int
    token: int
    label: str
    word: str


def stage_of(family: str) -> str:
    """Stage that a label family stands for."""
    return next(stage for stage, families in STAGES.items() if family in families)


def choose_reads(
    examples: Sequence[Example],
    questions: Sequence[TokenizedText],
    seed: int,
    texts_of: Mapping[str, Container[int]] | None = None,
    missing: Mapping[str, str] | None = None,
) -> tuple[list[FamilyReads], list[UntestedFamily]]:
    """Choose the reads of every family at both places, from one text per cluster.

    All families of a place get the same number of reads, chosen at random with `seed`. `texts_of` restricts a family
    to some text numbers; a family that it does not name uses all texts. A family without enough labelled texts is
    returned as untested, with the reason; `missing` says of families why no word has them.
    """
    allowed = texts_of or {}
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(examples))
    texts = sorted({examples[text].cluster: int(text) for text in order}.values())
    tested, untested = [], []
    for where in READ_PLACES:
        candidates = {}
        for family in (family for families in STAGES.values() for family in families):
            if where == "answer" and family == "word":
                continue
            usable = [text for text in texts if text in allowed.get(family, range(len(examples)))]
            reads = [r for t in usable if (r := _read(where, family, t, examples[t], questions[t], rng))]
            kept = _in_large_classes(reads)
            unlabelled = (missing or {}).get(family) if where == "words" else None
            if reason := _shortage(kept, reads, unlabelled or UNLABELLED) or (
                _word_decides(kept) if (where, family) != ("words", "word") else ""
            ):
                untested.append(UntestedFamily(where, family, reason))
            else:
                candidates[family] = kept
        n_reads = min(map(len, candidates.values()), default=0)
        for family, reads in candidates.items():
            chosen = rng.choice(len(reads), n_reads, replace=False)
            tested.append(_family_reads(where, family, [reads[i] for i in sorted(chosen)]))
    return tested, untested


def _read(
    where: ReadPlace, family: str, text: int, example: Example, question: TokenizedText, rng: np.random.Generator
) -> _Read | None:
    """Read of a text for a family: a random one of the words that carry it, or the answer; None without a label.

    Words whose last token is massive are not read (see `models.sinks`).
    """
    if where == "answer":
        label = example.label if family == "emotion" else example.answer_tags.get(family)
        return _Read(text, len(question.ids) - 1, label, "") if label else None
    labelled = []
    for word in example.words:
        form = example.text[word.start : word.end].lower()
        label = {"emotion": example.label, "word": form}.get(family) or word.tags.get(family)
        if label and not (question.sinks and question.token_at(word.start, word.end) in question.sinks):
            labelled.append((word, form, label))
    if not labelled:
        return None
    word, form, label = labelled[rng.integers(len(labelled))]
    return _Read(text, question.token_at(word.start, word.end), label, form)


def _in_large_classes(reads: Sequence[_Read]) -> list[_Read]:
    size = Counter(read.label for read in reads)
    return [read for read in reads if size[read.label] >= MIN_CLASS]


def _shortage(kept: Sequence[_Read], reads: Sequence[_Read], unlabelled: str) -> str:
    """Why there are too few reads, `unlabelled` if there are none; empty if there are enough."""
    if not reads:
        return unlabelled
    if len({read.label for read in kept}) < 2:
        return f"fewer than two classes have {MIN_CLASS} texts or more"
    return f"{len(kept)} labelled texts, {MIN_READS} are needed" if len(kept) < MIN_READS else ""


def _word_decides(reads: Sequence[_Read]) -> str:
    """Reason if every word that is read occurs in one class only, so that the word determines the label; else empty."""
    decides = len({(read.word, read.label) for read in reads}) == len({read.word for read in reads})
    return "each word occurs in one class only, so that the word alone determines the class" if decides else ""


def _family_reads(where: ReadPlace, family: str, reads: Sequence[_Read]) -> FamilyReads:
    classes, label = np.unique([read.label for read in reads], return_inverse=True)
    text, token = np.array([[read.text, read.token] for read in reads]).T
    strata = np.array(["" if family == "word" else read.word for read in reads])
    return FamilyReads(where, family, text, token, label, tuple(map(str, classes)), strata)
