"""What the answer loses without a set of features, at many hook points together, and what it keeps with them alone.

Necessity and sufficiency are different questions (Heimersheim and Nanda, 2024, arXiv:2404.15255): a set whose ablation
takes the log-odds may need what is left to have its effect, and features that stand in for one another hide when they
are ablated one by one. Features are ablated to their means over the texts that chose them; what the SAEs do not explain
stays, unless it is said that it goes to its mean too (Marks et al., 2025, arXiv:2403.19647). A dimension of the
residual stream is read as two features, one for each sign, so that all of this applies to it as well.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np

from emomech.causal.attribution import attribute
from emomech.causal.dictionary import Parts
from emomech.causal.effects import logits_of_each
from emomech.causal.questions import Edits, Questions, log_odds
from emomech.core.hook_points import FeatureId
from emomech.stats.estimates import Floats, Ints


@dataclass(frozen=True)
class Ranking:
    """Parts of all hook points together, the one whose ablation should cost most first."""

    parts: tuple[FeatureId, ...] = field(repr=False)
    loss: Floats = field(repr=False)
    """Estimated loss of log-odds when the part alone is ablated to its mean, in nats, mean over the texts (part)."""


def ranked(questions: Questions, parts: Parts, gold: Ints | None = None) -> Ranking:
    """Rank all parts by the gradient screen; with `gold`, as if these were the texts' labels (text)."""
    asked = questions if gold is None else replace(questions, gold=gold)
    targets = {point: (usual.features, usual.error) for point, usual in parts.usual.items()}
    screened = attribute(asked, parts.saes, targets, groups=np.zeros(len(asked), dtype=int))
    loss = {point: -found.effect[0].reshape(parts.halves, -1).sum(0) for point, found in screened.items()}
    alive = parts.alive
    values = np.array([loss[part.point][part.index] for part in alive])
    order = np.argsort(-values, kind="stable")
    return Ranking(tuple(alive[i] for i in order), values[order])


@dataclass(frozen=True, eq=False)
class Asked:
    """Questions, and what the unedited model answers."""

    questions: Questions = field(repr=False)
    logits: Floats = field(repr=False)
    """Logits of the labels (text, label)."""

    @classmethod
    def of(cls, questions: Questions) -> "Asked":
        """Ask the model that the questions name."""
        return cls(questions, logits_of_each(questions, [{}])[0])

    @property
    def base(self) -> Floats:
        """Log-odds of each text's own label (text), in nats."""
        return log_odds(self.logits, self.questions.gold)

    def losses(self, edits: Iterable[Edits]) -> Floats:
        """Log-odds that each of several edits takes (edit, text), in nats."""
        gold = self.questions.gold
        return np.stack([self.base - log_odds(one, gold) for one in logits_of_each(self.questions, list(edits))])


def reached(curve: Floats, whole: Floats, level: float, weights: Floats) -> Ints:
    """Find the first row of a curve (size, text) at which its sum reaches a level of that of `whole` (text).

    One answer for each resample of `weights` (resample, text); -1 where `whole` sums to no loss at all, or the curve
    stays below.
    """
    total = weights @ whole
    enough = weights @ curve.T >= level * total[:, None]
    return np.where((total > 0) & enough.any(1), enough.argmax(1), -1)
