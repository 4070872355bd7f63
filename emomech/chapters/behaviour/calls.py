"""The calls of the behaviour page: two models answer once, and two baselines are fitted on words."""

from emomech.causal.calls import Asked
from emomech.chapters.declared import Parameters, loaded
from emomech.study.calls import Calls, Scale

WORDS = 1000
"""Different words of the texts, about."""
MEASURED = 100
"""Texts on which the lengths of activations are measured, at most."""
GROUPS = 25
"""Groups of texts that are scored apart."""


def calls(scale: Scale, parameters: Parameters) -> Calls:
    """Declare the calls of `behaviour`; a label with several tokens takes a pass of its own."""
    task, n_resamples = scale.task, parameters["n_resamples"]
    asked = Asked.of(scale, task.split["report"])
    answers = asked.drawn(task.labels) + (1 + task.long_answers) * asked.once()
    fitted = 2 * (task.texts - asked.n) * WORDS * task.labels
    weighed = GROUPS * n_resamples * asked.n * task.labels
    measured = asked.take(min(MEASURED, asked.n)).once()
    scores = Calls(fitted=fitted, weighed=weighed, steps=GROUPS * 60, rows=150)
    return loaded(scale) + 2 * answers + measured + Calls(models=1) + scores
