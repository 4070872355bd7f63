"""The calls of the steering page: features are chosen and moved, and so is everything they are compared with."""

from emomech.causal.calls import Asked, late
from emomech.chapters.declared import Parameters, checked, loaded
from emomech.study.calls import Calls, Scale

SIZES = (2, 5, 20)
"""Numbers of labelled texts that are compared, besides that of the page."""
N_DOSES, N_SHOWN, N_OPERATIONS = 6, 3, 5
"""Doses of scaling, doses at which the cost is measured, and ways to move features."""
N_SETTINGS, N_SEARCHED, N_SHARES, N_TRIED = 24, 12, 3, 2
"""Settings of a fit on the page's own draw, by operation, and on another; shares of the doses that are tried there."""
N_NEUTRAL, N_SCORES, N_PENALTIES = 32, 3, 3
"""Neutral texts of a fit, tokens drawn after each of their tokens, and penalties of the probe."""
FIT = 70
"""Operations on small arrays of a fit."""
N_CALLS = 35
"""Calls that ask the texts that choose on the page's own draw; each makes a pass of its own if that is not kept."""
N_LANGUAGE, N_TASK = 80, 200
"""Neutral texts, and texts of each control task, at most."""
SPREAD = 0.65
"""Share of the hook points at which the chosen features lie."""
FIRST = 0.15
"""Depth of the first of them."""
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
    task, n_draws = scale.task, parameters["n_label_draws"]
    labelled = Asked.of(scale, task.balanced("discover", max(*SIZES, parameters["n_labelled"])))
    tune = Asked.of(scale, task.balanced("tune", parameters["n_tune"]))
    report = Asked.of(scale, task.balanced("report", parameters["n_report"]))
    drawn = sum((asked.drawn(task.labels) for asked in (labelled, tune, report)), report.once())
    pool = labelled.take(labelled.n + tune.n)
    chosen = tune.statistics() + pool.screened([pool.n]) + tune.once() + pool.read() + labelled.once()
    tried = (N_DOSES + 3 * 2 + ASCENDED * task.labels) * _moved(tune)
    sizes = len({*SIZES, parameters["n_labelled"]}) * (CLIMBED * _moved(tune) + MOVED * _moved(report))
    moved = tried + sizes + (4 + N_OPERATIONS * MOVED) * _moved(report) + 22 * _displacement(scale)
    methods = _methods(scale, labelled.take(task.labels * parameters["n_labelled"]), tune, report)
    methods += _slopes(scale, pool) + _own_fits(tune) + _probe(scale, tune, report)
    again = (n_draws - 1) * _again(tune, report)
    recorded = tune.recorded(N_CALLS) + n_draws * tune.recorded(2 * CLIMBED) + report.recorded(10 + n_draws)
    work = loaded(scale, tasks=True) + checked(scale) + drawn + chosen + recorded + moved + methods + again
    return work + _cost(scale, report) + _statistics(scale, parameters, report.n)


def _moved(asked: Asked) -> Calls:
    """Answer with the chosen features moved, replayed from the first hook point."""
    return asked.edited_together(1, SPREAD * asked.scale.points, depth=FIRST * asked.scale.layers)


def _displacement(scale: Scale) -> Calls:
    return Calls(encoded=SPREAD * scale.points * DRAWN, sae_calls=SPREAD * scale.points)


def _methods(scale: Scale, few: Asked, tune: Asked, report: Asked) -> Calls:
    """Move what the features are compared with, each with its own dose, and answer after worked examples."""
    three = 3 * (CLIMBED * _moved(tune) + MOVED * (_moved(report) + _displacement(scale)))
    means = _of_means(tune, CLIMBED) + _of_means(report, MOVED)
    raw = tune.statistics() + few.screened([few.n])
    selective = few.read() + few.at_answer()
    examples = Asked(scale, report.n, tuple(EXAMPLES * length for length in report.lengths))
    shown = examples.drawn(scale.task.labels) + examples.once()
    recorded = Calls(models=1) + tune.once() + report.once() + tune.recorded() + report.recorded()
    untrained = recorded + raw + CLIMBED * _moved(tune) + _moved(report)
    return three + means + _moved(report) + raw + selective + shown + untrained


def _of_means(asked: Asked, n: float) -> Calls:
    """Move the projection on the span of the class means, at one hook point near the end."""
    depth = late(asked.scale.depths)[-2:][0]
    return n * asked.edited([depth])


def _slopes(scale: Scale, pool: Asked) -> Calls:
    """Differentiate the logit of every label on all labelled texts, and drawn tokens on neutral text."""
    task = (scale.controls or (scale.task,))[0]
    neutral = Asked.of(scale, min(N_NEUTRAL, task.split["discover"]), task)
    return _differentiated(pool, scale.task.labels, 1) + _differentiated(neutral, N_SCORES, neutral.tokens)


def _differentiated(asked: Asked, times: int, logits: float) -> Calls:
    """Pass texts once forward and several times backward, and encode all tokens by the SAEs and as dimensions."""
    scale, n = asked.scale, asked.n * asked.tokens
    behind = scale.layers - min(scale.depths, default=scale.layers)
    back = Calls(backward=times * n * behind, backward_calls=times * asked.batches * behind)
    encoded = Calls(encoded=2 * n * scale.points, sae_calls=2 * asked.batches * scale.points)
    return asked.through(scale.layers, logits) + back + encoded + Calls(steps=10 * times * asked.batches * scale.points)


def _own_fits(tune: Asked) -> Calls:
    """Fit doses in every setting, and try shares of the best ones, each half of the texts by a fit without it."""
    tried = 2 * (tune.recorded() + N_SHARES * _moved(tune))
    return tried + Calls(steps=FIT * 2 * 2 * N_SETTINGS)


def _probe(scale: Scale, tune: Asked, report: Asked) -> Calls:
    """Fit linear probes at every hook point, and read the reported texts at one of them."""
    products = tune.n * scale.width * scale.task.labels * scale.points * N_PENALTIES
    return report.read() + Calls(fitted=products / 4)


def _again(tune: Asked, report: Asked) -> Calls:
    """Choose again on another draw of the labelled texts: features with their dose, and class means with theirs."""
    features = CLIMBED * _moved(tune) + 2 * MOVED * _moved(report)
    features += tune.recorded() + N_TRIED * _moved(tune) + Calls(steps=FIT * 2 * N_SEARCHED)
    return features + _of_means(tune, 2) + _of_means(report, MOVED) + Calls(steps=400)


def _cost(scale: Scale, report: Asked) -> Calls:
    """Measure the loss on neutral text and the accuracy on the control tasks, at every dose that is shown."""
    neutral = (scale.controls or (scale.task,))[0]
    language = Asked.of(scale, min(N_LANGUAGE, neutral.split["report"]), neutral)
    read = language.through(scale.layers, language.content)
    shifts = (1 + N_SHOWN) * read + N_SHOWN * language.encoded(SPREAD)
    cost = 2 * shifts + 2 * N_SHOWN * (_moved(report) + _displacement(scale))
    for task in scale.controls:
        asked = Asked.of(scale, task.balanced("report", max(1, N_TASK // task.labels)), task)
        cost += asked.drawn(task.labels) + asked.once() + N_SHOWN * asked.moved(SPREAD)
    return cost + 2 * read + 2 * language.encoded(SPREAD)


def _statistics(scale: Scale, parameters: Parameters, n: float) -> Calls:
    rows = 500
    draws = parameters["n_resamples"] * n * (rows / 4 + 4 * parameters["n_label_draws"])
    return Calls(weighed=draws, steps=rows * 20, rows=rows)
