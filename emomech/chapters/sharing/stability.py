"""What the rule reads, on other random halves of the same texts.

The texts of both splits are divided again, so that other texts find the features and other texts confirm them. The
activations are those that were read already, and the threshold is that of the page's own split, of the same size.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import scipy.sparse as sp

from emomech.chapters.conditions import SECOND_SAES, TRAINED, Condition
from emomech.chapters.sharing.independence import Counts
from emomech.chapters.sharing.membership import (
    NOMINAL,
    AnswerSample,
    Labels,
    Membership,
    Memberships,
    above,
    with_further,
)
from emomech.chapters.sharing.relations import leads
from emomech.core.hook_points import HookPoint
from emomech.saes.encoding import encode
from emomech.saes.sae import Sae
from emomech.stats.auroc import Bools
from emomech.stats.estimates import Floats, Ints

POOL, SETS, STEPWISE = "pool", "sets", "stepwise"
"""Names of the quantities: excess of shared features, specific features of an emotion, excess by stepwise evidence."""
NEED = 0.5
"""Share of the emotions that need specific features."""


def compared(quantity: str, control: str | None) -> str:
    """Name of a quantity, or of its difference to that of a control."""
    return f"{quantity}, {control}" if control else quantity


def redrawn(
    saes: Mapping[HookPoint, Sae], samples: Sequence[AnswerSample], known: Memberships, n_draws: int, further: bool
) -> list[Counts]:
    """Count members on `n_draws` other divisions of the texts: by selective evidence, with `further` stepwise too.

    `known` are the memberships on the page's own division, with their thresholds.
    """
    gold = np.concatenate([sample.questions.gold for sample in samples])
    labels = len(samples[0].questions.labels)
    halves = [_halves(gold, samples[0].sample.seed + draw) for draw in range(n_draws)]
    by_point = []
    for point, sae in saes.items():
        x = sp.csr_array(sp.vstack([encode(sae, sample.activations[point]) for sample in samples]))
        by_point.append(_members(x, (gold, labels), known[point], halves, further))
    return [_counts(members) for members in zip(*by_point, strict=True)]


def _members(
    x: sp.csr_array, labels: Labels, known: Membership, halves: Sequence[tuple[Ints, Ints]], further: bool
) -> list[Bools]:
    """Members (draw, feature, emotion) of one hook point, with `further` those of stepwise evidence as well."""
    feature = np.unique(x.indices)
    gold, n_labels = labels
    members, extended = [], []
    for half in halves:
        first, second = (
            (x[rows], (gold[rows], n_labels), threshold, np.ones((1, len(rows))))
            for rows, threshold in zip(half, (known.threshold, NOMINAL), strict=True)
        )
        member = (above(*first) & above(*second))[:, :, feature].transpose(0, 2, 1)
        members.append(member)
        if further:
            nothing = np.zeros(len(feature))
            extended.append(with_further(Membership(feature, nothing, member, nothing), first, second))
    return [np.concatenate(parts) for parts in (members, extended) if parts]


def _halves(gold: Ints, seed: int) -> tuple[Ints, Ints]:
    """Divide the texts of each label at random into two halves, by number."""
    rng = np.random.default_rng(seed)
    parts = [rng.permutation(np.flatnonzero(gold == label)) for label in np.unique(gold)]
    first, second = zip(*((part[: len(part) // 2], part[len(part) // 2 :]) for part in parts), strict=True)
    return np.sort(np.concatenate(first)), np.sort(np.concatenate(second))


def _counts(members: Sequence[Bools]) -> Counts:
    """Counts of the features of all hook points, each once."""
    member = np.concatenate(members, 1)
    return Counts(member, np.ones(member.shape[:2]), np.full(len(member), max(1, member.shape[1])).astype(float))


def quantities(
    own: Mapping[Condition, Counts], again: Mapping[Condition, Counts], further: Sequence[Counts]
) -> dict[str, list[float]]:
    """What the rule reads, on the page's own division of the texts and on the others.

    `own` and `again` are counts by selective evidence, of the own division and of the others; `further` are the two by
    stepwise evidence.
    """
    values: dict[str, Floats] = {}
    controls: list[Condition] = [name for name in again if name not in (TRAINED, SECOND_SAES)]
    for control in (None, *controls):
        compare = (own[control], again[control]) if control else (None, None)
        lead = np.concatenate([leads(own[TRAINED], compare[0])[:1], leads(again[TRAINED], compare[1])])
        values[compared(POOL, control)], values[compared(SETS, control)] = lead[:, 0], _needed(lead[:, 1:])
    values[STEPWISE] = np.concatenate(
        [leads(counts, None)[:n, 0] for counts, n in zip(further, (1, None), strict=True)]
    )
    return {name: list(map(float, of_name)) for name, of_name in values.items()}


def _needed(values: Floats) -> Floats:
    """The value that as many emotions reach as need to (draw), from those of all emotions (draw, emotion)."""
    return -np.sort(-values, axis=1)[:, math.ceil(NEED * values.shape[1]) - 1]
