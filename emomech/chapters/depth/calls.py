"""The calls of the depth page: every task is probed, read through two lenses and intervened on, in two models."""

from emomech.causal.calls import Asked
from emomech.chapters.declared import Parameters, checked, loaded
from emomech.study.calls import Calls, Scale, Task

LENS_TEXTS = 14
"""Texts behind the mean Jacobian."""
FIT_TEXTS = 64
"""Texts on which random dictionaries are fitted."""
MOST_MOVED, MOVES = 35, 2
"""Texts that are moved, about, and moves of each."""
CONDITIONS = 3
"""The trained model and its two controls."""


def calls(scale: Scale, parameters: Parameters) -> Calls:
    """Declare the calls of `depth`, on which the model is above chance in every task."""
    tasks = sum((_task(scale, task, parameters) for task in (scale.task, *scale.controls)), Calls())
    return loaded(scale, tasks=True) + checked(scale) + tasks + _emotion(scale, parameters)


def _asked(scale: Scale, task: Task, parameters: Parameters) -> tuple[Asked, Asked, Asked, Asked]:
    """The texts of `discover`, of `report`, those that are intervened on, and those of the lens."""
    most, edited = max(1, parameters["n_texts"] // task.labels), max(1, parameters["n_edited"] // task.labels)
    discover, report = (Asked.of(scale, task.balanced(split, most), task) for split in ("discover", "report"))
    lens = task.balanced("tune", -(-LENS_TEXTS // task.labels))
    return discover, report, report.take(min(report.n, task.labels * edited)), report.take(lens)


def _task(scale: Scale, task: Task, parameters: Parameters) -> Calls:
    discover, report, edited, lens = _asked(scale, task, parameters)
    few, both = discover.take(min(FIT_TEXTS, discover.n)), discover.take(discover.n + report.n)
    drawn = (both.drawn(task.labels) + lens.drawn(task.labels)) + report.once() + Calls(models=1)
    random = 2 * few.read() + few.encoded()
    pooled = 2 * (both.read() + both.encoded() + edited.once())
    lenses = 2 * (lens.recorded() + _jacobian(lens, 1))
    patched = 2 * (edited.recorded() + edited.edited_at_answer(scale.depths, 0))
    lost = _lost(edited, 2) + _lost(edited, 1)
    read_out = CONDITIONS * 2 * _read_out(report)
    return drawn + random + pooled + lenses + patched + lost + read_out + _statistics(task, both, report, parameters)


def _jacobian(asked: Asked, tokens: float) -> Calls:
    """Differentiate each component of the final stream, at so many tokens of each text."""
    width, layers = asked.scale.width, asked.scale.layers
    rows = asked.n * tokens * layers
    backward = Calls(backward=width * rows, backward_calls=width * asked.batches * layers)
    keys = Calls(keys=asked.n * asked.tokens * layers, forward=rows, block_calls=2 * asked.batches * layers)
    return backward + keys if tokens == 1 else backward


def _lost(edited: Asked, labellings: int) -> Calls:
    """Choose features by statistics and screen, and move them, at the text and at the answer."""
    depths = edited.scale.depths * labellings
    text = labellings * (edited.statistics() + edited.screened([edited.scale.task.labels]))
    answer = labellings * (edited.statistics(answer=True) + edited.screened([edited.scale.task.labels], answer=True))
    return text + answer + 2 * edited.recorded() + edited.edited(depths) + edited.edited_at_answer(depths)


def _read_out(asked: Asked) -> Calls:
    """Read the labels out of one activation per text at every hook point; the model runs on one token for it."""
    points, layers = asked.scale.points, asked.scale.layers
    return Calls(forward=asked.n * points * layers, block_calls=points * layers, logits=asked.n * points)


def _statistics(task: Task, both: Asked, report: Asked, parameters: Parameters) -> Calls:
    """Fit probes and find the best features, at two places in three conditions; score them in all resamples."""
    scale = both.scale
    fits = 2 * CONDITIONS * scale.points
    fitted = fits * both.n / 2 * scale.width * task.labels
    ranked = fits * both.n / 2 * scale.features + fits * task.labels * report.n
    draws = fits * 4 * parameters["n_resamples"] * report.n * task.labels
    return Calls(fitted=fitted, ranked=ranked, weighed=draws, steps=fits * 140, rows=6 * scale.points * CONDITIONS)


def _emotion(scale: Scale, parameters: Parameters) -> Calls:
    """Compare both lenses, test what they predict, and measure the emotion again on other divisions."""
    discover, report, edited, lens = _asked(scale, scale.task, parameters)
    both, half = discover.take(discover.n + report.n), lens.take(-(-lens.n // 2))
    everywhere = half.once() + _jacobian(half, half.tokens)
    moved = edited.take(min(report.n, MOST_MOVED))
    predicted = scale.points * MOVES * moved.once() + moved.once()
    again = parameters["n_draws"] - 1
    fits = 2 * scale.points * again
    fitted = fits * both.n / 2 * scale.width * scale.task.labels
    divided = Calls(fitted=fitted, ranked=fits * both.n / 2 * scale.features, steps=fits * 100, rows=200)
    return everywhere + predicted + 5 * _read_out(both) + divided
