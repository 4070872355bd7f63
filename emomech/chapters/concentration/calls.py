"""The calls of the concentration page: features are screened, ablated together at every place, and controlled."""

from emomech.causal.calls import Asked, found, late, selected, spread
from emomech.chapters.declared import Parameters, checked, loaded
from emomech.study.calls import Calls, Scale

N_CHOOSE = 20
"""Most texts of an emotion on which the hook point is chosen."""
N_TEXTS = 12
"""Most texts of an emotion on which controls are measured."""
N_SHUFFLES = 5
"""Derangements of the labels."""
BY_CHANCE = 0.6
"""How often deranged labels have features at a hook point, as a share of how often the labels have some."""
SILENT, TOGETHER = 1.2, 1.1
"""Different sets at a hook point with and without features that write a label, and at all hook points together."""
SIZES = 4
"""Sizes of a curve, about."""
RANK = 30
"""Operations on arrays that rank the features of a label at one place."""


def calls(scale: Scale, parameters: Parameters) -> Calls:
    """Declare the calls of `concentration`."""
    task, most = scale.task, parameters["n_texts"]
    discover, report = (Asked.of(scale, task.balanced(s, most)) for s in ("discover", "report"))
    tune = Asked.of(scale, task.balanced("tune", min(N_CHOOSE, most)))
    chosen = sum((asked.drawn(task.labels) for asked in (discover, tune, report)), report.once())
    chosen += checked(scale) + selected(task.labels, discover, tune, report)
    share = found(discover.n / task.labels)
    its = ablated(report, share, 2)
    shown = 2 * curves(report, task.labels, SIZES) + _interference(report, task.labels)
    controlled = _controls(scale, discover, report, share)
    return loaded(scale) + chosen + its + controlled + shown + _statistics(scale, parameters)


def ablated(asked: Asked, share: float, styles: int) -> Calls:
    """Ablate in some styles what supports each label at each hook point, where there is anything, and all together."""
    scale, labels = asked.scale, asked.scale.task.labels
    few, depths = asked.take(asked.n / labels), late(scale.depths)
    singles = spread(depths, labels * styles * scale.points * share * SILENT)
    together = few.edited_together(labels * styles * share * TOGETHER, depth=depths[0])
    return labels * few.recorded() + few.edited(singles) + together


def curves(asked: Asked, labels: int, sizes: float) -> Calls:
    """Ablate the first features of every label at one hook point, at several sizes."""
    few, depth = asked.take(asked.n / labels), _shown(asked.scale)
    return labels * (few.recorded() + sizes * few.edited([depth]))


def _controls(scale: Scale, discover: Asked, report: Asked, share: float) -> Calls:
    """Measure the controls at every second hook point, on fewer texts."""
    labels, n_beside, by_chance = scale.task.labels, len(scale.beside), BY_CHANCE * share
    first, few = discover.at(*scale.depths[::2]), report.at(*scale.depths[::2])
    few = few.take(min(report.n, labels * N_TEXTS))
    shuffled = first.screened([first.n, labels]) + few.screened([few.n]) + ablated(few, by_chance, 1)
    again = first.statistics() + first.screened([first.n, labels]) + few.screened([few.n])
    random = first.read() + few.once() + again + ablated(few, by_chance, 1) + Calls(models=1)
    other = again + ablated(few, share, 1)
    return checked(scale, n_beside) + N_SHUFFLES * shuffled + ablated(few, share, 1) + random + n_beside * other


def _interference(report: Asked, labels: int) -> Calls:
    """Ablate and double the features of each emotion on all texts, and read how strongly they fire together."""
    depth = _shown(report.scale)
    at_point = report.at(depth)
    return report.recorded() + report.edited([depth] * 3 * labels) + at_point.read() + at_point.encoded()


def _statistics(scale: Scale, parameters: Parameters) -> Calls:
    """Rank the features of every label at every place, after each screen, and estimate every quantity."""
    labels, draws, places = scale.task.labels, parameters["n_resamples"], scale.points + 1
    controls = 3 + N_SHUFFLES - 1 + len(scale.beside)
    screens = places * parameters["n_draws"] + (controls - 1) * (places + 1) / 2
    sets = 2 * (places * parameters["n_draws"] + controls * (places + 1) / 2)
    quantities = sets * 4 * labels
    contrasts = places * 2 * (6 + controls)
    steps = screens * labels * RANK + quantities * 6 + contrasts * labels * 10
    return Calls(weighed=quantities * draws * 40, steps=steps, rows=2 * quantities)


def _shown(scale: Scale) -> int:
    """Depth of the hook point that is shown in detail: the one at which the features carry most, near the end."""
    return scale.depths[-2:][0]
