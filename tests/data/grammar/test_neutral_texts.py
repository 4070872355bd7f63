"""Neutral texts: nobody feels anything in them, and their surprisal is known exactly."""

import math
import re
from collections import Counter
from itertools import islice

from grammar_cases import EMOTION_WORD

from emomech.data.grammar.lexicon import lexicon, vocabulary
from emomech.data.grammar.neutral_texts import neutral_texts

TEXTS = list(islice(neutral_texts(0), 3000))


def kind(text: str) -> str:
    return "question" if "?" in text else "description" if " was on the " in text else "definition"


def test_is_deterministic_and_of_three_kinds() -> None:
    assert TEXTS[:200] == list(islice(neutral_texts(0), 200))
    assert TEXTS[:200] != list(islice(neutral_texts(1), 200))
    counted = Counter(kind(neutral.text) for neutral in TEXTS)
    assert len(counted) == 3 and min(counted.values()) > 800


def test_tells_of_nobodys_emotion() -> None:
    for neutral in TEXTS:
        assert " felt " not in neutral.text
        assert not EMOTION_WORD.search(neutral.text.replace("unexpected", ""))
        assert neutral.text[0].isupper() and neutral.text.endswith(".")


def test_a_question_is_answered_with_who_did_it() -> None:
    for neutral in TEXTS:
        match = re.search(r"Who had the (\w+)\? (\w+)\.$", neutral.text)
        assert bool(match) == (neutral.answer is not None)
        if match:
            thing, name = match.groups()
            assert neutral.text[slice(*neutral.answer)] == name
            line_of_thing = next(line for line in neutral.text.split(".") if re.search(rf"\b{thing}\b", line))
            assert name in line_of_thing


def test_surprisal_is_that_of_the_choices() -> None:
    words = lexicon()
    n_names = len(words.names.female) + len(words.names.male)
    n_plain, n_distant = len(words.things.plain), len(words.things.distant)
    n = math.log(3 * len(words.scene.openings) * n_names * len(words.scene.asides) * n_plain * n_distant)
    described = [neutral for neutral in TEXTS if kind(neutral.text) == "description"]
    assert all(math.isclose(neutral.surprisal, n) for neutral in described)
    old = vocabulary()
    of_question = math.log(
        3 * math.perm(n_names, 3) * math.perm(len(old.things.plain), 3) * (2 * len(old.verbs.move)) ** 3 * 3
    )
    assert all(math.isclose(neutral.surprisal, of_question) for neutral in TEXTS if kind(neutral.text) == "question")


def test_no_text_comes_about_in_two_ways() -> None:
    """No choice lists an option twice; otherwise a text's surprisal would be less than that of its choices."""
    words = lexicon()
    for options in (
        words.scene.openings,
        words.scene.asides,
        *words.definitions.values(),
        *vars(words.things).values(),
    ):
        assert len(set(options)) == len(options)
    kinds = [kind_words for table in (words.things, words.verbs) for kind_words in vars(table).values()]
    assert sum(map(len, kinds)) == len({word for kind_words in kinds for word in kind_words})
    surprisals = {neutral.text: neutral.surprisal for neutral in TEXTS}
    assert all(math.isclose(surprisals[neutral.text], neutral.surprisal) for neutral in TEXTS)


def test_words_that_vignettes_never_hold_are_defined() -> None:
    defined = {
        word
        for neutral in islice(neutral_texts(5), 6000)
        if kind(neutral.text) == "definition"
        for word in neutral.text.lower().split()
    }
    new = vocabulary(new_things=True, new_verbs=True)
    assert {thing for kind_words in vars(new.things).values() for thing in kind_words} <= defined
    assert {verb[0] for kind_words in vars(new.verbs).values() for verb in kind_words} <= defined
