"""Draws an event from which a given emotion follows.

No word tells the emotion, and no kind of event does: breaking a cage is good and repairing it bad; slime on a road is
nothing, and honey in a soup neither; a dog may lick the fence and not the spoon. What did not happen leaves calm
behind, whatever it was.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Literal

from emomech.data.grammar.events import Event, Frame, Mood
from emomech.data.grammar.lexicon import Vocabulary, lexicon

Kind = Literal["valued", "fouled", "mouthed", "moved", "touched", "tasted"]
Style = Literal["story", "diary", "dialogue"]
HELD_OUT_FRAMES: Mapping[Style, tuple[Frame, ...]] = {
    "story": ("mouth",),
    "diary": ("give", "take"),
    "dialogue": ("contact",),
}
"""Frames that no text for training tells in a style; each is told in the other two."""
_WAYS: Mapping[str, tuple[tuple[Kind, Mood], ...]] = {
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
"""What leads to an emotion, equally often: a kind of event, and whether it happened, may happen, or did not."""


@dataclass(frozen=True)
class Setting:
    """What events of a text are drawn from."""

    style: Style
    words: Vocabulary
    new_frames: bool = False
    """Take the frames that are held out in the style, and no others."""

    def allows(self, frame: Frame) -> bool:
        """Whether an event of the frame may be told."""
        return (frame in HELD_OUT_FRAMES[self.style]) == self.new_frames


def happening(rng: Random, setting: Setting, person: str, emotion: str, others: Sequence[str]) -> Event:
    """Draw an event that befalls the person and makes them feel so; `others` are who may act by name.

    Raises ValueError where no frame that the setting allows leads to the emotion.
    """
    ways = [way for way in _WAYS[emotion] if any(map(setting.allows, _FRAMES[way[0]]))]
    if not ways:
        raise ValueError(f"{emotion}: no frame of {setting} leads to it.")
    kind, mood = rng.choice(ways)
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


_FRAMES: Mapping[Kind, tuple[Frame, ...]] = {
    "valued": ("deed", "give", "take"),
    "fouled": ("contact",),
    "mouthed": ("mouth",),
    "moved": ("deed",),
    "touched": ("contact",),
    "tasted": ("mouth",),
}


def _latents(rng: Random, setting: Setting, kind: Kind, sign: int) -> dict[str, Any]:
    if kind == "valued":
        return _valued(rng, setting, sign)
    if kind == "moved":
        return _moved(rng, setting.words)
    if kind in ("mouthed", "tasted"):
        return _mouthed(rng, setting.words, foul=kind == "mouthed")
    return _touched(rng, setting.words, foul=kind == "fouled")


def _valued(rng: Random, setting: Setting, sign: int) -> dict[str, Any]:
    """A deed or a transfer whose worth to the person is `sign`: verb and thing each have their own."""
    things, verbs = setting.words.things, setting.words.verbs
    ways = [("deed", 1), ("deed", -1), ("give", 1), ("take", -1)]
    frame, verb_sign = rng.choice([way for way in ways if setting.allows(way[0])])  # pyright: ignore[reportArgumentType]
    kinds = {("deed", 1): verbs.help, ("deed", -1): verbs.harm, ("give", 1): verbs.give, ("take", -1): verbs.take}
    thing = rng.choice(things.prized if verb_sign * sign > 0 else things.hated)
    verb = rng.choice(kinds[frame, verb_sign])
    return {"frame": frame, "verb": verb, "verb_sign": verb_sign, "thing": thing, "thing_sign": verb_sign * sign}


def _moved(rng: Random, words: Vocabulary) -> dict[str, Any]:
    """A deed that changes nothing for the person, whatever the thing is worth."""
    things = words.things
    pool, sign = rng.choice(((things.plain, 0), (things.bodily, 0), (things.prized, 1), (things.hated, -1)))
    verb = rng.choice(words.verbs.move)
    return {"frame": "deed", "verb": verb, "verb_sign": 0, "thing": rng.choice(pool), "thing_sign": sign}


def _touched(rng: Random, words: Vocabulary, *, foul: bool) -> dict[str, Any]:
    """Something touches something: foul on body or food contaminates, other contacts do not."""
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
    """A mouth on what touches another's body or food breaks a norm, and on other things does not."""
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
    """Say how expected it was; of an event that is neither good nor bad this alone decides."""
    words = lexicon()
    if emotion == "surprise":
        return rng.choice(words.sudden)
    if rng.random() < 0.6:
        return ""
    return rng.choice(words.usual if neutral else (*words.sudden, *words.usual))
