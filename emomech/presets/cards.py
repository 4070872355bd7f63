"""Cards of the published data sets: source, licence, files that are read, emotions, known problems.

A card is made from the preset of the corpus, so its revision and mapping are always those in use.

Example:
    >>> from emomech.presets import cards
    >>> print(cards.card("goemotions").splitlines()[0])
    ## GoEmotions
"""

import re
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from emomech.core import hub
from emomech.core.errors import unknown
from emomech.presets import lookup
from emomech.presets.kinds import CorpusPreset, DataCard

if TYPE_CHECKING:
    import pandas as pd


SIX = ("joy", "sadness", "anger", "fear", "disgust", "surprise")
"""The emotions of the book."""
PAGE = Path("book", "appendix", "data.md")
"""Page of the book with all cards, below the checkout."""
_PARSE = "data/samples/goemotions_sample.conllu"
_HEAD_LINES = 20
"""Lines of a parse within which it says how it was made."""
_ERRORS = re.compile(r"# (\S+) on \S+ = recall (\S+), precision (\S+), (\S+) labels")
_HEAD = """# Data sets

This page describes the published data sets that a study can use instead of the embedded corpus, and what is known to be
wrong with them.

`-p corpus=NAME` reads a set from the hub once, and from the cache afterwards. `-p corpus=PATH` reads a file or a folder
in the format in which the authors publish it. If the environment variable `EMOMECH_DATA` names a folder, a set is read
from the subfolder with its name, if there is one; `crowd_envent` will do for `crowd-envent`. Several names with commas
between them make one corpus, in which the style of a text is the name of its set.

The corpus `goemotions-sample` ships with the project and needs no hub. For a model preset that names it, such as
`smollm2-135m-instruct`, it is the corpus that a study uses unless it names another one.

Labels are mapped to the six emotions of this book, and to *neutral* if a set has it. **A text is left out** if its
labels map to several emotions or to none, if an earlier text says the same, if it occurs with several labels, or if it
is longer than the model can read. Two texts say the same if they have the same words, whatever their case and
punctuation. The foot of each page says how many texts were left out, and why.

**Emotion words.** A text that names an emotion may be answered without an inference. So the texts of a set that brings
no item types of its own get two: *names an emotion* and *names none*, by the words of `data/emotion_words.toml`, which
are the labels of crowd-enVENT with their inflections and derivations. The page on the premise shows both types side by
side. A set with masked emotion words has no text that names one; the masked variants `goemotions-sample-masked` and
`isear-masked` are the same texts as the sets without `-masked`. Words that only suggest an emotion, such as *tears*,
stay, and so do synonyms of the labels, such as *happy*.

**What may be shown.** ISEAR and crowd-enVENT may be studied, and results on them may be kept. Their texts are neither
shipped with the project nor shown: where a table or a figure would have a text, it has the text's number instead, and a
result that contains a text is not kept.

**Labels of words.** Published sets have emotions and no syntax. For the sample of GoEmotions, a parse of every comment
ships with the project, and *flow* reads its labels of words; `emomech data parse` makes one of any other set with
spaCy (`pip install '.[parser]'` in the checkout), and `-p gold=FILE` reads it. A parse of ISEAR or
crowd-enVENT has their texts, so it must not be passed on. The parser is small and was trained on edited English, and it
makes errors. They were measured on a treebank of English web texts, Universal Dependencies English EWT, test part,
which was annotated by hand. A label is right if the parser gives it to the same word; what is divided into words in
another way counts as an error. Comments on Reddit are more careless than that treebank, so expect more errors in them.

{errors}

With `-p gold=PATH`, a treebank's own sentences are read for syntax and semantics instead, such as EWT, or its semantic
roles in Universal Propositions. Their labels were given by hand, but the sentences have no emotion.

An emotion that a set lacks is missing from its pages. Do not compare emotions between sets that have them in different
numbers. The labels of the sets also differ in meaning: a word that the writer chose is not the same as a reader's
guess.

"""


def names() -> list[str]:
    """Names of the corpora that have a card."""
    return list(_published())


def card(name: str) -> str:
    """Card of a data set in Markdown. Raises UsageError for a corpus that is not a published data set."""
    if name not in _published():
        raise unknown("data set", name, _published(), "The embedded corpora are described in `emomech list corpora`.")
    preset, data_card = _published()[name]
    rows = {
        "name": f"`{name}`",
        "source": data_card.source,
        "home": f"<{data_card.home}>",
        "licence": data_card.licence,
        "size": data_card.size,
        "texts": data_card.style,
        "labelled by": data_card.labelled_by,
        "read from": _origin(preset, data_card),
        "emotions": ", ".join(_emotions(preset)),
        "missing": ", ".join(_missing(preset)) or "none of the six",
        "left out": ", ".join(_unmapped(preset)) or "no label",
        "may be shown": "yes" if preset.shown else "no: tables and pages have a number in place of each text",
        "emotion words": "hidden, for all labels alike" if preset.masked else "as in the set",
        "known noise": data_card.noise,
    }
    cells = [f"| **{key}** | {text.replace('|', chr(92) + '|')} |" for key, text in rows.items()]
    return "\n".join([f"## {data_card.title}", "", "| | |", "|---|---|", *cells, "", f"{_mapping(preset)}.", ""])


def page() -> str:
    """Appendix of the book in Markdown: the emotions of every set, and all cards."""
    columns = [*SIX, "neutral"]
    marks = [
        f"| {data_card.title} | "
        + " | ".join("✓" if emotion in _emotions(preset) else "–" for emotion in columns)
        + " |"
        for preset, data_card in _published().values()
    ]
    matrix = [f"| | {' | '.join(columns)} |", f"|---|{'---|' * len(columns)}", *marks]
    return _HEAD.format(errors=_parser_errors()) + "\n".join([*matrix, "", *map(card, names())]).rstrip() + "\n"


def _parser_errors() -> str:
    """Table of the errors that the head of the shipped parse states."""
    rows = ["| label | recall | precision | labels in the treebank |", "|---|---|---|---|"]
    with lookup.shipped(_PARSE).open(encoding="utf-8") as file:
        for found in map(_ERRORS.match, islice(file, _HEAD_LINES)):
            rows += [f"| {' | '.join(found.groups())} |"] if found else []
    return "\n".join(rows)


def table() -> "pd.DataFrame":
    """All data sets, one per row: name, source, licence, size, emotions, missing, style, noise, pinned."""
    import pandas as pd

    rows = [
        {
            "name": name,
            "source": data_card.source,
            "licence": data_card.licence,
            "size": data_card.size,
            "emotions": ", ".join(_emotions(preset)),
            "missing": ", ".join(_missing(preset)),
            "style": data_card.style,
            "noise": data_card.noise,
            "pinned": bool(preset.path) or hub.pinned(preset.revision),
        }
        for name, (preset, data_card) in _published().items()
    ]
    return pd.DataFrame(rows)


def availability() -> dict[str, str]:
    """Where the texts of each data set would be read from at present, without a request to the hub."""
    return {name: _state(lookup.corpus(name)) for name in names()}


def _published() -> Mapping[str, tuple[CorpusPreset, DataCard]]:
    presets = {name: preset for name, preset in lookup.table("corpora").items() if isinstance(preset, CorpusPreset)}
    return {name: (preset, preset.card) for name, preset in presets.items() if preset.card}


def _state(preset: CorpusPreset) -> str:
    if preset.path:
        return f"on this machine: {preset.path}"
    if not preset.repository:
        return "only from a file: it is not on the hub"
    if commit := hub.commit(preset.repository, preset.revision, preset.files):
        return f"in the cache of the hub, commit {commit}"
    return "to be fetched from the hub"


def _origin(preset: CorpusPreset, data_card: DataCard) -> str:
    if preset.path:
        return f"a file of the package: `{preset.path}`"
    if not preset.repository:
        return f"your own copy of the file. {data_card.revision_note}".strip()
    fixed = f"commit `{preset.revision}`" if hub.pinned(preset.revision) else f"revision `{preset.revision}`"
    files = ", ".join(f"`{file}`" for file in preset.files)
    return f"`{preset.repository}` on the hub, {fixed}: {files}. {data_card.revision_note}".strip()


def _emotions(preset: CorpusPreset) -> list[str]:
    return [emotion for emotion in (*SIX, "neutral") if emotion in preset.mapping.values()]


def _missing(preset: CorpusPreset) -> list[str]:
    return [emotion for emotion in SIX if emotion not in preset.mapping.values()]


def _unmapped(preset: CorpusPreset) -> list[str]:
    if not preset.vocabulary:
        return ["all labels that are not listed below"]
    return [label for label in lookup.emotions(preset.vocabulary).labels if label not in preset.mapping]


def _mapping(preset: CorpusPreset) -> str:
    labels_of = {
        emotion: [label for label, to in preset.mapping.items() if to == emotion] for emotion in _emotions(preset)
    }
    return "Labels mapped to " + "; ".join(f"*{emotion}*: {', '.join(labels)}" for emotion, labels in labels_of.items())
