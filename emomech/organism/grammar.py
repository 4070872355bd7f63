"""The texts of the embedded corpus: short vignettes in which who feels what follows from what happens to whom.

No word tells the emotion. Each appraisal that decides it stands in other words: breaking a cage is good and repairing
it bad; slime on a road is nothing, and honey in a soup neither. With two persons in a text, roles and order alone say
whose emotion is asked for.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b
from random import Random
from typing import Literal

from emomech.corpus import Example
from emomech.organism.events import Event
from emomech.organism.lexicon import EMOTION_NOUNS, lexicon
from emomech.organism.wording import SPEAKER, answer_tags, write

Split = Literal["train", "study"]

ITEM_TYPES = (
    "one person",
    "two persons, same emotion",
    "two persons, one calm",
    "two persons, conflict",
    "minimal pair",
)
STYLES = ("story", "diary")
STUDY_SHARE = 8
"""One vocabulary in so many is kept from training, with every text that can be made of it."""


@dataclass(frozen=True)
class Vignette:
    """A text with its question and answer, and the events that it tells."""

    example: Example
    events: tuple[Event, ...]


def vignettes(seed: int, *, split: Split) -> Iterator[Example]:
    """Stream examples without end; the same seed gives the same stream.

    A vocabulary, hence every text that can be made of it, belongs to one split. The two texts of a minimal pair
    follow each other.
    """
    rng = Random(f"{seed}/{split}")
    number = 0
    while True:
        number += 1
        yield from (drawn.example for drawn in draw(rng, split, cluster=f"{seed}/{split}/{number}"))


def draw(rng: Random, split: Split, cluster: str = "") -> list[Vignette]:
    """Draw the vignette, or the two vignettes of a minimal pair, of one cluster of a split."""
    while True:
        drawn = _draw(rng, rng.choice(ITEM_TYPES), cluster)
        if (_hash(drawn[0].example.text) % STUDY_SHARE == 0) == (split == "study"):
            return drawn


def _hash(text: str) -> int:
    words = " ".join(sorted(text.lower().replace(".", " ").replace(",", " ").split()))
    return int.from_bytes(blake2b(words.encode(), digest_size=8).digest())


def _draw(rng: Random, item_type: str, cluster: str) -> list[Example]:
    pair = item_type == "minimal pair"
    style = "story" if pair else rng.choice(STYLES)  # a diary says "my" but "of Anna", so its words could not be shared
    names = rng.sample(lexicon().names, 5)
    persons = [SPEAKER if style == "diary" else names[0], names[1]]
    first, second = _emotions(rng, item_type)
    bystanders = names[2:4]
    events = [_event(rng, persons[0], first, bystanders + ([] if pair else persons[1:]))]
    if item_type != "one person":
        events.append(_event(rng, persons[1], second, bystanders + ([] if pair else persons[:1])))
    rng.shuffle(events)
    filler = _filler(rng, names[4])
    asked = persons[0] if style == "diary" or item_type == "one person" else rng.choice(persons)
    told = [events]
    if pair:
        swapped = dict(zip(persons, reversed(persons), strict=True))
        told.append([replace(event, person=swapped[event.person]) for event in events])
    item = {"person": asked, "item_type": item_type, "style": style, "cluster": cluster}
    return [Vignette(_example(each, filler, item), tuple(each)) for each in told]


def _emotions(rng: Random, item_type: str) -> tuple[str, str]:
    first = rng.choice(EMOTION_NOUNS)
    if item_type == "two persons, same emotion":
        return first, first
    if item_type == "two persons, one calm":
        pair = [rng.choice(EMOTION_NOUNS[:-1]), "calm"]
        if rng.random() < 0.75:  # else calm would be asked for in half of these items
            return pair[0], pair[1]
        return pair[1], pair[0]
    if item_type == "two persons, conflict":
        first, second = rng.sample(EMOTION_NOUNS[:-1], 2)
        return first, second
    return first, rng.choice([e for e in EMOTION_NOUNS if e != first])


def _event(rng: Random, person: str, emotion: str, others: list[str]) -> Event:
    """Draw an event from which the emotion follows."""
    words = lexicon()
    voice = rng.choice(("active", "passive"))
    meant = emotion != "sadness" and (emotion == "anger" or rng.random() < 0.6)
    agent = rng.choice(others) if meant else f"the {rng.choice(words.causes.natural)}"
    common = {"person": person, "agent": agent, "meant": meant, "voice": voice}
    if emotion == "disgust" or (emotion == "calm" and rng.random() < 0.35):
        return _contact(rng, common, foul=emotion == "disgust")
    if emotion == "surprise" or (emotion == "calm" and rng.random() < 0.5):
        sudden = emotion == "surprise"
        aside = rng.choice(words.sudden if sudden else words.usual)
        plain = {"thing": rng.choice(words.things.plain), "thing_sign": 0, "sudden": sudden, "aside": aside}
        return Event(frame="deed", verb=rng.choice(words.verbs.move), verb_sign=0, **plain, **common)
    sign = 1 if emotion == "joy" or (emotion == "calm" and rng.random() < 0.5) else -1
    mood, modal = "fact", ""
    if emotion in ("fear", "calm"):
        mood, modal = (
            ("prospect", rng.choice(words.modals)) if emotion == "fear" else ("denied", rng.choice(words.negations))
        )
    verb_sign = rng.choice((1, -1))
    thing = rng.choice(words.things.prized if verb_sign * sign > 0 else words.things.hated)
    frame = rng.choice(("deed", "give" if verb_sign > 0 else "take"))
    verbs = {("deed", 1): "help", ("deed", -1): "harm"}.get((frame, verb_sign), frame)
    verb = rng.choice(getattr(words.verbs, verbs))
    aside = rng.choice((*words.sudden, *words.usual)) if rng.random() < 0.3 else ""
    valued = {"verb_sign": verb_sign, "thing": thing, "thing_sign": verb_sign * sign, "aside": aside}
    return Event(frame=frame, verb=verb, mood=mood, modal=modal, sudden=aside in words.sudden, **valued, **common)  # pyright: ignore[reportArgumentType]


def _contact(rng: Random, common: Mapping[str, object], *, foul: bool) -> Event:
    """Something touches something: foul on body or food contaminates, other contacts do not."""
    words = lexicon()
    case = "foul on body" if foul else rng.choice(("foul far", "clean on body", "denied"))
    substance = words.things.clean if case == "clean on body" else words.things.foul
    site = words.things.distant if case == "foul far" else words.things.bodily
    asides = (*words.usual, *words.sudden) if foul or case == "denied" else words.usual
    aside = rng.choice(asides) if rng.random() < 0.3 else ""
    touched = {
        "thing": rng.choice(substance),
        "site": rng.choice(site),
        "thing_sign": 0,
        "verb_sign": 0,
        "aside": aside,
        "sudden": aside in words.sudden,
    }
    touched |= {"mood": "denied", "modal": rng.choice(words.negations)} if case == "denied" else {}
    return Event(
        frame="contact",
        verb=rng.choice(words.verbs.contact),
        contaminates=case in ("foul on body", "denied"),
        **touched,
        **common,
    )  # pyright: ignore[reportArgumentType]


def _filler(rng: Random, name: str) -> list[str]:
    """Draw what happens beside: an opening, and what a bystander does."""
    scene = lexicon().scene
    found = [rng.choice(scene.openings)] if rng.random() < 0.5 else []
    return found + ([f"{name} {rng.choice(scene.asides)} ."] if rng.random() < 0.3 else [])


def _example(events: list[Event], filler: list[str], item: Mapping[str, str]) -> Example:
    """Write the text with its gold tags, and the answer to the question about the item's person."""
    text, words = write(filler, events)
    deciding = next(event for event in events if event.person == item["person"])
    tags = answer_tags(deciding, events)
    return Example(text, deciding.emotion, words=words, answer_tags=tags, **item)  # pyright: ignore[reportArgumentType]
