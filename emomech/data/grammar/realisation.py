"""Write events as sentences, with gold tags on every word.

In a passive the thing is the subject although it does nothing, so grammatical and semantic role come apart. An
appraisal is tagged only from the word at which the text has decided it: a causal model cannot know it earlier.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from emomech.data.corpus import Word
from emomech.data.grammar.events import Event
from emomech.data.grammar.lexicon import is_female, lexicon, parts_of_speech

SPEAKER = "I"
"""The writer of a diary, as an event names them."""
RANKS = ("first", "second", "third")
"""Persons with an emotion, by order of mention."""
_ROLES: Mapping[str, Mapping[str, tuple[str, str, str]]] = {
    "deed": {"active": ("subject", "object", "possessor"), "passive": ("oblique", "subject", "possessor")},
    "give": {"active": ("subject", "object", "indirect object"), "passive": ("oblique", "object", "subject")},
    "take": {"active": ("subject", "object", "oblique"), "passive": ("oblique", "subject", "oblique")},
}
_ROLES = {**_ROLES, "contact": _ROLES["deed"], "mouth": _ROLES["deed"]}
"""Grammatical roles of agent, thing and person, by frame and voice."""
_SEMANTIC: Mapping[str, str] = {"give": "recipient", "take": "source"}
"""Semantic role of the person, by frame; in other frames the person is the owner."""
_NEEDS: Mapping[str, frozenset[str]] = {
    "verb_sign": frozenset({"verb"}),
    "thing_sign": frozenset({"thing"}),
    "desirability": frozenset({"verb", "thing", "site"}),
    "certainty": frozenset({"verb"}),
    "agency": frozenset({"agent"}),
    "expectedness": frozenset(),
    "contamination": frozenset({"verb", "thing", "site"}),
}
"""Parts of a sentence that decide an appraisal; appraisals not named here need all parts."""
_SELF = {"subject": "I", "object": "me", "owner": "my"}
_YOU = {"subject": "you", "object": "you", "owner": "your"}
_SHE = {"subject": "she", "object": "her", "owner": "her"}
_HE = {"subject": "he", "object": "him", "owner": "his"}


@dataclass(frozen=True)
class TaggedPhrase:
    """Words of a sentence that share their tags."""

    text: str
    tags: Mapping[str, str] = field(default_factory=dict)
    who: str = ""
    """Name of the person that the words refer to; empty if none."""
    part: str = ""
    """Part of the event that the words express, such as its verb; empty if none."""


@dataclass(frozen=True)
class NeutralSentence:
    """A sentence about nobody's emotion."""

    text: str
    persons: tuple[str, ...] = ()
    """Names that the text contains."""


@dataclass(frozen=True)
class Realisation:
    """A written text with its annotated words."""

    text: str
    words: tuple[Word, ...]
    ranks: Mapping[str, str]
    """Each person with an emotion to their rank by first mention, as in `RANKS`."""


def realise(sentences: Sequence[Event | NeutralSentence]) -> Realisation:
    """Write sentences as a text whose words have spans and tags.

    Example:
        >>> from emomech.data.grammar.events import Event
        >>> from emomech.data.grammar.realisation import realise
        >>> broken = Event("Anna", "deed", ("break", "broke", "broken"), -1, "violin", 1, "Ben", meant=True)
        >>> realise([broken]).text
        'Ben broke the violin of Anna.'
    """
    feeling = {sentence.person for sentence in sentences if isinstance(sentence, Event)}
    phrases = [phrase for sentence in sentences for phrase in _phrases(sentence)]
    mentioned = dict.fromkeys(phrase.who for phrase in phrases if phrase.who)
    ranks = dict(zip((who for who in mentioned if who in feeling), RANKS))
    cluster = {who: str(i + 1) for i, who in enumerate(mentioned)}
    text, words = _joined([_with_entity(phrase, ranks, cluster) for phrase in phrases])
    return Realisation(text, words, ranks)


def bare_words(sentences: Sequence[Event | NeutralSentence]) -> str:
    """Return the words of a text without full stops, capitals and tags; cheaper than `realise`."""
    return " ".join(
        " ".join([phrase.text for phrase in (*_opening(sentence), *_clause(sentence))])
        if isinstance(sentence, Event)
        else sentence.text
        for sentence in sentences
    )


def answer_tags(event: Event, ranks: Mapping[str, str]) -> dict[str, str]:
    """Return the gold tags of a question about the event's person: roles and appraisals."""
    tags = _person_tags(event) | {"voice": event.voice, "entity": ranks[event.person]}
    return tags | {name: value for name, value in event.appraisals.items() if name != "emotion"}


def _with_entity(phrase: TaggedPhrase, ranks: Mapping[str, str], cluster: Mapping[str, str]) -> TaggedPhrase:
    """Tag the person that the words refer to: rank among persons with an emotion, and coreference cluster."""
    if not phrase.who:
        return phrase
    entity = {"entity": ranks.get(phrase.who, "bystander"), "cluster": cluster[phrase.who]}
    return replace(phrase, tags={**phrase.tags, **entity})


def _phrases(sentence: Event | NeutralSentence) -> Iterator[TaggedPhrase]:
    """Write a sentence; an event has teller and listener, an adverbial and a clause."""
    if isinstance(sentence, Event):
        yield from (*_opening(sentence), *_appraised(sentence, _clause(sentence)), TaggedPhrase("."))
    else:
        for form in sentence.text.split():
            yield TaggedPhrase(form, who=form if form in sentence.persons else "")


def _opening(event: Event) -> list[TaggedPhrase]:
    """Write who tells an event to whom, and its adverbial."""
    opening = []
    if event.teller:
        opening = [
            TaggedPhrase(event.teller, who=event.teller),
            TaggedPhrase("to"),
            TaggedPhrase(event.listener, who=event.listener),
            TaggedPhrase(":"),
        ]
    if event.aside:
        opening += [TaggedPhrase(event.aside), TaggedPhrase(",")]
    return opening


def _appraised(event: Event, clause: Sequence[TaggedPhrase]) -> Iterator[TaggedPhrase]:
    """Tag each appraisal from the word that decides it to the end of the clause."""
    parts, appraisals = {phrase.part for phrase in clause if phrase.part}, event.appraisals
    needs = {name: _NEEDS.get(name, parts) & parts for name in appraisals}
    seen: set[str] = set()
    for phrase in clause:
        seen |= {phrase.part}
        decided = {name: value for name, value in appraisals.items() if needs[name] <= seen}
        yield replace(phrase, tags={**phrase.tags, **decided}) if phrase.part else phrase


def _clause(event: Event) -> list[TaggedPhrase]:
    agent_role, thing_role, _ = _ROLES[event.frame][event.voice]
    agent = {"role": agent_role, "semantic_role": "agent" if event.meant else "cause"}
    if not event.meant:
        agent["entity"] = "thing"
    case = "subject" if event.voice == "active" else "object"
    doer = TaggedPhrase(_mention(event, event.agent, case), agent, who=event.agent if event.meant else "", part="agent")
    verb = TaggedPhrase(_verb_phrase(event), {"voice": event.voice}, part="verb")
    theme = TaggedPhrase(event.thing, {"role": thing_role, "semantic_role": "theme", "entity": "thing"}, part="thing")
    write = _transfer if event.frame in ("give", "take") else _deed
    return write(event, doer, verb, theme)


def _transfer(event: Event, doer: TaggedPhrase, verb: TaggedPhrase, theme: TaggedPhrase) -> list[TaggedPhrase]:
    """Order the words of a gift or a loss, in which the person is a phrase by itself."""
    active, give = event.voice == "active", event.frame == "give"
    case = "subject" if give and not active else "object"
    whom = TaggedPhrase(_mention(event, event.person, case), _person_tags(event), who=event.person, part="person")
    thing, by, source = [TaggedPhrase("the"), theme], [TaggedPhrase("by"), doer], [TaggedPhrase("from"), whom]
    if give and whom.text == "you" and not active:
        verb = replace(verb, text=re.sub("^was", "were", verb.text))
    if give:
        return [doer, verb, whom, *thing] if active else [whom, verb, *thing, *by]
    return [doer, verb, *thing, *source] if active else [*thing, verb, *source, *by]


def _deed(event: Event, doer: TaggedPhrase, verb: TaggedPhrase, theme: TaggedPhrase) -> list[TaggedPhrase]:
    """Order the words of a deed or a contact, in which the person owns the thing."""
    active, by = event.voice == "active", [TaggedPhrase("by"), doer]
    if event.frame != "contact":
        return [doer, verb, *_owned(event, theme)] if active else [*_owned(event, theme), verb, *by]
    place = {"role": "oblique", "semantic_role": "location", "entity": "thing"}
    site = [TaggedPhrase("onto"), *_owned(event, TaggedPhrase(event.site, place, part="site"))]
    return [doer, verb, theme, *site] if active else [theme, verb, *site, *by]


def _owned(event: Event, thing: TaggedPhrase) -> list[TaggedPhrase]:
    owner = TaggedPhrase(_mention(event, event.person, "owner"), _person_tags(event), who=event.person, part="person")
    if owner.text != event.person:
        return [owner, thing]
    return (
        [owner, TaggedPhrase("'s"), thing] if event.clitic else [TaggedPhrase("the"), thing, TaggedPhrase("of"), owner]
    )


def _mention(event: Event, who: str, case: str) -> str:
    """Return the word that refers to someone: a name, or a pronoun if they speak, listen or were named before."""
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


def _joined(phrases: Sequence[TaggedPhrase]) -> tuple[str, tuple[Word, ...]]:
    """Join phrases to a text with capitals, and give each word its span; only content words get the phrase's tags."""
    parts, words, text = parts_of_speech(), [], ""
    for phrase in phrases:
        for form in phrase.text.split():
            if form in (".", ",", ":", "?"):
                text += form
                continue
            starts_sentence = not text or text.endswith((".", "?", ":"))
            text += " " if text and form != "'s" else ""
            pos = {"pos": parts[form.lower()]} if form.lower() in parts else {}
            is_content = pos.get("pos") in ("noun", "name", "verb", "pronoun", None)
            words.append(Word(len(text), len(text) + len(form), {**pos, **phrase.tags} if is_content else pos))
            text += form[0].upper() + form[1:] if starts_sentence else form
    return text, tuple(words)
