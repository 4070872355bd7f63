"""Can early layers be modified without harming emotion inference? Thirds of the blocks edited by equal amounts.

The matrices of the early, the middle or the late third of the blocks are quantised, pruned, brought to a low rank or
given noise, each at a dose that changes them by the same relative size (`weight_edits`), and single blocks are skipped.
What this costs is measured on the same texts with and without the edit: balanced accuracy of the emotion, of tasks that
are no emotion, and the loss of the model as a language model. Without the other thirds nothing would follow from the
early one, and without the other tasks nothing about emotion.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, TypeAlias, get_args

import numpy as np
import pandas as pd

from emomech.causal.lm_loss import language_shift
from emomech.causal.questions import Questions, balanced
from emomech.chapters.early_layers.weight_edits import Method, at_change, matrices, relative_change, skip, thirds
from emomech.core.errors import UsageError
from emomech.models.language_model import LanguageModel
from emomech.stats.classification import Confusion
from emomech.stats.estimates import Floats, estimated, with_resamples
from emomech.stats.tables import INTERVAL, Schema, filled, frame
from emomech.study.study import Study

EMOTION, LANGUAGE_LOSS = "emotion", "language"
TASK_NAMES = {"organism-kinds": "kind of a thing", "organism-worth": "worth of an event"}
"""What the embedded controls ask, in words; any other is called as its corpus is."""
SKIPPING, AVERAGE = "skipping", "mean"
CHANGES = (0.1, 0.2, 0.4, 0.8)
"""Relative sizes of the change at which thirds are compared."""
REFERENCE = 0.2
"""The one that the verdict is about: fixed before any result."""
NEAR = 0.25
"""A change that is off by a larger share of what was asked for is not compared."""
MIN_TEXTS = 8
"""Fewer texts of a label say nothing about its recall."""
EARLY_LESS = {"early less middle": "middle", "early less late": "late"}
_EDIT = {
    "third": "which third of the blocks is edited",
    "method": "what is done to its matrices; mean: of the methods that came near the change in every third",
    "target": "relative change of the matrices that was asked for; none for skipping",
    "dose": "what was done to come to it; of the mean, its methods",
}
_CHANGE = {"change": "relative change that it came to"}
_TASK = {"task": "what is asked of the model"}
SETTING = Schema(
    keys=_TASK,
    values={
        "accuracy": "balanced accuracy of the model as it is",
        **INTERVAL,
        "chance": "accuracy of guessing",
        "n": "texts",
        "untested": "why nothing can be said; empty if something can",
    },
)
BLOCKS = Schema(
    keys={"third": _EDIT["third"]},
    values={"blocks": "their numbers", "n_blocks": "how many", "n_weights": "weights in their matrices"},
)
LOSSES = Schema(
    keys=_EDIT | _TASK,
    values=_CHANGE | {"loss": "balanced accuracy lost, same texts", **INTERVAL, "n": "texts"},
)
LANGUAGE = Schema(
    keys=_EDIT, values=_CHANGE | {"rise": "relative rise of the next-token loss", **INTERVAL, "n": "texts"}
)
CONTRASTS = Schema(
    keys={"target": _EDIT["target"], "contrast": "which third's loss less which"} | _TASK,
    values={"difference": "difference of the accuracy lost, mean of the methods", **INTERVAL, "n": "texts"},
)
SPECIAL = Schema(
    keys={"target": _EDIT["target"], "contrast": "loss of the early third, or less that of another"}
    | {"control": "the task that is no emotion"},
    values={"difference": "the emotion's less the control task's", **INTERVAL, "n": "texts of the emotion"},
)


@dataclass(frozen=True)
class EarlyLayers:
    """What editing each third of the blocks costs, in emotion, in other tasks and in language modelling."""

    setting: Annotated[pd.DataFrame, SETTING]
    blocks: Annotated[pd.DataFrame, BLOCKS]
    losses: Annotated[pd.DataFrame, LOSSES]
    language: Annotated[pd.DataFrame, LANGUAGE]
    contrasts: Annotated[pd.DataFrame, CONTRASTS]
    special: Annotated[pd.DataFrame, SPECIAL]


@dataclass(frozen=True, eq=False)
class _Task:
    """The questions of one task, and accuracy of the model as it is, in the texts and in each resample."""

    questions: Questions
    weights: Floats
    before: Floats

    @classmethod
    def of(cls, study: Study, most: int, n_resamples: int, seed: int) -> "_Task":
        """Ask the model as it is. Raises UsageError where its answers cannot be scored."""
        rows = balanced(study, "report", most)
        if len(rows) < MIN_TEXTS * len(study.corpus.labels):
            found = len(rows) // len(study.corpus.labels)
            raise UsageError(f"{found} texts of each label report, {MIN_TEXTS} are needed. Take more texts.")
        questions = Questions.of(study, rows)
        weights = with_resamples(questions.clusters, n_resamples, seed)
        return cls(questions, weights, _accuracy(questions, weights))

    def lost(self, edited: LanguageModel) -> Floats:
        """Accuracy that an edited model loses (resample)."""
        return self.before - _accuracy(self.questions.on(edited), self.weights)


def _accuracy(questions: Questions, weights: Floats) -> Floats:
    chosen = questions.logits().argmax(1)
    return Confusion.of(questions.gold, chosen, len(questions.labels), weights).balanced_accuracy()


@dataclass(frozen=True)
class _Edit:
    """One edit of one third: its row's keys, the change that it came to, and what each measure loses by it."""

    third: str
    method: str
    target: float
    dose: str
    change: float
    lost: Mapping[str, Floats]
    """By task, and the rise of the language loss (resample)."""

    @property
    def key(self) -> tuple[str, str, float, str]:
        return self.third, self.method, self.target, self.dose


_Rows: TypeAlias = list[tuple[object, ...]]


def early_layers(study: Study, *, most: int = 30, n_language: int = 40, n_resamples: int = 400) -> EarlyLayers:
    """Edit each third of the blocks in every way, on at most `most` texts per label of each task.

    The language loss is of `n_language` texts of the first control task, or of the study's own where it has none;
    intervals come from `n_resamples` bootstrap draws. Where the study cannot speak (fewer than three blocks, a model at
    chance, labels that one token cannot tell apart) the tables are empty, and `setting` says why.
    """
    tasks, setting = {}, []
    others = {TASK_NAMES.get(control.spec.corpus, control.corpus.name): control for control in study.controls}
    for number, (name, asked) in enumerate({EMOTION: study, **others}.items()):
        task, row = _asked(name, asked, most, n_resamples, study.spec.seed + number)
        setting.append(row)
        tasks |= {name: task} if task is not None else {}
    if EMOTION not in tasks:
        return filled(EarlyLayers, setting=frame(SETTING, setting))
    texts = (study.controls[0] if study.controls else study).prompts[:n_language]
    parts = thirds(study.lm.n_layers)
    weights = with_resamples([str(i) for i in range(len(texts))], n_resamples, study.spec.seed)

    def lost(edited: LanguageModel) -> dict[str, Floats]:
        rise = language_shift(study.lm, texts, {}, edited=edited).means(weights)["loss"]
        return {name: task.lost(edited) for name, task in tasks.items()} | {LANGUAGE_LOSS: rise}

    found = []
    for third, blocks in parts.items():
        for method, target, dose, change, edited in _edits(study.lm, blocks, study.spec.seed):
            found.append(_Edit(third, method, target, dose, change, lost(edited)))
    found += _averages(found)
    n = {name: len(task.questions) for name, task in tasks.items()} | {LANGUAGE_LOSS: len(texts)}
    average = {(edit.third, edit.target): edit.lost for edit in found if edit.method == AVERAGE}
    return EarlyLayers(
        setting=frame(SETTING, setting),
        blocks=_blocks(study.lm, parts),
        losses=frame(LOSSES, [(*e.key, t, e.change, estimated(e.lost[t], n[t]), n[t]) for e in found for t in tasks]),
        language=frame(
            LANGUAGE,
            [(*e.key, e.change, estimated(e.lost[LANGUAGE_LOSS], n[LANGUAGE_LOSS]), n[LANGUAGE_LOSS]) for e in found],
        ),
        contrasts=_contrasts(average, n),
        special=_special(average, n),
    )


def _asked(name: str, study: Study, most: int, n_resamples: int, seed: int) -> tuple[_Task | None, tuple[object, ...]]:
    """Ask one task, or say why it cannot be asked; and a row of the setting."""
    try:
        thirds(study.lm.n_layers)
        task = _Task.of(study, most, n_resamples, seed)
    except UsageError as error:
        return None, (name, *[float("nan")] * 4, 0, str(error))
    chance = 1 / len(task.questions.labels)
    found = estimated(task.before, len(task.questions))
    untested = "" if found.low > chance else f"the model's answers are no better than chance: {found}"
    return None if untested else task, (name, found, chance, found.n, untested)


def _edits(
    lm: LanguageModel, blocks: Sequence[int], seed: int
) -> Iterator[tuple[str, float, str, float, LanguageModel]]:
    """Edit some blocks in every way: (method, change asked for, dose, change, edited model)."""
    before = matrices(lm, blocks)
    for method in get_args(Method):
        for target in CHANGES:
            edit = at_change(lm, blocks, method, target, seed)
            edited = edit.on(lm, blocks)
            yield method, target, str(edit), relative_change(before, matrices(edited, blocks)), edited
    inner, single = blocks[1:-1], blocks[:1] if len(blocks) > 1 else []
    some = {"first block": single, "middle block": inner[len(inner) // 2 :][:1], "last block": blocks[1:][-1:]}
    some["all blocks"] = blocks
    for name, skipped in some.items():
        if skipped:
            yield SKIPPING, float("nan"), name, float("nan"), skip(lm, skipped)


def _averages(found: Sequence[_Edit]) -> Iterator[_Edit]:
    """Mean of the methods that came near each change in every third, so that all thirds are treated alike."""
    for target in CHANGES:
        far = {e.method for e in found if e.target == target and abs(e.change - target) > NEAR * target}
        methods = [method for method in get_args(Method) if method not in far]
        for third in dict.fromkeys(edit.third for edit in found):
            alike = [e for e in found if (e.third, e.target) == (third, target) and e.method in methods]
            lost = {name: np.mean([edit.lost[name] for edit in alike], axis=0) for name in alike[0].lost}
            change = float(np.mean([edit.change for edit in alike]))
            yield _Edit(third, AVERAGE, target, ", ".join(methods), change, lost)


def _blocks(lm: LanguageModel, parts: Mapping[str, Sequence[int]]) -> pd.DataFrame:
    rows: _Rows = []
    for third, blocks in parts.items():
        n_weights = sum(weight.numel() for weight in matrices(lm, blocks))
        rows.append((third, ", ".join(map(str, blocks)), len(blocks), n_weights))
    return frame(BLOCKS, rows)


_Averages: TypeAlias = Mapping[tuple[str, float], Mapping[str, Floats]]
"""What is lost, by third and change."""


def _compared(average: _Averages, target: float) -> dict[str, dict[str, Floats]]:
    """What each task loses more by an edit of the early third than of another (contrast to task to resample)."""
    early = average["early", target]
    return {
        contrast: {task: lost - average[other, target][task] for task, lost in early.items()}
        for contrast, other in EARLY_LESS.items()
    }


def _contrasts(average: _Averages, n: Mapping[str, int]) -> pd.DataFrame:
    rows: _Rows = []
    for target in CHANGES:
        for contrast, by_task in _compared(average, target).items():
            for task, values in by_task.items():
                rows += [(target, contrast, task, estimated(values, n[task]), n[task])] if task != LANGUAGE_LOSS else []
    return frame(CONTRASTS, rows)


def _special(average: _Averages, n: Mapping[str, int]) -> pd.DataFrame:
    """Compare the emotion with each control task; their texts are other ones, and so are their resamples."""
    rows: _Rows = []
    for target in CHANGES:
        for contrast, by_task in {"early": average["early", target], **_compared(average, target)}.items():
            for task, values in by_task.items():
                if task not in (EMOTION, LANGUAGE_LOSS):
                    rows.append((target, contrast, task, estimated(by_task[EMOTION] - values, n[EMOTION]), n[EMOTION]))
    return frame(SPECIAL, rows)
