"""Whole analyses: they run on the deep model, and their passes give the same answers in the plain way."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from emomech.bench import analyses, environments, passes
from emomech.bench.interleaved import PLAIN, Entry, Outcome, Processes

SMALL = replace(analyses.QUICK, n_sample=2, steering={**analyses.QUICK.steering, "n_label_draws": 3})


@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize("name", analyses.ANALYSES)
def test_an_analysis_and_its_passes_give_the_same_answers(deep_case: Path, name: str) -> None:
    plain, lens, nnsight = analyses.whole(Processes(deep_case, 1), 4, name, SMALL)
    assert plain.difference is not None and plain.difference < 1e-4 and plain.task == f"{name}, end to end"
    assert lens.theirs == nnsight.theirs == environments.NOT_INSTALLED
    totals = passes.totals(deep_case, name)
    assert all(totals["sampled"][kind] <= totals["tokens"][kind] for kind in ("one", "several", "slope"))
    assert totals["passes"]["one"] > 10 and totals["passes"]["several"] > 10


def test_the_time_of_all_passes_is_that_of_the_sample_times_their_number(
    deep_case: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    totals = {"tokens": {"clean": 0, "one": 40, "several": 30, "read": 0, "slope": 0}}
    totals["sampled"] = {"clean": 0, "one": 10, "several": 10, "read": 5, "slope": 5}
    monkeypatch.setattr(passes, "totals", lambda *_: totals)
    units = {}

    def compare(self: Processes, entries: list[Entry], turns: object) -> dict[str, Outcome]:
        units[entries[0].options["kind"]] = entries[0].n_units
        return {PLAIN: Outcome(2.0 / entries[0].n_units, 7, answer=np.ones((1, 4, 2)))}

    monkeypatch.setattr(Processes, "compare", compare)
    outcome = analyses._others(Processes(deep_case, 1), "any", [PLAIN], analyses.Turns(1))[PLAIN]
    assert units == {"one": 0.25, "several": pytest.approx(1 / 3)}
    assert outcome.seconds == pytest.approx(2 * 4 + 2 * 3) and outcome.held == 7
    assert outcome.answer is not None and outcome.answer.shape == (2, 4, 2)
