"""Stores: the package stores what the model computes, and others get the same tokens."""

from pathlib import Path

import numpy as np
import pytest

from emomech.bench import deep, environments, stores
from emomech.bench.interleaved import Processes
from emomech.core.hook_points import HookPoint
from emomech.models.activations import collect
from emomech.models.tokens import tokenize


@pytest.mark.usefixtures("in_process")
def test_all_hook_points_are_stored_beside_the_bare_pass(deep_case: Path) -> None:
    plain, saelens = stores.storing(Processes(deep_case, 1), 4, stores.StoreSizes(6, 1))
    assert plain.target == pytest.approx(1 / 1.15) and plain.held == {
        "ours": 110,
        "theirs": 110,
        "most": pytest.approx(1.1 * (110 + stores.chunk_bytes(4))),
    }
    assert saelens.theirs == environments.NOT_INSTALLED and saelens.note.endswith("run for 3 of 4")


def test_the_stored_numbers_are_those_of_the_model(deep_case: Path) -> None:
    call, to_array = stores.store(deep_case, {"n_texts": 5})
    lm = deep.model(deep_case)
    text = tokenize(lm, deep.sentences(5, stores.LENGTHS)[:1])
    read = collect(lm, [HookPoint(layer) for layer in range(4)], text, [[1]])
    np.testing.assert_allclose(to_array(call()), [float(x[0, 0]) for x in read.values()], rtol=5e-3)


def test_joined_texts_have_one_length_and_keep_the_order_of_their_tokens() -> None:
    rows = stores.joined(["w5 w6 w7"] * 40)
    assert {len(row) for row in rows} == {deep.CONTEXT} and len(rows) == 2
    assert rows[0][:8] == [0, 5, 6, 7, 0, 5, 6, 7]
