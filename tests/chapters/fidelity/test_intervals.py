"""Intervals of differences hold their level, and need more than one text."""

import numpy as np

from emomech.chapters.fidelity.intervals import auroc_lead


def test_a_lead_is_shown_as_often_by_chance_as_the_level_says() -> None:
    rng = np.random.default_rng(0)
    member = np.arange(120) < 30
    leads = [auroc_lead(member + rng.normal(size=120), member + rng.normal(size=120), member) for _ in range(400)]
    assert 0.02 <= np.mean([lead.excludes(0) for lead in leads]) <= 0.08
