"""What the embedded model can be asked: the emotion, and tasks beside it with labels of their own.

The others are controls. What is found of the emotion says something of the emotion only where it is not found of these
too: what *kind* of thing a word stands for, which is looked up, and what an event is *worth* to a person, which is
composed of the same parts as the emotion but is none.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from itertools import count
from random import Random

from emomech.data.corpus import Example
from emomech.data.grammar.lexicon import lexicon
from emomech.data.grammar.neutral_texts import ordinary
from emomech.data.grammar.realisation import SPEAKER
from emomech.data.grammar.vignettes import mixed

KINDS = {"bodily": "comes", "distant": "stands", "foul": "smells", "clean": "smells"}
"""Kind of thing, and the word that a definition of no other kind goes on with."""


@cache
def _remembered(seed: int) -> tuple[list[Example], Iterator[Example]]:
    """Vignettes that were drawn, and those that are yet to be: studies of one process read the same."""
    return [], (one.example for one in mixed(seed))


def vignettes(seed: int) -> Iterator[Example]:
    """Stream the vignettes of a study; the label is the emotion of the person who is asked about."""
    known, drawn = _remembered(seed)
    for number in count():
        if number == len(known):
            known.append(next(drawn))
        yield known[number]


def kinds(seed: int) -> Iterator[Example]:
    """Stream ordinary texts, each followed by a thing that is about to be defined; every kind equally often."""
    rng, texts = Random(f"{seed}/kinds"), ordinary(seed)
    words = sorted(set(KINDS.values()))
    for number in count(1):
        word = words[number % len(words)]
        kind = rng.choice([kind for kind, following in KINDS.items() if following == word])
        thing = rng.choice(getattr(lexicon().things, kind))
        yield Example(next(texts).text, word, person=thing, cluster=f"kinds/{seed}/{number}")


def worth(seed: int) -> Iterator[Example]:
    """Stream the vignettes of a study; the label is what the event is worth to the person who is asked about."""
    for example in vignettes(seed):
        whom = "me" if example.person == SPEAKER else example.person
        yield replace(example, label=example.answer_tags["desirability"], person=whom)


TASKS: Mapping[str, Callable[[int], Iterator[Example]]] = {"vignettes": vignettes, "kinds": kinds, "worth": worth}
"""By the name that a corpus preset gives them."""
