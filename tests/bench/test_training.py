"""Training: quality decides whether a target is met, and the package answers with the quality of what it trained."""

from pathlib import Path

import numpy as np
import pytest

from emomech.bench import activations, environments, training
from emomech.bench.interleaved import Outcome, Processes
from emomech.bench.result import Result

TINY = training.TrainingSizes(n_steps=2, n_pool=2 * activations.BATCH, n_turns=1)


@pytest.mark.parametrize(
    ("theirs", "met"), [((0.3, 0.01), True), ((0.31, 0.01), False), ((0.28, 0.01), False), ((0.3, 0.1), False)]
)
def test_a_fast_training_of_another_quality_misses_its_target(theirs: tuple[float, float], met: bool) -> None:
    result = Result("a", "b", "c", 1.0, "SAELens", 4.0, 3.0, True, "why")
    outcomes = [Outcome(1.0, answer=np.array(quality)) for quality in ((0.3, 0.01), theirs)]
    judged = training.with_quality(result, *outcomes)
    assert judged.met is met and judged.difference is None
    assert judged.note.startswith(f"variance unexplained 0.300, theirs {theirs[0]:.3f}; dead 1.0%, theirs")


@pytest.mark.usefixtures("in_process")
def test_the_package_trains_and_missing_trainers_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "_N_HELD_OUT", 512)
    lines = [*training.training(tmp_path, Processes(tmp_path, 1), TINY)]
    assert [line.theirs for line in lines] == [environments.NOT_INSTALLED] * 3
    assert lines[0].target == 3 and lines[0].met is None and all(line.whole for line in lines)
    call, to_array = training.train(tmp_path, {"n_steps": 2})
    fvu, dead = to_array(call())
    assert 0 < fvu < 1.5 and 0 <= dead <= 1
