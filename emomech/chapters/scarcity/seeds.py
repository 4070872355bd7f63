"""Changes between models with scarce and with frequent emotions, paired by seed, and their intervals over seeds.

Seeds are the independent unit, and there are few. A bootstrap of three seeds excludes zero in 8 to 16 % of the studies
without any effect. Student's t over the differences of the pairs holds its level at any number of seeds, if they are
about normal; with three seeds its interval is 2.2 times as wide as a normal one.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from emomech.causal.concentration import EFFECTIVE
from emomech.chapters.scarcity.embedded_models import Comparison
from emomech.stats.estimates import Estimate, Floats, t_interval
from emomech.stats.tables import Row

SCARCE, OTHERS, LESS = "the scarce emotion", "the other emotions", "the one less the others"
EMOTION, RIVAL = "the emotion", "a rival"
"""The two parts of the claim: the emotion that it is about, and another one that is made scarce instead."""
LOGARITHM = "logarithm of the effective number"
"""Of the effective number, or of one feature if it is less. If all emotions rise by the same factor, the change of the
logarithm is the same for all of them, whatever their numbers."""


@dataclass(frozen=True, eq=False)
class SeedValues:
    """The measures of one model."""

    seed: int
    values: Mapping[str, Floats] = field(repr=False)
    """Value of each label (label), by measure."""


def changes(
    scarce: Sequence[SeedValues], frequent: Sequence[SeedValues], label: int, unchanged: Sequence[int]
) -> Iterator[tuple[str, str, Estimate]]:
    """Measure, who changes, and the change from frequent to scarce: of a label, of the others, and of one less these.

    Models are paired by seed. Others are labels that no model makes scarce; a label counts where both models of a pair
    have a value.
    """
    before = {model.seed: model for model in frequent}
    pairs = [(model, before[model.seed]) for model in scarce if model.seed in before]
    for measure in (*pairs[0][0].values, LOGARITHM) if pairs else ():
        change = np.stack([_value(now, measure) - _value(then, measure) for now, then in pairs])
        rest = _mean(change[:, list(unchanged)])
        for who, values in ((SCARCE, change[:, label]), (OTHERS, rest), (LESS, change[:, label] - rest)):
            yield measure, who, t_interval(values[np.isfinite(values)])


def _value(model: SeedValues, measure: str) -> Floats:
    """Value of a measure for each label (label)."""
    if measure == LOGARITHM:
        return np.log(np.maximum(model.values[EFFECTIVE], 1))
    return model.values[measure]


def _mean(values: Floats) -> Floats:
    """Mean over the last axis of the defined values; NaN if none is defined."""
    defined = np.isfinite(values)
    return np.where(defined, values, 0).sum(-1) / np.where(defined.any(-1), defined.sum(-1), np.nan)


def contrast_rows(
    models: Mapping[str, SeedValues], comparisons: Mapping[tuple[str, float], Comparison], labels: Sequence[str]
) -> Iterator[Row]:
    """Rows of the table of changes, from the models by name."""
    made_scarce = {name for name, _ in comparisons}
    unchanged = [i for i, label in enumerate(labels) if label not in made_scarce]
    for (emotion, share), comparison in comparisons.items():
        scarce, frequent = ([models[name] for name in names] for names in (comparison.scarce, comparison.frequent))
        for measure, who, change in changes(scarce, frequent, labels.index(emotion), unchanged):
            keys = {"emotion": emotion, "share": share, "who": who, "measure": measure}
            yield {**keys, "frequent": comparison.frequent_share, "difference": change, "n": change.n}


def criterion(emotion: str, who: str) -> str:
    """Name of the criterion of the rule that judges a row."""
    return f"{emotion}: {who}"


def deciding(rows: Iterable[Row], roles: Mapping[str, str]) -> dict[str, Estimate]:
    """The changes that decide, by name of their criterion: of the logarithm, where an emotion is scarcest.

    `roles` names the part of the claim that each emotion belongs to.
    """
    found: dict[str, tuple[float, Estimate]] = {}
    for row in rows:
        if row["measure"] != LOGARITHM or row["who"] == OTHERS or row["emotion"] not in roles:
            continue
        name, share = criterion(roles[str(row["emotion"])], str(row["who"])), float(row["share"])  # pyright: ignore[reportArgumentType]
        if name not in found or share < found[name][0]:
            found[name] = share, row["difference"]  # pyright: ignore[reportArgumentType]
    return {name: estimate for name, (_, estimate) in found.items()}
