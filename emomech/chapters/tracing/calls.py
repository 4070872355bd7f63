"""The calls of the tracing page: rankings of features, and controls, are ablated and kept alone, at many sizes."""

import math

from emomech.causal.calls import Asked
from emomech.chapters.declared import Parameters, checked, loaded
from emomech.study.calls import Calls, Scale, total

N_DRAWS, N_PERMUTED, N_DOSES, N_NODES = 2, 3, 3, 3
"""Sets of matched features, rankings for permuted labels, steps of the dose, and kinds of nodes."""
FEW, FINE, MOST = 0.25, 4, 256
"""Share of the dimensions that counts as few; how far beyond all sizes are tried; largest set that is kept alone."""
REPLAYS = 26
"""Times that edits of the reported texts are replayed."""
SPREAD = 0.68
"""Share of the hook points at which the first features lie, mean over the sizes."""
ALIVE, ALIVE_AT_ANSWER = 0.7, 0.45
"""Share of the features that fire at any token, and at the answer, of some hundred texts."""


def calls(scale: Scale, parameters: Parameters) -> Calls:
    """Declare the calls of `tracing`."""
    task = scale.task
    discover = Asked.of(scale, task.balanced("discover", parameters["n_discover"]))
    report = Asked.of(scale, task.balanced("report", parameters["n_report"]))
    chosen = discover.take(min(discover.n, task.labels * parameters["n_report"]))
    drawn = discover.drawn(task.labels) + report.drawn(task.labels)
    recorded = report.recorded(REPLAYS) + 2 * report.recorded() + chosen.recorded(5)
    recorded += discover.recorded(3 + 2 * (task.labels + 1))
    single = report.edited(scale.depths * (4 * parameters["n_single"]))
    nodes = N_NODES * (report.edited(scale.depths) + report.edited_together(1))
    again = (parameters["n_draws"] - 1) * _again(discover, report)
    again += discover.screened([2] * (parameters["n_draws"] - 1))
    work = _contest(discover) + _necessity(chosen, report) + _sufficiency(discover, chosen, report) + single + nodes
    return loaded(scale) + checked(scale) + drawn + recorded + work + again + _statistics(scale, parameters, report.n)


def doubling(n: float) -> int:
    """Number of powers of two below n, and n itself."""
    return math.ceil(math.log2(max(2, n))) + 1


def sizes(scale: Scale) -> tuple[int, int]:
    """Number of sizes up to what counts as few, and beyond."""
    few = doubling(FINE * FEW * scale.width)
    return few, max(0, doubling(ALIVE * scale.features * scale.points) - few)


def _ablated(asked: Asked, n: float) -> Calls:
    """Ablate the first features of all hook points together, at so many sizes; few features lie at few of them."""
    return asked.edited_together(n, SPREAD * asked.scale.points, depth=asked.scale.layers / 8)


def _contest(discover: Asked) -> Calls:
    """Rank the features, and everything they are compared with."""
    labels = discover.scale.task.labels
    dimensions, random = discover.statistics() + discover.screened([2]), 2 * discover.statistics()
    shuffled = labels * discover.screened([2] * N_PERMUTED)
    rankings = discover.statistics() + discover.screened([2]) + shuffled + dimensions
    return rankings + 2 * (random + discover.screened([2])) + Calls(models=1, logits=512)


def _necessity(chosen: Asked, report: Asked) -> Calls:
    """Ablate both rankings, and what they are compared with, at many sizes."""
    few, beyond = sizes(report.scale)
    some, wide = math.ceil(few / 2) + 1, math.ceil((few + beyond) / 2)
    lines = [few + beyond / 2 + 1, few + 1, some * N_DRAWS * 0.7, some * N_PERMUTED, some, some, some]
    lines += [few, few, wide, 1, N_DOSES]
    resampled = few * report.encoded(SPREAD)  # the drawn activations are encoded, too
    return total(_ablated(report, n) for n in lines) + 2 * _ablated(chosen, few) + resampled


def _kept(asked: Asked, n: float) -> Calls:
    """Keep sets of features at one hook point alone, at the answer."""
    depth = asked.scale.layers // 2
    return asked.at(depth).edited_at_answer([depth] * round(n), 2, 1)


def _sufficiency(discover: Asked, chosen: Asked, report: Asked) -> Calls:
    """Rank the features of every hook point at the answer, choose one, and keep sets of features alone."""
    scale = report.scale
    screen = discover.statistics(answer=True) + discover.screened([2], answer=True, record=False)
    every, few = doubling(ALIVE_AT_ANSWER * scale.features) + 1, doubling(FINE * FEW * scale.width) + 1
    tried = chosen.edited_at_answer(scale.depths * few, 2, 1)
    wide = doubling(min(MOST, ALIVE_AT_ANSWER * scale.features / 2)) + 1
    one = discover.at(scale.layers // 2)
    shuffled = scale.task.labels * one.screened([2] * N_PERMUTED, answer=True, record=False)
    alike = 2 * (one.statistics(answer=True) + one.screened([2], answer=True, record=False))
    lines = [every, wide * N_DRAWS, wide * N_PERMUTED, wide, wide]
    fired = report.at(scale.layers // 2).read() + report.at(scale.layers // 2).at_answer()
    return screen + 2 * (tried + shuffled + alike + total(_kept(report, n) for n in lines) + fired)


def _again(discover: Asked, report: Asked) -> Calls:
    """Rank and ablate again on half of the texts."""
    scale = report.scale
    first, second = discover.take(discover.n / 2), report.take(report.n / 2)
    one, few = first.at(scale.layers // 2), sizes(scale)[0] - 1
    every = doubling(ALIVE_AT_ANSWER * scale.features) + 1
    screen = one.statistics(answer=True) + one.screened([2], answer=True, record=False)
    recorded = first.recorded(2) + second.recorded(5)
    fired = second.at(scale.layers // 2).read() + second.at(scale.layers // 2).at_answer()
    return recorded + _ablated(second, few + 1) + 2 * (screen + _kept(second, every) + _kept(second, N_DRAWS) + fired)


def _statistics(scale: Scale, parameters: Parameters, n: float) -> Calls:
    rows = 1500 + 40 * scale.points
    draws = parameters["n_resamples"] * n * rows / 2
    return Calls(weighed=draws, steps=rows * 6, rows=rows)
