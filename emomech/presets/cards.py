"""Cards of the published data sets: what each is, what of it is read, which emotions it lacks, what is wrong with it.

A card is made from the corpus's preset, so that it cannot say another revision or mapping than the one that is used.
"""

from collections.abc import Mapping
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
"""Where the cards stand in the book, below the checkout."""
_HEAD = """# Data sets

What a corpus other than the embedded one is, and what is known to be wrong with it. `-p corpus=NAME` reads one from the
hub, once, and from the cache afterwards; `-p corpus=PATH` reads a file or a folder in the format in which its authors
publish it. Where the environment variable `EMOMECH_DATA` names a folder, a set that has a folder of its name there is
read from it. Several names with commas between them make one corpus, in which a text's style is the name of its set.

Labels are mapped to the six emotions of this book, and to *neutral* where a set has it. **A text is left out** if its
labels come to several emotions or to none of these, if it says the same as an earlier one, if it stands under several
labels, and if it is longer than the model can read. How many were, and why, stands at the foot of each page. Two
texts are the same if their words are, whatever their case and punctuation.

What a set lacks is missing from its pages. Emotions that two sets have in different numbers are not to be compared
between them, and the labels of the sets do not mean the same: a word that its writer chose is another thing than a
reader's guess.

"""


def names() -> list[str]:
    """Corpora that have a card."""
    return list(_published())


def card(name: str) -> str:
    """Write the card of a data set in Markdown. Raises UsageError for a corpus that is no published data set."""
    if name not in _published():
        raise unknown("data set", name, _published(), "The embedded corpora are described in `emomech list corpora`.")
    preset, told = _published()[name]
    rows = {
        "name": f"`{name}`",
        "source": told.source,
        "home": f"<{told.home}>",
        "licence": told.licence,
        "size": told.size,
        "texts": told.style,
        "labelled by": told.labelled_by,
        "read from": _origin(preset, told),
        "emotions": ", ".join(_emotions(preset)),
        "missing": ", ".join(_missing(preset)) or "none of the six",
        "left out": ", ".join(_unmapped(preset)) or "no label",
        "emotion words": "hidden, those of every label alike" if preset.masked else "as they stand in the set",
        "known noise": told.noise,
    }
    cells = [f"| **{key}** | {text.replace('|', chr(92) + '|')} |" for key, text in rows.items()]
    return "\n".join([f"## {told.title}", "", "| | |", "|---|---|", *cells, "", f"{_mapping(preset)}.", ""])


def page() -> str:
    """Write the appendix of the book: which set has which emotion, and every card."""
    columns = [*SIX, "neutral"]
    marks = [
        f"| {told.title} | " + " | ".join("✓" if emotion in _emotions(preset) else "–" for emotion in columns) + " |"
        for preset, told in _published().values()
    ]
    matrix = [f"| | {' | '.join(columns)} |", f"|---|{'---|' * len(columns)}", *marks]
    return _HEAD + "\n".join([*matrix, "", *map(card, names())]).rstrip() + "\n"


def table() -> "pd.DataFrame":
    """All data sets, one in each row: name, source, licence, size, emotions, missing, style, noise, pinned."""
    import pandas as pd

    rows = [
        {
            "name": name,
            "source": told.source,
            "licence": told.licence,
            "size": told.size,
            "emotions": ", ".join(_emotions(preset)),
            "missing": ", ".join(_missing(preset)),
            "style": told.style,
            "noise": told.noise,
            "pinned": hub.pinned(preset.revision),
        }
        for name, (preset, told) in _published().items()
    ]
    return pd.DataFrame(rows)


def availability() -> dict[str, str]:
    """Say for each data set, without asking the hub, where its texts would come from at present."""
    return {name: _state(lookup.corpus(name)) for name in names()}


def _published() -> Mapping[str, tuple[CorpusPreset, DataCard]]:
    found = {name: preset for name, preset in lookup.table("corpora").items() if isinstance(preset, CorpusPreset)}
    return {name: (preset, preset.card) for name, preset in found.items() if preset.card}


def _state(preset: CorpusPreset) -> str:
    if preset.path:
        return f"on this machine: {preset.path}"
    if not preset.repository:
        return "from a file alone: it is on no hub"
    if commit := hub.commit(preset.repository, preset.revision, preset.files):
        return f"in the cache of the hub, commit {commit}"
    return "to be fetched from the hub"


def _origin(preset: CorpusPreset, told: DataCard) -> str:
    if not preset.repository:
        return f"a file of yours. {told.revision_note}".strip()
    fixed = f"commit `{preset.revision}`" if hub.pinned(preset.revision) else f"revision `{preset.revision}`"
    files = ", ".join(f"`{file}`" for file in preset.files)
    return f"`{preset.repository}` on the hub, {fixed}: {files}. {told.revision_note}".strip()


def _emotions(preset: CorpusPreset) -> list[str]:
    return [emotion for emotion in (*SIX, "neutral") if emotion in preset.mapping.values()]


def _missing(preset: CorpusPreset) -> list[str]:
    return [emotion for emotion in SIX if emotion not in preset.mapping.values()]


def _unmapped(preset: CorpusPreset) -> list[str]:
    if not preset.vocabulary:
        return ["every label that is not named below"]
    return [label for label in lookup.emotions(preset.vocabulary).labels if label not in preset.mapping]


def _mapping(preset: CorpusPreset) -> str:
    own = {emotion: [label for label, to in preset.mapping.items() if to == emotion] for emotion in _emotions(preset)}
    return "What is taken for " + "; ".join(f"*{emotion}*: {', '.join(labels)}" for emotion, labels in own.items())
