"""Variants of a study, for tests of transfer: texts of one style or item type, another prompt, other answer words.

Texts of one corpus differ most by style. If it names no styles, item types divide it; if it names neither, all texts
are one set. A set with another prompt or other answer words has all texts of the study.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Unpack, cast

from emomech.core.errors import UsageError
from emomech.data.corpus import Corpus
from emomech.presets import lookup
from emomech.study.prompts import answer, ask
from emomech.study.study import Parts, Study

ALL_TEXTS = "all texts"


@dataclass(frozen=True)
class TextSet:
    """Texts of a study with a prompt and answer words."""

    name: str
    kind: str
    """What defines the set: corpus, style, item type, other question or other words."""
    study: Study
    untested: str = ""
    """Why the model cannot be asked in this way; empty if it can."""


def text_sets(study: Study, prompts: Sequence[str], words: Sequence[str], least: int) -> list[TextSet]:
    """Divide a study's texts; add a set of all texts for each prompt preset and each emotion set of `words`.

    A style or item type counts if it has at least `least` texts of each label. Raises UsageError for a preset that
    does not exist.
    """
    divided = [*_divided(study, least)] or [TextSet(ALL_TEXTS, "corpus", study)]
    return [*divided, *_asked_by(study, prompts), *_answered_in(study, words)]


def _divided(study: Study, least: int) -> Iterator[TextSet]:
    """Divide by style, or else by item type, if at least two are large enough."""
    examples, labels = study.corpus.examples, study.corpus.labels
    for kind, attribute in (("style", "style"), ("item type", "item_type")):
        count = Counter((getattr(example, attribute), example.label) for example in examples)
        names = sorted({name for name, _ in count if name and min(count[name, label] for label in labels) >= least})
        if len(names) > 1:
            for name in names:
                rows = [i for i, example in enumerate(examples) if getattr(example, attribute) == name]
                yield TextSet(name, kind, _sharing(study, rows))
            return


def _asked_by(study: Study, prompts: Sequence[str]) -> Iterator[TextSet]:
    """Ask about all texts with each prompt, in its own answer format."""
    for name in prompts:
        preset = study.prompt_named(name)
        try:
            questions = [ask(preset, example) for example in study.corpus.examples]
            answers = [answer(preset, word) for word in study.emotions.values()]
            yield TextSet(f"prompt {name}", "other question", _sharing(study, prompts=questions, answers=answers))
        except UsageError as error:
            yield TextSet(f"prompt {name}", "other question", study, str(error))


def _answered_in(study: Study, words: Sequence[str]) -> Iterator[TextSet]:
    """Score all texts on the words of each emotion set, with a leading space if the study's answers have one."""
    for name in words:
        word_of: Mapping[str, str] = lookup.emotions(name).labels
        missing = [label for label in study.corpus.labels if label not in word_of]
        space = " " if study.answers[0].startswith(" ") else ""
        answers = [f"{space}{word_of.get(label, label)}" for label in study.corpus.labels]
        untested = f"{name} has no word for {', '.join(missing)}" if missing else ""
        yield TextSet(f"words {name}", "other words", _sharing(study, answers=answers), untested)


def _sharing(study: Study, rows: Sequence[int] | None = None, **changes: Unpack[Parts]) -> Study:
    """Return a study of some texts, by default all, with other prompts or answers if given; the rest is shared."""
    examples, prompts = study.corpus.examples, study.prompts
    if rows is not None:
        examples, prompts = tuple(examples[i] for i in rows), [prompts[i] for i in rows]
    shared = Parts(
        lm=study.lm,
        saes=study.saes,
        corpus=Corpus(study.corpus.name, examples, study.corpus.labels),
        emotions=study.emotions,
        prompts=prompts,
        answers=study.answers,
    )
    return study.replaced(**cast(Parts, {**shared, **changes}))
