"""The texts of the embedded corpus: short vignettes in which emotions follow from what happens to whom.

A vignette has two to five sentences and is a story, a diary entry or a dialogue. If it is about two persons, only their
roles and the order of the words show whose emotion is asked for. Four shifts hold out something that no training text
contains: some things, some verbs, some frames in each style, and a third person.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from itertools import count, cycle, islice
from random import Random
from re import findall
from typing import Literal, get_args

from emomech.data.corpus import Example
from emomech.data.grammar.event_sampling import EventSetting, TextStyle, sample_event
from emomech.data.grammar.events import Event
from emomech.data.grammar.lexicon import EMOTION_NOUNS, is_female, lexicon, persons, vocabulary
from emomech.data.grammar.realisation import SPEAKER, NeutralSentence, answer_tags, bare_words, realise

GrammarSplit = Literal["train", "study"]
Shift = Literal["", "new things", "new verbs", "new frames", "three persons"]
"""What the text contains that no training text does; empty for a text like those of training."""
SHIFTS: tuple[Shift, ...] = get_args(Shift)[1:]
STYLES: tuple[TextStyle, ...] = get_args(TextStyle)
PAIR = "minimal pair"
CONFLICT = "two persons, conflict"
ITEM_TYPES = ("one person", "two persons, same emotion", "two persons, one calm", CONFLICT, PAIR)
"""Item types of training texts."""
THREE_PERSONS = "three persons"
ALL_ITEM_TYPES = (*ITEM_TYPES, THREE_PERSONS)
STUDY_ONE_IN = 8
"""One bag of words in this many is kept from training, with every text that can be made of it."""
SHIFTED_ONE_IN = 4
"""One text in this many of the study's stream is shifted."""
Shares = Mapping[str, float]
"""Emotion to the share of texts that have it; emotions not named share the rest equally."""
_ADDRESS = ("self", "you", "name")
"""Whom a line of a dialogue is about: the teller, the listener, or somebody else."""
MAX_SENTENCES = 5
_N_NEUTRAL = {1: (1, 1, 2, 2, 3, 4), 2: (0, 0, 1, 1, 2, 3), 3: (0, 0, 1, 1, 2)}
"""Number of neutral sentences, by the number of events; each entry is equally likely."""


@dataclass(frozen=True)
class Vignette:
    """A text with its question and answer, and its sentences in order."""

    example: Example
    sentences: tuple[Event | NeutralSentence, ...]

    @property
    def events(self) -> list[Event]:
        """The sentences that tell what happens to somebody, in the order of the text."""
        return [sentence for sentence in self.sentences if isinstance(sentence, Event)]


def vignettes(seed: int, *, split: GrammarSplit, shift: Shift = "") -> Iterator[Example]:
    """Stream examples without end; the same seed gives the same stream.

    Every bag of words, and so every text that can be made of it, belongs to one split. The two texts of a minimal pair
    follow each other.

    Example:
        >>> from emomech.data.grammar.vignettes import vignettes
        >>> example = next(vignettes(0, split="study"))
        >>> example.label in ("joy", "sadness", "anger", "fear", "disgust", "surprise", "calm")
        True
    """
    return (vignette.example for vignette in stream(seed, split=split, shift=shift))


def stream(seed: int, *, split: GrammarSplit, shift: Shift = "") -> Iterator[Vignette]:
    """Stream the texts of `vignettes` together with their events."""
    rng = Random(f"{seed}/{split}/{shift}")
    for number in count(1):
        cluster = "/".join(filter(None, (str(seed), split, shift, str(number))))
        yield from draw_vignettes(rng, split, cluster, shift=shift)


def study_stream(seed: int) -> Iterator[Vignette]:
    """Stream the texts of a study: most like those of training, every fourth one shifted, by each shift in turn."""
    unshifted = stream(seed, split="study")
    shifted = [stream(seed, split="study", shift=shift) for shift in SHIFTS]
    for shifted_stream in cycle(shifted):
        yield from islice(unshifted, SHIFTED_ONE_IN - 1)
        yield next(shifted_stream)


def draw_vignettes(
    rng: Random,
    split: GrammarSplit,
    cluster: str = "",
    *,
    shift: Shift = "",
    neutral: bool = True,
    shares: Shares | None = None,
) -> list[Vignette]:
    """Draw one vignette of a split, or the two vignettes of a minimal pair; they share the cluster.

    With `neutral` False the text has no neutral sentences, only events (and a scene that introduces the persons if
    pronouns stand for them). `shares` makes emotions rarer or more frequent.
    """
    while True:
        drawing = _Drawing(rng, shift, shares or {})
        texts = drawing.texts(neutral=neutral)
        if texts and (bag_hash(bare_words(texts[0])) % STUDY_ONE_IN == 0) == (split == "study"):
            return [drawing.vignette(sentences, cluster) for sentences in texts]


def bag_hash(text: str) -> int:
    """Hash a text's bag of words, whatever their case and order; it decides the split."""
    words = " ".join(sorted(findall(r"\w+", text.lower())))
    return int.from_bytes(blake2b(words.encode(), digest_size=8).digest())


def draw_emotion(rng: Random, shares: Shares, among: Sequence[str] = EMOTION_NOUNS) -> str:
    """Draw one of some emotions by its share; without shares all are equally likely."""
    if not shares:
        return rng.choice(among)
    rest = (1 - sum(shares.values())) / (len(EMOTION_NOUNS) - len(shares))
    return rng.choices(among, [shares.get(emotion, rest) for emotion in among])[0]


class _Drawing:
    """One text being drawn: first its style and persons, then their events, then the neutral sentences."""

    def __init__(self, rng: Random, shift: Shift, shares: Shares) -> None:
        self.rng, self.shift, self.shares = rng, shift, shares
        self.style: TextStyle = rng.choice(STYLES)
        self.item_type = THREE_PERSONS if shift == THREE_PERSONS else rng.choice(ITEM_TYPES)
        if shift and self.item_type == PAIR:
            self.item_type = CONFLICT
        self.names = rng.sample(persons(), 7)
        n = 3 if shift == THREE_PERSONS else 1 if self.item_type == "one person" else 2
        self.persons = ([SPEAKER] if self.style == "diary" else []) + self.names[: n - (self.style == "diary")]
        self.bystanders = self.names[n : n + 2]
        self.alike = self.item_type in (CONFLICT, PAIR)
        """Whether all persons are referred to in the same way; otherwise the form would tell whose emotion it is."""
        self.coreference = self.style == "story" and self.item_type != PAIR and rng.random() < 0.3 and self._distinct()
        self.asked = rng.choice(self.persons)

    def _distinct(self) -> bool:
        """Whether each pronoun can refer to one person only."""
        return len({is_female(name) for name in self.persons}) == len(self.persons)

    def texts(self, *, neutral: bool) -> list[list[Event | NeutralSentence]]:
        """Draw the sentences of one text or of a pair; empty if the drawn emotions have no event in this style."""
        emotions = self._emotions(self.asked)
        new_frame = {person: self.shift == "new frames" and person == self.asked for person in self.persons}
        try:
            events = [self._event(person, emotion, new=new_frame[person]) for person, emotion in emotions.items()]
        except ValueError:
            return []
        if self.alike and self.style == "diary":
            events = [replace(event, clitic=events[0].clitic) for event in events]
        self.rng.shuffle(events)
        events = self._with_tellers(events)
        sentences: list[Event | NeutralSentence] = list(events)
        if neutral or self.coreference:
            sentences = self._with_neutral(events)
        return [sentences, self._swapped(sentences)] if self.item_type == PAIR else [sentences]

    def _emotions(self, asked: str) -> dict[str, str]:
        """Draw the emotion of each person; the person who is asked about comes first."""
        first = draw_emotion(self.rng, self.shares)
        others = [person for person in self.persons if person != asked]
        if self.item_type == "two persons, same emotion":
            return {asked: first, others[0]: first}
        if self.item_type == "two persons, one calm":
            first = draw_emotion(self.rng, self.shares, EMOTION_NOUNS[:-1])
            calm_asked = self.rng.random() < 0.25  # otherwise half of these items would have the answer calm
            return {asked: "calm", others[0]: first} if calm_asked else {asked: first, others[0]: "calm"}
        among = EMOTION_NOUNS[:-1] if self.item_type == CONFLICT else EMOTION_NOUNS
        emotions = {asked: draw_emotion(self.rng, self.shares, among)}
        for person in others:
            unused = [emotion for emotion in among if emotion not in emotions.values()]
            emotions[person] = draw_emotion(self.rng, self.shares, unused)
        return emotions

    def _event(self, person: str, emotion: str, *, new: bool) -> Event:
        words = vocabulary(new_things=self.shift == "new things", new_verbs=self.shift == "new verbs")
        agents = [] if self.coreference else self.bystanders
        if not self.coreference and self.item_type in ("two persons, same emotion", "two persons, one calm"):
            agents = [*agents, *(name for name in self.persons if name != person)]
        event = sample_event(self.rng, EventSetting(self.style, words, new), person, emotion, agents)
        return replace(event, pronoun=True) if self.coreference else event

    def _with_tellers(self, events: Sequence[Event]) -> list[Event]:
        """In a dialogue, give each event a teller and a listener."""
        if self.style != "dialogue":
            return list(events)
        address = self.rng.choice(_ADDRESS)
        return [self._with_teller(event, address if self.alike else self.rng.choice(_ADDRESS)) for event in events]

    def _with_teller(self, event: Event, address: str) -> Event:
        """Draw teller and listener of an event; the agent is sometimes one of them if that gives nothing away."""
        around = self.names[3:6] if self.alike else [*self.persons, *self.names[3:6]]
        strangers = [name for name in around if name not in (event.person, event.agent)]
        first, second = self.rng.sample(strangers, 2)
        if not self.alike and address != "self" and event.agent in self.names and self.rng.random() < 0.4:
            first, second = (first, event.agent) if address == "you" else (event.agent, second)
        pairs = {"self": (event.person, first), "you": (second, event.person), "name": (first, second)}
        teller, listener = pairs[address]
        return replace(event, teller=teller, listener=listener)

    def _with_neutral(self, events: Sequence[Event]) -> list[Event | NeutralSentence]:
        """Put neutral sentences between the events."""
        sentences: list[Event | NeutralSentence] = list(events)
        n = self.rng.choice(_N_NEUTRAL[len(events)])
        if self.coreference:
            n = min(n, MAX_SENTENCES - 1 - len(events))
        for sentence in _neutral_sentences(self.rng, "" if self.coreference else self.names[6], n):
            sentences.insert(self.rng.randint(0, len(sentences)), sentence)
        if self.coreference:
            named = self.rng.sample(self.persons, len(self.persons))
            scene = f"{' and '.join(named)} {self.rng.choice(lexicon().scene.asides)} ."
            sentences.insert(0, NeutralSentence(scene, tuple(named)))
        return sentences

    def _swapped(self, sentences: Sequence[Event | NeutralSentence]) -> list[Event | NeutralSentence]:
        """Let the two persons change places."""
        names = dict(zip(self.persons, reversed(self.persons)))

        def swapped(name: str) -> str:
            return names.get(name, name)

        return [
            replace(
                sentence,
                person=swapped(sentence.person),
                teller=swapped(sentence.teller),
                listener=swapped(sentence.listener),
            )
            if isinstance(sentence, Event)
            else sentence
            for sentence in sentences
        ]

    def vignette(self, sentences: Sequence[Event | NeutralSentence], cluster: str) -> Vignette:
        """Write the text with its gold tags, and the answer to the question about the person."""
        realised = realise(sentences)
        deciding = next(event for event in sentences if isinstance(event, Event) and event.person == self.asked)
        facts = {"item_type": self.item_type, "style": self.style, "shift": self.shift, "cluster": cluster}
        tags = answer_tags(deciding, realised.ranks)
        example = Example(realised.text, deciding.emotion, self.asked, words=realised.words, answer_tags=tags, **facts)
        return Vignette(example, tuple(sentences))


def _neutral_sentences(rng: Random, name: str, n: int) -> Iterator[NeutralSentence]:
    """Draw sentences about nobody's emotion.

    Many contain words that would decide an emotion if they were about the person: foul things, prospects, denials,
    sudden events.
    """
    words, scene, things = lexicon(), lexicon().scene, vocabulary().things
    for kind in rng.sample(range(6 if name else 4), n):
        if kind == 0:
            yield NeutralSentence(f"{rng.choice(things.foul)} lay near the {rng.choice(things.distant)} .")
        elif kind == 1:
            yield NeutralSentence(f"{rng.choice((*words.sudden, *words.usual))} , {rng.choice(scene.openings)}")
        elif kind in (2, 3):
            yield NeutralSentence(rng.choice(scene.prospects if kind == 2 else scene.denials))
        elif kind == 4:
            yield NeutralSentence(f"{name} {rng.choice(scene.asides)} .", (name,))
        else:
            moved = f"{rng.choice(vocabulary().verbs.move)[1]} a {rng.choice(things.plain)}"
            yield NeutralSentence(f"{name} {moved} .", (name,))
