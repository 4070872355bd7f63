"""What the embedded model learns from, in three phases: to bind, to appraise, and to read the whole grammar.

Trained on vignettes alone a small transformer never learns which of two persons is meant; drills in which a name is
followed by what is to be recalled make the attention heads form that do, and the grammar then builds on them. Lesson
number i is a function of seed, phase and i alone, so that training resumes where it stopped.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Literal

from emomech.organism.grammar import draw
from emomech.organism.lexicon import EMOTION_NOUNS, lexicon

Phase = Literal["binding", "appraisal", "grammar"]
PHASES: tuple[Phase, ...] = ("binding", "appraisal", "grammar")

OTHER_WEIGHT: Mapping[Phase, float] = {"binding": 0.1, "appraisal": 0.1, "grammar": 0.5}
"""Weight in the loss of a token that is no answer; an answer weighs 1."""
DRILLS = (0.35, 0.15)
"""Share of drills at the beginning and at the end of the last phase."""
ORDINARY = 0.12
"""Share of ordinary text in the last phase."""


@dataclass(frozen=True)
class Lesson:
    """A text, and where in it the answers stand."""

    text: str
    answers: tuple[tuple[int, int], ...]


def lessons(phase: Phase, seed: int, n: int, start: int = 0) -> Iterator[Lesson]:
    """Give the lessons from number `start` on, of `n` in the phase."""
    for number in range(start, n):
        yield lesson(phase, seed, number, number / n)


def lesson(phase: Phase, seed: int, number: int, progress: float = 0.0) -> Lesson:
    """Give one lesson; `progress` in [0, 1] is how much of the phase lies behind."""
    rng = Random(f"{seed}/{phase}/{number}")
    if phase == "binding":
        return _drill(rng, felt=0.0)
    if phase == "appraisal":
        return _drill(rng, felt=0.7) if rng.random() < 0.5 else _vignette(rng, beside=False)
    kind = rng.random()
    drills = DRILLS[0] + (DRILLS[1] - DRILLS[0]) * progress
    if kind < ORDINARY:
        return Lesson(_ordinary(rng), ())
    return _drill(rng, felt=0.7) if kind < ORDINARY + drills else _vignette(rng)


def ordinary(seed: int) -> Iterator[str]:
    """Stream texts about nobody's emotion: scenes, definitions, questions and answers."""
    rng = Random(f"{seed}/ordinary")
    while True:
        yield _ordinary(rng)


def _drill(rng: Random, felt: float) -> Lesson:
    """Two to four persons react, and each is asked about twice; `felt` is the share of questions with that word."""
    words = lexicon()
    persons = {name: rng.choice(EMOTION_NOUNS) for name in rng.sample(words.names, rng.randint(2, 4))}
    lines = [f"{name} {rng.choice(words.reactions[emotion])}." for name, emotion in persons.items()]
    asked = [*rng.sample(sorted(persons), len(persons)), *rng.sample(sorted(persons), len(persons))]
    verbs = ["felt " if rng.random() < felt else "" for _ in asked]
    return _answered(
        " ".join(lines), [(f"{name} {verb}", persons[name]) for name, verb in zip(asked, verbs, strict=True)]
    )


def _vignette(rng: Random, *, beside: bool = True) -> Lesson:
    """A text of the grammar, and every person in it asked about, in any order."""
    drawn = rng.choice(draw(rng, "train", beside=beside))
    questions = [(f"{event.person} felt ", event.emotion) for event in drawn.events]
    rng.shuffle(questions)
    return _answered(drawn.example.text, questions)


def _ordinary(rng: Random) -> str:
    """A scene, what a thing is, or who did it: a text whose continuation has nothing to do with emotion."""
    scene, things = lexicon().scene, vars(lexicon().things)
    kind = rng.random()
    if kind < 0.3:
        bystander = rng.choice(lexicon().names)
        lines = [rng.choice(scene.openings), f"{bystander} {rng.choice(scene.asides)} .", rng.choice(scene.openings)]
        return " ".join(_sentence(line) for line in lines)
    if kind < 0.5:
        return " ".join(
            f"The {rng.choice(rng.choice(list(things.values())))} was on the {rng.choice(things['distant'])}."
            for _ in range(3)
        )
    drawn = rng.choice(draw(rng, "train"))
    facts = [event for event in drawn.events if event.mood == "fact"]
    asked = " ".join(
        f"{'Who' if e.meant else 'What'} {e.verb[1]} the {e.thing}? {e.agent[0].upper() + e.agent[1:]}." for e in facts
    )
    return f"{drawn.example.text} {asked}".strip()


def _sentence(line: str) -> str:
    return line[0].upper() + line[1:].replace(" .", ".")


def _answered(text: str, questions: list[tuple[str, str]]) -> Lesson:
    answers = []
    for question, answer in questions:
        text += f" {question}"
        answers.append((len(text), len(text) + len(answer)))
        text += f"{answer}."
    return Lesson(text, tuple(answers))
