"""The calls of the scarcity page: each embedded model is loaded, and its features are selected and ablated."""

from emomech.causal.calls import Asked, selected
from emomech.chapters.declared import Parameters, checked, loaded
from emomech.study.calls import Calls, Scale

N_CHOOSE = 12
"""Most texts of an emotion on which the hook point is chosen."""
SIZES = 2
"""Sizes of a curve, about."""
RANK = 30
"""Operations on arrays that rank the features of a label at one hook point."""


def calls(scale: Scale, parameters: Parameters) -> Calls:
    """Declare the calls of `scarcity`, for models of the sizes given."""
    task, most = scale.task, parameters["n_texts"]
    discover, report = (Asked.of(scale, task.balanced(split, most)) for split in ("discover", "report"))
    tune = Asked.of(scale, task.balanced("tune", min(N_CHOOSE, most)))
    drawn = sum((asked.drawn(task.labels) for asked in (discover, tune, report)), report.once())
    few = report.take(report.n / task.labels)
    curves = task.labels * (few.recorded() + few.edited(scale.depths[-2:-1] * SIZES))
    model = loaded(scale) + checked(scale) + drawn + selected(task.labels, discover, tune, report) + curves
    draws, rows = parameters["n_resamples"], task.labels * 5
    ranked = task.labels * (scale.points + parameters["n_draws"])
    weighed = task.labels * draws * report.n * SIZES
    statistics = Calls(weighed=weighed, steps=rows * 10 + ranked * RANK, rows=rows)
    return len(parameters["models"].split(",")) * (model + statistics)
