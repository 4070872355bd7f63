"""Events are written as sentences, and each word gets its tags."""

import re
from collections import defaultdict
from dataclasses import replace

import pytest
from grammar_cases import BROKEN, CAGE, LICKED, MOVED, SMEARED

from emomech.data.grammar.events import Event
from emomech.data.grammar.realisation import NeutralSentence, answer_tags, bare_words, realise

GIVEN = Event("Anna", "give", ("give", "gave", "given"), 1, "letter", 1, "Ben", meant=True)
TAKEN = Event("Anna", "take", ("take", "took", "taken"), -1, "letter", 1, "the storm", meant=False)


def text(*sentences) -> str:
    return realise(sentences).text


def tags(*sentences) -> dict[str, dict[str, str]]:
    """Tags of each form; if a form occurs twice, those of the last occurrence."""
    written = realise(sentences)
    return {written.text[word.start : word.end]: dict(word.tags) for word in written.words}


@pytest.mark.parametrize(
    ("event", "written"),
    [
        (BROKEN, "Ben broke the violin of Anna."),
        (replace(BROKEN, clitic=True), "Ben broke Anna's violin."),
        (replace(BROKEN, clitic=True, voice="passive"), "Anna's violin was broken by Ben."),
        (replace(BROKEN, mood="prospect", said="was about to"), "Ben was about to break the violin of Anna."),
        (replace(BROKEN, mood="prospect", said="may", voice="passive"), "The violin of Anna may be broken by Ben."),
        (replace(BROKEN, mood="denied", said="did not"), "Ben did not break the violin of Anna."),
        (replace(BROKEN, mood="denied", said="never"), "Ben never broke the violin of Anna."),
        (replace(BROKEN, mood="denied", said="was not", voice="passive"), "The violin of Anna was not broken by Ben."),
        (replace(MOVED, sudden=True, aside="suddenly"), "Suddenly, Ben moved the chair of Anna."),
        (SMEARED, "Ben smeared slime onto the soup of Anna."),
        (replace(SMEARED, voice="passive", clitic=True), "Slime was smeared onto Anna's soup by Ben."),
        (LICKED, "Ben licked the spoon of Anna."),
        (replace(GIVEN, voice="passive"), "Anna was given the letter by Ben."),
        (TAKEN, "The storm took the letter from Anna."),
        (replace(BROKEN, person="I"), "Ben broke my violin."),
        (replace(GIVEN, person="I"), "Ben gave me the letter."),
        (replace(TAKEN, agent="I", meant=True, voice="passive"), "The letter was taken from Anna by me."),
        (replace(BROKEN, pronoun=True), "Ben broke her violin."),
        (replace(TAKEN, person="Tomas", pronoun=True), "The storm took the letter from him."),
        (replace(BROKEN, teller="Anna", listener="Eva"), "Anna to Eva: Ben broke my violin."),
        (replace(BROKEN, teller="Eva", listener="Anna"), "Eva to Anna: Ben broke your violin."),
        (
            replace(GIVEN, teller="Eva", listener="Anna", voice="passive"),
            "Eva to Anna: You were given the letter by Ben.",
        ),
        (replace(BROKEN, teller="Ben", listener="Eva"), "Ben to Eva: I broke the violin of Anna."),
    ],
)
def test_an_event_is_written_as_a_sentence(event, written) -> None:
    assert text(event) == written


def test_words_stand_where_the_text_has_them() -> None:
    sentences = realise([NeutralSentence("the bus nearly stopped ."), replace(BROKEN, clitic=True, aside="suddenly")])
    assert [sentences.text[w.start : w.end] for w in sentences.words] == [
        "The",
        "bus",
        "nearly",
        "stopped",
        "Suddenly",
        "Ben",
        "broke",
        "Anna",
        "'s",
        "violin",
    ]


def test_in_a_passive_the_subject_is_no_agent() -> None:
    for event, subject in ((BROKEN, "Ben"), (replace(BROKEN, voice="passive"), "violin")):
        tagged = tags(event)
        assert [form for form, tag in tagged.items() if tag.get("role") == "subject"] == [subject]
        assert tagged["Ben"]["semantic_role"] == "agent"


def test_voice_is_of_the_verb_and_what_happens_beside_has_none() -> None:
    tagged = tags(NeutralSentence("it was a long day ."), replace(BROKEN, voice="passive"))
    assert [form for form, tag in tagged.items() if "voice" in tag] == ["broken"]


def test_an_appraisal_is_tagged_from_the_word_that_decides_it() -> None:
    tagged = tags(replace(SMEARED, agent="the storm", meant=False))
    assert tagged["storm"]["agency"] == "nature"
    assert "certainty" not in tagged["storm"] and tagged["smeared"]["certainty"] == "fact"
    assert "contamination" not in tagged["slime"] and tagged["soup"]["contamination"] == "contaminated"
    assert "emotion" not in tagged["soup"] and tagged["Anna"]["emotion"] == "disgust"
    passive = tags(replace(BROKEN, voice="passive"))
    assert "desirability" not in passive["Anna"] and passive["broken"]["desirability"] == "bad"
    assert "emotion" not in passive["broken"] and passive["Ben"]["emotion"] == "anger"
    assert (passive["Ben"]["valence"], passive["Ben"]["arousal"]) == ("unpleasant", "high")


def test_a_pronoun_is_of_the_cluster_of_its_name() -> None:
    scene = NeutralSentence("Anna and Tomas cooked some rice .", ("Anna", "Tomas"))
    tagged = tags(scene, replace(BROKEN, person="Tomas", pronoun=True, agent="the aunt"), replace(CAGE, pronoun=True))
    assert (
        tagged["his"]["cluster"] == tagged["Tomas"]["cluster"] != tagged["Anna"]["cluster"] == tagged["her"]["cluster"]
    )
    assert (tagged["her"]["entity"], tagged["his"]["entity"], tagged["aunt"]["entity"]) == (
        "first",
        "second",
        "bystander",
    )


def test_who_speaks_is_of_the_cluster_of_my() -> None:
    tagged = tags(replace(BROKEN, teller="Anna", listener="Eva"))
    assert tagged["my"]["cluster"] == tagged["Anna"]["cluster"] != tagged["Eva"]["cluster"]


def test_persons_are_ranked_by_first_mention() -> None:
    second = replace(BROKEN, person="Ben", agent="Eva")
    assert realise([BROKEN, second]).ranks == {"Ben": "first", "Anna": "second"}
    assert realise([replace(BROKEN, voice="passive"), second]).ranks == {"Anna": "first", "Ben": "second"}


def test_answer_tags_are_those_of_the_asked_person() -> None:
    passive = replace(GIVEN, person="Eva", voice="passive")
    assert answer_tags(passive, realise([BROKEN, passive]).ranks) == {
        "role": "subject",
        "semantic_role": "recipient",
        "voice": "passive",
        "entity": "second",
        "verb_sign": "helps",
        "thing_sign": "prized",
        "desirability": "good",
        "certainty": "fact",
        "agency": "person",
        "expectedness": "unsaid",
        "contamination": "clean",
        "valence": "pleasant",
        "arousal": "high",
    }


def test_grammatical_and_semantic_role_are_not_one_label() -> None:
    seen = defaultdict(set)
    for event in (BROKEN, GIVEN, replace(TAKEN, agent="Ben", meant=True)):
        for voice in ("active", "passive"):
            for tag in tags(replace(event, voice=voice)).values():
                if "role" in tag:
                    seen[tag["semantic_role"]].add(tag["role"])
    assert all(len(seen[role]) >= 2 for role in ("agent", "theme", "recipient"))
    assert {"subject", "oblique"} <= seen["agent"]


def test_unpointed_is_the_text_without_points_and_capitals() -> None:
    said = replace(LICKED, teller="Ben", listener="Cora", aside="suddenly")
    sentences = [said, NeutralSentence("Dora looked up .", ("Dora",)), CAGE]
    assert re.findall(r"\w+", bare_words(sentences).lower()) == re.findall(r"\w+", realise(sentences).text.lower())
