"""The tables on the order are empty without measurements, and hold every draw of the texts that is asked for."""

import numpy as np
import pytest

from emomech.chapters.flow.order import StageProfiles
from emomech.chapters.flow.profiles import Resamples
from emomech.chapters.flow.tables import order_tables, steps_on_draws


def test_without_measurements_the_tables_are_empty() -> None:
    tables = order_tables({}, Resamples.of(["a", "b"], 20, 4, seed=0), n_draws=5)
    assert all(len(table) == 0 for table in tables.values())


@pytest.mark.parametrize("n_draws", [1, 3, 5])
def test_the_first_draw_is_the_page_s_own(n_draws: int) -> None:
    profile = np.array([[0.1, 0.2, 0.3]])
    whole = StageProfiles(
        np.linspace(0, 1, 3), {"syntax": profile[:, ::-1], "semantics": profile, "emotion": profile}, 9
    )
    halves = {stage: np.repeat(p[None], 8, 0).reshape(4, 2, 3) for stage, p in whole.explained.items()}
    found = steps_on_draws({"words": whole}, {"words": halves}, n_draws)
    assert set(found) == {"semantics − syntax, words", "emotion − semantics, words"}
    assert found["semantics − syntax, words"] == pytest.approx([1 / 3] * n_draws)
