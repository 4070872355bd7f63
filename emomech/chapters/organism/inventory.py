"""Tables that describe a sample of the embedded grammar: examples, gold tags, counts, wordings and lengths."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice, product
from statistics import fmean
from typing import get_args

import pandas as pd

from emomech.data.corpus import Example
from emomech.data.grammar.event_sampling import HELD_OUT_FRAMES
from emomech.data.grammar.events import Event, Frame
from emomech.data.grammar.hf_dataset import WORD_TAGS
from emomech.data.grammar.lexicon import EMOTION_NOUNS, vocabulary
from emomech.data.grammar.vignettes import ALL_ITEM_TYPES, CONFLICT, STYLES, Vignette, study_stream
from emomech.stats.tables import Schema, frame

_ITEM = {"item_type": "type of the text: what makes it easy or hard", "style": "story, diary or dialogue"}
EXAMPLES = Schema(
    keys={**_ITEM, "number": "1, or 2 for the second text of a minimal pair"},
    values={
        "text": "the text as the model reads it",
        "person": "person whose emotion is asked about",
        "emotion": "emotion of this person",
    },
)
ANNOTATION = Schema(
    keys={"position": "position of the word in the text, from 1"},
    values={
        "word": "the word as written",
        "pos": "part of speech",
        "role": "grammatical role",
        "semantic_role": "role in the event",
        "entity": "person that is meant, numbered by first mention among those who feel something",
        "cluster": "number of the person; words with the same number refer to the same person",
        "voice": "active or passive",
        "verb_sign": "whether the verb helps or harms the thing",
        "thing_sign": "whether the thing is prized or hated",
        "desirability": "whether the event is good or bad for the person",
        "certainty": "whether the event happened, may happen, or did not happen",
        "agency": "whether a person caused the event",
        "expectedness": "whether the text calls the event sudden or usual",
        "contamination": "whether something foul touches body or food",
        "emotion": "emotion of the person that follows from the event",
        "valence": "whether the emotion is pleasant, neutral or unpleasant",
        "arousal": "whether the emotion's arousal is high or low",
    },
)
COUNTS = Schema(keys={**_ITEM, "emotion": "emotion that is the answer"}, values={"n": "number of texts in the sample"})
FORMS = Schema(
    keys={"latent": "appraisal or emotion of an event", "value": "its value"},
    values={
        "forms": "number of different wordings in the sample",
        "n": "number of events",
        "often": "the most frequent wordings",
    },
)
LENGTHS = Schema(
    keys={"measure": "what is counted in a text", "style": _ITEM["style"]},
    values={
        "mean": "mean over the texts",
        "least": "smallest value of a text",
        "most": "largest value of a text",
        "n": "number of texts",
    },
)
HELD_OUT = Schema(
    keys={"shift": "what training texts never contain", "kind": "kind of word, style of text, or persons"},
    values={
        "held_out": "number that is held out from training",
        "learned": "number that occurs in training",
        "which": "the ones that are held out",
    },
)


def sample(seed: int, n: int) -> list[Vignette]:
    """Draw the first `n` texts that a study with this seed reads, with their events."""
    return list(islice(study_stream(seed), n))


def examples(drawn: Sequence[Vignette]) -> pd.DataFrame:
    """Table `EXAMPLES`: the first text of each item type and style, and both texts of a minimal pair."""
    rows = []
    for item_type in ALL_ITEM_TYPES:
        for style in STYLES:
            of_kind = [v.example for v in drawn if (v.example.item_type, v.example.style) == (item_type, style)]
            unshifted = [example for example in of_kind if not example.shift] or of_kind
            same_cluster = [example for example in unshifted if example.cluster == unshifted[0].cluster]
            for number, example in enumerate(same_cluster, 1):
                keys = {"item_type": item_type, "style": style, "number": number}
                rows.append({**keys, "text": example.text, "person": example.person, "emotion": example.label})
    return frame(EXAMPLES, rows)


def annotation(drawn: Sequence[Vignette]) -> pd.DataFrame:
    """Table `ANNOTATION`: the words of the shortest story of two persons in conflict, else of the first text."""
    stories = [v.example for v in drawn if (v.example.item_type, v.example.style) == (CONFLICT, "story")]
    example = min(stories, key=lambda story: len(story.text), default=drawn[0].example)
    rows = [
        {
            "position": position,
            "word": example.text[word.start : word.end],
            **{tag: word.tags.get(tag, "") for tag in WORD_TAGS},
        }
        for position, word in enumerate(example.words, 1)
    ]
    return frame(ANNOTATION, rows)


def counts(drawn: Sequence[Vignette]) -> pd.DataFrame:
    """Table `COUNTS`: number of texts by item type, style and emotion, 0 for a combination that does not occur."""
    n = Counter((v.example.item_type, v.example.style, v.example.label) for v in drawn)
    rows = [
        {"item_type": item_type, "style": style, "emotion": emotion, "n": n[item_type, style, emotion]}
        for item_type, style, emotion in product(ALL_ITEM_TYPES, STYLES, EMOTION_NOUNS)
    ]
    return frame(COUNTS, rows)


def _doing(event: Event) -> str:
    return " ".join(filter(None, (event.verb[0], event.thing, event.site)))


_WORDING: Mapping[str, Callable[[Event], str]] = {
    "certainty": lambda event: event.said or f"{event.voice} past",
    "agency": lambda event: event.agent,
    "expectedness": lambda event: event.aside,
    "verb_sign": lambda event: event.verb[0],
    "thing_sign": lambda event: event.thing,
    "desirability": _doing,
    "contamination": _doing,
    "emotion": _doing,
}
"""Appraisal or emotion -> the words of an event that express it."""


def forms(drawn: Sequence[Vignette], n_often: int = 3) -> pd.DataFrame:
    """Table `FORMS`: by how many different wordings each value of an appraisal or emotion is expressed.

    Only texts without a shift are counted. A value without words, such as an expectedness that the text does not
    mention, is left out.
    """
    wordings: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for event in (event for vignette in drawn if not vignette.example.shift for event in vignette.events):
        for latent, wording_of in _WORDING.items():
            if wording := wording_of(event):
                wordings[latent, event.appraisals[latent]][wording] += 1
    order = list(_WORDING)
    rows = [
        {
            "latent": latent.replace("_", " "),
            "value": value,
            "forms": len(counted),
            "n": counted.total(),
            "often": "; ".join(wording for wording, _ in counted.most_common(n_often)),
        }
        for (latent, value), counted in sorted(wordings.items(), key=lambda item: (order.index(item[0][0]), item[0][1]))
    ]
    return frame(FORMS, rows)


_LENGTHS: Mapping[str, Callable[[Vignette], float]] = {
    "sentences": lambda vignette: len(vignette.sentences),
    "sentences that befall somebody": lambda vignette: len(vignette.events),
    "words": lambda vignette: len(vignette.example.words),
    "words per sentence": lambda vignette: len(vignette.example.words) / len(vignette.sentences),
    "words with a role": lambda vignette: sum("role" in word.tags for word in vignette.example.words),
}


def lengths(drawn: Sequence[Vignette]) -> pd.DataFrame:
    """Table `LENGTHS`: lengths of the texts of each style."""
    rows = []
    for measure, count in _LENGTHS.items():
        for style in STYLES:
            values = [float(count(vignette)) for vignette in drawn if vignette.example.style == style]
            if values:
                ends = {"least": min(values), "most": max(values)}
                rows.append({"measure": measure, "style": style, "mean": fmean(values), **ends, "n": len(values)})
    return frame(LENGTHS, rows)


def n_forms(drawn: Sequence[Vignette]) -> int:
    """Number of different word forms in the texts, regardless of capitals."""
    return len({form.lower() for vignette in drawn for form in _words(vignette.example)})


def _words(example: Example) -> Iterator[str]:
    return (example.text[word.start : word.end] for word in example.words)


def held_out() -> pd.DataFrame:
    """Table `HELD_OUT`: what training texts never contain, by kind of word, style and number of persons."""
    learned, things = vocabulary(), vocabulary(new_things=True).things
    rows = []

    def add(shift: str, kind: str, n_learned: int, new: Sequence[str]) -> None:
        counted = {"held_out": len(new), "learned": n_learned, "which": ", ".join(new)}
        rows.append({"shift": shift, "kind": kind, **counted})

    for kind, new in vars(things).items():
        add("new things", kind, len(getattr(learned.things, kind)), new)
    for kind, new in vars(vocabulary(new_verbs=True).verbs).items():
        add("new verbs", kind, len(getattr(learned.verbs, kind)), [verb[0] for verb in new])
    for style, frames in HELD_OUT_FRAMES.items():
        add("new frames", style, len(get_args(Frame)) - len(frames), frames)
    add("three persons", "persons who feel something", 2, ["a third in a text"])
    return frame(HELD_OUT, rows)
