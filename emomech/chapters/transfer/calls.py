"""The calls of the transfer page: features and doses are chosen on every set of texts, and used on the others."""

from emomech.causal.calls import Asked
from emomech.chapters.declared import Parameters, checked, loaded
from emomech.study.calls import Calls, Scale, Task

N_TUNE, LEAST_TEXTS = 12, 40
"""Texts of each emotion that choose doses, and texts of each emotion that a style needs to be a set."""
SPREAD = 0.5
"""Share of the hook points at which the chosen features lie."""
FIRST = 0.25
"""Depth of the first of them."""
CLIMBED, ASCENDED = 2, 1.2
"""Doses that are tried until accuracy falls, and steps from the best of them, for each emotion: up, down, or both."""
USABLE, WITH_ROOM = 0.67, 0.5
"""Share of the sets on which the model is above chance, and of these with enough wrong answers."""


def calls(scale: Scale, parameters: Parameters) -> Calls:
    """Declare the calls of `transfer`."""
    n_sets = _n_divided(scale.task) + _n_listed(parameters["prompts"]) + _n_listed(parameters["words"])
    labels = scale.task.labels
    labelled = Asked.of(scale, scale.task.balanced("discover", parameters["n_labelled"]))
    tune = Asked.of(scale, scale.task.balanced("tune", N_TUNE))
    report = Asked.of(scale, scale.task.balanced("report", parameters["n_report"]))
    usable = max(1, round(USABLE * n_sets))
    changed = 2 * usable * max(1, round(WITH_ROOM * usable)) * _moved(report)
    drawn = sum((asked.drawn(labels) for asked in (labelled, tune, report)), report.once())
    draws = n_sets**2 * 3 * parameters["n_resamples"] * report.n
    statistics = Calls(weighed=draws, steps=n_sets**2 * 100, rows=n_sets**2 * 4)
    chosen = usable * _chosen(labelled, tune)
    return loaded(scale) + checked(scale) + n_sets * drawn + chosen + changed + statistics


def _moved(asked: Asked) -> Calls:
    """Answer with the chosen features moved, replayed from the first hook point."""
    return asked.edited_together(1, SPREAD * asked.scale.points, depth=FIRST * asked.scale.layers)


def _chosen(labelled: Asked, tune: Asked) -> Calls:
    """Choose features, dose and bias on one set."""
    labels = labelled.scale.task.labels
    screen = tune.statistics() + labelled.screened([labels]) + tune.once() + tune.recorded()
    return screen + (CLIMBED + 1 + ASCENDED * labels) * _moved(tune) + labelled.once() + Calls(steps=200)


def _n_listed(names: str) -> int:
    return len([name for name in names.split(",") if name.strip()])


def _n_divided(task: Task) -> int:
    """Number of styles, or else of item types, with enough texts of every label; else all texts are one set."""
    for sizes in (task.styles, task.types):
        if (n := sum(size >= LEAST_TEXTS for size in sizes)) > 1:
            return n
    return 1
