"""Sample an event from which a given emotion follows.

Neither a word nor a kind of event gives the emotion away: breaking a cage is good and repairing it is bad; slime on a
road means nothing, nor does honey in a soup; a dog may lick the fence but not the spoon. An event that did not happen
leaves the person calm.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Literal

from emomech.data.grammar.events import Event, Frame, Mood
from emomech.data.grammar.lexicon import Vocabulary, lexicon

EventKind = Literal["valued", "fouled", "mouthed", "moved", "touched", "tasted"]
TextStyle = Literal["story", "diary", "dialogue"]
HELD_OUT_FRAMES: Mapping[TextStyle, tuple[Frame, ...]] = {
    "story": ("mouth",),
    "diary": ("give", "take"),
    "dialogue": ("contact",),
}
"""Frames that no training text has in a style; training texts of the other two styles have them."""
_CAUSES: Mapping[str, tuple[tuple[EventKind, Mood], ...]] = {
    "joy": (("valued", "fact"), ("valued", "fact"), ("valued", "prospect")),
    "sadness": (("valued", "fact"),),
    "anger": (("valued", "fact"),),
    "fear": (("valued", "prospect"), ("valued", "prospect"), ("fouled", "prospect"), ("mouthed", "prospect")),
    "disgust": (("fouled", "fact"), ("mouthed", "fact")),
    "surprise": (("moved", "fact"), ("touched", "fact"), ("tasted", "fact")),
    "calm": (
        ("valued", "denied"),
        ("fouled", "denied"),
        ("mouthed", "denied"),
        ("moved", "fact"),
        ("touched", "fact"),
        ("tasted", "fact"),
        ("moved", "prospect"),
    ),
}
"""Causes of an emotion, equally likely: a kind of event, and whether it happened, may happen, or did not."""


@dataclass(frozen=True)
class EventSetting:
    """Style and vocabulary of a text, which decide the events that it may tell."""

    style: TextStyle
    words: Vocabulary
    new_frames: bool = False
    """Use only the frames that are held out in the style."""

    def allows(self, frame: Frame) -> bool:
        """Whether the text may tell an event of this frame."""
        return (frame in HELD_OUT_FRAMES[self.style]) == self.new_frames


def sample_event(rng: Random, setting: EventSetting, person: str, emotion: str, others: Sequence[str]) -> Event:
    """Draw an event that happens to a person and causes the emotion; `others` are the names that may act in it.

    Raises ValueError if no frame that the setting allows leads to the emotion.

    Example:
        >>> from random import Random
        >>> from emomech.data.grammar.event_sampling import EventSetting, sample_event
        >>> from emomech.data.grammar.lexicon import vocabulary
        >>> event = sample_event(Random(0), EventSetting("story", vocabulary()), "Anna", "fear", ["Ben"])
        >>> event.emotion, event.mood
        ('fear', 'prospect')
    """
    causes = [cause for cause in _CAUSES[emotion] if any(map(setting.allows, _FRAMES[cause[0]]))]
    if not causes:
        raise ValueError(f"{emotion}: no frame of {setting} leads to it.")
    kind, mood = rng.choice(causes)
    sign = 1 if emotion == "joy" else -1 if mood != "denied" else rng.choice((1, -1))
    latents = _latents(rng, setting, kind, sign)
    meant = emotion != "sadness" and (emotion == "anger" or rng.random() < 0.6)
    voice = rng.choice(("active", "passive"))
    aside = _aside(rng, emotion, neutral=kind in ("moved", "touched", "tasted"))
    return Event(
        person=person,
        agent=_agent(rng, latents, others, meant=meant),
        meant=meant,
        mood=mood,
        said=_said(rng, mood, active=voice == "active", meant=meant),
        voice=voice,
        aside=aside,
        sudden=aside in lexicon().sudden,
        clitic=rng.random() < 0.5,
        **latents,
    )


_FRAMES: Mapping[EventKind, tuple[Frame, ...]] = {
    "valued": ("deed", "give", "take"),
    "fouled": ("contact",),
    "mouthed": ("mouth",),
    "moved": ("deed",),
    "touched": ("contact",),
    "tasted": ("mouth",),
}


def _latents(rng: Random, setting: EventSetting, kind: EventKind, sign: int) -> dict[str, Any]:
    if kind == "valued":
        return _valued(rng, setting, sign)
    if kind == "moved":
        return _moved(rng, setting.words)
    if kind in ("mouthed", "tasted"):
        return _mouthed(rng, setting.words, foul=kind == "mouthed")
    return _touched(rng, setting.words, foul=kind == "fouled")


def _valued(rng: Random, setting: EventSetting, sign: int) -> dict[str, Any]:
    """Draw a deed or a transfer that is worth `sign` to the person: the product of the signs of verb and thing."""
    things, verbs = setting.words.things, setting.words.verbs
    options = [("deed", 1), ("deed", -1), ("give", 1), ("take", -1)]
    frame, verb_sign = rng.choice([option for option in options if setting.allows(option[0])])  # pyright: ignore[reportArgumentType]
    kinds = {("deed", 1): verbs.help, ("deed", -1): verbs.harm, ("give", 1): verbs.give, ("take", -1): verbs.take}
    thing = rng.choice(things.prized if verb_sign * sign > 0 else things.hated)
    verb = rng.choice(kinds[frame, verb_sign])
    return {"frame": frame, "verb": verb, "verb_sign": verb_sign, "thing": thing, "thing_sign": verb_sign * sign}


def _moved(rng: Random, words: Vocabulary) -> dict[str, Any]:
    """Draw a deed that changes nothing for the person, whatever the thing is worth."""
    things = words.things
    pool, sign = rng.choice(((things.plain, 0), (things.bodily, 0), (things.prized, 1), (things.hated, -1)))
    verb = rng.choice(words.verbs.move)
    return {"frame": "deed", "verb": verb, "verb_sign": 0, "thing": rng.choice(pool), "thing_sign": sign}


def _touched(rng: Random, words: Vocabulary, *, foul: bool) -> dict[str, Any]:
    """Draw a contact of two things: foul on body or food contaminates, other contacts do not."""
    things = words.things
    clean = not foul and rng.random() < 0.5
    sites = things.bodily if foul or clean else rng.choice((things.distant, things.plain))
    return {
        "frame": "contact",
        "verb": rng.choice(words.verbs.contact),
        "verb_sign": 0,
        "thing": rng.choice(things.clean if clean else things.foul),
        "thing_sign": 0,
        "site": rng.choice(sites),
        "contaminates": foul,
    }


def _mouthed(rng: Random, words: Vocabulary, *, foul: bool) -> dict[str, Any]:
    """Draw a contact with a mouth: it contaminates what touches the person's body or food, but no other thing."""
    pool = words.things.bodily if foul else rng.choice((words.things.distant, words.things.plain))
    verb = rng.choice(words.verbs.mouth)
    sign = {"verb_sign": 0, "thing_sign": 0}
    return {"frame": "mouth", "verb": verb, "thing": rng.choice(pool), "contaminates": foul, **sign}


def _agent(rng: Random, latents: Mapping[str, Any], others: Sequence[str], *, meant: bool) -> str:
    agents = lexicon().agents
    if meant:
        return rng.choice(others) if others and rng.random() < 0.7 else f"the {rng.choice(agents.people)}"
    if latents["frame"] == "mouth":
        return f"the {rng.choice(agents.animals)}"
    return f"the {rng.choice((*agents.natural, *agents.animals))}"


def _said(rng: Random, mood: Mood, *, active: bool, meant: bool) -> str:
    if mood == "fact":
        return ""
    words = lexicon()
    if mood == "prospect":
        return rng.choice((*words.prospect.anyone, *(words.prospect.persons if active and meant else ())))
    if not active:
        return rng.choice(words.denied.participle)
    return rng.choice((*words.denied.anyone, *words.denied.past, *(words.denied.persons if meant else ())))


def _aside(rng: Random, emotion: str, *, neutral: bool) -> str:
    """Draw an adverbial of expectedness; only this decides the emotion of an event that is neither good nor bad."""
    words = lexicon()
    if emotion == "surprise":
        return rng.choice(words.sudden)
    if rng.random() < 0.6:
        return ""
    return rng.choice(words.usual if neutral else (*words.sudden, *words.usual))
