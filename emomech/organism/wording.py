"""Events in words: sentences, and the gold tags of each of their words.

In a passive the thing is the subject though it does nothing, so that grammatical and semantic role come apart.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from emomech.corpus import Word
from emomech.organism.events import Event
from emomech.organism.lexicon import parts_of_speech

SPEAKER = "I"
"""The person of a diary."""

_ROLES: Mapping[str, Mapping[str, tuple[str, str, str]]] = {
    "deed": {"active": ("subject", "object", "possessor"), "passive": ("oblique", "subject", "possessor")},
    "give": {"active": ("subject", "object", "indirect object"), "passive": ("oblique", "object", "subject")},
    "take": {"active": ("subject", "object", "oblique"), "passive": ("oblique", "subject", "oblique")},
    "contact": {"active": ("subject", "object", "possessor"), "passive": ("oblique", "subject", "possessor")},
}
"""Grammatical role of agent, thing and person, by frame and voice."""
_SEMANTIC: Mapping[str, str] = {"deed": "owner", "give": "recipient", "take": "source", "contact": "owner"}
"""Semantic role of the person, by frame."""


@dataclass(frozen=True)
class _Piece:
    """Some words of a sentence that share their tags."""

    text: str
    tags: Mapping[str, str]


def write(filler: Sequence[str], events: Sequence[Event]) -> tuple[str, tuple[Word, ...]]:
    """Write a text, what happens beside first, and say where each word stands and what it is."""
    rank = ranks(events)
    pieces = [_Piece(sentence, {}) for sentence in filler]
    for event in events:
        pieces += _sentence(event, rank)
    return _written(pieces)


def ranks(events: Sequence[Event]) -> dict[str, str]:
    """Name the persons whom something befalls by the order in which the text first mentions them."""
    told = [who for e in events for who in ((e.agent, e.person) if e.voice == "active" else (e.person, e.agent))]
    persons = {event.person for event in events}
    return dict(zip(dict.fromkeys(who for who in told if who in persons), ("first", "second")))


def answer_tags(deciding: Event, events: Sequence[Event]) -> dict[str, str]:
    """Give the gold tags of the person who is asked about, in the event that decides."""
    tags = _tags_of_person(deciding) | {"voice": deciding.voice, "entity": ranks(events)[deciding.person]}
    return tags | {
        "desirability": _sign(deciding.desirability),
        "certainty": deciding.mood,
        "agency": "person" if deciding.meant else "nature",
        "expectedness": "sudden" if deciding.sudden else "usual" if deciding.aside else "unsaid",
        "contamination": "contaminated" if deciding.contaminates else "clean",
    }


def _tags_of_person(event: Event) -> dict[str, str]:
    return {"role": _ROLES[event.frame][event.voice][2], "semantic_role": _SEMANTIC[event.frame]}


def _sign(value: int) -> str:
    return "good" if value > 0 else "bad" if value < 0 else "neither"


def _sentence(event: Event, rank: Mapping[str, str]) -> list[_Piece]:
    """Write one event as a sentence, its adverbial first where it has one."""
    worth = {"desirability": _sign(event.desirability)}
    agent_role, thing_role, _ = _ROLES[event.frame][event.voice]
    who = rank.get(event.agent, "bystander") if event.meant else "thing"
    agent = {"role": agent_role, "semantic_role": "agent" if event.meant else "cause", "entity": who}
    theme = {"role": thing_role, "semantic_role": "theme", "entity": "thing", **worth}
    person = _tags_of_person(event) | {"entity": rank[event.person], **worth}
    subject = _Piece(event.agent, agent)
    by = [_Piece("by", {}), _Piece("me" if event.agent == SPEAKER else event.agent, agent)]
    verb = _Piece(_verb_phrase(event), {"voice": event.voice, **worth})
    whom = _Piece("me" if event.person == SPEAKER else event.person, person)
    thing = [_Piece("the", {}), _Piece(event.thing, theme)]
    active = event.voice == "active"
    if event.frame == "give":
        receiver = _Piece(event.person, person)
        order = [subject, verb, whom, *thing] if active else [receiver, verb, *thing, *by]
    elif event.frame == "take":
        source = [_Piece("from", {}), whom]
        order = [subject, verb, *thing, *source] if active else [*thing, verb, *source, *by]
    elif event.frame == "deed":
        owned = _owned(_Piece(event.thing, theme), event.person, person)
        order = [subject, verb, *owned] if active else [*owned, verb, *by]
    else:
        location = {"role": "oblique", "semantic_role": "location", "entity": "thing"}
        site = [_Piece("onto", {}), *_owned(_Piece(event.site, location), event.person, person)]
        substance = _Piece(event.thing, theme)
        order = [subject, verb, substance, *site] if active else [substance, verb, *site, *by]
    return [*([_Piece(event.aside, {}), _Piece(",", {})] if event.aside else []), *order, _Piece(".", {})]


def _owned(thing: _Piece, person: str, tags: Mapping[str, str]) -> list[_Piece]:
    if person == SPEAKER:
        return [_Piece("my", tags), thing]
    return [_Piece("the", {}), thing, _Piece("of", {}), _Piece(person, tags)]


def _verb_phrase(event: Event) -> str:
    base, past, participle = event.verb
    if event.mood == "fact":
        return past if event.voice == "active" else f"was {participle}"
    if event.mood == "prospect":
        return f"{event.modal} {base if event.voice == 'active' else f'be {participle}'}"
    if event.voice == "passive":
        return f"was {event.modal} {participle}"
    return f"never {past}" if event.modal == "never" else f"did not {base}"


def _written(pieces: list[_Piece]) -> tuple[str, tuple[Word, ...]]:
    """Join words by spaces, begin sentences with capitals, and say where each word stands; tags go to content words."""
    parts, words, text = parts_of_speech(), [], ""
    for piece in pieces:
        for form in piece.text.split():
            if form in (".", ","):
                text += form
                continue
            fresh = not text or text.endswith(".")
            text += " " if text else ""
            pos = {"pos": parts[form.lower()]} if form.lower() in parts else {}
            tags = piece.tags if pos.get("pos") in ("noun", "name", "verb", "pronoun", None) or form == "my" else {}
            words.append(Word(len(text), len(text) + len(form), {**pos, **tags}))
            text += form[0].upper() + form[1:] if fresh else form
    return text, tuple(words)
