"""The texts of the embedded corpus: short vignettes in which who feels what follows from what happens to whom.

No word tells the emotion. Each appraisal that decides it stands in other words: breaking a cage is good and repairing
it bad; slime on a road is nothing, and honey in a soup neither. With two persons in a text, roles and order alone say
whose emotion is asked for.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b
from random import Random
from typing import Any, Literal

from emomech.corpus import Example
from emomech.organism.events import Event, Mood
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


_WAYS: Mapping[str, tuple[tuple[str, Mood], ...]] = {
    "joy": (("valued", "fact"), ("valued", "fact"), ("valued", "prospect")),
    "sadness": (("valued", "fact"),),
    "anger": (("valued", "fact"),),
    "fear": (("valued", "prospect"), ("valued", "prospect"), ("fouled", "prospect")),
    "disgust": (("fouled", "fact"),),
    "surprise": (("moved", "fact"), ("touched", "fact")),
    "calm": (
        ("valued", "denied"),
        ("fouled", "denied"),
        ("moved", "fact"),
        ("touched", "fact"),
        ("moved", "prospect"),
    ),
}
"""What leads to an emotion, equally often: a kind of event, and whether it happened, may happen, or did not.

What did not happen leaves calm behind, whatever it was; no other kind or mood leads to one emotion alone.
"""


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


def draw(rng: Random, split: Split, cluster: str = "", *, beside: bool = True) -> list[Vignette]:
    """Draw the vignette, or the two vignettes of a minimal pair, of one cluster of a split.

    Without `beside` the text tells the deciding events alone.
    """
    while True:
        drawn = _draw(rng, rng.choice(ITEM_TYPES), cluster, beside=beside)
        if (_hash(drawn[0].example.text) % STUDY_SHARE == 0) == (split == "study"):
            return drawn


def _hash(text: str) -> int:
    words = " ".join(sorted(text.lower().replace(".", " ").replace(",", " ").split()))
    return int.from_bytes(blake2b(words.encode(), digest_size=8).digest())


def _draw(rng: Random, item_type: str, cluster: str, *, beside: bool) -> list[Vignette]:
    pair = item_type == "minimal pair"
    style = "story" if pair else rng.choice(STYLES)  # a diary says "my" but "of Anna", so its words could not be shared
    names = rng.sample(lexicon().names, 5)
    persons = [SPEAKER if style == "diary" else names[0], names[1]]
    first, second = _emotions(rng, item_type)
    bystanders = names[2:4]
    events = [_event(rng, persons[0], first, bystanders + ([] if pair else persons[1:]))]
    if item_type != "one person":
        others = bystanders + ([] if pair else persons[:1])
        events.append(_event(rng, persons[1], second, others))
        while style == "diary" and item_type == "two persons, conflict" and _said(events[0]) != _said(events[1]):
            events = [_event(rng, persons[0], first, bystanders + persons[1:]), _event(rng, persons[1], second, others)]
    rng.shuffle(events)
    filler = _filler(rng, names[4], len(events)) if beside else []
    asked = persons[0] if style == "diary" or item_type == "one person" else rng.choice(persons)
    told = [events]
    if pair:
        swapped = dict(zip(persons, reversed(persons), strict=True))
        told.append([replace(event, person=swapped[event.person]) for event in events])
    item = {"person": asked, "item_type": item_type, "style": style, "cluster": cluster}
    return [Vignette(_example(each, filler, item), tuple(each)) for each in told]


def _said(event: Event) -> str:
    """How the person is put into words: a lone "my" or "me" would give away which of two events is the speaker's."""
    return "owner" if event.frame in ("deed", "contact") else f"{event.frame} {event.voice}"


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
    kind, mood = rng.choice(_WAYS[emotion])
    if kind == "valued":
        sign = 1 if emotion == "joy" else -1 if mood != "denied" else rng.choice((1, -1))
        latents = _valued(rng, sign)
    else:
        latents = _moved(rng) if kind == "moved" else _touched(rng, foul=kind == "fouled")
    meant = emotion != "sadness" and (emotion == "anger" or rng.random() < 0.6)
    decays = latents["frame"] == "deed" and latents["verb_sign"] < 0 and rng.random() < 0.5
    causes = words.things.foul if decays else words.causes.natural
    said = {"prospect": words.modals, "denied": words.negations, "fact": ("",)}[mood]
    aside = _aside(rng, emotion, eventless=kind in ("moved", "touched"))
    return Event(
        person=person,
        agent=rng.choice(others) if meant else f"the {rng.choice(causes)}",
        meant=meant,
        mood=mood,
        modal=rng.choice(said),
        voice=rng.choice(("active", "passive")),
        aside=aside,
        sudden=aside in words.sudden,
        **latents,
    )


def _aside(rng: Random, emotion: str, *, eventless: bool) -> str:
    """Say how expected it was; of an event that is neither good nor bad this alone decides."""
    words = lexicon()
    if emotion == "surprise":
        return rng.choice(words.sudden)
    if rng.random() < 0.6:
        return ""
    return rng.choice(words.usual if eventless else (*words.sudden, *words.usual))


def _valued(rng: Random, sign: int) -> dict[str, Any]:
    """A deed or a transfer whose worth to the person is `sign`: verb and thing each have their own."""
    words = lexicon()
    verb_sign = rng.choice((1, -1))
    frame = rng.choice(("deed", "give" if verb_sign > 0 else "take"))
    verbs = {("deed", 1): words.verbs.help, ("deed", -1): words.verbs.harm, ("give", 1): words.verbs.give}
    thing = rng.choice(words.things.prized if verb_sign * sign > 0 else words.things.hated)
    verb = rng.choice(verbs.get((frame, verb_sign), words.verbs.take))
    return {"frame": frame, "verb": verb, "verb_sign": verb_sign, "thing": thing, "thing_sign": verb_sign * sign}


def _moved(rng: Random) -> dict[str, Any]:
    """A deed that changes nothing for the person, whatever the thing is worth."""
    words = lexicon()
    pool = ((words.things.plain, 0), (words.things.bodily, 0), (words.things.prized, 1), (words.things.hated, -1))
    things, sign = rng.choice(pool)
    verb = rng.choice(words.verbs.move)
    return {"frame": "deed", "verb": verb, "verb_sign": 0, "thing": rng.choice(things), "thing_sign": sign}


def _touched(rng: Random, *, foul: bool) -> dict[str, Any]:
    """Something touches something: foul on body or food contaminates, other contacts do not."""
    things = lexicon().things
    clean = not foul and rng.random() < 0.5
    sites = things.bodily if foul or clean else rng.choice((things.distant, things.plain))
    return {
        "frame": "contact",
        "verb": rng.choice(lexicon().verbs.contact),
        "verb_sign": 0,
        "thing": rng.choice(things.clean if clean else things.foul),
        "thing_sign": 0,
        "site": rng.choice(sites),
        "contaminates": foul,
    }


def _filler(rng: Random, name: str, n_events: int) -> list[str]:
    """Draw what happens beside, so that a text has two to four sentences.

    Much of it holds words that would decide, were it about the person: foul things, prospects, denials, the sudden.
    """
    words, scene = lexicon(), lexicon().scene
    found = []
    for kind in rng.sample(range(6), rng.randint(1, 3) if n_events == 1 else rng.randint(0, 2)):
        if kind == 0:
            found.append(f"{name} {rng.choice(scene.asides)} .")
        elif kind == 1:
            found.append(f"{name} {rng.choice(words.verbs.move)[1]} a {rng.choice(words.things.plain)} .")
        elif kind == 2:
            found.append(f"{rng.choice(words.things.foul)} lay near the {rng.choice(words.things.distant)} .")
        elif kind == 3:
            found.append(f"{rng.choice((*words.sudden, *words.usual))} , {rng.choice(scene.openings)}")
        else:
            found.append(rng.choice(scene.prospects if kind == 4 else scene.denials))
    return found


def _example(events: list[Event], filler: list[str], item: Mapping[str, str]) -> Example:
    """Write the text with its gold tags, and the answer to the question about the item's person."""
    text, words = write(filler, events)
    deciding = next(event for event in events if event.person == item["person"])
    tags = answer_tags(deciding, events)
    return Example(text, deciding.emotion, words=words, answer_tags=tags, **item)  # pyright: ignore[reportArgumentType]
