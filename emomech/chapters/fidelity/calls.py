"""The calls of the fidelity page: SAEs and random directions are measured, units are ranked, the best are ablated."""

from emomech.causal.calls import Asked, late, spread
from emomech.chapters.declared import Parameters, checked, loaded, quality
from emomech.study.calls import Calls, Scale

N_GATE_TEXTS = 100
"""Texts on which the quality of dictionaries is measured."""
MOST = 60
"""Most texts of an emotion, on either split, on which units are ablated."""
AGAIN = 0.25
"""Share of the units that another division of the texts chooses, and no division before it."""


def calls(scale: Scale, parameters: Parameters) -> Calls:
    """Declare the calls of `fidelity`, for texts with so many label families as are annotated."""
    task, _points, n_draws = scale.task, scale.points, parameters["n_draws"]
    beside = len(scale.beside)
    every = Asked.of(scale, task.texts)
    readers = 3 + beside  # SAEs, random directions, the same with random weights, and SAEs beside
    sized = checked(scale, 1 + beside) + 2 * quality(scale, N_GATE_TEXTS)
    read = 2 * every.read() + readers * every.at_answer() + Calls(models=1, tokenized=task.texts)
    return loaded(scale) + sized + read + _ranked(scale, readers, n_draws) + _ablated(scale, 3 + beside, n_draws)


def _ranked(scale: Scale, readers: int, n_draws: int) -> Calls:
    """Rank the units of every reader, and the dimensions, for every family on every division; fit the probes."""
    task, points = scale.task, scale.points
    texts = task.distinct * task.texts * 0.8
    units = scale.active * readers + scale.width
    choices = points * (readers + 1) * (1 + len(task.answer_tags)) * n_draws
    ranked = points * (1 + len(task.answer_tags)) * n_draws * texts / 2 * units
    probes = Calls(fitted=points * (1 + len(task.answer_tags)) * texts / 2 * scale.width * task.labels)
    values = points * (readers + 2) * (1 + len(task.answer_tags)) * 2.5
    return Calls(ranked=ranked, steps=choices * 8 + values * 12, rows=values) + probes


def _ablated(scale: Scale, readers: int, n_draws: int) -> Calls:
    """Ablate the best unit of every reader that can be ablated, for every emotion, at the answer."""
    task = scale.task
    n = task.labels * sum(min(MOST, task.distinct * task.split[s] / task.labels) for s in ("discover", "report"))
    units = round(readers * (1 + AGAIN * (n_draws - 1)))
    depths = spread(late(scale.depths), units)
    asked = Asked.of(scale, n / task.labels)
    chosen = Calls(encoded=task.labels * units * task.distinct * task.split["discover"], sae_calls=task.labels * units)
    answers = Asked.of(scale, task.distinct * (task.split["report"])).once()
    one = asked.drawn(task.labels) + asked.recorded() + asked.edited_at_answer(depths)
    return answers + task.labels * one + chosen
