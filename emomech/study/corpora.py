"""Read a corpus from files: a user's table, a published data set, or several of them joined.

Labels of a data set become emotions of the study, emotion words are masked if the preset says so, and every text is
kept once. Texts without an item type get one that says whether they name an emotion, so that keyworded and keyword-free
texts are compared side by side. Dropped texts are counted by reason: a label outside the emotion set, several emotions,
no answer, a text that occurs twice or in another data set as well.
"""

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from emomech.core import hub
from emomech.core.errors import EmomechError, UsageError
from emomech.data import corpus as texts
from emomech.data import masking
from emomech.data.corpus import CorpusRead, Example
from emomech.data.labels import check_labels
from emomech.data.published import formats, readers
from emomech.presets.kinds import CorpusPreset
from emomech.study.resolved import ResolvedCorpus

SEVERAL = "several emotions"
OUTSIDE = "label outside the emotion set"
NO_ANSWER = "no text or no answer"
ELSEWHERE = "text is also in another set"


def read(corpus: ResolvedCorpus, labels: Collection[str]) -> CorpusRead:
    """Read a user's table, a published data set, or several corpora that are joined.

    `labels` are those of the study. A data set's label that is one of them is kept, another is mapped as the preset
    says, and a text with several labels is kept if they map to one. If data sets are joined, a text that is in two of
    them stays in the first, and the name of a data set is the style of its texts. If no text has an item type, and some
    name an emotion, the item types are those of `masking.item_type`.

    Raises UsageError for files that are missing or not in their format, EmomechError if the hub cannot be reached.
    """
    read_texts = _joined(corpus.joined, labels) if corpus.joined else _single(corpus, labels)
    types = [masking.item_type(example.text) for example in read_texts.examples]
    if any(example.item_type for example in read_texts.examples) or len(set(types)) < 2:
        return read_texts
    typed = (replace(example, item_type=kind) for example, kind in zip(read_texts.examples, types, strict=True))
    return replace(read_texts, examples=tuple(typed))


def _single(corpus: ResolvedCorpus, labels: Collection[str]) -> CorpusRead:
    """Read a corpus that joins no others, with the item types that its source gives."""
    preset = corpus.preset
    if corpus.is_table:
        return texts.read(Path(preset.path), corpus.text, corpus.label)
    dropped: Counter[str] = Counter()
    examples = []
    for row in _rows(corpus.name, preset):
        label = _label(row, corpus, labels)
        if not row.text:
            dropped[NO_ANSWER] += 1
        elif label in (SEVERAL, OUTSIDE):
            dropped[label] += 1
        else:
            text = masking.masked(row.text) if preset.masked else row.text
            examples.append(Example(text, label, item_type=row.item_type, cluster=row.cluster))
    return texts.deduplicate(examples).after_dropping(dropped)


def check(corpus: ResolvedCorpus, labels: Collection[str]) -> None:
    """Read local files, so that what is wrong with them is known before a model is loaded; the hub is not asked.

    Raises UsageError as `read` does, and for texts that are no corpus: none, or all of one label.
    """
    if is_local(corpus):
        members = corpus.joined or (corpus,)
        paths = sorted(p for m in members for p in (Path(m.preset.path), *Path(m.preset.path).glob("**/*")))
        states = tuple((str(path), path.stat().st_mtime_ns, path.stat().st_size) for path in paths if path.is_file())
        _check(corpus.name, corpus.text, corpus.label, tuple(labels), states)


def check_texts(corpus: ResolvedCorpus) -> None:
    """Read the texts of a local table, which needs no labels. Raises UsageError as `texts.read_texts` does."""
    if corpus.is_table:
        texts.read_texts(Path(corpus.preset.path), corpus.text)


def is_local(corpus: ResolvedCorpus) -> bool:
    """Whether a corpus is read from local files alone, or all that it joins are."""
    return all(member.preset.path for member in corpus.joined or (corpus,))


@lru_cache(maxsize=16)
def _check(name: str, text: str, label: str, labels: tuple[str, ...], _: Collection[tuple[str, int, int]]) -> None:
    """Read a corpus once for each state of its files."""
    texts.make(name, read(ResolvedCorpus.of(name, text, label), labels).examples, labels)


def files(name: str, preset: CorpusPreset) -> list[Path]:
    """Find a published data set's files, at its path or on the hub. Raises UsageError that says where to get them."""
    path = Path(preset.path)
    if preset.path and path.is_file():
        return [path]
    if preset.path and preset.format:
        if paths := formats.files(path, preset.format):
            return paths
        raise UsageError(f"corpus {name!r}: {path} holds no file in the format of {preset.format}.")
    if preset.repository:
        return _hub_files(name, preset)
    home = preset.card.home if preset.card else "its authors"
    raise UsageError(f"corpus {name!r}: is not on the hub. Get it from {home}, and give its path: -p corpus=PATH.")


def _hub_files(name: str, preset: CorpusPreset) -> list[Path]:
    """Find the files of a data set in the hub's cache, or fetch them into it; no script of a repository is run."""
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


def _rows(name: str, preset: CorpusPreset) -> Iterator[readers.PublishedRow]:
    if preset.format:
        for file in files(name, preset):
            yield from readers.rows(file, preset.format)


def _label(row: readers.PublishedRow, corpus: ResolvedCorpus, labels: Collection[str]) -> str:
    """Find the one emotion that a row's labels map to, or the reason why it has none."""
    known, mapping = corpus.vocabulary, corpus.preset.mapping
    if known is not None and (strange := [label for label in row.labels if label not in known]):
        raise UsageError(f"{row.where}: has the label {strange[0]!r}, expected one of {', '.join(known)}.")
    mapped = {label if label in labels else mapping.get(label, "") for label in row.labels}
    emotions = {label if label in labels else OUTSIDE for label in mapped}
    return SEVERAL if len(emotions) > 1 else next(iter(emotions), OUTSIDE)


def _joined(members: Collection[ResolvedCorpus], labels: Collection[str]) -> CorpusRead:
    seen: set[str] = set()
    examples: list[Example] = []
    dropped: Counter[str] = Counter()
    for member in members:
        if member.preset.grammar:
            raise UsageError(
                f"corpus {member.name!r}: comes from the grammar and cannot be joined with others; use it alone."
            )
        rows = _single(member, labels)
        prints = [texts.fingerprint(example) for example in rows.examples]
        new = [example for example, mark in zip(rows.examples, prints, strict=True) if mark not in seen]
        examples += [replace(example, style=Path(member.name).stem) for example in new]
        dropped.update({**rows.dropped, ELSEWHERE: len(prints) - len(new)})
        seen.update(prints)
    names = [Path(member.name).name for member in members]
    check_labels(" and ".join(names), [example.label for example in examples], [example.style for example in examples])
    return CorpusRead(tuple(examples)).after_dropping(dropped)
