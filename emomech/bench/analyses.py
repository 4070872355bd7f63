"""Whole analyses, end to end, beside the same passes in other libraries.

The package runs the chapters *steering* and *tracing*, statistics included, and records what they ask of the model
(`recorded`). The others run a sample of the same passes, one forward pass for each edit, as a script with these
libraries would. Their time is that of the sample times the tokens of all passes of its kind over those of the sample;
statistics are not counted for them.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from emomech.bench import deep, passes
from emomech.bench.environments import LENS, NNSIGHT
from emomech.bench.interleaved import OURS, PLAIN, Entry, Outcome, Processes, Turns
from emomech.bench.passes import Batch, Change
from emomech.bench.recorded import KINDS, Edited, Recorded, recording
from emomech.bench.result import Heading, Result, results_of
from emomech.bench.worker import Prepared
from emomech.chapters.steering.analysis import steering
from emomech.chapters.tracing.analysis import tracing
from emomech.core.errors import EmomechError
from emomech.core.hook_points import HookPoint
from emomech.models.hooks import capture, intervene
from emomech.models.language_model import LanguageModel
from emomech.study.study import Study


@dataclass(frozen=True)
class AnalysisSizes:
    """Sizes of the analyses: hook points, parameters, and the sample that others run."""

    shares: tuple[float, ...]
    """Depths of the hook points, as shares of the blocks."""
    tracing: Mapping[str, int]
    steering: Mapping[str, int]
    n_sample: int
    """Edits of each kind in the sample."""
    n_turns: int


QUICK = AnalysisSizes(
    shares=(0.7, 0.9),
    tracing={"n_discover": 5, "n_report": 5, "n_single": 1, "n_resamples": 50, "n_draws": 1},
    steering={
        "n_labelled": 2,
        "n_features": 2,
        "n_tune": 4,
        "n_report": 20,
        "n_resamples": 50,
        "n_label_draws": 1,
    },
    n_sample=3,
    n_turns=1,
)
FULL = AnalysisSizes(
    shares=(0.25, 0.5, 0.75),
    tracing={"n_discover": 5, "n_report": 5, "n_single": 2, "n_resamples": 200, "n_draws": 2},
    steering={
        "n_labelled": 2,
        "n_features": 3,
        "n_tune": 5,
        "n_report": 20,
        "n_resamples": 200,
        "n_label_draws": 2,
    },
    n_sample=6,
    n_turns=1,
)
N_TEXTS = 160
ANALYSES: Mapping[str, tuple[Callable[..., Any], int]] = {"tracing": (tracing, 0), "steering": (steering, 6)}
"""Name to the analysis, and to which text, every n-th, has a label that the model does not answer; 0: none."""


def whole(processes: Processes, n_layers: int, name: str, sizes: AnalysisSizes) -> Iterator[Result]:
    """Run an analysis on all cores, and its passes in other libraries; the case of the processes is one of `deep`."""
    layers = sorted({max(0, int(share * n_layers) - 1) for share in sizes.shares})
    options = {"analysis": name, "layers": layers, "n_sample": sizes.n_sample}
    options["parameters"] = dict(sizes.tracing if name == "tracing" else sizes.steering)
    turns = Turns(sizes.n_turns, warm_up=False, clock="wall", threads=os.cpu_count() or 1)
    own = processes.compare([Entry(OURS, "analysis", options)], turns)[OURS]
    others = {
        PLAIN: ("one forward pass per edit", ""),
        LENS: ("TransformerLens, one run per edit", "SAEs in its hooks"),
        NNSIGHT: ("nnsight, one trace per edit", "SAEs in its trace"),
    }
    outcomes = {OURS: own} | _others(processes, name, list(others), replace(turns, warm_up=True))
    n = sum(passes.totals(processes.case, name)["passes"].values())
    places = " and ".join(str(1 + layer) for layer in layers)
    note = (
        f"{n} passes, SAEs behind blocks {places} of {n_layers}, statistics included; the others run a sample of passes"
    )
    heading = Heading(deep.SMOLLM, f"{name}, end to end", "analysis", note, whole=True)
    yield from results_of(heading, outcomes, others)


def _others(processes: Processes, name: str, others: list[str], turns: Turns) -> dict[str, Outcome]:
    """Run the sample of each kind, and add up the times of all passes."""
    kept = passes.totals(processes.case, name)
    by_kind = {}
    for kind in KINDS:
        if kept["tokens"][kind] and kept["sampled"][kind]:
            share = kept["sampled"][kind] / kept["tokens"][kind]
            entries = [
                Entry(other, "plain passes" if other == PLAIN else "passes", {"analysis": name, "kind": kind}, share)
                for other in others
            ]
            by_kind[kind] = processes.compare(entries, turns)
    return {other: _sum([outcomes[other] for outcomes in by_kind.values()]) for other in others}


def _sum(parts: list[Outcome]) -> Outcome:
    """Add the times of all kinds of passes; the memory is the largest, and the answers are those of all edits."""
    seconds = [part.seconds for part in parts]
    if missing := next((reason for reason in seconds if isinstance(reason, str)), ""):
        return Outcome(missing)
    answers = [part.answer for part in parts if part.answer is not None and part.answer.size]
    held = max(part.held for part in parts if part.held is not None)
    return Outcome(sum(float(second) for second in seconds), held, answer=np.concatenate(answers))


def analysis(folder: Path, options: Mapping[str, Any]) -> Prepared:
    """Run a chapter's analysis; the answer is the logits of the sampled edits (edit, text, label), also as files."""
    run, wrong = ANALYSES[options["analysis"]]
    study = deep.study(folder, options["layers"], wrong)

    def call() -> Recorded:
        with recording() as record:
            result = run(study, **options["parameters"])
        if untested := result.setting.untested.iloc[0]:
            raise EmomechError(f"{options['analysis']} of a random model: {untested}")
        return record

    def keep(record: Recorded) -> np.ndarray:
        sample = record.sample(study, options["n_sample"])
        write(folder, options["analysis"], study, record, sample)
        return np.stack([passes.shown(edited.logits) for edited in sample])

    return call, keep


def write(folder: Path, name: str, study: Study, record: Recorded, sample: list[Edited]) -> None:
    """Write the sampled edits as passes for others to repeat, and what was recorded in all."""
    facts, tensors = [], {}
    sampled: dict[str, int] = dict.fromkeys(KINDS, 0)
    for number, edited in enumerate(sample):
        sampled[edited.kind] += sum(len(text.ids) for text in edited.questions.texts)
        tensors[f"{number}.label_ids"] = edited.questions.label_ids
        rows = []
        for i, (batch, mask) in enumerate(edited.questions.batches(edited.where)):  # pyright: ignore[reportArgumentType]
            parts = {"input_ids": batch.input_ids, "attention_mask": batch.attention_mask}
            parts |= {"position_ids": batch.position_ids, "content": mask}
            tensors |= {f"{number}.batch{i}.{key}": x for key, x in parts.items()}
            rows.append(list(batch.example))
        for point, edit in edited.edits.items():
            tensors |= {f"{number}.{point}.{key}": x for key, x in _numbers(edit).items()}
        facts.append({"kind": edited.kind, "rows": rows, "edited": [str(point) for point in edited.edits]})
    sampled["read"] = sampled["slope"] = sum(len(text.ids) for text in sample[0].questions.texts)
    totals = {"tokens": record.tokens, "passes": record.passes, "sampled": sampled}
    points = [str(point) for point in study.saes]
    passes.write(folder, name, {"passes": facts, "points": points, "totals": totals}, tensors)


def _numbers(edit: Any) -> dict[str, Tensor]:
    """Index, factor, offset, and the constant in place of the error, if there is one."""
    index = torch.as_tensor(edit.index, dtype=torch.long)
    moves = {name: torch.as_tensor(getattr(edit, name), dtype=torch.float32) for name in ("factor", "offset")}
    error = getattr(edit, "error", None)
    return {"index": index, **moves} | ({} if error is None else {"error": error})


@dataclass(frozen=True, eq=False)
class PlainModel:
    """The model of the package with hooks, and nothing that saves passes."""

    lm: LanguageModel

    def forward(self, batch: Batch, changes: Mapping[str, Change]) -> Tensor:
        """Logits of the last token (batch, 1, token), with the activation of some hook points changed."""
        with intervene(self.lm, {HookPoint.parse(point): change for point, change in changes.items()}):
            return self.lm.module(**batch.kwargs(), logits_to_keep=1).logits

    def read(self, batch: Batch, points: list[str]) -> dict[str, Tensor]:
        """Activations at some hook points."""
        with capture(self.lm, [HookPoint.parse(point) for point in points]) as seen:
            self.lm.module(**batch.kwargs(), logits_to_keep=1)
        return {str(point): x for point, x in seen.items()}

    def slopes(
        self, batch: Batch, points: list[str], measure: Callable[[Tensor], Tensor]
    ) -> dict[str, tuple[Tensor, Tensor]]:
        """Activations, and the gradient of a measure of the logits with respect to them."""
        parsed = [HookPoint.parse(point) for point in points]
        begin = {HookPoint(0, "resid_pre"): lambda x: x.detach().clone().requires_grad_()}
        with intervene(self.lm, begin), capture(self.lm, parsed, graph=True) as seen:
            logits = self.lm.module(**batch.kwargs(), logits_to_keep=1).logits
        slopes = torch.autograd.grad(measure(logits), [seen[point] for point in parsed])
        return {str(point): (seen[point].detach(), slope) for point, slope in zip(parsed, slopes, strict=True)}


def plain_passes(folder: Path, options: Mapping[str, Any]) -> Prepared:
    """Run the sampled passes of one kind, each from the first block to the last."""
    return passes.prepare(PlainModel(deep.model(folder)), folder, options)
