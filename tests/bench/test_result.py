"""Results: differences are relative to what edits change, and targets follow from bounds."""

import numpy as np
import pytest

from emomech.bench.interleaved import OURS, PLAIN, Outcome
from emomech.bench.result import Heading, bounded, results_of


def test_a_difference_is_relative_to_what_edits_change() -> None:
    answer = np.array([[100.0, 50.0], [100.5, 50.0]])
    outcomes = {OURS: Outcome(1.0, answer=answer), PLAIN: Outcome(3.0, answer=answer[:1] + 0.05)}
    (line,) = results_of(Heading("a", "b", "c", "d", 2.0), outcomes, {PLAIN: ("plain", "")})
    assert line.difference == pytest.approx(0.1) and line.met and line.ratio == 3
    missing = {OURS: outcomes[OURS], PLAIN: Outcome("not installed")}
    (line,) = results_of(Heading("a", "b", "c", "d", 2.0), missing, {PLAIN: ("plain", "")})
    assert line.met is None and line.ratio is None and line.difference is None


def test_the_target_of_a_bounded_ratio_is_a_share_of_its_bound() -> None:
    heading = bounded("a", "b", "c", "d", bound=2.0)
    for seconds, met in ((1.91, True), (1.89, False)):
        (line,) = results_of(heading, {OURS: Outcome(1.0), PLAIN: Outcome(seconds)}, {PLAIN: ("plain", "")})
        assert line.bound == 2 and line.target == pytest.approx(1.9) and line.met == met
