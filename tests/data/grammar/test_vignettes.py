"""The stream of texts: balanced, disjoint splits, minimal pairs, and no cue that gives an emotion away."""

import re
import subprocess
import sys
from collections import Counter, defaultdict
from functools import cache
from itertools import islice
from random import Random

import pytest
from grammar_cases import EMOTION_WORD, bag, side

from emomech.data.corpus import Example
from emomech.data.grammar.event_sampling import HELD_OUT_FRAMES
from emomech.data.grammar.lexicon import EMOTION_NOUNS, vocabulary
from emomech.data.grammar.vignettes import (
    CONFLICT,
    ITEM_TYPES,
    PAIR,
    SHIFTS,
    STYLES,
    Vignette,
    draw_emotion,
    draw_vignettes,
    stream,
    study_stream,
    vignettes,
)

AT_WORDS = ("role", "voice", "semantic_role", "entity", "desirability")
AT_THE_ANSWER = (
    "verb_sign",
    "thing_sign",
    "certainty",
    "agency",
    "expectedness",
    "contamination",
    "valence",
    "arousal",
)


@cache
def drawn(split: str = "train", n: int = 3000, seed: int = 3, shift: str = "") -> tuple[Vignette, ...]:
    return tuple(islice(stream(seed, split=split, shift=shift), n))


def sample(split: str = "train", n: int = 3000, seed: int = 3, shift: str = "") -> tuple[Example, ...]:
    return tuple(vignette.example for vignette in drawn(split, n, seed, shift))


def pairs(examples) -> list[list[Example]]:
    by_cluster = defaultdict(list)
    for example in examples:
        if example.item_type == PAIR:
            by_cluster[example.cluster].append(example)
    return [both for both in by_cluster.values() if len(both) == 2]  # the last may be cut off


def things(vignette: Vignette) -> set[str]:
    return {word for event in vignette.events for word in (event.thing, event.site) if word}


def test_same_seed_gives_the_same_stream_and_another_seed_another() -> None:
    assert sample(n=200) == tuple(islice(vignettes(3, split="train"), 200))
    assert sample(n=200) != sample(n=200, seed=4)


def test_examples_say_all_that_a_study_reads() -> None:
    for example in sample():
        assert example.item_type in ITEM_TYPES
        assert example.style in STYLES
        assert not example.shift
        assert set(example.answer_tags) == {*AT_WORDS, *AT_THE_ANSWER}
        assert re.search(rf"\b({example.person}|[Mm]y|me)\b", example.text)
    assert {e.style for e in sample() if e.person == "I"} == {"diary"}


def test_in_a_diary_the_writer_and_the_other_person_are_asked_about() -> None:
    writer_asked = Counter(e.person == "I" for e in sample() if e.style == "diary" and e.item_type != "one person")
    assert 0.4 < writer_asked[True] / writer_asked.total() < 0.6


def test_no_text_names_an_emotion() -> None:
    assert not [example.text for example in sample() if EMOTION_WORD.search(example.text.replace("unexpected", ""))]


def test_sentences_begin_large_and_are_spaced_once() -> None:
    for example in sample():
        assert re.fullmatch(r"((\w+ to \w+: )?[A-Z]\w*('s)?(,? \w+('s)?)*\.( |$))+", example.text), example.text
        assert not example.text.endswith(" ")


def test_words_are_the_words_of_the_text() -> None:
    for example in sample(n=500):
        spans = [(m.start(), m.end()) for m in re.finditer(r"'s|\w+", example.text)]
        assert [(word.start, word.end) for word in example.words] == spans
        assert all("pos" in word.tags for word in example.words), example.text


def test_splits_share_no_bag_of_words() -> None:
    assert {side(example.text) for example in sample("study", 200)} == {"study"}
    assert {side(example.text) for example in sample()} == {"train"}


def test_texts_have_two_to_five_sentences() -> None:
    n_sentences = Counter(e.text.count(".") for e in sample())
    assert set(n_sentences) == {2, 3, 4, 5} and min(n_sentences.values()) > 0.1 * n_sentences.total()


def test_labels_are_balanced() -> None:
    for item_type in (None, *ITEM_TYPES):
        counted = Counter(e.label for e in sample() if item_type in (None, e.item_type))
        if item_type == CONFLICT:
            assert counted.pop("calm", 0) == 0
        elif item_type == "two persons, one calm":
            assert 0.25 < counted.pop("calm") / sum(counted.values()) < 0.75
        total = sum(counted.values())
        p = 1 / len(counted)
        for label, number in counted.items():
            assert abs(number / total - p) < 0.025 + 4 * (p * (1 - p) / total) ** 0.5, (item_type, label)


def test_item_types_and_styles_are_about_equally_many_clusters() -> None:
    counted = Counter({e.cluster: (e.item_type, e.style) for e in sample()}.values())
    assert len(counted) == len(ITEM_TYPES) * len(STYLES)
    assert min(n for (kind, _), n in counted.items() if kind != PAIR) > 0.5 * max(counted.values())


@pytest.mark.parametrize("style", STYLES)
def test_a_minimal_pair_has_the_same_words_and_question_and_another_answer(style) -> None:
    same_style = [both for both in pairs(sample()) if both[0].style == style]
    assert len(same_style) > 30
    for first, second in same_style:
        assert bag(first.text) == bag(second.text)
        assert first.person == second.person
        assert first.text != second.text
        assert first.label != second.label


def test_the_two_texts_of_a_pair_follow_each_other_and_share_a_cluster_alone() -> None:
    kept = sample()
    place = {(e.cluster, e.text): i for i, e in enumerate(kept)}
    assert all(place[(b.cluster, b.text)] == place[(a.cluster, a.text)] + 1 for a, b in pairs(kept))
    counted = Counter((e.cluster, e.item_type) for e in kept)
    assert all(n == 1 for (_, kind), n in counted.items() if kind != PAIR)
    assert len({cluster for cluster, _ in counted}) == len(counted)


@pytest.mark.parametrize("family", [*AT_WORDS, *AT_THE_ANSWER])
def test_every_family_has_large_classes_at_the_answer(family: str) -> None:
    answers = Counter(e.answer_tags[family] for e in sample())
    assert sum(n >= 100 for n in answers.values()) >= 2


@pytest.mark.parametrize("family", [*AT_WORDS, *AT_THE_ANSWER, "pos", "cluster", "emotion"])
def test_every_family_has_large_classes_at_words(family) -> None:
    words = Counter(tag for e in sample() for tag in {w.tags[family] for w in e.words if family in w.tags})
    assert sum(n >= 100 for n in words.values()) >= 2


def test_contamination_is_bad_for_the_person() -> None:
    assert {e.answer_tags["desirability"] for e in sample() if e.label == "disgust"} == {"bad"}


@pytest.mark.parametrize("item_type", [CONFLICT, PAIR])
def test_words_without_order_do_not_say_which_of_two_persons_is_meant(item_type) -> None:
    """Word counts prefer the emotion that is asked for, of the two in the text, half of the time."""
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression

    train, tested = (
        sample(n=6000, seed=4),
        [vignette for vignette in drawn() if vignette.example.item_type == item_type],
    )
    counts = CountVectorizer(token_pattern=r"\w+")
    learned = counts.fit_transform([f"{e.text} {e.person}" for e in train])
    model = LogisticRegression(max_iter=1000).fit(learned, [e.label for e in train])
    scores = model.predict_log_proba(
        counts.transform([f"{vignette.example.text} {vignette.example.person}" for vignette in tested])
    )
    right = []
    for vignette, row in zip(tested, scores):
        not_asked = next(event.emotion for event in vignette.events if event.person != vignette.example.person)
        right.append(
            row[list(model.classes_).index(vignette.example.label)] > row[list(model.classes_).index(not_asked)]
        )
    assert abs(sum(right) / len(right) - 0.5) < 0.05 + 2 / len(right) ** 0.5


def test_no_word_gives_an_emotion_away() -> None:
    labels_of = defaultdict(Counter)
    for example in (*sample(), *sample(seed=4), *sample(seed=5)):
        if example.item_type == "one person":
            for word in set(bag(example.text)):
                labels_of[word][example.label] += 1
    often = {word: labels for word, labels in labels_of.items() if labels.total() >= 30}
    assert len(often) > 100
    telling = {w: n.most_common(1) for w, n in often.items() if n.most_common(1)[0][1] > 0.8 * n.total()}
    assert not telling


def test_training_holds_nothing_that_is_held_out() -> None:
    old = vocabulary()
    for vignette in drawn():
        assert things(vignette) <= {thing for words in vars(old.things).values() for thing in words}
        assert {event.verb for event in vignette.events} <= {
            verb for words in vars(old.verbs).values() for verb in words
        }
        assert not {event.frame for event in vignette.events} & set(HELD_OUT_FRAMES[vignette.example.style])
        assert len(vignette.events) < 3


@pytest.mark.parametrize("shift", SHIFTS)
def test_a_shifted_text_holds_what_training_does_not(shift) -> None:
    new = vocabulary(new_things=True, new_verbs=True)
    for vignette in drawn("study", 150, shift=shift):
        assert vignette.example.shift == shift
        deciding = next(event for event in vignette.events if event.person == vignette.example.person)
        assert (things(vignette) <= {thing for words in vars(new.things).values() for thing in words}) == (
            shift == "new things"
        )
        assert (deciding.verb in {verb for words in vars(new.verbs).values() for verb in words}) == (
            shift == "new verbs"
        )
        assert (deciding.frame in HELD_OUT_FRAMES[vignette.example.style]) == (shift == "new frames")
        assert (len(vignette.events) == 3) == (shift == "three persons")
    assert {vignette.example.style for vignette in drawn("study", 150, shift=shift)} == set(STYLES)


def test_a_study_reads_every_fourth_text_shifted_and_all_shifts_alike() -> None:
    counted = Counter(vignette.example.shift for vignette in islice(study_stream(0), 480))
    assert counted.pop("") == 360
    assert counted == dict.fromkeys(SHIFTS, 30)


def test_a_scarce_emotion_is_drawn_as_often_as_said() -> None:
    rng = Random(0)
    counted = Counter(draw_emotion(rng, {"disgust": 0.02}) for _ in range(20_000))
    assert abs(counted["disgust"] / 20_000 - 0.02) < 0.004
    assert all(abs(counted[e] / 20_000 - 0.98 / 6) < 0.015 for e in EMOTION_NOUNS if e != "disgust")
    felt = Counter(
        e.emotion
        for _ in range(1500)
        for vignette in draw_vignettes(rng, "train", shares={"disgust": 0.02})
        for e in vignette.events
    )
    assert 0.005 < felt["disgust"] / felt.total() < 0.035


def test_loads_no_framework() -> None:
    code = "import sys, emomech.organism.curriculum; sys.exit(bool({'torch', 'transformers', 'sklearn'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
