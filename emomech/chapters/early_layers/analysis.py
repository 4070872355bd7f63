"""Claim C8: can early layers be modified without harming emotion inference? Thirds of the blocks edited equally.

The matrices of the early, the middle or the late third of the blocks are quantised, pruned, reduced in rank or given
noise, each at a dose that changes them by the same relative size (`weight_edits`); single blocks are skipped. The cost
is measured on the same texts with and without the edit: balanced accuracy of the emotion task, of control tasks, and
the next-token loss. The other thirds show whether the early third is special, and the control tasks show whether the
emotion is. Intervals are those of `flips`, which hold for rare flips as well.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, get_args

import numpy as np
import pandas as pd

from emomech.causal.lm_loss import language_loss
from emomech.causal.questions import Questions, balanced
from emomech.causal.sample import Sample
from emomech.chapters.early_layers.flips import difference, mean_flips, rise_of_loss
from emomech.chapters.early_layers.tables import (
    AVERAGE,
    BLOCKS,
    CHANGES,
    CONTRASTS,
    EARLY_LESS,
    LANGUAGE,
    LOSSES,
    LOST,
    MIN_TEXTS,
    MOST_CONTROL,
    NEAR,
    REFERENCE,
    RISE,
    SETTING,
    SKIPPING,
    SPECIAL,
    EarlyLayers,
)
from emomech.chapters.early_layers.weight_edits import (
    EditMethod,
    at_change,
    decompose,
    matrices,
    relative_change,
    skip,
    thirds,
)
from emomech.chapters.stability import STABILITY, stability_rows
from emomech.chapters.tasks import EMOTION, tasks_of
from emomech.core import progress
from emomech.core.errors import UsageError
from emomech.models.language_model import LanguageModel
from emomech.stats.estimates import Floats, Ints
from emomech.stats.tables import Row, filled, frame
from emomech.study.study import Study


@dataclass(frozen=True, eq=False)
class _Cost:
    """What one edit of one third, or the mean over several methods, costs each text."""

    third: str
    method: str
    target: float
    dose: str
    change: float
    lost: Mapping[str, Floats]
    """Task -> 1 for a right answer that turns wrong, -1 for the reverse (text)."""
    language: Floats
    """Next-token loss of each text after the edit (text)."""

    @property
    def columns(self) -> dict[str, object]:
        """Columns that describe the edit."""
        keys = {"third": self.third, "method": self.method, "target": self.target, "dose": self.dose}
        return {**keys, "change": self.change}


@dataclass(frozen=True, eq=False)
class _Texts:
    """Texts of the tasks, and the next-token loss before any edit."""

    samples: Mapping[str, Sample]
    language: Floats
    """Next-token loss of each text (text)."""

    def loss(self, task: str, lost: Floats) -> Row:
        """Estimate of a loss on a task, with the number of texts."""
        return {"loss": mean_flips(lost, self.samples[task].questions.clusters), "n": len(lost)}


def early_layers(study: Study, *, most: int = 60, n_language: int = 40, n_draws: int = 5) -> EarlyLayers:
    """Edit each third of the blocks in every way, on at most `most` texts of each emotion.

    The next-token loss is measured on `n_language` texts of the first control task, or of the study itself if it has no
    control. The main estimates are repeated on `n_draws` random halves of the texts. If the claim cannot be tested
    (fewer than three blocks, a model at chance, labels with the same first token), all tables but `setting` are empty
    and `setting` says why.
    """
    samples: dict[str, Sample] = {}
    setting = []
    for number, (name, task_study) in enumerate(tasks_of(study).items()):
        sample, row = _task(task_study, most if name == EMOTION else min(most, MOST_CONTROL), study.spec.seed + number)
        setting.append({"task": name, **row})
        samples |= {name: sample} if sample is not None else {}
    if EMOTION not in samples:
        return filled(EarlyLayers, setting=frame(SETTING, setting))
    prompts = (study.controls[0] if study.controls else study).prompts[:n_language]
    parts = thirds(study.lm.n_layers)
    texts = _Texts(samples, language_loss(study.lm, prompts))
    costs = [
        _cost(study.lm, texts, prompts, (third, *edit))
        for third, blocks in progress.counted(parts.items(), "editing weights", "third")
        for edit in _edits(study.lm, blocks, study.spec.seed)
    ]
    costs += _averages(costs)
    average = {(cost.third, cost.target): cost for cost in costs if cost.method == AVERAGE}
    return EarlyLayers(
        setting=frame(SETTING, setting),
        blocks=_blocks(study.lm, parts),
        losses=frame(LOSSES, (row for cost in costs for row in loss_rows(cost, texts))),
        language=frame(LANGUAGE, (language_row(cost, texts) for cost in costs)),
        contrasts=frame(CONTRASTS, contrast_rows(average, texts)),
        special=frame(SPECIAL, _special(average, texts)),
        stability=frame(STABILITY, stability_rows(redrawn(average, texts, n_draws, study.spec.seed))),
    )


def _task(study: Study, most: int, seed: int) -> tuple[Sample | None, dict[str, object]]:
    """Sample of one task, None if it cannot be tested, and the columns of its row in the setting."""
    try:
        thirds(study.lm.n_layers)
        rows = balanced(study, "report", most)
        if (n := len(rows) // len(study.corpus.labels)) < MIN_TEXTS:
            raise UsageError(f"the report split has {n} texts of each label; {MIN_TEXTS} are needed. Take more texts.")
        sample = Sample.of(Questions.of(study, rows), 0, seed)
    except UsageError as error:
        return None, {"n": 0, "untested": str(error)}
    accuracy, above = sample.balanced_accuracy, sample.above_chance
    untested = "" if above else f"the model's answers are no better than chance: {accuracy}"
    row = {"accuracy": accuracy, "chance": 1 / len(sample.labels), "n": len(sample), "untested": untested}
    return sample if above else None, row


_Edit: TypeAlias = tuple[str, str, float, str, float, LanguageModel]
"""Third, method, intended change, dose, change reached, edited model."""


def _cost(lm: LanguageModel, texts: _Texts, prompts: Sequence[str], edit: _Edit) -> _Cost:
    """Ask the edited model. Skipping is measured on the emotion task only."""
    third, method, target, dose, change, edited = edit
    asked = [EMOTION] if method == SKIPPING else texts.samples
    lost = {name: _lost(texts.samples[name], edited) for name in asked}
    language = language_loss(edited, prompts)
    return _Cost(third, method, target, dose, change, lost, language)


def _lost(sample: Sample, edited: LanguageModel) -> Floats:
    right = sample.questions.on(edited).logits().argmax(1) == sample.gold
    return sample.right.astype(float) - right


def _edits(
    lm: LanguageModel, blocks: Sequence[int], seed: int
) -> Iterator[tuple[str, float, str, float, LanguageModel]]:
    """Edit some blocks in every way: (method, intended change, dose, change reached, edited model)."""
    before = matrices(lm, blocks)
    parts = decompose(before)
    for method in get_args(EditMethod):
        for target in CHANGES:
            edit = at_change(lm, blocks, method, target, seed, parts)
            edited = edit.on(lm, blocks, parts)
            yield method, target, str(edit), relative_change(before, matrices(edited, blocks)), edited
    inner, single = blocks[1:-1], blocks[:1] if len(blocks) > 1 else []
    skipped = {"first block": single, "middle block": inner[len(inner) // 2 :][:1], "last block": blocks[1:][-1:]}
    skipped["all blocks"] = blocks
    for name, numbers in skipped.items():
        if numbers:
            yield SKIPPING, float("nan"), name, float("nan"), skip(lm, numbers)


def _averages(costs: Sequence[_Cost]) -> Iterator[_Cost]:
    """Mean cost, for each change, of the methods that come close to it in all thirds, so that thirds are comparable."""
    for target in CHANGES:
        far = {c.method for c in costs if c.target == target and abs(c.change - target) > NEAR * target}
        methods = [method for method in get_args(EditMethod) if method not in far]
        for third in dict.fromkeys(cost.third for cost in costs):
            averaged = [c for c in costs if (c.third, c.target) == (third, target) and c.method in methods]
            lost = {name: np.mean([cost.lost[name] for cost in averaged], axis=0) for name in averaged[0].lost}
            language = np.mean([cost.language for cost in averaged], axis=0)
            change = float(np.mean([cost.change for cost in averaged]))
            yield _Cost(third, AVERAGE, target, ", ".join(methods), change, lost, language)


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


def loss_rows(cost: _Cost, texts: _Texts) -> Iterator[Row]:
    """Accuracy that one edit costs, for each task."""
    for task, lost in cost.lost.items():
        yield {**cost.columns, "task": task, **texts.loss(task, lost)}


def language_row(cost: _Cost, texts: _Texts) -> Row:
    """Rise of the next-token loss by one edit."""
    return {**cost.columns, "rise": rise_of_loss(texts.language, cost.language), "n": len(texts.language)}


_Averages: TypeAlias = Mapping[tuple[str, float], _Cost]
"""Third and change -> mean over the methods."""


def _early_minus(average: _Averages, target: float, other: str) -> dict[str, Floats]:
    """Loss by editing the early third minus that by editing another third, on the same texts: task -> (text)."""
    early, later = average["early", target].lost, average[other, target].lost
    return {task: lost - later[task] for task, lost in early.items()}


def contrast_rows(average: _Averages, texts: _Texts) -> Iterator[Row]:
    """The early third less another third, for each change and task."""
    for target in dict.fromkeys(target for _, target in average):
        for contrast, other in EARLY_LESS.items():
            for task, lost in _early_minus(average, target, other).items():
                estimate = mean_flips(lost, texts.samples[task].questions.clusters)
                keys = {"target": target, "contrast": contrast, "task": task}
                yield {**keys, "difference": estimate, "n": len(lost)}


def _special(average: _Averages, texts: _Texts) -> Iterator[Row]:
    """Compare the emotion task with each control task; they have different texts, so their intervals are combined."""
    for target in CHANGES:
        contrasts = {"early": average["early", target].lost}
        contrasts |= {contrast: _early_minus(average, target, other) for contrast, other in EARLY_LESS.items()}
        for contrast, by_task in contrasts.items():
            estimates = {
                task: mean_flips(lost, texts.samples[task].questions.clusters) for task, lost in by_task.items()
            }
            for task, of_control in estimates.items():
                if task != EMOTION:
                    keys = {"target": target, "contrast": contrast, "control": task}
                    own = estimates[EMOTION]
                    yield {**keys, "difference": difference(own, of_control), "n": own.n}


def redrawn(average: _Averages, texts: _Texts, n_draws: int, seed: int) -> dict[str, list[float]]:
    """The estimates that decide on all texts, then on random halves of them: name -> value of each draw."""
    rng = np.random.default_rng(seed)
    n_texts, n_prompts = len(texts.samples[EMOTION]), len(texts.language)
    halves = [(_half(n_texts, rng), _half(n_prompts, rng)) for _ in range(1, n_draws)]
    early = average["early", REFERENCE]
    by_name = {LOST: early.lost[EMOTION]}
    by_name |= {name: _early_minus(average, REFERENCE, other)[EMOTION] for name, other in EARLY_LESS.items()}
    drawn = {name: [lost.mean(), *(lost[rows].mean() for rows, _ in halves)] for name, lost in by_name.items()}
    before, after = texts.language, early.language
    rises = [after.sum() / before.sum(), *(after[rows].sum() / before[rows].sum() for _, rows in halves)]
    return {name: list(map(float, values)) for name, values in (drawn | {RISE: np.subtract(rises, 1)}).items()}


def _half(n: int, rng: np.random.Generator) -> Ints:
    return rng.permutation(n)[: (n + 1) // 2]
