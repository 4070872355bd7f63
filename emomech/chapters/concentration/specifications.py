"""The multiverse of claim C3: every defensible way to compare an emotion with the others, and what all of them say.

A specification is a choice on each of four axes: hook point (each one that has an SAE, and all together), estimator,
features (all that support an emotion, or only those that write no label), and the emotions to compare with (all others,
or those of the same valence). Its contrast is the emotion's value minus the mean of the others, divided by that mean.
The answer is the median contrast over all specifications (specification curve; Simonsohn, Simmons and Nelson, 2020;
multiverse analysis; Steegen et al., 2016), so no choice of one specification decides. The same resamples of the texts
are used in all specifications, so the interval of the median, and of its difference to a control, is a joint one.

Example:
    >>> import numpy as np
    >>> from emomech.chapters.concentration.specifications import contrasts
    >>> values = np.array([[[1.0, 2.0, 2.0]]])  # one quantity, one draw, three labels
    >>> contrasts(values, label=0, others=np.array([1, 2]), floor=0.5).tolist()
    [[-0.5]]
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import sqrt
from typing import NamedTuple

import numpy as np
from scipy import stats

from emomech.stats.estimates import Bools, Estimate, Floats, Ints, from_draws
from emomech.stats.tables import Row

WEAKER, DIFFUSE = "weaker", "more diffuse"
"""The two parts of the claim."""
MEAN, ZERO, SUMMED = "ablated to the mean", "ablated to zero", "sum of single effects"
COUNT, HALF, MOST = "effective number", "features to half", "features to nine tenths"
ESTIMATORS: Mapping[str, tuple[str, ...]] = {WEAKER: (MEAN, ZERO, SUMMED), DIFFUSE: (COUNT, HALF, MOST)}
FLOORS: Mapping[str, float] = {WEAKER: 0.5, DIFFUSE: 1.0}
"""Smallest denominator of a relative contrast. Half a nat changes odds by a factor of 1.6; with less, the features of
the other emotions carry next to nothing that an emotion could fall short of. Less than one feature is no number."""
EVERYWHERE = "all hook points"
EVERY, SILENT = "all features", "writing no label"
ALL_OTHERS, SAME_VALENCE = "all others", "same valence"
WHOLE = "all specifications"
ITS, MATCHED, SHUFFLED, RANDOM = "its features", "matched features", "shuffled labels", "random weights"
ROLES = "another emotion in its place"
DEFINED = 0.5
"""Share of the specifications that need a value; with fewer, the median over them is undefined."""


def criterion(part: str, what: str, versus: str = "") -> str:
    """Name of the criterion of the rule that judges a row of the table.

    Example:
        >>> from emomech.chapters.concentration.specifications import SILENT, WEAKER, criterion
        >>> criterion(WEAKER, SILENT), criterion(WEAKER, SILENT, "shuffled labels")
        ('weaker, writing no label', 'weaker, writing no label, less shuffled labels')
    """
    return f"{part}, {what}, less {versus}" if versus else f"{part}, {what}"


class Quantity(NamedTuple):
    """What is measured for every emotion: a specification without the choice of the others."""

    place: str
    estimator: str
    features: str

    @property
    def part(self) -> str:
        """The part of the claim that it belongs to."""
        return next(part for part, estimators in ESTIMATORS.items() if self.estimator in estimators)


@dataclass(frozen=True, eq=False)
class Measured:
    """Values of some quantities for every label, in the sample and in its resamples."""

    quantities: tuple[Quantity, ...]
    values: Floats
    """(quantity, draw, label); the first draw is the value itself. NaN where a quantity is undefined."""

    def of(self, part: str, features: str = "") -> "Measured":
        """Keep the quantities of a part, and of some features."""
        return self.where([q.part == part and features in ("", q.features) for q in self.quantities])

    def among(self, other: "Measured") -> "Measured":
        """Keep the quantities that another has, in its order."""
        number = {quantity: i for i, quantity in enumerate(self.quantities)}
        rows = [number[quantity] for quantity in other.quantities if quantity in number]
        return Measured(tuple(self.quantities[i] for i in rows), self.values[rows])

    def where(self, kept: Sequence[bool]) -> "Measured":
        """Keep some of the quantities."""
        rows = np.flatnonzero(kept)
        return Measured(tuple(self.quantities[i] for i in rows), self.values[rows])

    def recognised(self, labels: Sequence[bool]) -> "Measured":
        """Set the values of labels that the model does not recognise to NaN."""
        return replace(self, values=self.values + np.where(labels, 0.0, np.nan))


@dataclass(frozen=True)
class Comparison:
    """The emotion that is compared, and with which others."""

    label: int
    groups: Mapping[str, Ints]
    """Numbers of the other labels, by name of the group."""
    n: int
    """Clusters of the emotion's texts."""
    n_control: int
    """Clusters of the emotion's texts on which the controls are measured."""

    @classmethod
    def of(
        cls, labels: Sequence[str], emotion: str, valence: Mapping[str, str], sizes: tuple[int, int]
    ) -> "Comparison":
        """Compare with all other labels, and with those of the same valence if there are any."""
        label, others = labels.index(emotion), [i for i, name in enumerate(labels) if name != emotion]
        same = [i for i in others if emotion in valence and valence.get(labels[i]) == valence[emotion]]
        groups = {ALL_OTHERS: np.array(others)} | ({SAME_VALENCE: np.array(same)} if same else {})
        return cls(label, groups, *sizes)

    def in_place(self, label: int, n_labels: int) -> "Comparison":
        """Compare another label with all others."""
        return replace(self, label=label, groups={ALL_OTHERS: np.array([i for i in range(n_labels) if i != label])})


def contrasts(values: Floats, label: int, others: Ints, floor: float) -> Floats:
    """A label's value minus the mean of the others, divided by that mean or by the floor (quantity, draw).

    `values` is (quantity, draw, label). Others without a value are left out of the mean; NaN if the label has none.
    """
    rest = values[..., others]
    defined = np.isfinite(rest)
    n = defined.sum(-1)
    mean = np.where(defined, rest, 0).sum(-1) / np.where(n > 0, n, np.nan)
    return (values[..., label] - mean) / np.maximum(mean, floor)


def with_features(values: Floats) -> Floats:
    """Set counts (quantity, draw, label) of labels without features to NaN where another label has some.

    Whether any feature passes the test depends on the number of texts, so none against some is no difference in
    spread. If no label has any feature, all counts are 0, and equal.
    """
    some = (values > 0).any(-1, keepdims=True)
    return np.where((values == 0) & some, np.nan, values)


def over_groups(measured: Measured, compared: Comparison, part: str) -> Floats:
    """Contrast of every specification of a part (group × quantity, draw); `measured` holds only this part."""
    values = measured.values if part == WEAKER else with_features(measured.values)
    every = [contrasts(values, compared.label, others, FLOORS[part]) for others in compared.groups.values()]
    return np.concatenate(every)


def median(specifications: Floats, kept: Bools | None = None) -> Floats:
    """Median over the specifications (specification, draw) that have a value, in each draw (draw).

    All NaN if fewer than half of them have one. `kept` are specifications that have one, by default those with a value
    in the first draw.
    """
    defined = np.isfinite(specifications[:, 0]) if kept is None else kept
    if not len(defined) or defined.mean() < DEFINED:
        return np.full(specifications.shape[1], np.nan)
    chosen = specifications[defined]
    if np.isfinite(chosen).all():
        return np.median(chosen, 0)
    return np.nanmedian(np.where(np.isfinite(chosen).any(0), chosen, 0.0), 0)


def estimate(draws: Floats, n: int) -> Estimate:
    """Percentile interval of draws (draw), widened for few clusters by Student's t with n - 1 degrees of freedom.

    The bootstrap of n clusters has a standard error that is too small by √((n - 1) / n), and its percentiles ignore
    that the error is itself estimated.
    """
    found = from_draws(draws, n, "posterior")
    if n < 2:
        return Estimate(found.value, np.nan, np.nan, n)
    stretch = float(stats.t.ppf(0.975, n - 1)) / 1.96 * sqrt(n / (n - 1))
    return Estimate(
        found.value,
        found.value - stretch * (found.value - found.low),
        found.value + stretch * (found.high - found.value),
        n,
    )


def difference(its: Measured, control: Measured, compared: Comparison, part: str) -> tuple[Floats, int]:
    """Median contrast minus the control's over the same specifications (draw), and their number.

    The specifications are those that have a value in both.
    """
    control = control.of(part)
    its = its.among(control)
    control = control.among(its)
    pair = over_groups(its, compared, part), over_groups(control, compared, part)
    both = np.isfinite(pair[0][:, 0]) & np.isfinite(pair[1][:, 0])
    return median(pair[0], both) - median(pair[1], both), int(both.sum())


Controls = Mapping[str, Mapping[str, Measured]]
"""Members of each control, such as several shuffles of the labels, by their names."""


def summaries(its: Measured, controls: Controls, compared: Comparison, labels: Sequence[str]) -> Iterator[Row]:
    """Rows of the table that decides: the median contrast, parts of it, and its difference to each control."""
    for part in ESTIMATORS:
        of_part = its.of(part)
        for what, draws, n_specifications in _effects(of_part, compared, part):
            keys = {"part": part, "what": what, "versus": "", "member": ""}
            yield _row(keys, draws, n_specifications, compared.n)
        for versus, members in controls.items():
            for member, control in members.items():
                if part not in {quantity.part for quantity in control.quantities}:
                    continue
                draws, n_specifications = difference(of_part, control, compared, part)
                keys = {"part": part, "what": WHOLE, "versus": versus, "member": member}
                yield _row(keys, draws, n_specifications, compared.n_control)
        for what, measured in ((WHOLE, of_part), (SILENT, of_part.of(part, SILENT))):
            yield from _roles(measured, compared, labels, {"part": part, "what": what, "versus": ROLES})


def _roles(measured: Measured, compared: Comparison, labels: Sequence[str], keys: Mapping[str, str]) -> Iterator[Row]:
    """Median contrast of the emotion minus that of each other emotion in its place, both compared with all others."""
    part, n = keys["part"], len(labels)
    own = median(over_groups(measured, compared.in_place(compared.label, n), part))
    for label in (label for label in range(n) if label != compared.label):
        other = over_groups(measured, compared.in_place(label, n), part)
        yield _row({**keys, "member": labels[label]}, own - median(other), len(other), compared.n)


def effects(its: Measured, compared: Comparison, member: str) -> Iterator[Row]:
    """The same rows without controls, for other SAEs of the model."""
    for part in ESTIMATORS:
        for what, draws, n_specifications in _effects(its.of(part), compared, part):
            keys = {"part": part, "what": what, "versus": "", "member": member}
            yield _row(keys, draws, n_specifications, compared.n_control)


def median_values(measured: Measured, compared: Comparison) -> dict[str, float]:
    """The median contrasts by name of their criterion, without intervals."""
    values = {}
    for part in ESTIMATORS:
        for what, draws, _ in _effects(measured.of(part), compared, part):
            values[criterion(part, what)] = float(draws[0])
    return values


def _effects(of_part: Measured, compared: Comparison, part: str) -> Iterator[tuple[str, Floats, int]]:
    """Median contrast over all specifications, over those without label writers, and over those of one valence."""
    silent = of_part.of(part, SILENT)
    alike = replace(compared, groups={k: v for k, v in compared.groups.items() if k == SAME_VALENCE})
    for what, measured, against in (
        (WHOLE, of_part, compared),
        (SILENT, silent, compared),
        (SAME_VALENCE, of_part, alike),
    ):
        if against.groups:
            specifications = over_groups(measured, against, part)
            yield what, median(specifications), len(specifications)


def _row(keys: Mapping[str, str], draws: Floats, n_specifications: int, n: int) -> Row:
    return {**keys, "contrast": estimate(draws, n), "specifications": n_specifications, "n": n}
