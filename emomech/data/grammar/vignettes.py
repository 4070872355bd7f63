"""The texts of the embedded corpus: short vignettes in which who feels what follows from what happens to whom.

Two to five sentences, as a story, a diary or a dialogue. With two persons in a text, roles and order alone say whose
emotion is asked for. What a model never met in training is held out in four ways: things, verbs, frames in a
style, and a third person.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from itertools import count, cycle, islice
from random import Random
from re import findall
from typing import Literal, get_args

from emomech.data.corpus import Example
from emomech.data.grammar.event_sampling import Setting, Style, happening
from emomech.data.grammar.events import Event
from emomech.data.grammar.lexicon import EMOTION_NOUNS, is_female, lexicon, persons, vocabulary
from emomech.data.grammar.realisation import SPEAKER, Beside, answer_tags, unpointed, write

Split = Literal["train", "study"]
Shift = Literal["", "new things", "new verbs", "new frames", "three persons"]
"""What of a text no training shows; empty: nothing."""
SHIFTS: tuple[Shift, ...] = get_args(Shift)[1:]
STYLES: tuple[Style, ...] = get_args(Style)
PAIR = "minimal pair"
CONFLICT = "two persons, conflict"
ITEM_TYPES = ("one person", "two persons, same emotion", "two persons, one calm", CONFLICT, PAIR)
"""Of texts in distribution."""
THREE = "three persons"
EVERY_TYPE = (*ITEM_TYPES, THREE)
STUDY_SHARE = 8
"""One bag of words in so many is kept from training, with every text that can be made of it."""
SHIFTED = 4
"""One text in so many of the mixed stream is shifted."""
Shares = Mapping[str, float]
"""Emotion to how often it is drawn; what is not named shares the rest equally."""
_ADDRESS = ("self", "you", "name")
"""Whom a dialogue's line is about: who tells it, who is told, or somebody else."""
LONGEST = 5
"""Sentences."""
_N_BESIDE = {1: (1, 1, 2, 2, 3, 4), 2: (0, 0, 1, 1, 2, 3), 3: (0, 0, 1, 1, 2)}
"""How many sentences tell nothing, by how many tell something; equally often."""


@dataclass(frozen=True)
class Vignette:
    """A text with its question and answer, and what it tells in order."""

    example: Example
    told: tuple[Event | Beside, ...]

    @property
    def events(self) -> list[Event]:
        """What befalls somebody, in the order of the text."""
        return [one for one in self.told if isinstance(one, Event)]


def vignettes(seed: int, *, split: Split, shift: Shift = "") -> Iterator[Example]:
    """Stream examples without end; the same seed gives the same stream.

    A bag of words, hence every text that can be made of it, belongs to one split. The two texts of a minimal pair
    follow each other.
    """
    return (one.example for one in stream(seed, split=split, shift=shift))


def stream(seed: int, *, split: Split, shift: Shift = "") -> Iterator[Vignette]:
    """Stream the same with the events that the texts tell."""
    rng = Random(f"{seed}/{split}/{shift}")
    for number in count(1):
        yield from draw(rng, split, "/".join(filter(None, (str(seed), split, shift, str(number)))), shift=shift)


def mixed(seed: int) -> Iterator[Vignette]:
    """Stream what a study reads: texts as in training, and every fourth of them shifted, by each shift in turn."""
    plain = stream(seed, split="study")
    shifted = [stream(seed, split="study", shift=shift) for shift in SHIFTS]
    for one in cycle(shifted):
        yield from islice(plain, SHIFTED - 1)
        yield next(one)


def draw(
    rng: Random,
    split: Split,
    cluster: str = "",
    *,
    shift: Shift = "",
    beside: bool = True,
    shares: Shares | None = None,
) -> list[Vignette]:
    """Draw the vignette, or the two vignettes of a minimal pair, of one cluster of a split.

    Without `beside` the text tells the deciding events alone; `shares` makes emotions rarer or more frequent.
    """
    while True:
        drawing = _Drawing(rng, shift, shares or {})
        told = drawing.told(beside=beside)
        if told and (_hash(unpointed(told[0])) % STUDY_SHARE == 0) == (split == "study"):
            return [drawing.written(one, cluster) for one in told]


def _hash(text: str) -> int:
    words = " ".join(sorted(findall(r"\w+", text.lower())))
    return int.from_bytes(blake2b(words.encode(), digest_size=8).digest())


def weighted(rng: Random, shares: Shares, among: Sequence[str] = EMOTION_NOUNS) -> str:
    """Draw an emotion by its share."""
    if not shares:
        return rng.choice(among)
    rest = (1 - sum(shares.values())) / (len(EMOTION_NOUNS) - len(shares))
    return rng.choices(among, [shares.get(emotion, rest) for emotion in among])[0]


class _Drawing:
    """One text in the making: its style and persons first, then what befalls them, then what happens beside."""

    def __init__(self, rng: Random, shift: Shift, shares: Shares) -> None:
        self.rng, self.shift, self.shares = rng, shift, shares
        self.style: Style = rng.choice(STYLES)
        self.item_type = THREE if shift == THREE else rng.choice(ITEM_TYPES)
        if shift and self.item_type == PAIR:
            self.item_type = CONFLICT
        self.names = rng.sample(persons(), 7)
        n = 3 if shift == THREE else 1 if self.item_type == "one person" else 2
        self.persons = ([SPEAKER] if self.style == "diary" else []) + self.names[: n - (self.style == "diary")]
        self.bystanders = self.names[n : n + 2]
        self.alike = self.item_type in (CONFLICT, PAIR)
        """Whether every person has to be meant in the same words, lest they tell whose emotion is whose."""
        self.coreference = self.style == "story" and self.item_type != PAIR and rng.random() < 0.3 and self._distinct()
        self.asked = rng.choice(self.persons)

    def _distinct(self) -> bool:
        """Whether a pronoun means one person alone."""
        return len({is_female(name) for name in self.persons}) == len(self.persons)

    def told(self, *, beside: bool) -> list[list[Event | Beside]]:
        """Tell it, once or as a pair; nothing where the emotions drawn cannot be told so."""
        emotions = self._emotions(self.asked)
        frames = {person: self.shift == "new frames" and person == self.asked for person in self.persons}
        try:
            events = [self._event(who, emotion, new=frames[who]) for who, emotion in emotions.items()]
        except ValueError:
            return []
        if self.alike and self.style == "diary":
            events = [replace(event, clitic=events[0].clitic) for event in events]
        self.rng.shuffle(events)
        events = self._addressed(events)
        told: list[Event | Beside] = self._around(events) if beside or self.coreference else list(events)
        return [told, self._swapped(told)] if self.item_type == PAIR else [told]

    def _emotions(self, asked: str) -> dict[str, str]:
        """Draw what each person feels; what the person who is asked about feels comes first."""
        first = weighted(self.rng, self.shares)
        others = [person for person in self.persons if person != asked]
        if self.item_type == "two persons, same emotion":
            return {asked: first, others[0]: first}
        if self.item_type == "two persons, one calm":
            first = weighted(self.rng, self.shares, EMOTION_NOUNS[:-1])
            calm_asked = self.rng.random() < 0.25  # else calm would be asked for in half of these items
            return {asked: "calm", others[0]: first} if calm_asked else {asked: first, others[0]: "calm"}
        among = EMOTION_NOUNS[:-1] if self.item_type == CONFLICT else EMOTION_NOUNS
        found = {asked: weighted(self.rng, self.shares, among)}
        for person in others:
            left = [emotion for emotion in among if emotion not in found.values()]
            found[person] = weighted(self.rng, self.shares, left)
        return found

    def _event(self, person: str, emotion: str, *, new: bool) -> Event:
        words = vocabulary(new_things=self.shift == "new things", new_verbs=self.shift == "new verbs")
        others = [] if self.coreference else self.bystanders
        if not self.coreference and self.item_type in ("two persons, same emotion", "two persons, one calm"):
            others = [*others, *(other for other in self.persons if other != person)]
        event = happening(self.rng, Setting(self.style, words, new), person, emotion, others)
        return replace(event, pronoun=True) if self.coreference else event

    def _addressed(self, events: Sequence[Event]) -> list[Event]:
        """Let somebody tell each event to somebody, in a dialogue."""
        if self.style != "dialogue":
            return list(events)
        way = self.rng.choice(_ADDRESS)
        return [self._told(event, way if self.alike else self.rng.choice(_ADDRESS)) for event in events]

    def _told(self, event: Event, way: str) -> Event:
        """Let one person tell the event to another; where nothing speaks against it, sometimes who did it."""
        around = self.names[3:6] if self.alike else [*self.persons, *self.names[3:6]]
        others = [name for name in around if name not in (event.person, event.agent)]
        one, two = self.rng.sample(others, 2)
        if not self.alike and way != "self" and event.agent in self.names and self.rng.random() < 0.4:
            one, two = (one, event.agent) if way == "you" else (event.agent, two)
        pairs = {"self": (event.person, one), "you": (two, event.person), "name": (one, two)}
        teller, listener = pairs[way]
        return replace(event, teller=teller, listener=listener)

    def _around(self, events: Sequence[Event]) -> list[Event | Beside]:
        """Put between the events what happens beside."""
        told: list[Event | Beside] = list(events)
        n = self.rng.choice(_N_BESIDE[len(events)])
        if self.coreference:
            n = min(n, LONGEST - 1 - len(events))
        for sentence in _beside(self.rng, "" if self.coreference else self.names[6], n):
            told.insert(self.rng.randint(0, len(told)), sentence)
        if self.coreference:
            named = self.rng.sample(self.persons, len(self.persons))
            scene = f"{' and '.join(named)} {self.rng.choice(lexicon().scene.asides)} ."
            told.insert(0, Beside(scene, tuple(named)))
        return told

    def _swapped(self, told: Sequence[Event | Beside]) -> list[Event | Beside]:
        """Let the two persons change places."""
        names = dict(zip(self.persons, reversed(self.persons)))

        def other(name: str) -> str:
            return names.get(name, name)

        return [
            replace(one, person=other(one.person), teller=other(one.teller), listener=other(one.listener))
            if isinstance(one, Event)
            else one
            for one in told
        ]

    def written(self, told: Sequence[Event | Beside], cluster: str) -> Vignette:
        """Write a text with its gold tags, and the answer to the question about the person."""
        written = write(told)
        deciding = next(one for one in told if isinstance(one, Event) and one.person == self.asked)
        kind = {"item_type": self.item_type, "style": self.style, "shift": self.shift, "cluster": cluster}
        tags = answer_tags(deciding, written.ranks)
        example = Example(written.text, deciding.emotion, self.asked, words=written.words, answer_tags=tags, **kind)
        return Vignette(example, tuple(told))


def _beside(rng: Random, name: str, n: int) -> Iterator[Beside]:
    """Draw sentences that tell of nobody who feels something.

    Much of it holds words that would decide, were it about the person: foul things, prospects, denials, the sudden.
    """
    words, scene, things = lexicon(), lexicon().scene, vocabulary().things
    for kind in rng.sample(range(6 if name else 4), n):
        if kind == 0:
            yield Beside(f"{rng.choice(things.foul)} lay near the {rng.choice(things.distant)} .")
        elif kind == 1:
            yield Beside(f"{rng.choice((*words.sudden, *words.usual))} , {rng.choice(scene.openings)}")
        elif kind in (2, 3):
            yield Beside(rng.choice(scene.prospects if kind == 2 else scene.denials))
        elif kind == 4:
            yield Beside(f"{name} {rng.choice(scene.asides)} .", (name,))
        else:
            yield Beside(f"{name} {rng.choice(vocabulary().verbs.move)[1]} a {rng.choice(things.plain)} .", (name,))
