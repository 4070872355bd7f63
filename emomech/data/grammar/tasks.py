"""Questions that the embedded model can be asked: the emotion, and two control tasks.

A result about the emotion is about the emotion only if the control tasks do not show it too. One control asks for the
*kind* of a thing, which the model looks up. The other asks what an event is *worth* to a person, which is composed of
the same parts as the emotion but is not an emotion.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from itertools import count
from random import Random

from emomech.data.corpus import Example
from emomech.data.grammar.lexicon import lexicon
from emomech.data.grammar.neutral_texts import neutral_texts
from emomech.data.grammar.realisation import SPEAKER
from emomech.data.grammar.vignettes import study_stream

WORD_AFTER_KIND = {"bodily": "comes", "distant": "stands", "foul": "smells", "clean": "smells"}
"""Kind of thing to a word that starts a definition of this kind. Only foul and clean things share a word."""


@cache
def _remembered(seed: int) -> tuple[list[Example], Iterator[Example]]:
    """Vignettes drawn so far, and the stream of further ones; all studies of one process share them."""
    return [], (vignette.example for vignette in study_stream(seed))


def vignettes(seed: int) -> Iterator[Example]:
    """Stream the vignettes of a study; the label is the emotion of the person asked about."""
    drawn, rest = _remembered(seed)
    for number in count():
        if number == len(drawn):
            drawn.append(next(rest))
        yield drawn[number]


def kinds(seed: int) -> Iterator[Example]:
    """Stream neutral texts, each with a thing to define; the label is the first word of its definition.

    The word is that of the thing's kind, see `WORD_AFTER_KIND`. All labels are equally frequent.
    """
    rng, texts = Random(f"{seed}/kinds"), neutral_texts(seed)
    words = sorted(set(WORD_AFTER_KIND.values()))
    for number in count(1):
        word = words[number % len(words)]
        kind = rng.choice([kind for kind, following in WORD_AFTER_KIND.items() if following == word])
        thing = rng.choice(getattr(lexicon().things, kind))
        yield Example(next(texts).text, word, person=thing, cluster=f"kinds/{seed}/{number}")


def worth(seed: int) -> Iterator[Example]:
    """Stream the vignettes of a study; the label is what the event is worth to the person asked about."""
    for example in vignettes(seed):
        whom = "me" if example.person == SPEAKER else example.person
        yield replace(example, label=example.answer_tags["desirability"], person=whom)


TASKS: Mapping[str, Callable[[int], Iterator[Example]]] = {"vignettes": vignettes, "kinds": kinds, "worth": worth}
"""Streams of examples by their name in a corpus preset; each takes a seed."""
