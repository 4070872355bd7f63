"""What the texts of the embedded grammar are made of: examples, gold tags, words and lengths, counted from a sample."""

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
from emomech.data.grammar.vignettes import CONFLICT, EVERY_TYPE, STYLES, Vignette, mixed
from emomech.stats.tables import Schema

_ITEM = {"item_type": "what makes the item easy or hard", "style": "how it is told"}
EXAMPLES = Schema(
    keys={**_ITEM, "number": "1, or 2 for the second text of a minimal pair"},
    values={"text": "as the model reads it", "person": "who is asked about", "emotion": "what they feel"},
)
ANNOTATION = Schema(
    keys={"position": "place of the word, from 1"},
    values={
        "word": "as written",
        "pos": "part of speech",
        "role": "grammatical role",
        "semantic_role": "part in what happens",
        "entity": "who is meant, by order of mention among those who feel something",
        "cluster": "words with the same number mean the same person",
        "voice": "active or passive",
        "verb_sign": "what the deed does to a thing",
        "thing_sign": "the thing's worth to its owner",
        "desirability": "whether the event is good or bad for the person",
        "certainty": "whether it happened, may happen, or did not",
        "agency": "whether a person did it",
        "expectedness": "whether the text calls it sudden or usual",
        "contamination": "whether something foul touches body or food",
        "emotion": "what follows for the person",
        "valence": "pleasant or not",
        "arousal": "high or low",
    },
)
COUNTS = Schema(keys={**_ITEM, "emotion": "the answer"}, values={"n": "texts of the sample"})
FORMS = Schema(
    keys={"latent": "what is latent in an event", "value": "its value"},
    values={"forms": "different wordings in the sample", "n": "events", "often": "the most frequent wordings"},
)
LENGTHS = Schema(
    keys={"measure": "what is counted", "style": "how the text is told"},
    values={"mean": "mean over texts", "least": "of any text", "most": "of any text", "n": "texts"},
)
HELD_OUT = Schema(
    keys={"shift": "what no text for training holds", "kind": "of which kind"},
    values={"held_out": "how many are held out", "learned": "how many are learned from", "which": "the held-out ones"},
)


def sample(seed: int, n: int) -> list[Vignette]:
    """Draw the `n` texts that a study of the seed reads, with the events that they tell."""
    return list(islice(mixed(seed), n))


def examples(drawn: Sequence[Vignette]) -> pd.DataFrame:
    """Give the first text of each item type and style, and of a minimal pair both; a table as `EXAMPLES` says."""
    rows = []
    for item_type in EVERY_TYPE:
        for style in STYLES:
            of_kind = [one.example for one in drawn if (one.example.item_type, one.example.style) == (item_type, style)]
            plain = [one for one in of_kind if not one.shift] or of_kind
            alike = [one for one in plain if one.cluster == plain[0].cluster]
            for number, one in enumerate(alike, 1):
                rows.append((item_type, style, number, one.text, one.person, one.label))
    return pd.DataFrame(rows, columns=list(EXAMPLES.columns))


def annotation(drawn: Sequence[Vignette]) -> pd.DataFrame:
    """Annotate the shortest story of two persons in conflict, else the first text; a table as `ANNOTATION` says."""
    stories = [one.example for one in drawn if (one.example.item_type, one.example.style) == (CONFLICT, "story")]
    shown = min(stories, key=lambda one: len(one.text), default=drawn[0].example)
    rows = [
        (number, shown.text[word.start : word.end], *(word.tags.get(tag, "") for tag in WORD_TAGS))
        for number, word in enumerate(shown.words, 1)
    ]
    return pd.DataFrame(rows, columns=["position", "word", *WORD_TAGS])


def counts(drawn: Sequence[Vignette]) -> pd.DataFrame:
    """Count texts by item type, style and emotion, those that do not occur as 0; a table as `COUNTS` says."""
    found = Counter((one.example.item_type, one.example.style, one.example.label) for one in drawn)
    rows = [(*key, found[key]) for key in product(EVERY_TYPE, STYLES, EMOTION_NOUNS)]
    return pd.DataFrame(rows, columns=list(COUNTS.columns))


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
"""The words of an event that carry a latent."""


def forms(drawn: Sequence[Vignette], n_often: int = 3) -> pd.DataFrame:
    """Count by how many different words each value of a latent is told; a table as `FORMS` says.

    Texts in distribution alone; what nothing in the text says (an event of which no word says how expected it was) is
    left out.
    """
    found: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for event in (event for one in drawn if not one.example.shift for event in one.events):
        for latent, wording in _WORDING.items():
            if told := wording(event):
                found[latent, event.appraisals[latent]][told] += 1
    order = list(_WORDING)
    rows = [
        (
            latent.replace("_", " "),
            value,
            len(told),
            told.total(),
            "; ".join(one for one, _ in told.most_common(n_often)),
        )
        for (latent, value), told in sorted(found.items(), key=lambda item: (order.index(item[0][0]), item[0][1]))
    ]
    return pd.DataFrame(rows, columns=list(FORMS.columns))


_LENGTHS: Mapping[str, Callable[[Vignette], float]] = {
    "sentences": lambda one: len(one.told),
    "sentences that befall somebody": lambda one: len(one.events),
    "words": lambda one: len(one.example.words),
    "words per sentence": lambda one: len(one.example.words) / len(one.told),
    "words with a role": lambda one: sum("role" in word.tags for word in one.example.words),
}


def lengths(drawn: Sequence[Vignette]) -> pd.DataFrame:
    """Measure the texts of each style; a table as `LENGTHS` says."""
    rows = []
    for measure, count in _LENGTHS.items():
        for style in STYLES:
            found = [float(count(one)) for one in drawn if one.example.style == style]
            if found:
                rows.append((measure, style, fmean(found), min(found), max(found), len(found)))
    return pd.DataFrame(rows, columns=list(LENGTHS.columns))


def n_forms(drawn: Sequence[Vignette]) -> int:
    """Count the different word forms of the texts, whether or not they begin a sentence."""
    return len({form.lower() for one in drawn for form in _words(one.example)})


def _words(example: Example) -> Iterator[str]:
    return (example.text[word.start : word.end] for word in example.words)


def held_out() -> pd.DataFrame:
    """List what texts for training never hold, by kind of word, style and number; a table as `HELD_OUT` says."""
    rows = []
    known, things = vocabulary(), vocabulary(new_things=True).things
    for kind, new in vars(things).items():
        rows.append(("new things", kind, len(new), len(getattr(known.things, kind)), ", ".join(new)))
    for kind, new in vars(vocabulary(new_verbs=True).verbs).items():
        which = ", ".join(verb[0] for verb in new)
        rows.append(("new verbs", kind, len(new), len(getattr(known.verbs, kind)), which))
    for style, held in HELD_OUT_FRAMES.items():
        rows.append(("new frames", style, len(held), len(get_args(Frame)) - len(held), ", ".join(held)))
    rows.append(("three persons", "persons who feel something", 1, 2, "a third in a text"))
    return pd.DataFrame(rows, columns=list(HELD_OUT.columns))
