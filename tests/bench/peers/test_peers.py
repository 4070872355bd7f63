"""Peers: each gives the answers of the package if its library is installed, and offers the tasks that are compared."""

import ast
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from emomech.bench import activations, environments, inputs, ours, workloads
from emomech.core.hook_points import HookPoint
from emomech.core.paths import CHECKOUT

pytestmark = pytest.mark.filterwarnings("ignore")
POINT = HookPoint(1)
ABLATION: dict[str, Any] = {"point": str(POINT), "features": [3, 200], "targets": [0.0, 0.7]}
TASKS = {
    "sklearn": {"scores"},
    "saelens": {"capture", "effects", "doses", "train", "store"},
    "transformer_lens": {"patching", "passes"},
    "nnsight": {"screen", "effects", "passes"},
    "sparsify": {"train"},
    "dictionary_learning": {"train"},
}


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A case of a model with heads of the usual width, which peers expect."""
    workload = workloads.gpt2_shaped(3, n_layers=2, d_model=64, d_sae=512)
    return workloads.save(workload, tmp_path_factory.mktemp("peers"))


def answers(case: Path, task: str, options: dict[str, Any], peer: Any) -> tuple[np.ndarray, np.ndarray]:
    """The answer of the package and of a peer."""
    results = []
    for prepare in (ours.tasks()[task], getattr(peer, task)):
        call, to_array = prepare(case, options)
        results.append(np.asarray(to_array(call())))
    return results[0], results[1]


@pytest.mark.parametrize("environment", [peer.environment for peer in environments.PEERS.values()])
def test_a_peer_serves_its_tasks(environment: str) -> None:
    tree = ast.parse((CHECKOUT / "emomech/bench/peers" / f"{environment}.py").read_text())
    (served,) = [
        node.args[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "serve"
    ]
    assert isinstance(served, ast.Dict)
    assert {ast.literal_eval(key) for key in served.keys if key} == TASKS[environment]


@pytest.mark.oracle
def test_saelens_answers_alike(case: Path) -> None:
    pytest.importorskip("transformer_lens")
    from emomech.bench.peers import saelens

    own, theirs = answers(case, "capture", {}, saelens)
    np.testing.assert_allclose(theirs, own, rtol=1e-3)
    for where in ("answer", "everywhere"):
        own, theirs = answers(case, "effects", {**ABLATION, "where": where}, saelens)
        np.testing.assert_allclose(theirs, own, atol=1e-3)
    doses = {"point": str(POINT), "features": [3, 200], "doses": [0.5, 2.0], "where": "everywhere"}
    own, theirs = answers(case, "doses", doses, saelens)
    np.testing.assert_allclose(theirs, own, atol=1e-3)


@pytest.mark.oracle
def test_transformer_lens_answers_alike(case: Path) -> None:
    pytest.importorskip("transformer_lens")
    from emomech.bench.peers import transformer_lens

    own, theirs = answers(case, "patching", {}, transformer_lens)
    np.testing.assert_allclose(theirs, own, atol=1e-3)


@pytest.mark.oracle
def test_nnsight_answers_alike(case: Path) -> None:
    pytest.importorskip("nnsight")
    from emomech.bench.peers import nnsight

    own, theirs = answers(case, "screen", {}, nnsight)
    np.testing.assert_allclose(theirs, own, atol=1e-3)
    own, theirs = answers(case, "effects", {**ABLATION, "where": "answer"}, nnsight)
    np.testing.assert_allclose(theirs, own, atol=1e-3)


@pytest.mark.oracle
def test_the_models_of_saelens_have_the_logits_of_transformers(case: Path, deep_case: Path) -> None:
    pytest.importorskip("transformer_lens")
    from emomech.bench.peers.hooked import hooked

    ids = torch.randint(4, 500, (2, 7), generator=torch.Generator().manual_seed(0))
    for folder in (case, deep_case):
        read = inputs.read(folder)
        torch.testing.assert_close(hooked(read)(ids), read.module(ids).logits, atol=1e-3, rtol=1e-3)


@pytest.mark.oracle
def test_the_trainer_of_saelens_lowers_the_variance_that_is_left(tmp_path: Path) -> None:
    pytest.importorskip("sae_lens")
    from emomech.bench.peers import saelens

    assert_it_learns(tmp_path, saelens)


@pytest.mark.oracle
def test_the_step_of_sparsify_lowers_the_variance_that_is_left(tmp_path: Path) -> None:
    pytest.importorskip("sparsify")
    from emomech.bench.peers import sparsify

    assert_it_learns(tmp_path, sparsify)


@pytest.mark.oracle
def test_the_trainer_of_dictionary_learning_lowers_the_variance_that_is_left(tmp_path: Path) -> None:
    pytest.importorskip("dictionary_learning")
    from emomech.bench.peers import dictionary_learning

    assert_it_learns(tmp_path, dictionary_learning)


def assert_it_learns(folder: Path, peer: Any) -> None:
    activations.write(folder, 4 * activations.BATCH, 512)
    fvus = []
    for n_steps in (1, 8):
        call, to_array = peer.train(folder, {"n_steps": n_steps})
        fvus.append(to_array(call())[0])
    assert 0 < fvus[1] < fvus[0]


def test_scikit_learn_scores_every_class(tmp_path: Path) -> None:
    from emomech.bench import comparisons
    from emomech.bench.peers import sklearn

    features = comparisons.write_random_features(tmp_path, 2, n=60, d_sae=20)
    loop, to_array = sklearn.scores(tmp_path, {"features": features})
    assert to_array(loop()).shape == (2, workloads.N_LABELS)
