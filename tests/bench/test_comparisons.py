"""Comparisons: fast and plain ways give the same answers, and results say how far apart they are."""

from pathlib import Path

import numpy as np
import pytest

from emomech.bench import comparisons, environments, results, workloads
from emomech.bench.comparisons import Heading, Sizes
from emomech.bench.interleaved import OURS, PLAIN, Outcome, Processes

SMALL = Sizes(n_texts=3, n_answer=5, n_everywhere=2, n_slow=1, n_turns=1)


@pytest.mark.usefixtures("in_process")
def test_fast_ways_answer_as_the_plain_ones(workload: workloads.Workload, case: Path) -> None:
    with Processes(case, 1) as processes:
        lines = [*comparisons.capture(workload, processes, 1e9), *comparisons.screen(workload, processes, 1e9)]
        lines += [*comparisons.effects(workload, processes, SMALL), *comparisons.doses(workload, processes)]
    plain = [line for line in lines if line.contender.startswith("one forward pass")]
    assert len(plain) == 5
    assert all(line.difference is not None and line.difference < 1e-4 for line in plain)
    assert {line.theirs for line in lines if results.kind(line.contender) != "the plain way"} == {
        environments.NOT_INSTALLED
    }
    first = lines[0]
    assert first.share and first.held == {"ours": 110, "theirs": 110, "most": pytest.approx(121)}


def test_a_difference_is_relative_to_what_edits_change() -> None:
    answer = np.array([[100.0, 50.0], [100.5, 50.0]])
    outcomes = {OURS: Outcome(1.0, answer=answer), PLAIN: Outcome(3.0, answer=answer[:1] + 0.05)}
    (line,) = comparisons.results_of(Heading("a", "b", "c", "d", 2.0), outcomes, {PLAIN: ("plain", "")})
    assert line.difference == pytest.approx(0.1) and line.met and line.ratio == 3
    missing = {OURS: outcomes[OURS], PLAIN: Outcome("not installed")}
    (line,) = comparisons.results_of(Heading("a", "b", "c", "d", 2.0), missing, {PLAIN: ("plain", "")})
    assert line.met is None and line.ratio is None and line.difference is None
