"""The calls of the steering page: features are chosen and moved, and so is everything they are compared with."""

from emomech.causal.calls import Asked
from emomech.chapters.declared import Parameters, checked, loaded
from emomech.study.calls import Calls, Scale

SIZES = (2, 5, 20)
"""Numbers of labelled texts that are compared, besides that of the page."""
N_DOSES, N_SHOWN, N_OPERATIONS = 6, 3, 5
"""Doses of scaling, doses at which the cost is measured, and ways to move features."""
N_LANGUAGE, N_TASK = 80, 200
"""Neutral texts, and texts of each control task, at most."""
SPREAD = 0.65
"""Share of the hook points at which the chosen features lie."""
CLIMBED, ASCENDED = 2.9, 1.2
"""Doses that are tried until accuracy falls, of the three coarse ones; steps from the best dose, for each emotion."""
MOVED = 0.35
"""Share of the choices of a dose that are not 0; a dose of 0 needs no pass."""
EXAMPLES = 1.9
"""Length of a question behind two worked examples, the shortest there are, in questions."""
DRAWN = 512
"""Activations on which a displacement is measured."""


def calls(scale: Scale, parameters: Parameters) -> Calls:
    """Declare the calls of `steering`."""
    task = scale.task
    labelled = Asked.of(scale, task.balanced("discover", max(*SIZES, parameters["n_labelled"])))
    tune = Asked.of(scale, task.balanced("tune", parameters["n_tune"]))
    report = Asked.of(scale, task.balanced("report", parameters["n_report"]))
    drawn = sum((asked.drawn(task.labels) for asked in (labelled, tune, report)), report.once())
    pool = labelled.take(labelled.n + tune.n)
    chosen = tune.statistics() + pool.screened([pool.n]) + tune.once() + pool.read() + labelled.once()
    tried = 4 * tune.recorded() + (N_DOSES + 3 * 2) * tune.moved(SPREAD) + ASCENDED * task.labels * tune.moved(SPREAD)
    methods = _methods(scale, labelled.take(task.labels * parameters["n_labelled"]), tune, report)
    sizes = len({*SIZES, parameters["n_labelled"]}) * (CLIMBED * tune.moved(SPREAD) + MOVED * report.moved(SPREAD))
    response = report.recorded() + 4 * report.moved(SPREAD)
    operations = N_OPERATIONS * MOVED * report.moved(SPREAD) + 22 * _displacement(scale)
    work = drawn + checked(scale) + chosen + tried + methods + sizes + response + operations
    again = (parameters["n_label_draws"] - 1) * _again(tune, report)
    return loaded(scale, tasks=True) + work + again + _cost(scale, report) + _statistics(scale, parameters, report.n)


def _displacement(scale: Scale) -> Calls:
    return Calls(encoded=SPREAD * scale.points * DRAWN, sae_calls=SPREAD * scale.points)


def _methods(scale: Scale, few: Asked, tune: Asked, report: Asked) -> Calls:
    """Move what the features are compared with, each with its own dose, and answer after worked examples."""
    five = 4 * (CLIMBED * tune.moved(SPREAD) + MOVED * (report.moved(SPREAD) + _displacement(scale))) + report.moved(
        SPREAD
    )
    raw = tune.statistics() + few.screened([few.n])
    selective = few.read() + few.at_answer()
    examples = Asked(scale, report.n, tuple(EXAMPLES * length for length in report.lengths))
    untrained = (
        Calls(models=1) + raw + tune.once() + CLIMBED * tune.moved(SPREAD) + report.once() + report.moved(SPREAD)
    )
    return five + raw + selective + examples.drawn(scale.task.labels) + examples.once() + untrained


def _again(tune: Asked, report: Asked) -> Calls:
    """Choose again on another draw of the labelled texts: features with their dose, and class means with theirs."""
    pooled = tune.take(tune.n)
    return (CLIMBED + 1.4) * pooled.moved(SPREAD) + 2 * MOVED * report.moved(SPREAD) + Calls(steps=400)


def _cost(scale: Scale, report: Asked) -> Calls:
    """Measure the loss on neutral text and the accuracy on the control tasks, at every dose that is shown."""
    neutral = (scale.controls or (scale.task,))[0]
    language = Asked.of(scale, min(N_LANGUAGE, neutral.split["report"]), neutral)
    shift = 2 * language.through(scale.layers, language.tokens) + language.encoded(SPREAD)
    cost = 2 * N_SHOWN * (shift + report.moved(SPREAD) + _displacement(scale))
    for task in scale.controls:
        asked = Asked.of(scale, task.balanced("report", max(1, N_TASK // task.labels)), task)
        cost += asked.drawn(task.labels) + asked.once() + N_SHOWN * asked.moved(SPREAD)
    return cost


def _statistics(scale: Scale, parameters: Parameters, n: float) -> Calls:
    rows = 500
    draws = parameters["n_resamples"] * n * (rows / 4 + 4 * parameters["n_label_draws"])
    return Calls(weighed=draws, steps=rows * 20, rows=rows)
