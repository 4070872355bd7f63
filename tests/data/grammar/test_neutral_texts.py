"""Ordinary text: nobody feels anything in it, and how surprising it is is known."""

import math
import re
from collections import Counter
from itertools import islice

from grammar_cases import EMOTION_WORD

from emomech.data.grammar.lexicon import lexicon, vocabulary
from emomech.data.grammar.neutral_texts import ordinary

TEXTS = list(islice(ordinary(0), 3000))


def kind(text: str) -> str:
    return "question" if "?" in text else "description" if " was on the " in text else "definition"


def test_is_deterministic_and_of_three_kinds() -> None:
    assert TEXTS[:200] == list(islice(ordinary(0), 200))
    assert TEXTS[:200] != list(islice(ordinary(1), 200))
    counted = Counter(kind(one.text) for one in TEXTS)
    assert len(counted) == 3 and min(counted.values()) > 800


def test_tells_of_nobodys_emotion() -> None:
    for one in TEXTS:
        assert " felt " not in one.text
        assert not EMOTION_WORD.search(one.text.replace("unexpected", ""))
        assert one.text[0].isupper() and one.text.endswith(".")


def test_a_question_is_answered_with_who_did_it() -> None:
    for one in TEXTS:
        asked = re.search(r"Who had the (\w+)\? (\w+)\.$", one.text)
        assert bool(asked) == (one.answer is not None)
        if asked:
            thing, name = asked.groups()
            assert one.text[slice(*one.answer)] == name
            told = next(line for line in one.text.split(".") if re.search(rf"\b{thing}\b", line))
            assert name in told


def test_surprisal_is_that_of_the_choices() -> None:
    words = lexicon()
    n_names = len(words.names.female) + len(words.names.male)
    n_plain, n_distant = len(words.things.plain), len(words.things.distant)
    n = math.log(3 * len(words.scene.openings) * n_names * len(words.scene.asides) * n_plain * n_distant)
    described = [one for one in TEXTS if kind(one.text) == "description"]
    assert all(math.isclose(one.surprisal, n) for one in described)
    old = vocabulary()
    asked = math.log(
        3 * math.perm(n_names, 3) * math.perm(len(old.things.plain), 3) * (2 * len(old.verbs.move)) ** 3 * 3
    )
    assert all(math.isclose(one.surprisal, asked) for one in TEXTS if kind(one.text) == "question")


def test_no_text_comes_about_in_two_ways() -> None:
    """Else its surprisal would be less than that of its choices: no option stands twice among those of a choice."""
    words = lexicon()
    for options in (
        words.scene.openings,
        words.scene.asides,
        *words.definitions.values(),
        *vars(words.things).values(),
    ):
        assert len(set(options)) == len(options)
    kinds = [held for table in (words.things, words.verbs) for held in vars(table).values()]
    assert sum(map(len, kinds)) == len({word for held in kinds for word in held})
    surprisals = {one.text: one.surprisal for one in TEXTS}
    assert all(math.isclose(surprisals[one.text], one.surprisal) for one in TEXTS)


def test_words_that_vignettes_never_hold_are_defined() -> None:
    told = {
        word for one in islice(ordinary(5), 6000) if kind(one.text) == "definition" for word in one.text.lower().split()
    }
    new = vocabulary(new_things=True, new_verbs=True)
    assert {thing for held in vars(new.things).values() for thing in held} <= told
    assert {verb[0] for held in vars(new.verbs).values() for verb in held} <= told
