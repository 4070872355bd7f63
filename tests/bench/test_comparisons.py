"""Comparisons: fast and plain ways give the same answers, and results say how far apart they are."""

from pathlib import Path

import pytest

from emomech.bench import comparisons, environments, results, workloads
from emomech.bench.comparisons import Sizes
from emomech.bench.interleaved import Processes

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
    bounded = [line for line in plain if line.bound is not None]
    assert [line.target for line in bounded] == [pytest.approx(0.95 * (line.bound or 0)) for line in bounded]
    assert len(bounded) == 3 and all("every token" in line.task or "doses" in line.task for line in bounded)
    assert all(line.held is not None for line in plain)
    first = lines[0]
    assert first.share and first.held == {"ours": 110, "theirs": 110, "most": pytest.approx(121)}
