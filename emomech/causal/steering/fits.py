"""What fitting of doses shares between draws and methods: the draws, their features, and the slopes of all of them.

The slopes take the passes of a model, and are measured once for every feature that any draw of the labelled texts may
move, and for what the features are compared with: random features that are matched to them, features that are selective
but have no effect, and dimensions of the residual stream. All of them can then be fitted in the same way.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain

from emomech.causal.dictionary import Dictionary
from emomech.causal.steering.fitted_doses import WIDER, Fitting
from emomech.causal.steering.label_draws import LabelledPool, Labels
from emomech.causal.steering.operations import Units, matched_units, strongest
from emomech.causal.steering.slopes import Candidates, Slopes, slopes
from emomech.data.corpus import Split
from emomech.study.study import Study

N_NEUTRAL = 32
"""Neutral texts on which the cost of a dose is estimated, at most; they are not those on which it is reported."""


def narrow(units: Units, n_features: int) -> Units:
    """Keep the first features of each label."""
    return replace(units, by_label=tuple(features[:n_features] for features in units.by_label))


def neutral_texts(study: Study, split: Split, most: int) -> list[str]:
    """Take texts of one split, their questions included: of the first control task, or else of the study itself."""
    other = study.controls[0] if study.controls else study
    corpus, seed = other.corpus, study.spec.seed
    of_split = (q for q, e in zip(other.prompts, corpus.examples, strict=True) if corpus.split(e, seed) == split)
    return [text for text, _ in zip(of_split, range(most), strict=False)]


@dataclass(frozen=True, eq=False)
class Draw:
    """One draw of the labelled texts, and the features that follow from it."""

    labels: Labels = field(repr=False)
    units: Units = field(repr=False)
    """Causal features, as many as the widest setting of a fit moves."""
    matched: Units = field(repr=False)
    """Random features, matched to them."""


@dataclass(frozen=True, eq=False)
class Fits:
    """Slopes of everything whose doses may be fitted, on the pool of labelled texts; computed at first use."""

    study: Study = field(repr=False)
    pool: LabelledPool = field(repr=False)
    n_labelled: int
    n_features: int
    """Features of each label of the page; the widest setting moves more."""
    n_draws: int
    """Draws of the labelled texts, the page's own included."""
    others: Sequence[Units] = field(default=(), repr=False)
    """What else may be fitted."""

    @property
    def widest(self) -> int:
        """Features of each label that the widest setting moves."""
        return max(WIDER) * self.n_features

    @cached_property
    def draws(self) -> list[Draw]:
        """All draws, the page's own first."""
        every = [self.pool.own(self.n_labelled), *self.pool.redrawn(self.n_labelled, self.n_draws - 1)]
        return [self._drawn(labels) for labels in every]

    def _drawn(self, labels: Labels) -> Draw:
        units = strongest(self.pool.dictionary, labels.support(), self.widest)
        return Draw(labels, units, matched_units(units, self.pool.texts.seed))

    def fitting(self, units: Units, labels: Labels) -> Fitting:
        """Fit doses of units on some labelled texts."""
        return Fitting(self._slopes[id(units.dictionary)], units, labels)

    @cached_property
    def _slopes(self) -> dict[int, Slopes]:
        """Slopes by the identity of the dictionary."""
        units = [*chain.from_iterable((draw.units, draw.matched) for draw in self.draws), *self.others]
        dictionaries: dict[int, Dictionary] = {id(of.dictionary): of.dictionary for of in units}
        every = [
            Candidates(dictionary, tuple(sorted({f for of in units if of.dictionary is dictionary for f in of.all})))
            for dictionary in dictionaries.values()
        ]
        neutral = neutral_texts(self.study, "discover", N_NEUTRAL)
        measured = slopes(self.pool.questions, every, neutral, self.pool.texts.seed)
        return dict(zip(dictionaries, measured, strict=True))
