"""The words of the embedded grammar, read from `lexicon.toml` and sorted by what they add to an appraisal."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from emomech.core.errors import EmomechError

FILE = Path(__file__).with_name("lexicon.toml")
EMOTION_NOUNS = ("joy", "sadness", "anger", "fear", "disgust", "surprise", "calm")
"""The answers; none of them, and no word like them, stands in a text."""
Verb = tuple[str, str, str]
"""Base form, past tense, participle."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Names(_Strict):
    """Persons, by the pronoun that stands for them."""

    female: tuple[str, ...]
    male: tuple[str, ...]


class Things(_Strict):
    """Nouns by their worth to whom they belong, and substances and places by whether contact contaminates."""

    prized: tuple[str, ...]
    hated: tuple[str, ...]
    plain: tuple[str, ...]
    foul: tuple[str, ...]
    clean: tuple[str, ...]
    bodily: tuple[str, ...]
    distant: tuple[str, ...]


class Verbs(_Strict):
    """Verbs by what they do to a thing or to who has it."""

    help: tuple[Verb, ...]
    harm: tuple[Verb, ...]
    give: tuple[Verb, ...]
    take: tuple[Verb, ...]
    move: tuple[Verb, ...]
    contact: tuple[Verb, ...]
    mouth: tuple[Verb, ...]


@cache
def persons() -> tuple[str, ...]:
    """All names."""
    names = lexicon().names
    return (*names.female, *names.male)


class Prospect(_Strict):
    """What stands before a base form when it is uncertain that it happens."""

    anyone: tuple[str, ...]
    persons: tuple[str, ...]


class Denied(_Strict):
    """What says that it did not happen: before a base form, a past tense, a participle."""

    anyone: tuple[str, ...]
    persons: tuple[str, ...]
    past: tuple[str, ...]
    participle: tuple[str, ...]


class Agents(_Strict):
    """Who acts without a name, and what acts without meaning to."""

    people: tuple[str, ...]
    natural: tuple[str, ...]
    animals: tuple[str, ...]


class HeldOut(_Strict):
    """How many of the last words of each kind of thing and of verb no vignette for training holds."""

    things: int
    verbs: int


class Scene(_Strict):
    """What happens beside."""

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
    """The things and verbs that a text may be made of."""

    things: Things
    verbs: Verbs


@cache
def lexicon() -> Lexicon:
    """Read the lexicon. Raises EmomechError that names the key that is wrong."""
    return read(FILE.read_text(encoding="utf-8"))


def read(text: str) -> Lexicon:
    """Parse a lexicon from TOML. Raises EmomechError that names the key that is wrong."""
    try:
        return Lexicon.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise EmomechError(f"{FILE.name}: is not valid TOML: {error}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise EmomechError(f"{FILE.name}: {'.'.join(map(str, first['loc']))}: {first['msg']}.") from error


@cache
def vocabulary(*, new_things: bool = False, new_verbs: bool = False) -> Vocabulary:
    """Give the words that vignettes for training are made of; or in place of its things or verbs the held-out ones."""
    words = lexicon()
    n_things, n_verbs = words.held_out.things, words.held_out.verbs
    things = {kind: held[-n_things:] if new_things else held[:-n_things] for kind, held in vars(words.things).items()}
    verbs = {kind: held[-n_verbs:] if new_verbs else held[:-n_verbs] for kind, held in vars(words.verbs).items()}
    return Vocabulary(Things(**things), Verbs(**verbs))


@cache
def is_female(name: str) -> bool:
    """Whether "she" stands for the name."""
    return name in lexicon().names.female


@cache
def parts_of_speech() -> Mapping[str, str]:
    """Give the part of speech of every word form, lower case; words of closed classes included."""
    words = lexicon()
    found: dict[str, str] = {}
    for part, forms in _OTHER.items():
        found |= dict.fromkeys(forms.split(), part)
    for nouns in (*vars(words.things).values(), *vars(words.agents).values()):
        found |= dict.fromkeys(nouns, "noun")
    for kind in vars(words.verbs).values():
        found |= {form: "verb" for verb in kind for form in verb}
    for verbs in words.reactions.values():
        found |= dict.fromkeys(verbs, "verb")
    found |= dict.fromkeys((name.lower() for name in persons()), "name")
    return found | dict.fromkeys(EMOTION_NOUNS, "noun")


@cache
def written_forms() -> tuple[str, ...]:
    """All words as texts hold them: names and what may begin a sentence with a capital, all but names also without."""
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
