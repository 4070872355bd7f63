"""Which token of each text is read for which label: the same texts for every label family, wherever there are such.

Two readings, because where a label is looked for changes what is found. `words`: one word per text that carries
the family's tag, read at its last token. `answer`: the last token of the question, labelled with what is
asked about. One read per text keeps reads independent, and every family of a reading has equally many, so that
counts of selective features can be compared between families.
"""

from collections import Counter
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from emomech.data.corpus import Example
from emomech.models.tokens import TokenizedText

Where = Literal["words", "answer"]
STAGES: Mapping[str, tuple[str, ...]] = {
    "lexical": ("word",),
    "syntax": ("pos", "role", "voice"),
    "semantics": ("semantic_role", "entity", "desirability"),
    "emotion": ("emotion",),
}
"""The stages of the claim, and the label families that stand for each; `lexical` is its baseline, token identity."""
MIN_READS = 100
"""Fewer texts than this say too little about a family."""
MIN_CLASS = 20
"""A class with fewer reads is left out."""


@dataclass(frozen=True)
class Reading:
    """Reads of one label family at one kind of place, and the strata within which its labels may be shuffled."""

    where: Where
    family: str
    text: NDArray[np.int64]
    """Which text each read is of (read)."""
    token: NDArray[np.int64]
    """Which token of it is read (read)."""
    label: NDArray[np.int64]
    """Class number of each read (read)."""
    classes: tuple[str, ...]
    strata: NDArray[np.str_]
    """The word that is read, so that what it alone explains is no finding; one stratum for token identity itself."""

    def places(self) -> list[tuple[int, int]]:
        """Which text and which of its tokens each read is of."""
        return list(zip(self.text.tolist(), self.token.tolist(), strict=True))


@dataclass(frozen=True)
class Untested:
    """A family that the texts cannot speak about, and why."""

    where: Where
    family: str
    reason: str


@dataclass(frozen=True)
class _Read:
    text: int
    token: int
    label: str
    word: str


def stage_of(family: str) -> str:
    """Name the stage that a label family stands for."""
    return next(stage for stage, families in STAGES.items() if family in families)


def readings(
    examples: Sequence[Example],
    questions: Sequence[TokenizedText],
    seed: int,
    texts_of: Mapping[str, Container[int]] | None = None,
) -> tuple[list[Reading], list[Untested]]:
    """Choose the reads of every family at both places, from one text per cluster.

    Families of one place have equally many reads, a random choice by the seed. `texts_of` gives the numbers of the
    texts that a family is read on, where it is not read on all. A family without enough labelled texts is returned
    as untested, with the reason.
    """
    among = texts_of or {}
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(examples))
    texts = sorted({examples[text].cluster: int(text) for text in order}.values())
    tested, untested = [], []
    places: tuple[Where, ...] = ("words", "answer")
    for where in places:
        candidates = {}
        for family in (family for families in STAGES.values() for family in families):
            if where == "answer" and family == "word":
                continue
            asked = [text for text in texts if text in among.get(family, range(len(examples)))]
            reads = [r for t in asked if (r := _read(where, family, t, examples[t], questions[t], rng))]
            kept = _in_large_classes(reads)
            if reason := _shortage(kept, reads) or (_told(kept) if (where, family) != ("words", "word") else ""):
                untested.append(Untested(where, family, reason))
            else:
                candidates[family] = kept
        n_reads = min(map(len, candidates.values()), default=0)
        for family, reads in candidates.items():
            chosen = rng.choice(len(reads), n_reads, replace=False)
            tested.append(_reading(where, family, [reads[i] for i in sorted(chosen)]))
    return tested, untested


def _read(
    where: Where, family: str, text: int, example: Example, question: TokenizedText, rng: np.random.Generator
) -> _Read | None:
    """Find the text's read for a family: a random one of the words that carry it, or the answer."""
    if where == "answer":
        label = example.label if family == "emotion" else example.answer_tags.get(family)
        return _Read(text, len(question.ids) - 1, label, "") if label else None
    found = []
    for word in example.words:
        form = example.text[word.start : word.end].lower()
        label = {"emotion": example.label, "word": form}.get(family) or word.tags.get(family)
        if label:
            found.append((word, form, label))
    if not found:
        return None
    word, form, label = found[rng.integers(len(found))]
    return _Read(text, question.token_at(word.start, word.end), label, form)


def _in_large_classes(reads: Sequence[_Read]) -> list[_Read]:
    size = Counter(read.label for read in reads)
    return [read for read in reads if size[read.label] >= MIN_CLASS]


def _shortage(kept: Sequence[_Read], reads: Sequence[_Read]) -> str:
    if not reads:
        return "the texts have no such annotation"
    if len({read.label for read in kept}) < 2:
        return f"fewer than two classes have {MIN_CLASS} texts or more"
    return f"{len(kept)} labelled texts, {MIN_READS} are needed" if len(kept) < MIN_READS else ""


def _told(reads: Sequence[_Read]) -> str:
    """Say so where each word that is read stands in one class only: then the word alone tells it."""
    told = len({(read.word, read.label) for read in reads}) == len({read.word for read in reads})
    return "each word stands in one class only, so that the word alone tells it" if told else ""


def _reading(where: Where, family: str, reads: Sequence[_Read]) -> Reading:
    classes, label = np.unique([read.label for read in reads], return_inverse=True)
    text, token = np.array([[read.text, read.token] for read in reads]).T
    strata = np.array(["" if family == "word" else read.word for read in reads])
    return Reading(where, family, text, token, label, tuple(map(str, classes)), strata)
