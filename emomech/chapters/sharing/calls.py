"""The calls of the page of sharing: two models are read at the answer, and all features are tested for all emotions."""

from emomech.causal.calls import Asked
from emomech.chapters.declared import Parameters, checked, loaded
from emomech.data.corpus import Split
from emomech.study.calls import Calls, Scale, Task

SIDES: tuple[Split, ...] = ("discover", "report")
"""Splits that find memberships, and that confirm them."""
CHUNK = 64
"""Texts that are screened at once."""
TEST = 70
"""Operations on arrays that test all features of a hook point for all emotions."""
ALIVE = 0.55
"""Share of the features that fire at the answer of any text."""


def calls(scale: Scale, parameters: Parameters) -> Calls:
    """Declare the calls of `sharing`."""
    task, most = scale.task, parameters["most"]
    discover, report = (Asked.of(scale, _n_drawn(task, split, most)) for split in SIDES)
    both = discover.take(discover.n + report.n)
    read = both.drawn(task.labels) + report.once() + checked(scale, 1 + len(scale.beside)) + 2 * both.read()
    conditions = 4 + len(scale.beside)
    chunk = both.take(min(CHUNK, both.n))
    screened = both.n / chunk.n * chunk.screened([chunk.n], answer=True) + discover.at_answer()
    encoded = (2 * conditions + 4) * both.at_answer() + discover.at_answer() + conditions * discover.at_answer()
    found = 2 * screened + encoded + 3 * discover.at_answer() + Calls(models=1)
    return loaded(scale) + read + found + _tested(scale, parameters, discover.n, both.n)


def _n_drawn(task: Task, split: Split, most: int) -> int:
    """Number of texts that `controls.one_per_cluster` draws: few texts of a small draw share a cluster."""
    n = task.balanced(split, most)
    return round(n * (1 - (1 - task.distinct) * n / max(1, task.split[split])))


def _tested(scale: Scale, parameters: Parameters, n: float, both: float) -> Calls:
    """Test every feature for every emotion, in all permutations, resamples and divisions."""
    labels, conditions, points = scale.task.labels, 4 + len(scale.beside), scale.points
    draws = parameters["n_resamples"]
    fires = points * scale.active
    null = conditions * fires * n * parameters["n_permutations"] * labels
    above = conditions * fires * both * draws * labels * (2 + 2 * labels / conditions)
    features = points * scale.features * ALIVE
    members = conditions * features * labels * (2 * draws + parameters["n_permutations"])
    again = parameters["n_draws"] - 1
    per_point = conditions * (3 + 2 * again) + (2 + again) * 2 * labels + 4
    steps = points * (per_point * TEST + conditions * 20) + 3000
    return Calls(ranked=fires * both / 2 * per_point, weighed=null + above + 4 * members, steps=steps, rows=2500)
