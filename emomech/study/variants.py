"""Sets of texts of one study between which what is found can be carried: styles, other questions, other words.

Styles are what most differs between texts of one corpus; where it names none, item types do, and else all its texts
are one set. A set that asks in another way, or is answered in other words, is of all texts.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from emomech.core.errors import UsageError
from emomech.data.corpus import Corpus
from emomech.presets import lookup
from emomech.study.prompts import answer, ask
from emomech.study.study import Study

ALL_TEXTS = "all texts"


@dataclass(frozen=True)
class TextSet:
    """Some texts of a study and how they are asked about; with why it cannot be, if so."""

    name: str
    kind: str
    study: Study
    untested: str = ""


def text_sets(study: Study, prompts: Sequence[str], words: Sequence[str], least: int) -> list[TextSet]:
    """Divide a study's texts, and ask about all of them by other prompts and in other words, by preset name.

    A style or type counts where it has at least `least` texts of each label. Raises UsageError for a preset that
    does not exist.
    """
    found = [*_divided(study, least)] or [TextSet(ALL_TEXTS, "corpus", study)]
    return [*found, *_asked_by(study, prompts), *_answered_in(study, words)]


def _divided(study: Study, least: int) -> Iterator[TextSet]:
    """Divide by style or else by item type, if two or more are large enough."""
    examples, labels = study.corpus.examples, study.corpus.labels
    for kind, attribute in (("style", "style"), ("item type", "item_type")):
        count = Counter((getattr(example, attribute), example.label) for example in examples)
        names = sorted({name for name, _ in count if name and min(count[name, label] for label in labels) >= least})
        if len(names) > 1:
            for name in names:
                rows = [i for i, example in enumerate(examples) if getattr(example, attribute) == name]
                yield TextSet(name, kind, _with(study, rows))
            return


def _asked_by(study: Study, prompts: Sequence[str]) -> Iterator[TextSet]:
    for name in prompts:
        preset = study.prompt_named(name)
        try:
            asked = [ask(preset, example) for example in study.corpus.examples]
            answers = [answer(preset, word) for word in study.emotions.values()]
            yield TextSet(f"prompt {name}", "other question", _with(study, prompts=asked, answers=answers))
        except UsageError as error:
            yield TextSet(f"prompt {name}", "other question", study, str(error))


def _answered_in(study: Study, words: Sequence[str]) -> Iterator[TextSet]:
    for name in words:
        known: Mapping[str, str] = lookup.emotions(name).labels
        lacking = [label for label in study.corpus.labels if label not in known]
        space = " " if study.answers[0].startswith(" ") else ""
        answers = [f"{space}{known.get(label, label)}" for label in study.corpus.labels]
        why = f"{name} has no word for {', '.join(lacking)}" if lacking else ""
        yield TextSet(f"words {name}", "other words", _with(study, answers=answers), why)


def _with(study: Study, rows: Sequence[int] | None = None, **changed: object) -> Study:
    """Keep some texts of a study, or ask about them in another way; model and SAEs are the same."""
    examples, prompts = study.corpus.examples, study.prompts
    if rows is not None:
        changed["prompts"] = [prompts[i] for i in rows]
        examples = tuple(examples[i] for i in rows)
    made = Study(study.spec)
    same = {"lm": study.lm, "saes": study.saes, "emotions": study.emotions, "prompts": prompts}
    corpus = Corpus(study.corpus.name, examples, study.corpus.labels)
    vars(made).update({**same, "answers": study.answers, "corpus": corpus, **changed})
    return made
