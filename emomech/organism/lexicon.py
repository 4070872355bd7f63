"""The words of the embedded grammar, read from `lexicon.toml` and sorted by what they add to an appraisal."""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from emomech.errors import EmomechError

FILE = Path(__file__).with_name("lexicon.toml")

EMOTION_NOUNS = ("joy", "sadness", "anger", "fear", "disgust", "surprise", "calm")
"""The answers; none of them, and no word like them, stands in a text."""

Verb = tuple[str, str, str]
"""Base form, past tense, participle."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


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


class Causes(_Strict):
    """What does things without meaning to."""

    natural: tuple[str, ...]


class Scene(_Strict):
    """What happens beside."""

    openings: tuple[str, ...]
    prospects: tuple[str, ...]
    denials: tuple[str, ...]
    asides: tuple[str, ...]


class Lexicon(_Strict):
    """All words, by kind."""

    names: tuple[str, ...]
    modals: tuple[str, ...]
    negations: tuple[str, ...]
    sudden: tuple[str, ...]
    usual: tuple[str, ...]
    things: Things
    causes: Causes
    verbs: Verbs
    scene: Scene
    reactions: Mapping[str, tuple[str, ...]]


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
def parts_of_speech() -> Mapping[str, str]:
    """Give the part of speech of every word form, lower case; words of closed classes included."""
    words, found = lexicon(), {}
    for nouns in (*vars(words.things).values(), words.causes.natural):
        found |= dict.fromkeys(nouns, "noun")
    for kind in vars(words.verbs).values():
        found |= {form: "verb" for verb in kind for form in verb}
    for verbs in words.reactions.values():
        found |= dict.fromkeys(verbs, "verb")
    found |= dict.fromkeys((name.lower() for name in words.names), "name")
    found |= dict.fromkeys(EMOTION_NOUNS, "noun")
    for part, forms in _OTHER.items():
        found |= dict.fromkeys(forms.split(), part)
    return found


_OTHER = {
    "determiner": "the a this every some",
    "preposition": "of by to from into onto in near at on over about for without against like",
    "pronoun": "i it me my who what",
    "auxiliary": "was were be had did may might could felt is",
    "adverb": "not never soon well yet suddenly quite unexpectedly twice slowly always all once nearly out nowhere as "
    "usual",
    "adjective": "long grey quiet full closed pale late empty",
    "verb": "came lay rang passed opened sat walked read waited counted talked looked stood wrote cooked agreed "
    "planned come fall stop begin",
    "noun": "day morning town evening street train market church bell week snow hills shops light window station book "
    "corner boxes weather key door list rice warning odds hour",
}
"""Words of closed classes, and those of the scene."""
