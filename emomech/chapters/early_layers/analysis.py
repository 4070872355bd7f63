"""Claim C8: can early layers be modified without harming emotion inference? Thirds of the blocks edited equally.

The matrices of the early, the middle or the late third of the blocks are quantised, pruned, reduced in rank or given
noise, each at a dose that changes them by the same relative size (`weight_edits`); single blocks are skipped. The cost
is measured on the same texts with and without the edit: balanced accuracy of the emotion task, of control tasks, and
the next-token loss. The other thirds show whether the early third is special, and the control tasks show whether the
emotion is.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, TypeAlias, get_args

import numpy as np
import pandas as pd

from emomech.causal.lm_loss import language_shift
from emomech.causal.questions import Questions, balanced
from emomech.causal.sample import Sample
from emomech.chapters.early_layers.weight_edits import EditMethod, at_change, matrices, relative_change, skip, thirds
from emomech.chapters.tasks import EMOTION, tasks_of
from emomech.core.errors import UsageError
from emomech.models.language_model import LanguageModel
from emomech.stats.classification import Confusion
from emomech.stats.estimates import Floats, from_draws, with_resamples
from emomech.stats.tables import INTERVAL, Schema, filled, frame
from emomech.study.study import Study

LANGUAGE_LOSS = "language"
SKIPPING, AVERAGE = "skipping", "mean"
CHANGES = (0.1, 0.2, 0.4, 0.8)
"""Relative sizes of the change at which thirds are compared."""
REFERENCE = 0.2
"""The change that the verdict uses; it was fixed before any result was seen."""
NEAR = 0.25
"""Largest relative deviation from the intended change; a method that deviates more is left out of the mean."""
MIN_TEXTS = 8
"""Fewest texts of a label on the report split."""
EARLY_LESS = {"early less middle": "middle", "early less late": "late"}
"""Contrast of two thirds -> the third that is subtracted."""
_THIRD = {"third": "third of the blocks that is edited"}
_TARGET = {"target": "intended relative change of the matrices; undefined for skipping"}
_EDIT = {
    **_THIRD,
    "method": "kind of edit; mean: average over the methods that came close to the intended change in every third",
    **_TARGET,
    "dose": "dose of the edit, or the methods that are averaged",
}
_CHANGE = {"change": "relative change of the matrices that was reached"}
_TASK = {"task": "task that the model is asked"}
_N = {"n": "number of texts"}
SETTING = Schema(
    keys=_TASK,
    values={
        "accuracy": "balanced accuracy of the unedited model",
        **INTERVAL,
        "chance": "balanced accuracy of guessing",
        **_N,
        "untested": "why the task cannot be tested; empty if it can",
    },
)
BLOCKS = Schema(
    keys={"third": "third of the blocks"},
    values={
        "blocks": "numbers of its blocks",
        "n_blocks": "number of blocks",
        "n_weights": "number of weights in their matrices",
    },
)
LOSSES = Schema(
    keys=_EDIT | _TASK,
    values=_CHANGE | {"loss": "balanced accuracy that the edit costs, on the same texts", **INTERVAL, **_N},
)
LANGUAGE = Schema(keys=_EDIT, values=_CHANGE | {"rise": "relative rise of the next-token loss", **INTERVAL, **_N})
CONTRASTS = Schema(
    keys={**_TARGET, "contrast": "two thirds: loss by editing the first minus loss by editing the second", **_TASK},
    values={"difference": "difference in accuracy lost, mean over the methods", **INTERVAL, **_N},
)
SPECIAL = Schema(
    keys={
        **_TARGET,
        "contrast": "loss by editing the early third, or that minus the loss by editing another third",
        "control": "control task",
    },
    values={
        "difference": "loss of the emotion task minus loss of the control task",
        **INTERVAL,
        "n": "number of texts of the emotion task",
    },
)


@dataclass(frozen=True)
class EarlyLayers:
    """Cost of editing each third of the blocks: for emotion, for other tasks and for language modelling."""

    setting: Annotated[pd.DataFrame, SETTING]
    blocks: Annotated[pd.DataFrame, BLOCKS]
    losses: Annotated[pd.DataFrame, LOSSES]
    language: Annotated[pd.DataFrame, LANGUAGE]
    contrasts: Annotated[pd.DataFrame, CONTRASTS]
    special: Annotated[pd.DataFrame, SPECIAL]


@dataclass(frozen=True, eq=False)
class _TaskSample:
    """The sample of one task, and the accuracy of the unedited model on it."""

    sample: Sample
    accuracy: Floats
    """Balanced accuracy (draw)."""

    @classmethod
    def of(cls, study: Study, most: int, n_resamples: int, seed: int) -> "_TaskSample":
        """Ask the unedited model. Raises UsageError for too few texts, and for labels with the same first token."""
        rows = balanced(study, "report", most)
        if len(rows) < MIN_TEXTS * len(study.corpus.labels):
            n = len(rows) // len(study.corpus.labels)
            raise UsageError(f"the report split has {n} texts of each label; {MIN_TEXTS} are needed. Take more texts.")
        sample = Sample.of(Questions.of(study, rows), n_resamples, seed)
        return cls(sample, _accuracy(sample, sample.logits))

    def lost(self, edited: LanguageModel) -> Floats:
        """Balanced accuracy that an edited model loses (draw)."""
        return self.accuracy - _accuracy(self.sample, self.sample.questions.on(edited).logits())


def _accuracy(sample: Sample, logits: Floats) -> Floats:
    """Balanced accuracy (draw) of answers with these logits (text, label)."""
    return Confusion.of(sample.gold, logits.argmax(1), len(sample.labels), sample.weights).balanced_accuracy()


@dataclass(frozen=True)
class _EditCost:
    """One edit of one third, and what it costs."""

    third: str
    method: str
    target: float
    dose: str
    change: float
    lost: Mapping[str, Floats]
    """Task -> accuracy lost, and `LANGUAGE_LOSS` -> relative rise of the next-token loss (draw)."""

    @property
    def columns(self) -> dict[str, object]:
        """Columns that describe the edit."""
        keys = {"third": self.third, "method": self.method, "target": self.target, "dose": self.dose}
        return {**keys, "change": self.change}


def early_layers(study: Study, *, most: int = 30, n_language: int = 40, n_resamples: int = 400) -> EarlyLayers:
    """Edit each third of the blocks in every way, on at most `most` texts per label of each task.

    The next-token loss is measured on `n_language` texts of the first control task, or of the study itself if it has no
    control; intervals have `n_resamples` bootstrap draws. If the claim cannot be tested (fewer than three blocks, a
    model at chance, labels with the same first token), all tables but `setting` are empty and `setting` says why.
    """
    tasks: dict[str, _TaskSample] = {}
    setting = []
    for number, (name, task_study) in enumerate(tasks_of(study).items()):
        task, row = _task(task_study, most, n_resamples, study.spec.seed + number)
        setting.append({"task": name, **row})
        tasks |= {name: task} if task is not None else {}
    if EMOTION not in tasks:
        return filled(EarlyLayers, setting=frame(SETTING, setting))
    texts = (study.controls[0] if study.controls else study).prompts[:n_language]
    parts = thirds(study.lm.n_layers)
    weights = with_resamples([str(i) for i in range(len(texts))], n_resamples, study.spec.seed)

    def lost(edited: LanguageModel) -> dict[str, Floats]:
        rise = language_shift(study.lm, texts, {}, edited=edited).means(weights)["loss"]
        return {name: task.lost(edited) for name, task in tasks.items()} | {LANGUAGE_LOSS: rise}

    costs = []
    for third, blocks in parts.items():
        for method, target, dose, change, edited in _edits(study.lm, blocks, study.spec.seed):
            costs.append(_EditCost(third, method, target, dose, change, lost(edited)))
    costs += _averages(costs)
    n = {name: len(task.sample) for name, task in tasks.items()} | {LANGUAGE_LOSS: len(texts)}
    average = {(cost.third, cost.target): cost.lost for cost in costs if cost.method == AVERAGE}
    return EarlyLayers(
        setting=frame(SETTING, setting),
        blocks=_blocks(study.lm, parts),
        losses=_losses(costs, n),
        language=_language(costs, n[LANGUAGE_LOSS]),
        contrasts=_contrasts(average, n),
        special=_special(average, n),
    )


def _task(study: Study, most: int, n_resamples: int, seed: int) -> tuple[_TaskSample | None, dict[str, object]]:
    """Sample of one task, None if it cannot be tested, and the columns of its row in the setting."""
    try:
        thirds(study.lm.n_layers)
        task = _TaskSample.of(study, most, n_resamples, seed)
    except UsageError as error:
        return None, {"n": 0, "untested": str(error)}
    chance = 1 / len(task.sample.labels)
    accuracy = from_draws(task.accuracy, len(task.sample))
    untested = "" if accuracy.low > chance else f"the model's answers are no better than chance: {accuracy}"
    row = {"accuracy": accuracy, "chance": chance, "n": accuracy.n, "untested": untested}
    return None if untested else task, row


def _edits(
    lm: LanguageModel, blocks: Sequence[int], seed: int
) -> Iterator[tuple[str, float, str, float, LanguageModel]]:
    """Edit some blocks in every way: (method, intended change, dose, change reached, edited model)."""
    before = matrices(lm, blocks)
    for method in get_args(EditMethod):
        for target in CHANGES:
            edit = at_change(lm, blocks, method, target, seed)
            edited = edit.on(lm, blocks)
            yield method, target, str(edit), relative_change(before, matrices(edited, blocks)), edited
    inner, single = blocks[1:-1], blocks[:1] if len(blocks) > 1 else []
    skipped = {"first block": single, "middle block": inner[len(inner) // 2 :][:1], "last block": blocks[1:][-1:]}
    skipped["all blocks"] = blocks
    for name, numbers in skipped.items():
        if numbers:
            yield SKIPPING, float("nan"), name, float("nan"), skip(lm, numbers)


def _averages(costs: Sequence[_EditCost]) -> Iterator[_EditCost]:
    """Mean cost, for each change, of the methods that come close to it in all thirds, so that thirds are comparable."""
    for target in CHANGES:
        far = {c.method for c in costs if c.target == target and abs(c.change - target) > NEAR * target}
        methods = [method for method in get_args(EditMethod) if method not in far]
        for third in dict.fromkeys(cost.third for cost in costs):
            averaged = [c for c in costs if (c.third, c.target) == (third, target) and c.method in methods]
            lost = {name: np.mean([cost.lost[name] for cost in averaged], axis=0) for name in averaged[0].lost}
            change = float(np.mean([cost.change for cost in averaged]))
            yield _EditCost(third, AVERAGE, target, ", ".join(methods), change, lost)


def _blocks(lm: LanguageModel, parts: Mapping[str, Sequence[int]]) -> pd.DataFrame:
    rows = [
        {
            "third": third,
            "blocks": ", ".join(map(str, blocks)),
            "n_blocks": len(blocks),
            "n_weights": sum(weight.numel() for weight in matrices(lm, blocks)),
        }
        for third, blocks in parts.items()
    ]
    return frame(BLOCKS, rows)


def _losses(costs: Sequence[_EditCost], n: Mapping[str, int]) -> pd.DataFrame:
    rows = [
        {**cost.columns, "task": task, "loss": from_draws(lost, n[task]), "n": n[task]}
        for cost in costs
        for task, lost in cost.lost.items()
        if task != LANGUAGE_LOSS
    ]
    return frame(LOSSES, rows)


def _language(costs: Sequence[_EditCost], n: int) -> pd.DataFrame:
    rows = [{**cost.columns, "rise": from_draws(cost.lost[LANGUAGE_LOSS], n), "n": n} for cost in costs]
    return frame(LANGUAGE, rows)


_Averages: TypeAlias = Mapping[tuple[str, float], Mapping[str, Floats]]
"""Third and change -> task -> mean loss (draw)."""


def _early_minus_others(average: _Averages, target: float) -> dict[str, dict[str, Floats]]:
    """Loss by editing the early third minus that by editing another third: contrast -> task -> difference (draw)."""
    early = average["early", target]
    return {
        contrast: {task: lost - average[other, target][task] for task, lost in early.items()}
        for contrast, other in EARLY_LESS.items()
    }


def _contrasts(average: _Averages, n: Mapping[str, int]) -> pd.DataFrame:
    rows = [
        {"target": target, "contrast": contrast, "task": task, "difference": from_draws(draws, n[task]), "n": n[task]}
        for target in CHANGES
        for contrast, by_task in _early_minus_others(average, target).items()
        for task, draws in by_task.items()
        if task != LANGUAGE_LOSS
    ]
    return frame(CONTRASTS, rows)


def _special(average: _Averages, n: Mapping[str, int]) -> pd.DataFrame:
    """Compare the emotion task with each control task; they have different texts, and so different resamples."""
    rows = []
    for target in CHANGES:
        contrasts = {"early": average["early", target], **_early_minus_others(average, target)}
        for contrast, by_task in contrasts.items():
            for task, draws in by_task.items():
                if task not in (EMOTION, LANGUAGE_LOSS):
                    keys = {"target": target, "contrast": contrast, "control": task}
                    difference = from_draws(by_task[EMOTION] - draws, n[EMOTION])
                    rows.append({**keys, "difference": difference, "n": n[EMOTION]})
    return frame(SPECIAL, rows)
