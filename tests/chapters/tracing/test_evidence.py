"""Sizes and leads from values of single texts: interpolation, floors, and sets that are never enough."""

from dataclasses import replace

import numpy as np
import pytest

from emomech.chapters.tracing.evidence import (
    AT_SIZE,
    FEATURES,
    MATCHED,
    NECESSITY,
    OF_ACTIVE,
    OF_DIMENSIONS,
    SIZE,
    SUFFICIENCY,
    WHOLE,
    Evidence,
    dose_rows,
    edit_rows,
    lead_rows,
    quantity,
    reached,
    size_rows,
)

N = 40
ONE = np.ones((1, N))
EVERY = {"all texts": np.arange(N)}


def evidence(share: tuple[float, ...] = (0.2, 0.6, 1.0, 1.2), whole: float = 5.0) -> Evidence:
    ks = [1, 2, 4, 8]
    return Evidence(
        part=NECESSITY,
        variant=FEATURES,
        ks=ks,
        values=np.outer(share, np.full(N, whole)),
        nothing=np.zeros(N),
        everything=np.full(N, whole),
        active=np.full(N, 20.0),
        firing=np.repeat(np.array(ks, float)[:, None], N, 1),
        k=4,
        others={MATCHED: np.full(N, 0.3 * whole)},
        n_features=100,
        n_dimensions=10,
    )


def test_the_size_lies_between_those_tried() -> None:
    sizes = evidence().sizes(ONE)
    assert sizes[SIZE][0] == pytest.approx(2**1.5)  # 80 % lies halfway between 60 and 100 %
    assert sizes[OF_ACTIVE][0] == pytest.approx(3 / 20) and sizes[OF_DIMENSIONS][0] == pytest.approx(2**1.5 / 10)


def test_a_set_that_is_never_enough_counts_as_all_features() -> None:
    sizes = evidence((0.1, 0.2, 0.3, 0.4)).sizes(ONE)
    assert sizes[SIZE][0] == 100 and sizes[OF_ACTIVE][0] == 1 and sizes[OF_DIMENSIONS][0] == 10


def test_shares_of_a_small_whole_are_undefined() -> None:
    small = evidence(whole=0.5)
    assert np.isnan(small.sizes(ONE)[SIZE][0]) and np.isnan(small.lead(MATCHED, ONE)[0])
    assert reached([1, 2], np.zeros((2, N)), np.zeros(N), np.zeros(N), 7) == 7


def test_a_lead_is_a_share_of_the_whole_on_the_same_texts() -> None:
    assert evidence().lead(MATCHED, ONE)[0] == pytest.approx(0.7)
    undefined = replace(evidence(), others={MATCHED: np.full(N, np.nan)})
    row = next(lead_rows(undefined, ONE, EVERY))
    assert str(row["difference"]) == "undefined"


def test_rows_have_every_measure_and_group() -> None:
    groups = EVERY | {"recognised texts": np.arange(10)}
    weights = np.ones((21, N))
    rows = list(size_rows(evidence(), weights, groups))
    assert len(rows) == 2 * 5 and {row["measure"] for row in rows} >= {AT_SIZE, WHOLE}
    assert len(list(lead_rows(evidence(), weights, groups))) == 2
    assert len(list(edit_rows(evidence(), "ablated to zero", weights))) == 3


def test_steps_of_the_dose_add_up() -> None:
    doses = np.outer([-0.5, 1.0, 3.0], np.ones(N))
    steps = [str(row["difference"]) for row in dose_rows(doses, np.full(3, 5.0), np.ones((3, N)))]
    assert [step.split()[0] for step in steps] == ["0.10", "0.20", "0.40"]


def test_quantities_are_named_by_part_and_ranking() -> None:
    assert quantity(SUFFICIENCY, FEATURES, MATCHED) == "sufficiency, SAE features: matched features"
