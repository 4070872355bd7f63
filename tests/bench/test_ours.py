"""The implementations of the package: scores by ranks are those of a loop of scikit-learn."""

from pathlib import Path

import numpy as np

from emomech.bench import comparisons, ours
from emomech.bench.peers import sklearn


def test_scores_of_the_loop_are_those_of_ranks(tmp_path: Path) -> None:
    features = comparisons.write_random_features(tmp_path, 4, n=300, d_sae=200)
    fast, to_array = ours.scores(tmp_path, {"features": features})
    loop, loop_to_array = sklearn.scores(tmp_path, {"features": features})
    np.testing.assert_allclose(to_array(fast()), loop_to_array(loop()), atol=1e-12)


def test_a_task_on_a_case_is_cut_to_its_options(case: Path) -> None:
    call, to_array = ours.tasks()["patching"](case, {"n_texts": 2, "n_layers": 1})
    assert to_array(call()).shape[:2] == (1, 2)


def test_features_that_stay_on_the_device_are_those_that_are_moved_to_the_processor(case: Path) -> None:
    sums = []
    for task in ("capture", "capture on device"):
        call, to_array = ours.tasks()[task](case, {})
        sums.append(to_array(call()))
    np.testing.assert_allclose(sums[1], sums[0], rtol=1e-5)
