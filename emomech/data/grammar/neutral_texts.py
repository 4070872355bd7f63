"""Neutral texts: descriptions, definitions, and questions about who did what; nobody in them feels anything.

Together with the vignettes they train the embedded model. A text is a sequence of independent choices,
and no two sequences give the same text. Its surprisal is therefore the sum of the surprisals of its choices, and the
entropy of the grammar is known exactly: no model can have a lower loss.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeVar

from emomech.data.grammar.lexicon import lexicon, persons, vocabulary

T = TypeVar("T")


@dataclass(frozen=True)
class NeutralText:
    """A text with its surprisal."""

    text: str
    surprisal: float
    """In nats."""
    answer: tuple[int, int] | None = None
    """Span of the answer in the text; None for a text without a question."""


class _Choices:
    """Random choices that add up their surprisal, in nats."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.surprisal = 0.0

    def choose(self, options: Sequence[T]) -> T:
        """Draw one option; all are equally likely."""
        self.surprisal += math.log(len(options))
        return self.rng.choice(options)

    def choose_several(self, options: Sequence[T], n: int) -> list[T]:
        """Draw n different options, in order."""
        self.surprisal += math.log(math.perm(len(options), n))
        return self.rng.sample(options, n)


def neutral_texts(seed: int) -> Iterator[NeutralText]:
    """Stream neutral texts without end; the same seed gives the same stream.

    Example:
        >>> from emomech.data.grammar.neutral_texts import neutral_texts
        >>> text = next(neutral_texts(0))
        >>> text.text.endswith("."), text.surprisal > 0
        (True, True)
    """
    rng = Random(f"{seed}/ordinary")
    while True:
        yield draw_neutral_text(rng)


def draw_neutral_text(rng: Random) -> NeutralText:
    """Draw one text: three sentences of one kind; one kind ends in a question with its answer."""
    choices = _Choices(rng)
    return choices.choose(_KINDS)(choices)


def _description(choices: _Choices) -> NeutralText:
    """Describe a scene: an opening, what somebody does, and where a thing is."""
    words, things = lexicon(), lexicon().things
    lines = [choices.choose(words.scene.openings).removesuffix(" .")]
    lines.append(f"{choices.choose(persons())} {choices.choose(words.scene.asides)}")
    lines.append(f"the {choices.choose(things.plain)} was on the {choices.choose(things.distant)}")
    return _text(choices, lines)


def _definition(choices: _Choices) -> NeutralText:
    """Define three things or deeds; words that no training vignette contains are among them."""
    lines = []
    for kind in choices.choose_several(tuple(lexicon().definitions), 3):
        words = getattr(lexicon().things, kind, None)
        named = f"the {choices.choose(words)}" if words else f"to {choices.choose(getattr(lexicon().verbs, kind))[0]}"
        lines.append(f"{named} {choices.choose(lexicon().definitions[kind])}")
    return _text(choices, lines)


def _question(choices: _Choices) -> NeutralText:
    """Tell of three persons who move three things, in active or passive, and ask who had one of the things."""
    names, things = choices.choose_several(persons(), 3), choices.choose_several(vocabulary().things.plain, 3)
    lines = []
    for name, thing in zip(names, things):
        past, voice = choices.choose(vocabulary().verbs.move)[1], choices.choose(("active", "passive"))
        lines.append(f"{name} {past} the {thing}" if voice == "active" else f"the {thing} was {past} by {name}")
    target = choices.choose((0, 1, 2))
    story = _text(choices, lines)
    text = f"{story.text} Who had the {things[target]}? {names[target]}."
    return NeutralText(text, choices.surprisal, (len(text) - len(names[target]) - 1, len(text) - 1))


_KINDS: tuple[Callable[[_Choices], NeutralText], ...] = (_description, _definition, _question)


def _text(choices: _Choices, lines: Sequence[str]) -> NeutralText:
    return NeutralText(" ".join(f"{line[0].upper()}{line[1:]}." for line in lines), choices.surprisal)
