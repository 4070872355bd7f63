import re
import subprocess
import sys
from collections import Counter, defaultdict
from dataclasses import replace
from functools import cache
from hashlib import blake2b
from itertools import islice

import pytest
from test_lexicon import EMOTION_WORD

from emomech.corpus import Example
from emomech.organism.events import Event
from emomech.organism.grammar import ITEM_TYPES, vignettes
from emomech.organism.lexicon import EMOTION_NOUNS
from emomech.organism.wording import answer_tags, write

BREAK, REPAIR = ("break", "broke", "broken"), ("repair", "repaired", "repaired")
BROKEN = Event("Anna", "deed", BREAK, -1, "violin", 1, "Ben", meant=True)
CAGE = replace(BROKEN, thing="cage", thing_sign=-1)
MOVED = Event("Anna", "deed", ("move", "moved", "moved"), 0, "chair", 0, "Ben", meant=True)
SMEAR = ("smear", "smeared", "smeared")
SMEARED = Event("Anna", "contact", SMEAR, 0, "slime", 0, "Ben", meant=True, site="soup", contaminates=True)
GIVEN = Event("Anna", "give", ("give", "gave", "given"), 1, "letter", 1, "Ben", meant=True)
TAKEN = Event("Anna", "take", ("take", "took", "taken"), -1, "letter", 1, "the storm", meant=False)
AT_WORDS = ("role", "voice", "semantic_role", "entity", "desirability")
AT_THE_ANSWER = ("certainty", "agency", "expectedness", "contamination")


@cache
def sample(split: str = "train", n: int = 2500, seed: int = 3) -> tuple[Example, ...]:
    return tuple(islice(vignettes(seed, split=split), n))


def bag(text: str) -> list[str]:
    return sorted(re.findall(r"\w+", text.lower()))


def side(text: str) -> str:
    point = int.from_bytes(blake2b(" ".join(bag(text)).encode(), digest_size=8).digest())
    return "study" if point % 8 == 0 else "train"


def pairs(examples) -> list[list[Example]]:
    found = defaultdict(list)
    for example in examples:
        if example.item_type == "minimal pair":
            found[example.cluster].append(example)
    return [both for both in found.values() if len(both) == 2]  # the last may be cut off


@pytest.mark.parametrize(
    ("event", "text", "emotion"),
    [
        (BROKEN, "Ben broke the violin of Anna.", "anger"),
        (replace(BROKEN, agent="the storm", meant=False), "The storm broke the violin of Anna.", "sadness"),
        (CAGE, "Ben broke the cage of Anna.", "joy"),
        (replace(CAGE, verb=REPAIR, verb_sign=1), "Ben repaired the cage of Anna.", "anger"),
        (replace(BROKEN, mood="prospect", modal="may"), "Ben may break the violin of Anna.", "fear"),
        (replace(BROKEN, mood="denied", modal="not"), "Ben did not break the violin of Anna.", "calm"),
        (
            replace(BROKEN, mood="denied", modal="not", voice="passive"),
            "The violin of Anna was not broken by Ben.",
            "calm",
        ),
        (MOVED, "Ben moved the chair of Anna.", "calm"),
        (replace(MOVED, sudden=True, aside="suddenly"), "Suddenly, Ben moved the chair of Anna.", "surprise"),
        (SMEARED, "Ben smeared slime onto the soup of Anna.", "disgust"),
        (replace(SMEARED, site="road", contaminates=False), "Ben smeared slime onto the road of Anna.", "calm"),
        (replace(GIVEN, voice="passive"), "Anna was given the letter by Ben.", "joy"),
        (TAKEN, "The storm took the letter from Anna.", "sadness"),
        (replace(BROKEN, person="I"), "Ben broke my violin.", "anger"),
        (replace(GIVEN, person="I"), "Ben gave me the letter.", "joy"),
        (replace(TAKEN, agent="I", meant=True, voice="passive"), "The letter was taken from Anna by me.", "anger"),
    ],
)
def test_emotion_follows_from_what_is_told(event, text, emotion) -> None:
    assert write([], [event])[0] == text
    assert event.emotion == emotion


def test_same_seed_gives_the_same_stream_and_another_seed_another() -> None:
    assert sample(n=200) == tuple(islice(vignettes(3, split="train"), 200))
    assert sample(n=200) != sample(n=200, seed=4)


def test_examples_say_all_that_a_study_reads() -> None:
    for example in sample():
        assert example.item_type in ITEM_TYPES
        assert example.style in ("story", "diary")
        assert (example.person == "I") == (example.style == "diary")
        assert set(example.answer_tags) == {*AT_WORDS, *AT_THE_ANSWER}
        assert re.search(rf"\b({example.person}|[Mm]y|me)\b", example.text)


def test_no_text_names_an_emotion() -> None:
    assert not [example.text for example in sample() if EMOTION_WORD.search(example.text.replace("unexpected", ""))]


def test_sentences_begin_large_and_are_spaced_once() -> None:
    for example in sample():
        assert re.fullmatch(r"([A-Z]\w*(,? \w+)*\.( |$))+", example.text), example.text
        assert not example.text.endswith(" ")


def test_words_are_the_words_of_the_text() -> None:
    for example in sample(n=500):
        found = [(m.start(), m.end()) for m in re.finditer(r"\w+", example.text)]
        assert [(word.start, word.end) for word in example.words] == found
        assert all("pos" in word.tags for word in example.words), example.text


def test_splits_share_no_vocabulary() -> None:
    assert {side(example.text) for example in sample("study", 200)} == {"study"}
    assert {side(example.text) for example in sample()} == {"train"}


def test_labels_are_balanced() -> None:
    for item_type in (None, *ITEM_TYPES):
        counted = Counter(e.label for e in sample() if item_type in (None, e.item_type))
        expected = {
            label: 1 / 7 if item_type not in ("two persons, conflict", "two persons, one calm") else 1 / 6
            for label in EMOTION_NOUNS
        }
        if item_type == "two persons, conflict":
            assert counted.pop("calm", 0) == 0
        elif item_type == "two persons, one calm":
            assert 0.25 < counted.pop("calm") / sum(counted.values()) < 0.75
        total = sum(counted.values())
        for label, number in counted.items():
            p = expected[label]
            assert abs(number / total - p) < 0.02 + 4 * (p * (1 - p) / total) ** 0.5, (item_type, label)


def test_item_types_are_about_equally_many_clusters() -> None:
    counted = Counter({e.cluster: e.item_type for e in sample()}.values())
    assert min(counted.values()) > 0.7 * max(counted.values())


def test_a_minimal_pair_has_the_same_words_and_question_and_another_answer() -> None:
    found = pairs(sample())
    assert len(found) > 200
    for one, other in found:
        assert bag(one.text) == bag(other.text)
        assert one.person == other.person
        assert one.text != other.text
        assert one.label != other.label


def test_the_two_texts_of_a_pair_follow_each_other() -> None:
    kept = sample()
    place = {(e.cluster, e.text): i for i, e in enumerate(kept)}
    assert all(place[(b.cluster, b.text)] == place[(a.cluster, a.text)] + 1 for a, b in pairs(kept))


def test_only_a_pair_shares_its_cluster() -> None:
    counted = Counter((e.cluster, e.item_type) for e in sample())
    assert all(n == 1 for (_, kind), n in counted.items() if kind != "minimal pair")
    assert len({cluster for cluster, _ in counted}) == len(counted)


def test_in_a_passive_the_subject_is_no_agent() -> None:
    active, passive = write([], [BROKEN]), write([], [replace(BROKEN, voice="passive")])
    for (text, words), subject, agent in ((active, "Ben", "Ben"), (passive, "violin", "Ben")):
        named = {tag: text[w.start : w.end] for w in words for tag in (w.tags.get("role"), w.tags.get("semantic_role"))}
        assert named["subject"] == subject
        assert named["agent"] == agent


def test_grammatical_and_semantic_role_are_not_one_label() -> None:
    seen = defaultdict(set)
    for example in sample():
        for word in example.words:
            if "role" in word.tags:
                seen[word.tags["semantic_role"]].add(word.tags["role"])
    for semantic in ("agent", "cause", "theme", "recipient"):
        assert len(seen[semantic]) >= 2, semantic
    assert {"subject", "oblique"} <= seen["agent"]


@pytest.mark.parametrize("family", AT_THE_ANSWER)
def test_every_appraisal_has_large_classes_at_the_answer(family: str) -> None:
    answers = Counter(e.answer_tags[family] for e in sample())
    assert len(answers) > 1 and min(answers.values()) >= 100


@pytest.mark.parametrize("family", AT_WORDS)
def test_every_family_has_large_classes_at_words_and_at_the_answer(family) -> None:
    words = Counter(tag for e in sample() for tag in {w.tags[family] for w in e.words if family in w.tags})
    answers = Counter(e.answer_tags[family] for e in sample())
    assert sum(n >= 100 for n in words.values()) >= 2
    assert sum(n >= 100 for n in answers.values()) >= 2


def test_answer_tags_are_those_of_the_asked_person() -> None:
    passive = replace(GIVEN, person="Eva", voice="passive")
    assert answer_tags(passive, [BROKEN, passive]) == {
        "role": "subject",
        "semantic_role": "recipient",
        "voice": "passive",
        "entity": "second",
        "desirability": "good",
        "certainty": "fact",
        "agency": "person",
        "expectedness": "unsaid",
        "contamination": "clean",
    }


def test_voice_is_of_the_verb_and_filler_has_none() -> None:
    text, words = write(["it was a long day ."], [replace(BROKEN, voice="passive")])
    assert [text[w.start : w.end] for w in words if "voice" in w.tags] == ["broken"]


@pytest.mark.parametrize("item_type", ["two persons, conflict", "minimal pair"])
def test_words_without_order_do_not_say_which_of_two_persons_is_meant(item_type) -> None:
    """Who knows both emotions and not whose they are is right in half of the cases."""
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.naive_bayes import BernoulliNB

    train = [e for e in sample() if e.item_type == item_type]
    other = [e for e in sample(seed=4) if e.item_type == item_type]
    counts = CountVectorizer(token_pattern=r"\w+")
    model = BernoulliNB().fit(counts.fit_transform([e.text for e in train]), [e.label for e in train])
    assert model.score(counts.transform([e.text for e in other]), [e.label for e in other]) < 0.5


def test_loads_no_framework() -> None:
    code = "import sys, emomech.organism.curriculum; sys.exit(bool({'torch', 'transformers', 'sklearn'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_no_word_gives_an_emotion_away() -> None:
    found = defaultdict(Counter)
    for example in (*sample(), *sample(seed=4), *sample(seed=5)):
        if example.item_type == "one person":
            for word in set(bag(example.text)):
                found[word][example.label] += 1
    often = {word: labels for word, labels in found.items() if labels.total() >= 30}
    assert len(often) > 100
    telling = {w: n.most_common(1) for w, n in often.items() if n.most_common(1)[0][1] > 0.8 * n.total()}
    assert not telling


@pytest.mark.parametrize(
    ("event", "emotion"),
    [
        (replace(CAGE, mood="prospect", modal="may"), "joy"),
        (replace(MOVED, mood="prospect", modal="may"), "calm"),
        (replace(SMEARED, mood="prospect", modal="may"), "fear"),
        (replace(SMEARED, mood="denied", modal="not"), "calm"),
        (replace(SMEARED, site="road", contaminates=False, sudden=True, aside="suddenly"), "surprise"),
    ],
)
def test_prospect_and_contact_decide_only_together_with_worth(event, emotion) -> None:
    assert event.emotion == emotion


def test_contamination_is_bad_for_the_person() -> None:
    assert {e.answer_tags["desirability"] for e in sample() if e.label == "disgust"} == {"bad"}


def test_texts_have_two_to_four_sentences() -> None:
    assert {e.text.count(".") for e in sample()} == {2, 3, 4}


def test_persons_are_ranked_by_first_mention() -> None:
    second = replace(BROKEN, person="Ben", agent="Eva")
    assert answer_tags(BROKEN, [BROKEN, second])["entity"] == "second"
    passive = replace(BROKEN, voice="passive")
    assert answer_tags(passive, [passive, second])["entity"] == "first"
