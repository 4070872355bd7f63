import re
from itertools import islice

import pytest
from test_grammar import side
from test_lexicon import EMOTION_WORD

from emomech.organism.curriculum import OTHER_WEIGHT, PHASES, Lesson, lesson, lessons, ordinary
from emomech.organism.lexicon import EMOTION_NOUNS, lexicon

REACTION = {verb: emotion for emotion, verbs in lexicon().reactions.items() for verb in verbs}
NOUNS = "|".join(EMOTION_NOUNS)
QUESTION = re.compile(rf" (\w+) (felt )?({NOUNS})\.")


def is_drill(one: Lesson) -> bool:
    return one.text.split()[1].strip(".") in REACTION


def story(one: Lesson) -> str:
    """The text before the first question."""
    match = QUESTION.search(one.text)
    assert match
    return one.text[: match.start()]


@pytest.mark.parametrize("phase", PHASES)
def test_a_lesson_depends_on_seed_and_number_alone(phase) -> None:
    whole = list(lessons(phase, 5, 60))
    assert list(lessons(phase, 5, 60, start=40)) == whole[40:]
    assert lesson(phase, 5, 17, 17 / 60) == whole[17]
    assert list(lessons(phase, 6, 60)) != whole


@pytest.mark.parametrize("phase", PHASES)
def test_answers_are_exactly_the_emotions_told(phase) -> None:
    for one in lessons(phase, 0, 400):
        assert [one.text[a:b] for a, b in one.answers] == re.findall(rf"\b({NOUNS})\b", one.text)
        assert all(one.text[b] == "." for _, b in one.answers)
        assert not EMOTION_WORD.search(re.sub(rf"\b({NOUNS}|unexpectedly)\b", "", one.text))


def test_a_drill_asks_for_what_each_person_did_twice() -> None:
    for one in lessons("binding", 1, 200):
        told = dict(re.findall(r"(\w+) (\w+)\.", story(one)))
        asked = QUESTION.findall(one.text)
        assert 2 <= len(told) <= 4
        assert sorted(name for name, _, _ in asked) == sorted([*told, *told])
        assert all(REACTION[told[name]] == emotion for name, _, emotion in asked)


def test_first_phase_has_the_name_next_to_the_answer_and_the_second_mostly_not() -> None:
    assert not any("felt" in one.text for one in lessons("binding", 0, 200))
    asked = [felt for one in lessons("appraisal", 0, 800) if is_drill(one) for _, felt, _ in QUESTION.findall(one.text)]
    assert 0.6 < sum(map(bool, asked)) / len(asked) < 0.8


def test_second_phase_is_half_drills() -> None:
    assert 0.4 < sum(map(is_drill, lessons("appraisal", 0, 800))) / 800 < 0.6


@pytest.mark.parametrize(("progress", "share"), [(0.0, 0.35), (0.5, 0.25), (1.0, 0.15)])
def test_drills_grow_fewer_and_ordinary_text_stays(progress, share) -> None:
    drawn = [lesson("grammar", 2, i, progress) for i in range(1500)]
    assert abs(sum(map(is_drill, drawn)) / 1500 - share) < 0.04
    assert 0.09 < sum(not one.answers for one in drawn) / 1500 < 0.15


@pytest.mark.parametrize("phase", ["appraisal", "grammar"])
def test_no_lesson_tells_a_text_of_the_study(phase) -> None:
    told = [one for one in lessons(phase, 0, 1000) if one.answers and not is_drill(one)]
    assert len(told) > 400
    assert {side(story(one)) for one in told} == {"train"}


def test_every_person_of_a_vignette_is_asked_about_in_any_order() -> None:
    told = [QUESTION.findall(one.text) for one in lessons("grammar", 0, 1000) if one.answers and not is_drill(one)]
    two = [asked for asked in told if len(asked) == 2]
    assert {len(asked) for asked in told} == {1, 2}
    assert len(two) > 300
    assert all(first[0] != second[0] for first, second in two)
    assert len({asked[0][0] == "I" for asked in two if "I" in (asked[0][0], asked[1][0])}) == 2


def test_two_persons_feel_mostly_differently() -> None:
    told = [QUESTION.findall(one.text) for one in lessons("grammar", 0, 1000) if len(one.answers) == 2]
    assert sum(a[2] != b[2] for a, b in told) > 0.5 * len(told)


def test_ordinary_text_is_deterministic_and_about_nobodys_emotion() -> None:
    texts = list(islice(ordinary(0), 500))
    assert texts == list(islice(ordinary(0), 500))
    assert texts != list(islice(ordinary(1), 800))
    for text in texts:
        assert " felt " not in text
        assert not EMOTION_WORD.search(text.replace("unexpected", ""))
        assert text[0].isupper() and text.endswith(".")


def test_ordinary_questions_are_about_texts_of_the_training_side() -> None:
    asked = [text for text in islice(ordinary(0), 500) if "?" in text]
    assert len(asked) > 80
    assert {side(re.split(r" (?=(?:Who|What) )", text)[0]) for text in asked} == {"train"}


def test_ordinary_questions_are_answered_with_who_did_it() -> None:
    for text in islice(ordinary(3), 400):
        for verb, thing, answer in re.findall(r"(?:Who|What) (\w+) the (\w+)\? ([\w ]+)\.", text):
            told = text.split("?")[0].rsplit(".", 1)[0].lower()
            assert thing in told and verb
            assert answer.lower() in told or (answer == "I" and "by me" in told)


def test_what_is_no_answer_weighs_less() -> None:
    assert OTHER_WEIGHT == {"binding": 0.1, "appraisal": 0.1, "grammar": 0.5}
