"""The rule of emotion, and sampled events in which no word and no kind of event gives the emotion away."""

from collections import Counter, defaultdict
from dataclasses import replace
from functools import cache
from random import Random

import pytest
from grammar_cases import BROKEN, CAGE, LICKED, MOVED, REPAIR, SMEARED

from emomech.data.grammar.event_sampling import HELD_OUT_FRAMES, EventSetting, sample_event
from emomech.data.grammar.events import AROUSAL, VALENCE, Event
from emomech.data.grammar.lexicon import EMOTION_NOUNS, lexicon, vocabulary
from emomech.data.grammar.vignettes import STYLES


@cache
def events(n: int = 400) -> tuple[Event, ...]:
    rng = Random(0)
    return tuple(
        sample_event(rng, EventSetting(style, vocabulary()), "Anna", emotion, ["Ben", "Eva"])
        for emotion in EMOTION_NOUNS
        for style in STYLES
        for _ in range(n)
    )


@pytest.mark.parametrize(
    ("event", "emotion"),
    [
        (BROKEN, "anger"),
        (replace(BROKEN, agent="the storm", meant=False), "sadness"),
        (CAGE, "joy"),
        (replace(CAGE, verb=REPAIR, verb_sign=1), "anger"),
        (replace(CAGE, mood="prospect", said="may"), "joy"),
        (replace(BROKEN, mood="prospect", said="may"), "fear"),
        (replace(BROKEN, mood="denied", said="did not"), "calm"),
        (MOVED, "calm"),
        (replace(MOVED, mood="prospect", said="may"), "calm"),
        (replace(MOVED, sudden=True, aside="suddenly"), "surprise"),
        (SMEARED, "disgust"),
        (replace(SMEARED, mood="prospect", said="may"), "fear"),
        (replace(SMEARED, mood="denied", said="never"), "calm"),
        (replace(SMEARED, site="road", contaminates=False), "calm"),
        (replace(SMEARED, site="road", contaminates=False, sudden=True, aside="suddenly"), "surprise"),
        (LICKED, "disgust"),
        (replace(LICKED, agent="the dog", meant=False), "disgust"),
        (replace(LICKED, thing="fence", contaminates=False), "calm"),
    ],
)
def test_emotion_follows_from_the_latents(event, emotion) -> None:
    assert event.emotion == emotion
    assert event.appraisals["emotion"] == emotion
    assert (event.appraisals["valence"], event.appraisals["arousal"]) == (VALENCE[emotion], AROUSAL[emotion])


def test_an_event_makes_its_person_feel_what_was_asked_for() -> None:
    drawn = Counter(event.emotion for event in events())
    assert set(drawn.values()) == {3 * 400}
    assert {event.person for event in events()} == {"Anna"}


def test_a_kind_of_event_or_a_mood_or_an_agent_leads_to_several_emotions() -> None:
    for latent in ("frame", "mood", "meant", "sudden", "voice", "verb_sign", "thing_sign"):
        emotions_of = defaultdict(set)
        for event in events():
            emotions_of[getattr(event, latent)].add(event.emotion)
        alone = {value for value, emotions in emotions_of.items() if len(emotions) == 1}
        assert alone <= {"denied"}, latent  # what did not happen leaves calm behind


def test_disgust_is_as_compositional_as_the_rest() -> None:
    """Every verb, thing, substance or place of disgust also occurs with other emotions."""
    emotions_of = defaultdict(set)
    for event in events():
        for word in (event.verb[0], event.thing, event.site):
            emotions_of[word].add(event.emotion)
    disgusting = {word for word, emotions in emotions_of.items() if "disgust" in emotions}
    assert len(disgusting) > 50
    assert all(
        {"calm", "fear"} <= emotions_of[word] or {"surprise", "calm"} <= emotions_of[word] for word in disgusting
    )


@pytest.mark.parametrize(
    "forms",
    [
        lambda e: {(e.verb[0], e.thing) for e in e if e.desirability > 0},
        lambda e: {(e.verb[0], e.thing) for e in e if e.desirability < 0},
        lambda e: {e.said for e in e if e.mood == "prospect"},
        lambda e: {e.said for e in e if e.mood == "denied"},
        lambda e: {e.aside for e in e if e.sudden},
        lambda e: {e.aside for e in e if e.aside and not e.sudden},
        lambda e: {e.agent for e in e if e.meant},
        lambda e: {e.agent for e in e if not e.meant},
        lambda e: {(e.thing, e.site) for e in e if e.contaminates},
        lambda e: {(e.thing, e.site) for e in e if e.frame == "contact" and not e.contaminates},
    ],
)
def test_every_latent_has_twenty_surface_forms(forms) -> None:
    assert len(forms(events())) >= 20


def test_a_style_tells_no_frame_that_is_held_out_in_it_unless_asked() -> None:
    rng = Random(1)
    for style in STYLES:
        drawn, new = set(), set()
        for emotion in EMOTION_NOUNS:
            drawn |= {
                sample_event(rng, EventSetting(style, vocabulary()), "Anna", emotion, []).frame for _ in range(200)
            }
        assert drawn == {"deed", "give", "take", "contact", "mouth"} - set(HELD_OUT_FRAMES[style])
        for emotion in ("fear", "calm"):
            setting = EventSetting(style, vocabulary(), new_frames=True)
            new |= {sample_event(rng, setting, "Anna", emotion, []).frame for _ in range(200)}
        assert new == set(HELD_OUT_FRAMES[style])


def test_every_frame_is_told_in_some_style() -> None:
    assert all(sum(frame in held for held in HELD_OUT_FRAMES.values()) == 1 for frame in ("give", "contact", "mouth"))


def test_an_emotion_that_no_frame_leads_to_is_refused() -> None:
    with pytest.raises(ValueError, match="joy: no frame"):
        sample_event(Random(0), EventSetting("story", vocabulary(), new_frames=True), "Anna", "joy", [])


def test_who_cannot_mean_to_neither_plans_nor_refuses() -> None:
    words = lexicon()
    for event in events():
        if not event.meant or event.voice == "passive":
            assert event.said not in (*words.prospect.persons, *words.denied.persons)


def test_words_held_out_are_new_and_of_every_kind() -> None:
    old, new = vocabulary(), vocabulary(new_things=True, new_verbs=True)
    for kind in ("things", "verbs"):
        for name, held in vars(getattr(new, kind)).items():
            assert held and not set(held) & set(getattr(getattr(old, kind), name)), name
