"""The words of the embedded grammar, read from `lexicon.toml`, by what they contribute to an appraisal."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from emomech.core.errors import EmomechError

FILE = Path(__file__).with_name("lexicon.toml")
EMOTION_NOUNS = ("joy", "sadness", "anger", "fear", "disgust", "surprise", "calm")
"""The answers; no text contains one of them or a word derived from one."""
Verb = tuple[str, str, str]
"""Base form, past tense, participle."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Names(_Strict):
    """Names of persons, by pronoun."""

    female: tuple[str, ...]
    male: tuple[str, ...]


class Things(_Strict):
    """Nouns by their worth to the owner; substances and places by whether contact contaminates."""

    prized: tuple[str, ...]
    hated: tuple[str, ...]
    plain: tuple[str, ...]
    foul: tuple[str, ...]
    clean: tuple[str, ...]
    bodily: tuple[str, ...]
    distant: tuple[str, ...]


class Verbs(_Strict):
    """Verbs by what they do to a thing or to its owner."""

    help: tuple[Verb, ...]
    harm: tuple[Verb, ...]
    give: tuple[Verb, ...]
    take: tuple[Verb, ...]
    move: tuple[Verb, ...]
    contact: tuple[Verb, ...]
    mouth: tuple[Verb, ...]


class Prospect(_Strict):
    """Words before a base form that make an event uncertain; `persons` need an agent who means to."""

    anyone: tuple[str, ...]
    persons: tuple[str, ...]


class Denied(_Strict):
    """Words that say an event did not happen: before a base form, a past tense, or a participle."""

    anyone: tuple[str, ...]
    persons: tuple[str, ...]
    past: tuple[str, ...]
    participle: tuple[str, ...]


class Agents(_Strict):
    """Unnamed persons, and what acts without intention."""

    people: tuple[str, ...]
    natural: tuple[str, ...]
    animals: tuple[str, ...]


class HeldOut(_Strict):
    """Number of last words in each list of things and verbs that no training vignette contains."""

    things: int
    verbs: int


class Scene(_Strict):
    """Phrases of neutral sentences."""

    openings: tuple[str, ...]
    prospects: tuple[str, ...]
    denials: tuple[str, ...]
    asides: tuple[str, ...]


class Lexicon(_Strict):
    """All words, by kind."""

    names: Names
    sudden: tuple[str, ...]
    usual: tuple[str, ...]
    prospect: Prospect
    denied: Denied
    agents: Agents
    things: Things
    verbs: Verbs
    held_out: HeldOut
    scene: Scene
    definitions: Mapping[str, tuple[str, ...]]
    reactions: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Vocabulary:
    """The things and verbs that a text may use."""

    things: Things
    verbs: Verbs


@cache
def lexicon() -> Lexicon:
    """Read the lexicon. Raises EmomechError that names the faulty key."""
    return read(FILE.read_text(encoding="utf-8"))


def read(text: str) -> Lexicon:
    """Parse a lexicon from TOML. Raises EmomechError that names the faulty key."""
    try:
        return Lexicon.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise EmomechError(f"{FILE.name}: is not valid TOML: {error}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise EmomechError(f"{FILE.name}: {'.'.join(map(str, first['loc']))}: {first['msg']}.") from error


@cache
def vocabulary(*, new_things: bool = False, new_verbs: bool = False) -> Vocabulary:
    """Return the things and verbs of training vignettes, or the held-out things or verbs in their place."""
    words = lexicon()
    n_things, n_verbs = words.held_out.things, words.held_out.verbs
    things = {
        kind: nouns[-n_things:] if new_things else nouns[:-n_things] for kind, nouns in vars(words.things).items()
    }
    verbs = {kind: verbs[-n_verbs:] if new_verbs else verbs[:-n_verbs] for kind, verbs in vars(words.verbs).items()}
    return Vocabulary(Things(**things), Verbs(**verbs))


@cache
def persons() -> tuple[str, ...]:
    """Return all names of persons."""
    names = lexicon().names
    return (*names.female, *names.male)


@cache
def is_female(name: str) -> bool:
    """Whether the pronoun of the name is "she"."""
    return name in lexicon().names.female


@cache
def parts_of_speech() -> Mapping[str, str]:
    """Return the part of speech of every word form in lower case, closed classes included."""
    words = lexicon()
    parts: dict[str, str] = {}
    for part, forms in _OTHER.items():
        parts |= dict.fromkeys(forms.split(), part)
    for nouns in (*vars(words.things).values(), *vars(words.agents).values()):
        parts |= dict.fromkeys(nouns, "noun")
    for kind in vars(words.verbs).values():
        parts |= {form: "verb" for verb in kind for form in verb}
    for verbs in words.reactions.values():
        parts |= dict.fromkeys(verbs, "verb")
    parts |= dict.fromkeys((name.lower() for name in persons()), "name")
    return parts | dict.fromkeys(EMOTION_NOUNS, "noun")


@cache
def written_forms() -> tuple[str, ...]:
    """Return all words as they are written in texts.

    Names have a capital, other words are in lower case, and words that may begin a sentence are listed in both ways.
    """
    words = lexicon()
    phrases = (*words.sudden, *words.usual, *words.scene.openings, *words.scene.prospects, *words.scene.denials)
    first = {phrase.split()[0] for phrase in phrases} | {*words.things.foul, *words.things.clean, *_FIRST.split()}
    lower = [form for form, part in parts_of_speech().items() if part != "name"]
    return tuple(dict.fromkeys([*lower, *persons(), *sorted(form.capitalize() for form in first)]))


_FIRST = "the a i you she he my your her his who what to for it"
"""Other words that may begin a sentence."""
_OTHER = {
    "determiner": "the a an this every some any all last no",
    "preposition": "of by to from into onto in near at on over about for without against beyond like off with before "
    "according unlike contrary outside",
    "pronoun": "i it me my you your she her he him his who what one everyone anyone nothing something",
    "particle": "'s",
    "auxiliary": "was were be had did may might could would felt is has",
    "adverb": "not never soon well yet suddenly quite unexpectedly twice slowly always once nearly almost out nowhere "
    "as usual abruptly routinely perhaps probably really even again just ever close far less more better worse",
    "adjective": "long grey quiet full closed pale late empty strange odd first strangest pure old ordinary normal "
    "worth fixed likely unable ready bound due set good bad dirty clean",
    "conjunction": "and than",
    "verb": "came lay rang passed opened sat walked read waited counted talked looked stood wrote cooked agreed "
    "planned come fall stop begin gather stopped wait close expected said going seemed meant threatened "
    "promised wanted hoped failed refused forgot declined decided chose foreseen announced written knew blink "
    "have lose likes own makes washes smells eats comes stands make add let leave change use end bring touch "
    "take",
    "noun": "day morning town evening street train market church bell week ice hills shops light window station book "
    "corner boxes weather key door list rice warning odds hour blue expectation time chance twist flash notice "
    "plan forecast turn middle whim accident custom way rule habit year course means clouds autumn bus thing "
    "things home lot little decay meals kitchen skin body owner place stuff mouth",
}
"""Words of closed classes, and those of scenes, adverbials and definitions."""
