import re
from collections import Counter
from dataclasses import replace

import pytest
from grammar_cases import BROKEN, CAGE, EMOTION_WORD, MOVED, SMEARED, side

from emomech.data.grammar.lexicon import EMOTION_NOUNS, lexicon
from emomech.data.grammar.vignettes import ITEM_TYPES, STYLES
from emomech.organism.curriculum import BY_NAME, OTHER_WEIGHT, PHASES, RECALL, WORTH, Lesson, _worth, lesson, lessons

REACTION = {verb: emotion for emotion, verbs in lexicon().reactions.items() for verb in verbs}
NOUNS = "|".join(EMOTION_NOUNS)
FELT = {RECALL, BY_NAME, "single event", *(f"{item_type}, {style}" for item_type in ITEM_TYPES for style in STYLES)}
QUESTION = re.compile(rf" (\w+) (felt )?({NOUNS})\.")


def is_drill(one: Lesson) -> bool:
    return bool(one.answers) and {answer.kind for answer in one.answers} <= {RECALL, BY_NAME}


def is_single_event(one: Lesson) -> bool:
    return any(answer.kind == "single event" for answer in one.answers)


def story(one: Lesson) -> str:
    """The text before the first question."""
    match = re.search(rf" (\w+ (felt )?({NOUNS})\.|For \w+ it was |The \w+ was \w+ by )", one.text)
    assert match
    return one.text[: match.start()]


def vignettes_of(phase) -> list[Lesson]:
    return [
        one for one in lessons(phase, 0, 1000) if any("person" in kind or "pair" in kind for _, _, kind in one.answers)
    ]


@pytest.mark.parametrize("phase", PHASES)
def test_a_lesson_depends_on_seed_and_number_alone(phase) -> None:
    whole = list(lessons(phase, 5, 60))
    assert list(lessons(phase, 5, 60, start=40)) == whole[40:]
    assert lesson(phase, 5, 17, 17 / 60) == whole[17]
    assert list(lessons(phase, 6, 60)) != whole


@pytest.mark.parametrize("phase", PHASES)
def test_answers_are_exactly_the_emotions_told(phase) -> None:
    for one in lessons(phase, 0, 400):
        assert [one.text[a:b] for a, b, kind in one.answers if kind in FELT] == re.findall(rf"\b({NOUNS})\b", one.text)
        assert all(one.text[b] == "." for _, b, _ in one.answers)
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


def test_second_phase_drills_recall_and_worth_alike() -> None:
    told = list(lessons("appraisal", 0, 1000))
    assert 0.3 < sum(map(is_drill, told)) / 1000 < 0.4
    assert 0.3 < sum(map(is_single_event, told)) / 1000 < 0.4


@pytest.mark.parametrize(("progress", "share"), [(0.0, 0.35), (0.5, 0.25), (1.0, 0.15)])
def test_drills_grow_fewer(progress, share) -> None:
    drawn = [lesson("grammar", 2, i, progress) for i in range(1500)]
    for of_kind in (is_drill, is_single_event):
        assert abs(sum(map(of_kind, drawn)) / 1500 - share / 2) < 0.03


@pytest.mark.parametrize(("phase", "good"), [("appraisal", 0.58), ("grammar", 0.5)])
def test_single_events_lean_to_the_good_at_first_and_their_worth_is_told_first(phase, good) -> None:
    told = [one for one in lessons(phase, 3, 3000) if is_single_event(one)]
    worth = Counter(one.text[one.answers[0].start : one.answers[0].end] for one in told)
    assert set(worth) == {"good", "bad"}
    assert abs(worth["good"] / worth.total() - good) < 0.05
    assert all([answer.kind for answer in one.answers] == [WORTH, "single event"] for one in told)
    felt = {one.text[slice(*one.answers[1][:2])] for one in told if one.text[slice(*one.answers[0][:2])] == "bad"}
    assert felt == {"sadness", "anger", "fear"}


def test_what_may_be_followed_by_a_verb_is_no_recall() -> None:
    for one in lessons("appraisal", 0, 500):
        for start, _, kind in one.answers:
            if kind in (RECALL, BY_NAME):
                assert one.text[:start].endswith(" felt ") == (kind == RECALL)
    assert not any(kind == BY_NAME for one in lessons("binding", 0, 200) for _, _, kind in one.answers)


@pytest.mark.parametrize("phase", ["appraisal", "grammar"])
def test_no_lesson_tells_a_text_of_the_study(phase) -> None:
    told = vignettes_of(phase)
    assert len(told) > 150
    assert {side(story(one)) for one in told} == {"train"}


def test_every_person_of_a_vignette_is_asked_about_in_any_order() -> None:
    told = [QUESTION.findall(one.text) for one in vignettes_of("grammar")]
    two = [asked for asked in told if len(asked) == 2]
    assert {len(asked) for asked in told} == {1, 2}
    assert len(two) > 300
    assert all(first[0] != second[0] for first, second in two)
    assert len({asked[0][0] == "I" for asked in two if "I" in (asked[0][0], asked[1][0])}) == 2


def test_two_persons_feel_mostly_differently() -> None:
    told = [asked for one in vignettes_of("grammar") if len(asked := QUESTION.findall(one.text)) == 2]
    assert sum(a[2] != b[2] for a, b in told) > 0.5 * len(told)


def test_ordinary_text_is_among_the_lessons() -> None:
    told = [one for one in lessons("grammar", 0, 3000) if not re.search(rf" ({NOUNS})\.", one.text)]
    assert 0.1 < len(told) / 3000 < 0.14
    assert {answer.kind for one in told for answer in one.answers} == {"who had it"}
    assert all(re.search(rf" ({NOUNS})\.", one.text) for one in lessons("binding", 0, 500))


def test_kinds_of_answers_are_those_of_the_texts() -> None:
    counted = Counter(answer.kind for one in lessons("grammar", 0, 3000) for answer in one.answers)
    types = {f"{item_type}, {style}" for item_type in ITEM_TYPES for style in STYLES}
    assert set(counted) == {RECALL, BY_NAME, WORTH, "single event", "who did it", "who had it", *types}


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (BROKEN, ("For Anna it was ", "bad", WORTH)),
        (replace(BROKEN, mood="denied", said="did not"), ("For Anna it was ", "bad", WORTH)),
        (replace(CAGE, mood="prospect", said="may"), ("For Anna it was ", "good", WORTH)),
        (replace(MOVED, person="I"), ("For me it was ", "nothing", WORTH)),
        (SMEARED, ("For Anna it was ", "bad", WORTH)),
    ],
)
def test_worth_is_that_of_the_event_happened_or_not(event, told) -> None:
    assert _worth(event) == told


def test_a_single_event_is_good_if_and_only_if_it_gives_joy() -> None:
    for one in lessons("grammar", 4, 2000):
        if is_single_event(one):
            worth, felt = (one.text[start:end] for start, end, _ in one.answers)
            assert (worth == "good") == (felt == "joy")


def test_drills_are_told_in_other_voices_and_of_pronouns() -> None:
    told = [one.text for one in lessons("grammar", 0, 1500) if is_drill(one)]
    assert sum(" to " in text.split(":")[0] for text in told if ":" in text) > 40
    assert sum("She " in text and "He " in text for text in told) > 15
    assert not any(":" in one.text for one in lessons("binding", 0, 200))


def test_a_scarce_emotion_is_seldom_the_answer() -> None:
    shares = {"anger": 0.02}
    told = Counter(
        one.text[answer.start : answer.end]
        for i in range(1500)
        for one in (lesson("grammar", 0, i, 0.5, shares),)
        for answer in one.answers
    )
    felt = {noun: told[noun] for noun in EMOTION_NOUNS}
    assert 0.01 < felt["anger"] / sum(felt.values()) < 0.035
    assert min(n for noun, n in felt.items() if noun != "anger") > 4 * felt["anger"]


def test_what_is_no_answer_weighs_less() -> None:
    assert OTHER_WEIGHT == {"binding": 0.1, "appraisal": 0.1, "grammar": 0.5}
