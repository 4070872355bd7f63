"""The bench times what it says, compares answers that are the same, and its page is made of its figures alone."""

import ast
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from emomech.bench import comparisons, environments, gpu, ours, results, scaling, workloads
from emomech.bench import run as bench_run
from emomech.bench.comparisons import Sizes, Told
from emomech.bench.inputs import decode, encode
from emomech.bench.inputs import read as read_case
from emomech.bench.interleaved import OURS, PLAIN, Arena, Entry, Outcome
from emomech.bench.timing import rate, take_turns, worked
from emomech.bench.worker import Worker
from emomech.core.errors import EmomechError
from emomech.core.hook_points import HookPoint
from emomech.core.paths import CHECKOUT

SMALL = Sizes(n_texts=3, n_answer=5, n_everywhere=2, n_slow=1, n_turns=1)


@pytest.fixture(scope="module")
def subject() -> workloads.Subject:
    return workloads.gpt2_shaped(3, n_layers=2, d_model=64, d_sae=512)


@pytest.fixture(scope="module")
def case(subject: workloads.Subject, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return workloads.handed(subject, tmp_path_factory.mktemp("case"))


def test_turns_are_taken_in_order_and_the_first_does_not_count() -> None:
    calls: list[str] = []

    def slow() -> None:
        calls.append("slow")
        end = time.process_time() + (0.2 if len(calls) <= 2 else 0.01)
        while time.process_time() < end:
            pass

    found = take_turns({"slow": worked(slow), "fast": worked(lambda: calls.append("fast"))}, 3)
    assert calls == ["slow", "fast"] * 4
    assert 0.01 <= found["slow"].seconds < 0.1 and found["fast"].seconds < 0.01
    assert rate(1, size=64) > 1e6


def test_features_fire_as_often_as_in_public_saes(subject: workloads.Subject) -> None:
    point = HookPoint(1)
    x = subject.questions.activations([point])[point]
    l0 = (subject.saes[point].encode(x) > 0).sum(1).float().mean()
    assert 0.5 * workloads.L0 < l0 < 2 * workloads.L0


def test_a_case_is_read_as_it_was_handed(subject: workloads.Subject, case: Path) -> None:
    read, found = read_case(case), workloads.taken(case)
    np.testing.assert_array_equal(found.questions.logits(), subject.questions.logits())
    assert read.points == [str(point) for point in subject.saes]
    point = HookPoint(1)
    x, sae = torch.randn(5, 64), read.saes[str(point)]
    torch.testing.assert_close(encode(sae, x), subject.saes[point].encode(x))
    torch.testing.assert_close(decode(sae, encode(sae, x)), subject.saes[point].decode(encode(sae, x), x))
    assert sum(file.stat().st_size for file in case.glob("case.safetensors")) < 4 * 2**20, "shared weights stand once"


def test_fewer_texts_and_layers_are_the_first(subject: workloads.Subject) -> None:
    part = subject.first(2, 1)
    assert (len(part.questions), part.lm.n_layers, list(part.saes)) == (2, 1, [HookPoint(0)])
    whole = subject.questions.activations([HookPoint(0)], "answer")[HookPoint(0)][:2]
    torch.testing.assert_close(part.questions.activations([HookPoint(0)], "answer")[HookPoint(0)], whole)
    assert subject.lm.n_layers == 2 and subject.lm.module.config.n_layer == 2


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the package's own contenders work in this process, and no other be installed."""

    def contest(self: Arena, entries: list[Entry], fresh: bool = False) -> dict[str, Outcome]:
        found = {}
        for one in entries:
            if one.contender not in (OURS, PLAIN):
                found[one.contender] = Outcome(environments.NOT_INSTALLED)
                continue
            call, answer = ours.tasks()[one.task](self.case, one.given)
            turns = take_turns({"": worked(call)}, 1)[""].turns
            found[one.contender] = Outcome(turns[0] / one.n, 110, 1, np.asarray(answer(call())), turns)
        return found

    monkeypatch.setattr(Arena, "contest", contest)
    yield


@pytest.mark.usefixtures("in_process")
def test_fast_ways_answer_as_the_plain_ones(subject: workloads.Subject, case: Path) -> None:
    with Arena(case, 1) as here:
        found = [*comparisons.capture(subject, here, 1e9), *comparisons.screen(subject, here, 1e9)]
        found += [*comparisons.effects(subject, here, SMALL), *comparisons.doses(subject, here)]
    plain = [one for one in found if one.contender.startswith("one forward pass")]
    assert len(plain) == 5
    assert all(one.difference is not None and one.difference < 1e-4 for one in plain)
    assert {one.theirs for one in found if results.kind(one.contender) != "the plain way"} == {
        environments.NOT_INSTALLED
    }
    first = found[0]
    assert first.share and first.held == {"ours": 110, "theirs": 110, "most": pytest.approx(121)}


@pytest.mark.usefixtures("in_process")
def test_scores_of_the_loop_are_those_of_ranks(tmp_path: Path) -> None:
    from emomech.bench.peers import sklearn

    some = comparisons.random_features(tmp_path, 4, n=300, d_sae=200)
    fast, answer = ours.scores(tmp_path, {"features": some})
    loop, told = sklearn.scores(tmp_path, {"features": some})
    np.testing.assert_allclose(answer(fast()), told(loop()), atol=1e-12)


def test_a_difference_is_held_against_what_edits_change() -> None:
    answer = np.array([[100.0, 50.0], [100.5, 50.0]])
    found = {OURS: Outcome(1.0, answer=answer), PLAIN: Outcome(3.0, answer=answer[:1] + 0.05)}
    (one,) = comparisons.compared(Told("a", "b", "c", "d", 2.0), found, {PLAIN: ("plain", "")})
    assert one.difference == pytest.approx(0.1) and one.met and one.ratio == 3
    missing = {OURS: found[OURS], PLAIN: Outcome("not installed")}
    (one,) = comparisons.compared(Told("a", "b", "c", "d", 2.0), missing, {PLAIN: ("plain", "")})
    assert one.met is None and one.ratio is None and one.difference is None


def test_a_contender_is_a_process_that_answers_and_whose_failure_is_told(tmp_path: Path) -> None:
    some = comparisons.random_features(tmp_path, 2, n=60, d_sae=20)
    held = np.ones(2**29, dtype=np.uint8)  # a process does not count what its parent holds
    worker = Worker.start("a loop", sys.executable, "emomech.bench.peers.sklearn")
    try:
        worker.prepare("scores", tmp_path, {"features": some})
        worker.ready()
        assert worker.turn() > 0
        assert held.nbytes > worker.end(tmp_path / "answer.npy") >= worker.floor > 2**20
        assert np.load(tmp_path / "answer.npy").shape == (2, workloads.N_LABELS)
        worker.prepare("scores", tmp_path / "nowhere", {})
        with pytest.raises(EmomechError, match=r"contender a loop: its process ended with 1: FileNotFoundError"):
            worker.ready()
    finally:
        worker.close()


def test_what_is_not_installed_is_named_with_the_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environments, "FOLDER", tmp_path)
    monkeypatch.setattr(environments, "version", lambda name: "0.0")
    with Arena(tmp_path, 1) as here:
        found = here.contest([Entry(name, "any") for name in environments.PEERS])
    assert {one.seconds for one in found.values()} == {environments.NOT_INSTALLED}
    assert set(environments.versions().values()) == {environments.NOT_INSTALLED}
    own_python = tmp_path / "nnsight" / "bin" / "python"
    own_python.parent.mkdir(parents=True)
    own_python.touch()
    assert environments.PEERS["nnsight"].interpreter == str(own_python)


@pytest.mark.parametrize("name", list(environments.PEERS))
def test_an_environment_holds_what_its_program_imports_in_the_versions_of_the_book(name: str) -> None:
    peer = environments.PEERS[name]
    spelt = {"sae_lens": "sae-lens", "transformer_lens": "transformer-lens", "sklearn": "scikit-learn"}
    folder = CHECKOUT / "emomech" / "bench"
    files = [folder / "peers" / f"{peer.environment}.py", folder / "worker.py"]
    files += [folder / "case.py"] if "bench.case" in files[0].read_text() else []
    imported = {top for file in files for top in _imports(file)} - set(sys.stdlib_module_names) - {"emomech"}
    needed = {spelt.get(top, top) for top in imported}
    # tokenizers comes with the transformers that is pinned
    assert needed - {"tokenizers"} <= set(peer.pinned)
    constraints = dict(
        line.split("==") for line in (CHECKOUT / "constraints.txt").read_text().splitlines() if "==" in line
    )
    shared = {package: pinned for package, pinned in peer.pinned.items() if package not in (peer.package, "wandb")}
    assert {package: constraints[package] for package in shared} == shared


def _imports(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.split(".")[0]
        elif isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)


@pytest.mark.parametrize("power", [0.0, 0.7, 1.0, 2.0])
def test_the_exponent_of_a_power_law_is_found_with_its_interval(power: float) -> None:
    rng = np.random.default_rng(0)
    sizes = np.repeat([10, 20, 40, 80], 5)
    seconds = 3e-3 * sizes**power * np.exp(rng.normal(scale=0.02, size=len(sizes)))
    found, low, high = scaling.exponent(sizes, seconds)
    assert low < power < high and abs(found - power) < 0.05 and high - low < 0.1


def test_the_interval_holds_the_exponent_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    sizes = np.repeat([1.0, 2.0, 4.0], 3)
    held = []
    for _ in range(400):
        _, low, high = scaling.exponent(sizes, sizes * np.exp(rng.normal(scale=0.1, size=9)))
        held.append(low <= 1 <= high)
    assert 0.92 <= np.mean(held) <= 0.98


@pytest.mark.usefixtures("in_process")
def test_growth_is_measured_of_texts_features_and_layers(subject: workloads.Subject, case: Path) -> None:
    found = [*scaling.grown(subject, case, SMALL)]
    assert {one.of for one in found} == {"texts", "layers", "features"}
    assert all(len(one.sizes) == len(one.seconds) for one in found)


def test_the_same_is_measured_on_any_device_in_half_and_in_single_precision() -> None:
    found = gpu.run(torch.device("cpu"), Sizes(3, 4, 2, 1, 2), {"n_layers": 2, "d_model": 144})
    assert len(found["results"]) == 12
    for number_format, close in (("bfloat16", 0.05), ("float32", 1e-5)):  # bfloat16 keeps eight bits
        here = [one for one in found["results"] if one["subject"].endswith(number_format)]
        compared = [one["difference"] for one in here if one["difference"] is not None]
        assert len(compared) == 4 and max(compared) < close
        assert found["machine"][f"product_gflops, {number_format}"] > 0
    json.dumps(found)


@pytest.mark.usefixtures("in_process")
def test_a_whole_run_of_small_models_is_soon_done_and_can_be_shown(
    subject: workloads.Subject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workloads, "gpt2_shaped", lambda n: subject)
    monkeypatch.setattr(workloads, "embedded", lambda n: replace(subject, name=workloads.EMBEDDED))
    monkeypatch.setattr(comparisons, "start", lambda sizes: [])
    started, said = time.monotonic(), []
    bench_run.write(bench_run.run(True, said.append), tmp_path / "bench.json")
    assert time.monotonic() - started < 60 and len(said) == 12
    found = results.read(str(tmp_path / "bench.json"))
    assert len(found.compared) and not found.alike.empty and set(found.growth.of) == {"texts", "features", "layers"}
