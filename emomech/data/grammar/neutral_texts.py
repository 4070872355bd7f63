"""Ordinary text: descriptions, definitions, and questions about who did what; nobody in it feels anything.

It is what the model is a language model of, beside the vignettes. Every text is a sequence of independent choices, and
no two sequences give the same text, so that its surprisal is the sum of the choices' and the entropy of the
grammar is known exactly: no model can predict it better.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeVar

from emomech.data.grammar.lexicon import lexicon, persons, vocabulary

T = TypeVar("T")


@dataclass(frozen=True)
class Ordinary:
    """A text, its surprisal in nats, and where in it the answer to a question stands, if it asks one."""

    text: str
    surprisal: float
    answer: tuple[int, int] | None = None


class _Choices:
    """Draws that add up what they tell."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.surprisal = 0.0

    def one(self, options: Sequence[T]) -> T:
        """Draw one of some, equally often."""
        self.surprisal += math.log(len(options))
        return self.rng.choice(options)

    def some(self, options: Sequence[T], n: int) -> list[T]:
        """Draw several different ones, in order."""
        self.surprisal += math.log(math.perm(len(options), n))
        return self.rng.sample(options, n)


def ordinary(seed: int) -> Iterator[Ordinary]:
    """Stream texts without end; the same seed gives the same stream."""
    rng = Random(f"{seed}/ordinary")
    while True:
        yield draw_ordinary(rng)


def draw_ordinary(rng: Random) -> Ordinary:
    """Draw one text: three sentences of one kind, and perhaps a question."""
    choices = _Choices(rng)
    return choices.one(_KINDS)(choices)


def _description(choices: _Choices) -> Ordinary:
    """Scenes, who does what beside, and what stands where."""
    words, things = lexicon(), lexicon().things
    lines = [choices.one(words.scene.openings).removesuffix(" .")]
    lines.append(f"{choices.one(persons())} {choices.one(words.scene.asides)}")
    lines.append(f"the {choices.one(things.plain)} was on the {choices.one(things.distant)}")
    return _text(choices, lines)


def _definition(choices: _Choices) -> Ordinary:
    """What kind of thing or of deed it is; words that no vignette for training holds among them."""
    lines = []
    for kind in choices.some(tuple(lexicon().definitions), 3):
        words = getattr(lexicon().things, kind, None)
        named = f"the {choices.one(words)}" if words else f"to {choices.one(getattr(lexicon().verbs, kind))[0]}"
        lines.append(f"{named} {choices.one(lexicon().definitions[kind])}")
    return _text(choices, lines)


def _question(choices: _Choices) -> Ordinary:
    """Three persons move three things, told in active or passive; one of the things is asked about."""
    who, what = choices.some(persons(), 3), choices.some(vocabulary().things.plain, 3)
    lines = []
    for name, thing in zip(who, what):
        past, voice = choices.one(vocabulary().verbs.move)[1], choices.one(("active", "passive"))
        lines.append(f"{name} {past} the {thing}" if voice == "active" else f"the {thing} was {past} by {name}")
    asked = choices.one((0, 1, 2))
    told = _text(choices, lines)
    text = f"{told.text} Who had the {what[asked]}? {who[asked]}."
    return Ordinary(text, choices.surprisal, (len(text) - len(who[asked]) - 1, len(text) - 1))


_KINDS: tuple[Callable[[_Choices], Ordinary], ...] = (_description, _definition, _question)


def _text(choices: _Choices, lines: Sequence[str]) -> Ordinary:
    return Ordinary(" ".join(f"{line[0].upper()}{line[1:]}." for line in lines), choices.surprisal)
