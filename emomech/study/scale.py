"""The sizes that the calls of an analysis depend on, from presets, local files and headers; no model is loaded.

Texts that are on this machine, or come from the embedded grammar, are read, split and tokenized. Others are taken to
have equally many texts of every label, in splits of the usual shares, and tokens in proportion to their words.

Example:
    >>> from emomech.study.scale import scale_of
    >>> from emomech.study.spec import StudySpec
    >>> scale = scale_of(StudySpec(limit=400))
    >>> scale.layers, scale.points, scale.task.texts, len(scale.controls)
    (8, 9, 400, 2)
"""

from collections import Counter
from collections.abc import Sequence
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

from emomech.core import hub
from emomech.core.errors import UsageError
from emomech.core.settings import Settings
from emomech.data import corpus as texts
from emomech.data.corpus import SHARES, Corpus, CorpusRead, Example, Split
from emomech.presets import lookup, sources
from emomech.saes import beside
from emomech.study import corpora
from emomech.study.calls import Scale, Task
from emomech.study.prompts import answer, ask
from emomech.study.sizes import EMBEDDED_TEXTS, EMBEDDED_WORDS, Sizes, sizes_of
from emomech.study.spec import StudySpec

PER_WORD = 1.35
"""Tokens of a word with its punctuation, for a tokenizer that is not on this machine."""
ACTIVE = 60.0
"""Features that fire at a token, for SAEs that do not say it."""
SHAPE = tuple(1.6 - 1.2 * i / 99 for i in range(100))
"""Lengths of texts that are not on this machine, as shares of their mean, the longest first."""
_SAMPLE = 200
"""Texts that are tokenized to measure their length."""
SPLITS: tuple[Split, ...] = ("discover", "tune", "report")


def scale_of(spec: StudySpec, settings: Settings | None = None) -> Scale:
    """Return the sizes of a study. Raises UsageError as `sizes_of` does."""
    settings = settings or Settings.from_environment()
    sizes = sizes_of(spec, settings)
    depths, active = _points(spec, sizes)
    first = _n_before(spec, settings)
    folder = spec.sae_folder if spec.sae is not None else None
    lies_beside = [*beside.control_folders(folder)] if folder else []
    lies_beside += ["second"] if folder and beside.other_folder(folder) else []
    return Scale(
        layers=sizes.model.layers,
        width=sizes.model.d_model,
        block=sizes.block,
        vocabulary=sizes.model.vocabulary,
        depths=depths,
        features=sizes.features,
        active=active,
        task=_task(spec, first),
        controls=tuple(_task(control, first) for control in spec.control_specs),
        beside=tuple(lies_beside),
        prefix=first,
        reading=_n_checked(spec, first),
    )


def _points(spec: StudySpec, sizes: Sizes) -> tuple[tuple[int, ...], float]:
    """Depth of each hook point with an SAE, and the number of features that fire at a token."""
    if spec.sae is None:
        return (), 0.0
    preset = spec.sae_preset
    if not preset.path:
        return tuple(point.resid_index() for point in preset.ids), min(ACTIVE, sizes.features)
    from emomech.saes.files import scan

    files = scan(lookup.shipped(preset.path), name=spec.sae_name)
    active = [file.k or ACTIVE for file in files]
    return tuple(file.point.resid_index() for file in files), sum(active) / len(active)


def _task(spec: StudySpec, first: int) -> Task:
    """Describe the texts of a study; the model puts `first` tokens before each."""
    corpus, words = _corpus(spec), spec.resolved.words
    if corpus is None:
        return _assumed(spec, len(words) or 7)
    of_split: dict[Split, list[Example]] = {split: [] for split in SPLITS}
    for example in corpus.examples:
        of_split[corpus.split(example, spec.seed)].append(example)
    rarest: dict[Split, int] = {
        split: min(sum(e.label == label for e in examples) for label in corpus.labels)
        for split, examples in of_split.items()
    }
    sizes: dict[Split, int] = {split: len(examples) for split, examples in of_split.items()}
    some = corpus.examples[:_SAMPLE]
    prompts = [ask(spec.resolved.prompt, example) for example in some]
    clusters = len({example.cluster for example in corpus.examples})
    return Task(
        labels=len(corpus.labels),
        rarest=rarest,
        split=sizes,
        distinct=clusters / max(1, len(corpus.examples)),
        lengths=_lengths(spec, prompts, first),
        text_lengths=_lengths(spec, [example.text for example in some], first),
        long_answers=_n_long(spec, [words.get(label, label) for label in corpus.labels], prompts[0]),
        word_tags=frozenset(tag for example in some for word in example.words for tag in word.tags),
        answer_tags=frozenset(tag for example in some for tag in example.answer_tags),
        styles=_rarest(corpus, "style"),
        types=_rarest(corpus, "item_type"),
    )


def _rarest(corpus: Corpus, attribute: str) -> tuple[int, ...]:
    """Texts of the label that has fewest, among the texts of each value of an attribute."""
    count = Counter((getattr(example, attribute), example.label) for example in corpus.examples)
    return tuple(min(count[name, label] for label in corpus.labels) for name in {name for name, _ in count if name})


def _corpus(spec: StudySpec) -> Corpus | None:
    """The texts of a study; None if they are not on this machine."""
    source = spec.resolved.corpus
    if source.preset.grammar:
        from emomech.data.grammar.tasks import TASKS

        n = min(spec.limit or source.preset.texts, source.preset.texts)
        read = CorpusRead(tuple(islice(TASKS[source.preset.grammar](spec.seed), n)))
    elif corpora.is_local(source):
        read = texts.draw(corpora.read(source, spec.resolved.words).examples, spec.limit, spec.seed)
    else:
        return None
    return texts.make(source.name, read.examples, spec.resolved.words, read.dropped)


def _assumed(spec: StudySpec, labels: int) -> Task:
    n = min(spec.limit or EMBEDDED_TEXTS, spec.resolved.corpus.preset.texts or EMBEDDED_TEXTS)
    split: dict[Split, int] = {name: round(n * SHARES[name]) for name in SPLITS}
    rarest: dict[Split, int] = {name: size // labels for name, size in split.items()}
    asked = len(spec.resolved.prompt.template.split()) - 1
    lengths = [tuple(PER_WORD * (share * EMBEDDED_WORDS + n) for share in SHAPE) for n in (asked, 0)]
    return Task(labels, rarest, split, 1.0, lengths[0], lengths[1], long_answers=labels // 2)


def _lengths(spec: StudySpec, some: Sequence[str], first: int) -> tuple[float, ...]:
    """Number of tokens of each text, the longest first."""
    tokenizer = _tokenizer(spec)
    if tokenizer is None:
        return tuple(sorted((PER_WORD * len(text.split()) for text in some), reverse=True))
    encoded = tokenizer.encode_batch(list(some), add_special_tokens=False)
    return tuple(sorted((first + len(encoding.ids) for encoding in encoded), reverse=True))


def _n_before(spec: StudySpec, settings: Settings) -> int:
    """Number of special tokens before every text; as the preset says if the tokenizer is not on this machine."""
    prepend_bos, tokenizer = spec.resolved.model.prepend_bos, _tokenizer(spec)
    if settings.leading_token(spec.resolved.model.leading):
        return 1
    if prepend_bos is not None or tokenizer is None:
        return int(prepend_bos or 0)
    return len(tokenizer.encode("a").ids) - len(tokenizer.encode("a", add_special_tokens=False).ids)


def _n_checked(spec: StudySpec, first: int) -> float:
    """Tokens of the texts that a loaded model is checked with: each once alone, and in two padded batches of all."""
    from emomech.models.reading_check import SIDES, TEXTS

    lengths = _lengths(spec, TEXTS, first)
    return sum(lengths) + len(SIDES) * len(lengths) * lengths[0]


def _n_long(spec: StudySpec, words: Sequence[str], prompt: str) -> int:
    """Number of labels whose answer has several tokens; half of them if the tokenizer is not on this machine."""
    tokenizer = _tokenizer(spec)
    if tokenizer is None:
        return len(words) // 2
    asked = [prompt, *(prompt + answer(spec.resolved.prompt, word) for word in words)]
    alone, *answered = (len(encoding.ids) for encoding in tokenizer.encode_batch(asked, add_special_tokens=False))
    return sum(n - alone > 1 for n in answered)


def _tokenizer(spec: StudySpec) -> Any:
    """The tokenizer of a model in a folder or in a cache; None if it is not on this machine, or not converted yet."""
    preset = spec.resolved.model
    if gguf := sources.local_file(preset):
        from emomech.models.gguf.place import folder_of, hash_of

        return _read(folder_of(hash_of(gguf)) / "tokenizer.json")
    if preset.package:
        return None
    if preset.path:
        return _read(lookup.shipped(preset.path) / "tokenizer.json")
    file = hub.cached_file(preset.repository, "tokenizer.json", preset.revision)
    return _read(file) if file else None


@cache
def _read(file: Path) -> Any:
    from tokenizers import Tokenizer

    if not file.is_file():
        return None
    try:
        tokenizer = Tokenizer.from_file(str(file))
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return tokenizer
    except Exception as error:  # the library raises nothing more exact
        raise UsageError(f"{file}: is no tokenizer: {error}") from error
