"""Texts of published data sets as examples: found, labelled with the emotions of the book, masked, each text once.

What is left out is counted by reason: a label that the emotion set does not have, several emotions, no answer, a text
that stands twice or in another set as well.
"""

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path

from emomech.core import hub
from emomech.core.errors import EmomechError, UsageError
from emomech.data import corpus, masking
from emomech.data.corpus import Example, Reading
from emomech.data.published import formats, readers
from emomech.presets import lookup
from emomech.presets.kinds import CorpusPreset

SEVERAL = "several emotions"
OUTSIDE = "label outside the emotion set"
NO_ANSWER = "no text or no answer"
ELSEWHERE = "text stands in another set"


def read(name: str, preset: CorpusPreset, wanted: Collection[str]) -> Reading:
    """Read a corpus that is in files: a table of the user's, a published data set, or several joined.

    `wanted` are the labels of the study. A set's own label that is one of them is kept; another is mapped as the preset
    says. A text with several labels is kept where they come to one. Of joined sets the first keeps a text that stands
    in two, and each set's name is the style of its texts. Raises UsageError for files that are not there or not as
    their format has it, EmomechError where the hub cannot be reached.
    """
    if preset.joins:
        return _joined(preset.joins, wanted)
    if not preset.format:
        return corpus.read(Path(preset.path))
    dropped: Counter[str] = Counter()
    found = []
    for row in _rows(name, preset):
        label = _label(row, preset, wanted)
        if not row.text:
            dropped[NO_ANSWER] += 1
        elif label in (SEVERAL, OUTSIDE):
            dropped[label] += 1
        else:
            text = masking.masked(row.text) if preset.masked else row.text
            found.append(Example(text, label, item_type=row.item_type, cluster=row.cluster))
    return corpus.single(found).without(dropped)


def files(name: str, preset: CorpusPreset) -> list[Path]:
    """Find a published data set's files: at its path, or on the hub. Raises UsageError that says where to get them."""
    path = Path(preset.path)
    if preset.path and path.is_file():
        return [path]
    if preset.path and preset.format:
        if found := formats.files(path, preset.format):
            return found
        raise UsageError(f"corpus {name!r}: {path} holds no file that is written as {preset.format} is.")
    if preset.repository:
        return _of_hub(name, preset)
    home = preset.card.home if preset.card else "its authors"
    raise UsageError(f"corpus {name!r}: is on no hub. Get it from {home}, and give its path: -p corpus=PATH.")


def _of_hub(name: str, preset: CorpusPreset) -> list[Path]:
    """Find a data set's files in the cache of the hub, or fetch them into it; no script of a repository is run."""
    way_out = "Or get the data elsewhere, and give their path: -p corpus=PATH."
    try:
        folder = hub.fetch(preset.repository, preset.revision, kind="dataset", files=preset.files)
    except EmomechError as error:
        raise type(error)(f"corpus {name!r}: {error} {way_out}") from error
    for file in preset.files:
        if not (folder / file).exists():
            where = f"the dataset {preset.repository} at {preset.revision}"
            raise UsageError(f"corpus {name!r}: {where} has no file {file}. {way_out}")
    return [folder / file for file in preset.files]


def _rows(name: str, preset: CorpusPreset) -> Iterator[readers.Row]:
    if preset.format:
        for file in files(name, preset):
            yield from readers.rows(file, preset.format)


def _label(row: readers.Row, preset: CorpusPreset, wanted: Collection[str]) -> str:
    """Find the one emotion that a row's labels come to, or why it has none."""
    known = lookup.emotions(preset.vocabulary).labels if preset.vocabulary else None
    if known is not None and (strange := [label for label in row.labels if label not in known]):
        raise UsageError(f"{row.where}: has the label {strange[0]!r}, expected one of {', '.join(known)}.")
    mapped = {label if label in wanted else preset.mapping.get(label, "") for label in row.labels}
    emotions = {label if label in wanted else OUTSIDE for label in mapped}
    return SEVERAL if len(emotions) > 1 else next(iter(emotions), OUTSIDE)


def _joined(names: Collection[str], wanted: Collection[str]) -> Reading:
    seen: set[str] = set()
    examples: list[Example] = []
    dropped: Counter[str] = Counter()
    for name in names:
        preset = lookup.corpus(name)
        if preset.grammar:
            raise UsageError(f"corpus {name!r}: is written by the grammar, and is joined to no other; take it alone.")
        found = read(name, preset, wanted)
        prints = [corpus.fingerprint(example) for example in found.examples]
        new = [e for e, p in zip(found.examples, prints, strict=True) if p not in seen]
        examples += [replace(example, style=Path(name).stem) for example in new]
        dropped.update({**found.dropped, ELSEWHERE: len(prints) - len(new)})
        seen.update(prints)
    return Reading(tuple(examples)).without(dropped)
