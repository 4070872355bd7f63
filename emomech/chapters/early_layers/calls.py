"""The calls of the page of early layers: thirds of the blocks are edited in many ways, and each copy answers."""

from emomech.causal.calls import Asked
from emomech.chapters.declared import Parameters, loaded
from emomech.study.calls import Calls, Scale

METHODS, CHANGES, SKIPS, THIRDS = 4, 3, 4, 3
"""Ways to edit the weights, sizes of the change, sets of blocks that are skipped, and parts of the model."""
MOST_CONTROL = 30
"""Most texts of each label of a control task."""
TRIED = 60
"""Times that weights are quantised, to find the number of levels for all changes."""


def calls(scale: Scale, parameters: Parameters) -> Calls:
    """Declare the calls of `early_layers`."""
    tasks, most = (scale.task, *scale.controls), parameters["most"]
    limits = [most, *(min(most, MOST_CONTROL) for _ in scale.controls)]
    asked = [Asked.of(scale, task.balanced("report", n), task) for task, n in zip(tasks, limits, strict=True)]
    before = sum((a.drawn(t.labels) + a.once() for a, t in zip(asked, tasks, strict=True)), Calls())
    language = Asked.of(scale, parameters["n_language"], (scale.controls or tasks)[0])
    shift = language.through(scale.layers, language.content)
    answered = sum((a.once() for a in asked), shift)
    n_edits = THIRDS * METHODS * CHANGES
    edits = n_edits * answered + THIRDS * SKIPS * (asked[0].once() + shift)
    copies = Calls(models=n_edits + THIRDS * SKIPS, rows=500, steps=n_edits * 60)
    return loaded(scale, tasks=True) + before + shift + edits + copies + _edited_weights(scale)


def _edited_weights(scale: Scale) -> Calls:
    """Quantise, prune, reduce and disturb the matrices of each third, by each size of change."""
    weights = scale.block * scale.layers
    decomposed = 3 * weights * scale.width  # values and vectors, once for all changes; a change costs one product
    return Calls(ranked=2 * CHANGES * weights, weighed=(TRIED + 4 * METHODS * CHANGES) * weights, decomposed=decomposed)
