"""What steering and its baselines gain on other draws of the labelled texts, on the same reported texts."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from emomech.causal.steering.experiment import (
    BIAS,
    COARSE,
    FEATURES,
    MATCHED,
    MEANS,
    TRIED_SHARES,
    Experiment,
    MethodResult,
)
from emomech.causal.steering.fits import Draw, narrow
from emomech.causal.steering.operations import Move, Units, best, climb, climbed, matched_units
from emomech.core import progress
from emomech.stats.estimates import Bools
from emomech.stats.paired_answers import Answers

REDRAWN = (FEATURES, MATCHED, BIAS, MEANS)
"""Methods that are repeated on every draw of the labelled texts."""


def right_once(results: Sequence[MethodResult]) -> Mapping[str, Answers]:
    """Which reported texts the other methods get right, on the page's own draw (1, text).

    A method that starts from other answers, such as another network, gets the unedited answers plus what it changes.
    """
    unedited, others = results[0].change, {}
    assert unedited is not None
    for result in results:
        if result.name not in REDRAWN and result.change is not None:
            before, after = result.change.right
            same = np.array_equal(before, unedited.right[0])
            others[result.name] = (after if same else unedited.right[0] + after.astype(float) - before)[None]
    return others


def right_over_draws(experiment: Experiment, results: Sequence[MethodResult]) -> Mapping[str, Bools]:
    """Say which reported texts each method gets right on each draw of the labelled texts (draw, text).

    The first draw is the page's own, as in `results`. Random features are moved by the dose of the causal ones, or by
    doses that are fitted to them, and count as unmoved where that would lose accuracy, so that they are at no
    disadvantage.
    """
    own = {result.name: result.change.right[1] for result in results if result.change is not None}
    draws = [{name: own[name] for name in REDRAWN}]
    redrawn = experiment.fits.draws[1:]
    draws += [_right(experiment, draw) for draw in progress.counted(redrawn, "drawing labelled texts", "draw")]
    return {name: np.stack([draw[name] for draw in draws]) for name in REDRAWN}


def _right(experiment: Experiment, draw: Draw) -> dict[str, Bools]:
    """Choose everything on one draw of the labelled texts; say which reported texts are right (text)."""
    draw = replace(draw, labels=replace(draw.labels))  # what it records is freed with it
    before, labels = experiment.texts.report.right, draw.labels
    units, matched, move = _chosen(experiment, draw)
    of_matched = _after(experiment, matched[0], matched[1])
    means = experiment.means(labels)
    return {
        FEATURES: _after(experiment, units, move),
        MATCHED: of_matched if of_matched.sum() >= before.sum() else before,
        BIAS: experiment.bias(labels)[1].right[1],
        MEANS: _after(experiment, means, climbed(means, labels.tune, experiment.scale, COARSE[1:])),
    }


def _chosen(experiment: Experiment, draw: Draw) -> tuple[Units, tuple[Units, Move], Move]:
    """Choose between scaling and fitted doses; return the features, matched ones with their move, and the move."""
    units = narrow(draw.units, experiment.n_features)
    scaled = climb(units, draw.labels.tune, experiment.scale, COARSE)
    fitting = experiment.fits.fitting(draw.units, draw.labels)
    setting = fitting.search(experiment.n_features)
    fitted = best(fitting.trials(setting, TRIED_SHARES))
    if best([scaled, fitted]) is scaled:
        return units, (matched_units(units, experiment.texts.seed), scaled.move), scaled.move
    of_matched = experiment.fits.fitting(draw.matched, draw.labels).move(setting, draw.labels.every)
    return draw.units, (draw.matched, of_matched), fitted.move


def _after(experiment: Experiment, units: Units, move: Move) -> Bools:
    return experiment.change(units, move).right[1]
