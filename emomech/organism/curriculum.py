"""The lessons of the embedded model, in three phases: binding, appraisal, and the whole grammar.

A small transformer that is trained on vignettes only does not learn which of two persons is meant. Drills in which a
name is followed by the word to recall make the attention heads form that bind names, and the grammar builds on them.
Nor does it learn quickly that the worth of an event is the product of two signs, because neither sign is informative by
itself; a second kind of drill therefore has more verbs and things of positive sign until both signs are known. Lesson
number i depends on seed, phase and i only, so that training resumes where it stopped.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from random import Random
from typing import Literal, NamedTuple

from emomech.data.grammar.event_sampling import EventSetting, sample_event
from emomech.data.grammar.events import Event
from emomech.data.grammar.lexicon import is_female, lexicon, persons, vocabulary
from emomech.data.grammar.neutral_texts import draw_neutral_text
from emomech.data.grammar.realisation import SPEAKER, realise
from emomech.data.grammar.vignettes import Shares, Vignette, draw_emotion, draw_vignettes

Phase = Literal["binding", "appraisal", "grammar"]
PHASES: tuple[Phase, ...] = ("binding", "appraisal", "grammar")
OTHER_WEIGHT: Mapping[Phase, float] = {"binding": 0.1, "appraisal": 0.1, "grammar": 0.5}
"""Phase -> weight in the loss of a token outside an answer; a token of an answer has weight 1."""
DRILLS = (0.35, 0.15)
"""Share of drills at the beginning and at the end of the last phase."""
ORDINARY = 0.12
"""Share of emotionally neutral text in the last phase."""
LEAN = 0.7
"""Share of positive signs in the worth drills of the second phase; in the last phase it is one half."""
RECALL, WORTH = "recall", "worth"
"""Kinds of answers in drills."""
BY_NAME = "recall by name alone"
"""Kind of an answer in a position where a verb may also follow, so that even a perfect reader is sometimes wrong."""


class Answer(NamedTuple):
    """Characters of a lesson that are an answer, and the kind of question it answers."""

    start: int
    end: int
    kind: str


@dataclass(frozen=True)
class Lesson:
    """A training text with its answers."""

    text: str
    answers: tuple[Answer, ...]


def lessons(phase: Phase, seed: int, n: int, start: int = 0) -> Iterator[Lesson]:
    """Lessons number `start` to `n` - 1 of a phase with `n` lessons.

    Example:
        >>> from emomech.data.grammar.lexicon import EMOTION_NOUNS
        >>> from emomech.organism.curriculum import lessons
        >>> first = next(lessons("binding", seed=0, n=10))
        >>> answer = first.answers[0]
        >>> answer.kind, first.text[answer.start : answer.end] in EMOTION_NOUNS
        ('recall', True)
    """
    for number in range(start, n):
        yield lesson(phase, seed, number, number / n)


def lesson(phase: Phase, seed: int, number: int, progress: float = 0.0, shares: Shares | None = None) -> Lesson:
    """One lesson; `progress` in [0, 1] is the share of the phase that is done.

    `shares` (emotion -> share) makes an emotion rarer or more frequent as the answer, in all kinds of lessons.
    """
    rng, shares = Random(f"{seed}/{phase}/{number}"), shares or {}
    if phase == "binding":
        return _drill(rng, shares, felt=0.0, ways=("plain",))
    kind = rng.random()
    if phase == "appraisal":
        drills, share_of_neutral = 0.7, 0.1
    else:
        drills, share_of_neutral = DRILLS[0] + (DRILLS[1] - DRILLS[0]) * progress, ORDINARY
    if kind < share_of_neutral:
        neutral = draw_neutral_text(rng)
        return Lesson(neutral.text, (Answer(*neutral.answer, "who had it"),) if neutral.answer else ())
    if kind < share_of_neutral + drills / 2:
        return _drill(rng, shares, felt=0.7)
    if kind < share_of_neutral + drills:
        return _worth_drill(rng, shares, lean=LEAN if phase == "appraisal" else 0.5)
    return _vignette(rng, shares, neutral=phase == "grammar")


_WAYS = ("plain", "plain", "told", "told", "pronoun")
"""Ways to write the sentences of a drill, each as likely as it is frequent here."""


def _drill(rng: Random, shares: Shares, *, felt: float, ways: Sequence[str] = _WAYS) -> Lesson:
    """Two to four persons react, each with two questions; `felt` is the share of questions that contain this verb."""
    way = rng.choice(ways)
    names = rng.sample(persons(), 2 if way == "pronoun" else rng.randint(2, 4))
    while way == "pronoun" and len({is_female(name) for name in names}) < 2:
        names = rng.sample(persons(), 2)
    emotions = {name: draw_emotion(rng, shares) for name in names}
    lines = _reactions(rng, emotions, way)
    order = [*rng.sample(names, len(names)), *rng.sample(names, len(names))]
    verbs = ["felt " if rng.random() < felt else "" for _ in order]
    kinds = [RECALL if verb or not felt else BY_NAME for verb in verbs]
    questions = [(f"{name} {verb}", emotions[name], kind) for name, verb, kind in zip(order, verbs, kinds)]
    return _answered(" ".join(lines), questions)


def _reactions(rng: Random, emotions: Mapping[str, str], way: str) -> list[str]:
    """Sentences on what each person did: by name, as somebody's words about themselves or another, or by pronoun."""
    words = lexicon()
    verbs = {name: rng.choice(words.reactions[emotion]) for name, emotion in emotions.items()}
    if way == "plain":
        return [f"{name} {verb}." for name, verb in verbs.items()]
    if way == "pronoun":
        scene = f"{' and '.join(rng.sample(list(verbs), 2))} {rng.choice(words.scene.asides)}."
        return [scene, *(f"{'She' if is_female(name) else 'He'} {verb}." for name, verb in verbs.items())]
    lines = []
    for name, verb in verbs.items():
        first, second = rng.sample([person for person in persons() if person != name], 2)
        others = [person for person in verbs if person != name]
        first = rng.choice(others) if rng.random() < 0.7 else first
        speakers = {"I": (name, first), "You": (first, name), name: (first, second)}
        subject = rng.choice(list(speakers))
        lines.append("{} to {}: {} {}.".format(*speakers[subject], subject, verb))
    return lines


def _worth_drill(rng: Random, shares: Shares, *, lean: float) -> Lesson:
    """A single event and its worth to the person; verb and thing each have a positive sign with probability `lean`."""
    style = rng.choice(("story", "diary"))
    signs = tuple(1 if rng.random() < lean else -1 for _ in range(2))
    emotion = "joy" if signs[0] == signs[1] else draw_emotion(rng, shares, ("sadness", "anger", "fear"))
    name, *others = rng.sample(persons(), 3)
    person, setting = SPEAKER if style == "diary" else name, EventSetting(style, vocabulary())
    events = (sample_event(rng, setting, person, emotion, others) for _ in count())
    event = next(event for event in events if (event.verb_sign, event.thing_sign) == signs)
    return _answered(realise([event]).text, [_worth(event), (f"{person} felt ", emotion, "single event")])


def _vignette(rng: Random, shares: Shares, *, neutral: bool = True) -> Lesson:
    """A text of the grammar with a question about every person, in random order; some with a further question."""
    vignette = rng.choice(draw_vignettes(rng, "train", neutral=neutral, shares=shares))
    example = vignette.example
    kind = f"{example.item_type}, {example.style}"
    questions = [(f"{event.person} felt ", event.emotion, kind) for event in vignette.events]
    rng.shuffle(questions)
    extra = rng.random()
    if extra < 0.15:
        questions.insert(0, _worth(rng.choice(vignette.events)))
    elif extra < 0.3 and (question := _who_did(rng, vignette)):
        questions.insert(0, question)
    return _answered(example.text, questions)


def _worth(event: Event) -> tuple[str, str, str]:
    """Question whether the event is good for the person, whether or not it happened: question, answer, kind."""
    whom = "me" if event.person == SPEAKER else event.person
    return f"For {whom} it was ", {1: "good", -1: "bad", 0: "nothing"}[event.desirability], WORTH


def _who_did(rng: Random, vignette: Vignette) -> tuple[str, str, str] | None:
    """Question who caused an event that happened: question, answer, kind; None without such an event."""
    facts = [event for event in vignette.events if event.mood == "fact" and not event.teller]
    if not facts:
        return None
    event = rng.choice(facts)
    agent = "me" if event.agent == SPEAKER else event.agent
    return f"The {event.thing} was {event.verb[2]} by ", agent, "who did it"


def _answered(text: str, questions: Sequence[tuple[str, str, str]]) -> Lesson:
    """Append questions with their answers to a text."""
    answers = []
    for question, answer, kind in questions:
        text += f" {question}"
        answers.append(Answer(len(text), len(text) + len(answer), kind))
        text += f"{answer}."
    return Lesson(text, tuple(answers))
