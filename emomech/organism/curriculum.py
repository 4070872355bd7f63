"""What the embedded model learns from, in three phases: to bind, to appraise, and to read the whole grammar.

Trained on vignettes alone a small transformer does not learn which of two persons is meant; drills in which a name is
followed by what is to be recalled make the attention heads form that do, and the grammar then builds on them. Nor does
it soon learn that the worth of an event is the product of two signs, as long as neither sign tells anything by itself:
other drills lean to verbs and things of positive sign until both signs are known. Lesson number i is a function of
seed, phase and i alone, so that training resumes where it stopped.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from random import Random
from typing import Literal, NamedTuple

from emomech.data.grammar.event_sampling import Setting, happening
from emomech.data.grammar.events import Event
from emomech.data.grammar.lexicon import is_female, lexicon, persons, vocabulary
from emomech.data.grammar.neutral_texts import draw_ordinary
from emomech.data.grammar.realisation import SPEAKER, write
from emomech.data.grammar.vignettes import Shares, Vignette, draw, weighted

Phase = Literal["binding", "appraisal", "grammar"]
PHASES: tuple[Phase, ...] = ("binding", "appraisal", "grammar")
OTHER_WEIGHT: Mapping[Phase, float] = {"binding": 0.1, "appraisal": 0.1, "grammar": 0.5}
"""Weight in the loss of a token that is no answer; an answer weighs 1."""
DRILLS = (0.35, 0.15)
"""Share of drills at the beginning and at the end of the last phase."""
ORDINARY = 0.12
"""Share of ordinary text in the last phase."""
LEAN = 0.7
"""Share of positive signs in the drills of worth of the second phase; later it is one half."""
RECALL, WORTH = "recall", "worth"
"""Kinds of the answers of drills."""
BY_NAME = "recall by name alone"
"""Kind of an answer that stands where a verb might stand as well, so that no reader can always be right."""


class Answer(NamedTuple):
    """Where in a lesson an answer stands, and what it asks for."""

    start: int
    end: int
    kind: str


@dataclass(frozen=True)
class Lesson:
    """A text, and where in it the answers stand."""

    text: str
    answers: tuple[Answer, ...]


def lessons(phase: Phase, seed: int, n: int, start: int = 0) -> Iterator[Lesson]:
    """Give the lessons from number `start` on, of `n` in the phase."""
    for number in range(start, n):
        yield lesson(phase, seed, number, number / n)


def lesson(phase: Phase, seed: int, number: int, progress: float = 0.0, shares: Shares | None = None) -> Lesson:
    """Give one lesson; `progress` in [0, 1] is how much of the phase lies behind.

    `shares` makes emotions rarer or more frequent, wherever one is an answer.
    """
    rng, shares = Random(f"{seed}/{phase}/{number}"), shares or {}
    if phase == "binding":
        return _drill(rng, shares, felt=0.0, ways=("plain",))
    kind = rng.random()
    if phase == "appraisal":
        drills, ordinary = 0.7, 0.1
    else:
        drills, ordinary = DRILLS[0] + (DRILLS[1] - DRILLS[0]) * progress, ORDINARY
    if kind < ordinary:
        told = draw_ordinary(rng)
        return Lesson(told.text, (Answer(*told.answer, "who had it"),) if told.answer else ())
    if kind < ordinary + drills / 2:
        return _drill(rng, shares, felt=0.7)
    if kind < ordinary + drills:
        return _worth_drill(rng, shares, lean=LEAN if phase == "appraisal" else 0.5)
    return _vignette(rng, shares, beside=phase == "grammar")


_WAYS = ("plain", "plain", "told", "told", "pronoun")


def _drill(rng: Random, shares: Shares, *, felt: float, ways: Sequence[str] = _WAYS) -> Lesson:
    """Two to four persons react, and each is asked about twice; `felt` is the share of questions with that word."""
    way = rng.choice(ways)
    names = rng.sample(persons(), 2 if way == "pronoun" else rng.randint(2, 4))
    while way == "pronoun" and len({is_female(name) for name in names}) < 2:
        names = rng.sample(persons(), 2)
    reacted = {name: weighted(rng, shares) for name in names}
    lines = _reactions(rng, reacted, way)
    asked = [*rng.sample(names, len(names)), *rng.sample(names, len(names))]
    verbs = ["felt " if rng.random() < felt else "" for _ in asked]
    kinds = [RECALL if verb or not felt else BY_NAME for verb in verbs]
    questions = [(f"{name} {verb}", reacted[name], kind) for name, verb, kind in zip(asked, verbs, kinds)]
    return _answered(" ".join(lines), questions)


def _reactions(rng: Random, reacted: Mapping[str, str], way: str) -> list[str]:
    """Tell what each person did: by name, as somebody's words about themselves or another, or by pronoun."""
    words = lexicon()
    verbs = {name: rng.choice(words.reactions[emotion]) for name, emotion in reacted.items()}
    if way == "plain":
        return [f"{name} {verb}." for name, verb in verbs.items()]
    if way == "pronoun":
        scene = f"{' and '.join(rng.sample(list(verbs), 2))} {rng.choice(words.scene.asides)}."
        return [scene, *(f"{'She' if is_female(name) else 'He'} {verb}." for name, verb in verbs.items())]
    lines = []
    for name, verb in verbs.items():
        one, two = rng.sample([other for other in persons() if other != name], 2)
        others = [other for other in verbs if other != name]
        one = rng.choice(others) if rng.random() < 0.7 else one
        said = {"I": (name, one), "You": (one, name), name: (one, two)}
        who = rng.choice(list(said))
        lines.append("{} to {}: {} {}.".format(*said[who], who, verb))
    return lines


def _worth_drill(rng: Random, shares: Shares, *, lean: float) -> Lesson:
    """A single event, and what it was to whom it befell; verb and thing are each of positive sign in a share `lean`."""
    style = rng.choice(("story", "diary"))
    signs = tuple(1 if rng.random() < lean else -1 for _ in range(2))
    emotion = "joy" if signs[0] == signs[1] else weighted(rng, shares, ("sadness", "anger", "fear"))
    name, *others = rng.sample(persons(), 3)
    person, setting = SPEAKER if style == "diary" else name, Setting(style, vocabulary())
    drawn = (happening(rng, setting, person, emotion, others) for _ in count())
    event = next(one for one in drawn if (one.verb_sign, one.thing_sign) == signs)
    return _answered(write([event]).text, [_worth(event), (f"{person} felt ", emotion, "single event")])


def _vignette(rng: Random, shares: Shares, *, beside: bool = True) -> Lesson:
    """A text of the grammar, and every person in it asked about, in any order; some also what it was to them."""
    drawn = rng.choice(draw(rng, "train", beside=beside, shares=shares))
    example = drawn.example
    kind = f"{example.item_type}, {example.style}"
    questions = [(f"{event.person} felt ", event.emotion, kind) for event in drawn.events]
    rng.shuffle(questions)
    extra = rng.random()
    if extra < 0.15:
        questions.insert(0, _worth(rng.choice(drawn.events)))
    elif extra < 0.3 and (asked := _who_did(rng, drawn)):
        questions.insert(0, asked)
    return _answered(example.text, questions)


def _worth(event: Event) -> tuple[str, str, str]:
    """Whether what is told is good for the person, happened or not."""
    whom = "me" if event.person == SPEAKER else event.person
    return f"For {whom} it was ", {1: "good", -1: "bad", 0: "nothing"}[event.desirability], WORTH


def _who_did(rng: Random, drawn: Vignette) -> tuple[str, str, str] | None:
    """Who did a thing that is told as a fact."""
    facts = [event for event in drawn.events if event.mood == "fact" and not event.teller]
    if not facts:
        return None
    event = rng.choice(facts)
    agent = "me" if event.agent == SPEAKER else event.agent
    return f"The {event.thing} was {event.verb[2]} by ", agent, "who did it"


def _answered(text: str, questions: Sequence[tuple[str, str, str]]) -> Lesson:
    answers = []
    for question, answer, kind in questions:
        text += f" {question}"
        answers.append(Answer(len(text), len(text) + len(answer), kind))
        text += f"{answer}."
    return Lesson(text, tuple(answers))
