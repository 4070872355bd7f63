"""Every word of the lexicon has its kind, no word is in two kinds, and none names an emotion."""

import re
from itertools import combinations

import pytest
from grammar_cases import EMOTION_WORD

from emomech.core.errors import EmomechError
from emomech.data.grammar.lexicon import EMOTION_NOUNS, FILE, lexicon, parts_of_speech, persons, read, written_forms

TEXT = FILE.read_text(encoding="utf-8")


def test_reads_every_kind() -> None:
    words = lexicon()
    assert len(set(persons())) == len(persons()) >= 60
    assert set(words.reactions) == set(EMOTION_NOUNS)
    assert set(words.definitions) == {*vars(words.things), *vars(words.verbs)}
    assert all(len(kind) >= 20 for kind in (*vars(words.things).values(), words.sudden, words.usual))
    assert all(len(kind) >= 8 for kind in vars(words.verbs).values())


def test_has_six_hundred_words() -> None:
    assert len(parts_of_speech()) >= 600


def test_what_texts_hold_is_written_as_they_hold_it() -> None:
    forms = set(written_forms())
    assert len(forms) == len(written_forms())
    assert {"Anna", "anna"} & forms == {"Anna"}
    assert {"slime", "Slime", "bus", "suddenly", "Suddenly", "'s", "You", "me"} <= forms
    assert "Me" not in forms


def test_no_word_names_an_emotion() -> None:
    assert not EMOTION_WORD.search(re.sub(r"(?m)^(#.*|\[.*\]|\w+ = )", "", TEXT))


def test_things_of_different_worth_are_different_things() -> None:
    kinds = vars(lexicon().things)
    for first, second in combinations(kinds, 2):
        assert not set(kinds[first]) & set(kinds[second]), f"{first} and {second}"


def test_verbs_of_different_sign_share_no_form() -> None:
    kinds = {kind: {form for verb in verbs for form in verb} for kind, verbs in vars(lexicon().verbs).items()}
    assert not kinds["help"] & kinds["harm"]
    assert not kinds["give"] & kinds["take"]
    assert not kinds["move"] & (kinds["help"] | kinds["harm"])


def test_reactions_belong_to_one_emotion() -> None:
    forms = [form for verbs in lexicon().reactions.values() for form in verbs]
    assert len(forms) == len(set(forms))


def test_no_name_is_a_word() -> None:
    common = {form for form, part in parts_of_speech().items() if part != "name"}
    assert not common & {name.lower() for name in persons()}


def test_every_word_of_a_phrase_has_a_part_of_speech() -> None:
    words = lexicon()
    tables = (words.scene, words.prospect, words.denied)
    phrases = [text for table in tables for texts in vars(table).values() for text in texts]
    phrases += [*words.sudden, *words.usual, *(text for texts in words.definitions.values() for text in texts)]
    assert not set(re.findall(r"\w+", " ".join(phrases).lower())) - set(parts_of_speech())


@pytest.mark.parametrize(
    ("found", "instead", "named"),
    [
        ("[names]", "[people]", "names"),
        ("[agents]", '[agents]\nkings = ["king"]', "agents.kings"),
        ('["repair", "repaired", "repaired"]', '["repair", "repaired"]', "verbs.help.0"),
        ("things = 4", "things = []", "held_out.things"),
        ("[scene]", "[scene", "not valid TOML"),
    ],
)
def test_names_what_is_wrong_with_a_lexicon(found, instead, named) -> None:
    assert found in TEXT
    with pytest.raises(EmomechError, match=re.escape(named)):
        read(TEXT.replace(found, instead, 1))
