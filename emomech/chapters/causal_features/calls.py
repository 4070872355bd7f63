"""The calls of the page of causal features: features are screened, and the first of each emotion are ablated alone."""

from emomech.causal.calls import Asked
from emomech.chapters.declared import Parameters, checked, loaded
from emomech.study.calls import Calls, Scale

DIFFERENT = 0.8
"""Share of the features of the emotions that are different ones."""


def calls(scale: Scale, parameters: Parameters) -> Calls:
    """Declare the calls of `causal_features`; half of the first features write no label, and are listed once."""
    task, most, draws = scale.task, parameters["n_texts"], parameters["n_resamples"]
    discover, report = (Asked.of(scale, task.balanced(split, most)) for split in ("discover", "report"))
    read = discover.drawn(task.labels) + report.drawn(task.labels) + report.once() + checked(scale)
    screen = discover.statistics() + discover.screened([discover.n, task.labels])
    n = round(1.5 * parameters["n_features"] * task.labels * DIFFERENT)
    last = scale.depths[-scale.points // 2 :]
    depths = [last[i * len(last) // n] for i in range(n)]
    fired = report.read() + report.encoded(min(1.0, n / scale.points))
    few = report.take(report.n / task.labels)
    matched = task.labels * (few.recorded() + few.edited(depths[:: task.labels]))
    effects = report.recorded() + report.edited(depths) + matched
    rows = n * (task.labels + 1)
    statistics = Calls(
        weighed=rows * draws * report.n / task.labels, steps=rows * 30 + task.labels * 60, rows=2 * rows, logits=3 * n
    )
    return loaded(scale) + read + screen + fired + effects + statistics
