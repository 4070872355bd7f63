"""Doses of single features, fitted on the labelled texts by gradient, with a penalty on what they cost the language.

Every feature gets a dose of its own, the same for all texts: its label never decides how a text is steered. The doses
minimise the cross-entropy of the labels on the labelled texts, plus a penalty times the Kullback-Leibler divergence on
neutral text, plus a small ridge. A temperature is fitted with them, as for the logit bias, so that no dose is spent on
sharper answers. Logits and divergence are those to first order, see `slopes`, so that a fit takes milliseconds; doses
are bounded, because far from zero that is no longer true. What a fit is worth is then measured with real passes.

Everything else is chosen on the texts that choose doses, from the small grid below: where features are moved, from
which depth on, how many of them, and the penalty. Each half of these texts is predicted, and then steered, by doses
that were fitted without it. The doses of the chosen setting are at last fitted on all the labelled texts, as the bias
is.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import product

import numpy as np

from emomech.causal import recordings
from emomech.causal.effects import logits_of_each
from emomech.causal.questions import Where
from emomech.causal.steering.label_draws import Labels
from emomech.causal.steering.operations import FITTED, Move, Operation, Trial, Units
from emomech.causal.steering.recognition import accuracy, rank_within_label
from emomech.causal.steering.slopes import Slopes
from emomech.core.hook_points import FeatureId
from emomech.stats.estimates import Floats, Ints

WHERES: tuple[Where, ...] = ("everywhere", "text", "answer")
"""Tokens at which features may be moved: all, all but the last, or only the last."""
FIRSTS = (0.0, 0.5)
"""Depths, as a share of the blocks, from which on features may be moved."""
WIDER = (1, 2)
"""Features of each label, in units of the page's."""
PENALTIES = (1.0, 30.0)
"""Nats of cross-entropy that one nat of divergence per neutral token costs."""
SHARES = (0.25, 0.5, 1.0)
"""Shares of the fitted doses that are tried with real passes."""
MOST: Mapping[Operation, float] = {"fitted factors": 1.0, "fitted vector": 0.5}
"""Largest dose in peaks, up and down; a factor of -1 turns a feature off."""
_RIDGE = 0.01
_STEPS, _LEAST = 40, 1e-6
"""Steps of a fit at most, and the relative fall of the loss at which it ends."""
_SHRUNK = 0.5
"""Weight of the diagonal of the information, of which few scores give no more than a part."""


@dataclass(frozen=True)
class Setting:
    """What the grid chooses."""

    operation: Operation
    where: Where
    first: float
    """Depth from which features are moved, as a share of the blocks."""
    n_features: int
    """Features of each label."""
    penalty: float


def grid(n_features: int, operations: Sequence[Operation] = FITTED) -> Iterator[Setting]:
    """List the settings that are compared.

    Example:
        >>> from emomech.causal.steering.fitted_doses import grid
        >>> len(list(grid(5)))
        48
    """
    for operation, where, first, wider, penalty in product(operations, WHERES, FIRSTS, WIDER, PENALTIES):
        yield Setting(operation, where, first, wider * n_features, penalty)


@dataclass(frozen=True, eq=False)
class Problem:
    """What doses are fitted to: logits of some texts to first order, and the cost on neutral text."""

    logits: Floats = field(repr=False)
    """Logits of the labels without steering (text, label)."""
    slopes: Floats = field(repr=False)
    """Their slopes (text, label, feature)."""
    gold: Ints = field(repr=False)
    scores: Floats = field(repr=False)
    """Scores on neutral text (score, feature)."""

    def take(self, rows: Ints) -> "Problem":
        """Keep some of the texts, by number."""
        return Problem(self.logits[rows], self.slopes[rows], self.gold[rows], self.scores)

    @cached_property
    def information(self) -> Floats:
        """Information of the doses per neutral token (feature, feature)."""
        product = self.scores.T @ self.scores
        return (1 - _SHRUNK) * product + _SHRUNK * np.diag(np.diag(product))

    def divergence(self, doses: Floats) -> float:
        """Divergence that doses (feature) cause, to second order, in nats per neutral token."""
        return float(doses @ self.information @ doses) / 2

    def fit(self, penalty: float, most: float) -> tuple[float, Floats]:
        """Fit doses within ± `most`; return the temperature, as a factor of the logits, and the doses (feature).

        Example:
            >>> import numpy as np
            >>> from emomech.causal.steering.fitted_doses import Problem
            >>> gold = np.arange(40) % 2
            >>> helps, idle = np.eye(2)[gold], np.zeros((40, 2))
            >>> problem = Problem(np.zeros((40, 2)), np.stack([helps, idle], -1), gold, np.zeros((1, 2)))
            >>> factor, doses = problem.fit(penalty=1.0, most=1.0)
            >>> bool(doses[0] > 0.9), float(doses[1])
            (True, 0.0)
        """
        from scipy.optimize import minimize

        n, n_labels = self.logits.shape
        flat, cells = self.slopes.reshape(n * n_labels, -1), np.arange(n) * n_labels + self.gold

        def loss(theta: Floats) -> tuple[float, Floats]:
            factor, doses = np.exp(theta[0]), theta[1:]
            z = factor * (self.logits + (flat @ doses).reshape(n, n_labels))
            z -= z.max(1, keepdims=True)
            residual = np.exp(z)
            total = residual.sum(1, keepdims=True)
            residual /= total
            residual.ravel()[cells] -= 1
            cost = self.information @ doses
            value = np.log(total).mean() - z.ravel()[cells].mean() + penalty * (doses @ cost) / 2
            slope = factor * (residual.ravel() @ flat) / n + penalty * cost
            gradient = np.concatenate([[(residual * z).sum() / n], slope]) + 2 * _RIDGE * theta
            return float(value + _RIDGE * (theta @ theta)), gradient

        bounds = [(-3.0, 3.0), *[(-most, most)] * self.slopes.shape[-1]]
        found = minimize(
            loss,
            np.zeros(len(bounds)),
            jac=True,
            method="L-BFGS-B",
            bounds=bounds,
            options={"maxiter": _STEPS, "ftol": _LEAST},
        )
        return float(np.exp(found.x[0])), found.x[1:]

    def cross_entropy(self, factor: float, doses: Floats) -> Floats:
        """Cross-entropy of the own label of each text with such doses, in nats (text)."""
        z = factor * (self.logits + self.slopes @ doses)
        z = z - z.max(1, keepdims=True)
        return np.log(np.exp(z).sum(1)) - z[np.arange(len(z)), self.gold]


@dataclass(frozen=True, eq=False)
class Fitting:
    """Doses of the features of one draw of the labelled texts."""

    slopes: Slopes = field(repr=False)
    units: Units = field(repr=False)
    """Features of each label, as many as the widest setting moves."""
    labels: Labels = field(repr=False)
    _of_pool: dict[Setting, Problem] = field(default_factory=dict, repr=False)

    def choose(self, settings: Sequence[Setting]) -> Setting:
        """Take the setting whose doses predict the texts that choose best, each half by a fit without it."""
        losses = [self._predicted(setting) for setting in settings]
        return settings[int(np.argmin(np.round(losses, 9)))]

    def search(self, n_features: int) -> Setting:
        """Choose one dimension of the grid after another, as `choose` does; this needs fewer fits than all settings."""
        chosen = Setting(FITTED[0], WHERES[0], FIRSTS[0], n_features, PENALTIES[0])
        sizes = [wider * n_features for wider in WIDER]
        for name, values in (("operation", FITTED), ("where", WHERES), ("first", FIRSTS), ("n_features", sizes)):
            chosen = self.choose([replace(chosen, **{name: value}) for value in values])
        return self.choose([replace(chosen, penalty=penalty) for penalty in PENALTIES])

    def trials(self, setting: Setting, shares: Sequence[float] = SHARES) -> list[Trial]:
        """Try no steering, and shares of the doses of a setting.

        The accuracy is that of steering each half of the texts that choose by doses fitted without it. The moves have
        the doses that are fitted on all the labelled texts.
        """
        tune = self.labels.tune
        final = self.move(setting, self.labels.every)
        none = Trial(final.at(0), accuracy(tune.logits, tune.gold))
        after = np.empty((len(shares), *tune.logits.shape))
        for half, others in self._halves:
            move = self.move(setting, others)
            questions = recordings.kept(self.labels.pool.questions.take(self.labels.tunes[half]))
            edits = [self.units.edits(move.at(share * move.dose)) for share in shares]
            after[:, half] = logits_of_each(questions, edits, setting.where)
        moves = [final.at(share * final.dose) for share in shares]
        return [none, *(Trial(moved, accuracy(after[i], tune.gold)) for i, moved in enumerate(moves))]

    def move(self, setting: Setting, rows: Ints) -> Move:
        """Fit the doses of a setting on some texts of the pool, by number."""
        features = self.moved(setting)
        doses = dict(zip(features, self._problem(setting, rows).fit(setting.penalty, _most(setting))[1], strict=True))
        by_label = [[float(doses.get(feature, 0.0)) for feature in of_label] for of_label in self.units.by_label]
        largest = max((abs(dose) for of_label in by_label for dose in of_label), default=0.0)
        shares = tuple(tuple(dose / largest if largest else 0.0 for dose in of_label) for of_label in by_label)
        return Move(setting.operation, (largest,) * len(by_label), shares, setting.where)

    def divergence(self, setting: Setting, move: Move) -> float:
        """Divergence on neutral text that a move of this setting is expected to cause, in nats per token."""
        doses, features = self.units.doses(move), self.moved(setting)
        values = np.array([doses.get(feature, 0.0) for feature in features])
        return self._problem(setting, self.labels.every[:1]).divergence(values)

    def moved(self, setting: Setting) -> list[FeatureId]:
        """Features that a setting moves, each once."""
        first = setting.first * self.labels.pool.questions.lm.n_layers
        within = {feature for of_label in self.units.by_label for feature in of_label[: setting.n_features]}
        return [feature for feature in self.units.all if feature in within and feature.point.resid_index() >= first]

    @cached_property
    def _halves(self) -> list[tuple[Ints, Ints]]:
        """Places of each half among the texts that choose, and numbers of all other labelled texts in the pool."""
        tunes, pool = self.labels.tunes, self.labels.pool
        odd = rank_within_label(pool.gold[tunes], pool.texts.seed) % 2
        halves = [np.flatnonzero(odd == side) for side in (0, 1)]
        return [(half, np.setdiff1d(self.labels.every, tunes[half])) for half in halves]

    def _problem(self, setting: Setting, rows: Ints) -> Problem:
        """What the doses of a setting are fitted to on some texts of the pool, by number."""
        key = replace(setting, penalty=0.0)
        if key not in self._of_pool:
            features, pool = self.moved(setting), self.labels.pool
            slopes = self.slopes.of_texts(setting.operation, setting.where, features)
            scores = self.slopes.of_neutral(setting.operation, features)
            self._of_pool[key] = Problem(pool.logits, slopes, pool.gold, scores)
        return self._of_pool[key].take(rows)

    def _predicted(self, setting: Setting) -> float:
        """Cross-entropy of the texts that choose, each half predicted by the doses of the other, in nats."""
        if not self.moved(setting):
            return float("inf")
        losses = []
        for half, others in self._halves:
            doses = self._problem(setting, others).fit(setting.penalty, _most(setting))
            losses.append(self._problem(setting, self.labels.tunes[half]).cross_entropy(*doses))
        return float(np.concatenate(losses).mean())


def _most(setting: Setting) -> float:
    return MOST[setting.operation]
