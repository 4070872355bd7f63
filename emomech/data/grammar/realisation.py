"""Events in words: sentences, and the gold tags of each of their words.

In a passive the thing is the subject though it does nothing, so that grammatical and semantic role come apart. An
appraisal is tagged on the words from which on the text decides it: a causal model cannot know it earlier.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from emomech.data.corpus import Word
from emomech.data.grammar.events import Event
from emomech.data.grammar.lexicon import is_female, lexicon, parts_of_speech

SPEAKER = "I"
"""The person of a diary."""
RANKS = ("first", "second", "third")
_ROLES: Mapping[str, Mapping[str, tuple[str, str, str]]] = {
    "deed": {"active": ("subject", "object", "possessor"), "passive": ("oblique", "subject", "possessor")},
    "give": {"active": ("subject", "object", "indirect object"), "passive": ("oblique", "object", "subject")},
    "take": {"active": ("subject", "object", "oblique"), "passive": ("oblique", "subject", "oblique")},
}
_ROLES = {**_ROLES, "contact": _ROLES["deed"], "mouth": _ROLES["deed"]}
"""Grammatical role of agent, thing and person, by frame and voice."""
_SEMANTIC: Mapping[str, str] = {"give": "recipient", "take": "source"}
"""Semantic role of the person, by frame; else the owner."""
_NEEDS: Mapping[str, frozenset[str]] = {
    "verb_sign": frozenset({"verb"}),
    "thing_sign": frozenset({"thing"}),
    "desirability": frozenset({"verb", "thing", "site"}),
    "certainty": frozenset({"verb"}),
    "agency": frozenset({"agent"}),
    "expectedness": frozenset(),
    "contamination": frozenset({"verb", "thing", "site"}),
}
"""The parts of a sentence that decide an appraisal; what is not named here needs all of them."""
_SELF = {"subject": "I", "object": "me", "owner": "my"}
_YOU = {"subject": "you", "object": "you", "owner": "your"}
_SHE = {"subject": "she", "object": "her", "owner": "her"}
_HE = {"subject": "he", "object": "him", "owner": "his"}


@dataclass(frozen=True)
class Piece:
    """Some words of a sentence that share their tags."""

    text: str
    tags: Mapping[str, str] = field(default_factory=dict)
    who: str = ""
    """The person that the words mean, by name."""
    part: str = ""
    """What the words contribute to the event."""


@dataclass(frozen=True)
class Beside:
    """A sentence that tells nothing of what anybody feels; `persons` are those that it names."""

    text: str
    persons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Written:
    """A text, its annotated words, and each feeling person's rank of mention."""

    text: str
    words: tuple[Word, ...]
    ranks: Mapping[str, str]


def write(told: Sequence[Event | Beside]) -> Written:
    """Write a text, and say where each word stands and what it is."""
    feeling = {one.person for one in told if isinstance(one, Event)}
    pieces = [piece for one in told for piece in (_sentence(one) if isinstance(one, Event) else _beside(one))]
    mentioned = dict.fromkeys(piece.who for piece in pieces if piece.who)
    ranks = dict(zip((who for who in mentioned if who in feeling), RANKS))
    number = {who: str(i + 1) for i, who in enumerate(mentioned)}
    text, words = _written([_placed(piece, ranks, number) for piece in pieces])
    return Written(text, words, ranks)


def unpointed(told: Sequence[Event | Beside]) -> str:
    """Give the words of a text without points, capitals and tags, which costs less than to write it."""
    return " ".join(
        " ".join([piece.text for piece in (*_opening(one), *_clause(one))]) if isinstance(one, Event) else one.text
        for one in told
    )


def answer_tags(event: Event, ranks: Mapping[str, str]) -> dict[str, str]:
    """Give the gold tags of whom the event befalls, if they are asked about: roles and appraisals."""
    tags = _person_tags(event) | {"voice": event.voice, "entity": ranks[event.person]}
    return tags | {name: value for name, value in event.appraisals.items() if name != "emotion"}


def _placed(piece: Piece, rank: Mapping[str, str], number: Mapping[str, str]) -> Piece:
    """Add whom the words mean: their rank among those who feel, and the number of their cluster of coreference."""
    if not piece.who:
        return piece
    return replace(piece, tags={**piece.tags, "entity": rank.get(piece.who, "bystander"), "cluster": number[piece.who]})


def _beside(beside: Beside) -> Iterator[Piece]:
    for form in beside.text.split():
        yield Piece(form, who=form if form in beside.persons else "")


def _sentence(event: Event) -> list[Piece]:
    """Write one event as a sentence: who tells it to whom, its adverbial, its clause."""
    return [*_opening(event), *_appraised(event, _clause(event)), Piece(".")]


def _opening(event: Event) -> list[Piece]:
    """Say who tells an event to whom, and its adverbial."""
    begun = []
    if event.teller:
        begun = [
            Piece(event.teller, who=event.teller),
            Piece("to"),
            Piece(event.listener, who=event.listener),
            Piece(":"),
        ]
    if event.aside:
        begun += [Piece(event.aside), Piece(",")]
    return begun


def _appraised(event: Event, clause: Sequence[Piece]) -> Iterator[Piece]:
    """Tag the appraisals on the words from which on they are decided."""
    parts, appraisals = {piece.part for piece in clause if piece.part}, event.appraisals
    needs = {name: _NEEDS.get(name, parts) & parts for name in appraisals}
    seen: set[str] = set()
    for piece in clause:
        seen |= {piece.part}
        decided = {name: value for name, value in appraisals.items() if needs[name] <= seen}
        yield replace(piece, tags={**piece.tags, **decided}) if piece.part else piece


def _clause(event: Event) -> list[Piece]:
    agent_role, thing_role, _ = _ROLES[event.frame][event.voice]
    agent = {"role": agent_role, "semantic_role": "agent" if event.meant else "cause"}
    if not event.meant:
        agent["entity"] = "thing"
    case = "subject" if event.voice == "active" else "object"
    doer = Piece(_mention(event, event.agent, case), agent, who=event.agent if event.meant else "", part="agent")
    verb = Piece(_verb_phrase(event), {"voice": event.voice}, part="verb")
    theme = Piece(event.thing, {"role": thing_role, "semantic_role": "theme", "entity": "thing"}, part="thing")
    order = _transferred if event.frame in ("give", "take") else _done
    return order(event, doer, verb, theme)


def _transferred(event: Event, doer: Piece, verb: Piece, theme: Piece) -> list[Piece]:
    """A gift or a loss: the person is named by itself."""
    active, give = event.voice == "active", event.frame == "give"
    case = "subject" if give and not active else "object"
    whom = Piece(_mention(event, event.person, case), _person_tags(event), who=event.person, part="person")
    thing, by, source = [Piece("the"), theme], [Piece("by"), doer], [Piece("from"), whom]
    if give and whom.text == "you" and not active:
        verb = replace(verb, text=re.sub("^was", "were", verb.text))
    if give:
        return [doer, verb, whom, *thing] if active else [whom, verb, *thing, *by]
    return [doer, verb, *thing, *source] if active else [*thing, verb, *source, *by]


def _done(event: Event, doer: Piece, verb: Piece, theme: Piece) -> list[Piece]:
    """A deed or a contact: the person owns what it is done to."""
    active, by = event.voice == "active", [Piece("by"), doer]
    if event.frame != "contact":
        return [doer, verb, *_owned(event, theme)] if active else [*_owned(event, theme), verb, *by]
    place = {"role": "oblique", "semantic_role": "location", "entity": "thing"}
    site = [Piece("onto"), *_owned(event, Piece(event.site, place, part="site"))]
    return [doer, verb, theme, *site] if active else [theme, verb, *site, *by]


def _owned(event: Event, thing: Piece) -> list[Piece]:
    owner = Piece(_mention(event, event.person, "owner"), _person_tags(event), who=event.person, part="person")
    if owner.text != event.person:
        return [owner, thing]
    return [owner, Piece("'s"), thing] if event.clitic else [Piece("the"), thing, Piece("of"), owner]


def _mention(event: Event, who: str, case: str) -> str:
    """Mean someone by the word that stands for them where the event is told."""
    if who in (SPEAKER, event.teller):
        return _SELF[case]
    if who == event.listener:
        return _YOU[case]
    if event.pronoun and who == event.person:
        return (_SHE if is_female(who) else _HE)[case]
    return who


def _person_tags(event: Event) -> dict[str, str]:
    return {"role": _ROLES[event.frame][event.voice][2], "semantic_role": _SEMANTIC.get(event.frame, "owner")}


def _verb_phrase(event: Event) -> str:
    base, past, participle = event.verb
    if event.mood == "fact":
        return past if event.voice == "active" else f"was {participle}"
    if event.voice == "passive":
        return f"{event.said} {participle}" if event.mood == "denied" else f"{event.said} be {participle}"
    return f"{event.said} {past if event.said in lexicon().denied.past else base}"


def _written(pieces: Sequence[Piece]) -> tuple[str, tuple[Word, ...]]:
    """Join words by spaces, begin sentences with capitals, and say where each word stands; tags go to content words."""
    parts, words, text = parts_of_speech(), [], ""
    for piece in pieces:
        for form in piece.text.split():
            if form in (".", ",", ":", "?"):
                text += form
                continue
            fresh = not text or text.endswith((".", "?", ":"))
            text += " " if text and form != "'s" else ""
            pos = {"pos": parts[form.lower()]} if form.lower() in parts else {}
            bare = pos.get("pos") not in ("noun", "name", "verb", "pronoun", None)
            words.append(Word(len(text), len(text) + len(form), pos if bare else {**pos, **piece.tags}))
            text += form[0].upper() + form[1:] if fresh else form
    return text, tuple(words)
