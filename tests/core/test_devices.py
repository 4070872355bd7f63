"""A model computes on the requested device if it fits there, and in the requested number format."""

import copy
import importlib.util
import os

import pytest
import tiny
import torch

from emomech.cli import main as cli
from emomech.core import devices
from emomech.core.errors import UsageError
from emomech.core.hook_points import HookPoint
from emomech.core.settings import Settings
from emomech.models.hooks import capture, intervene
from emomech.models.language_model import LanguageModel, randomised
from emomech.models.tokens import TokenBatch, batches, tokenize
from emomech.saes.edits import Add
from emomech.study.spec import StudySpec

GB = 10**9


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch):
    """Two GPUs with 10 and 20 GB of free memory."""
    free = {0: 10 * GB, 1: 20 * GB}
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: len(free))
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda i: (free[i], 80 * GB))


def test_a_gpu_is_taken_if_there_is_one_unless_the_processor_is_asked_for(
    gpus: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [devices.chosen(name) for name in ("auto", "cpu", "cuda")] == ["cuda", "cpu", "cuda"]
    assert Settings.from_environment().compute_device() == "cpu"  # as the environment says in these tests
    monkeypatch.delenv(devices.DEVICE)
    assert Settings.from_environment().compute_device() == "cuda"


def test_without_a_gpu_none_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert devices.chosen("auto") == "cpu"
    with pytest.raises(
        UsageError,
        match=r"--device cuda \(or EMOMECH_DEVICE\): this machine has no GPU that torch can use; use cpu or auto",
    ):
        devices.chosen("cuda")
    monkeypatch.setenv(devices.DEVICE, "gpu")
    with pytest.raises(UsageError, match="unknown device 'gpu'.*auto, cpu, cuda"):
        Settings.from_environment().compute_device()


def test_the_environment_goes_before_the_preset(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings.from_environment().number_format("bfloat16") == "bfloat16"
    before = StudySpec(model="gemma-2-2b", sae=None).identity()
    monkeypatch.setenv(devices.DTYPE, "float32")
    assert Settings.from_environment().number_format("bfloat16") == "float32"
    assert StudySpec(model="gemma-2-2b", sae=None).identity() == before
    monkeypatch.setenv(devices.DTYPE, "bfloat16")
    assert StudySpec(model="gemma-2-2b", sae=None).identity() != before
    monkeypatch.setenv(devices.DTYPE, "int8")
    with pytest.raises(UsageError, match="unknown number format 'int8'.*It comes from EMOMECH_DTYPE"):
        Settings.from_environment().number_format("float32")


def test_weights_are_spread_only_where_one_gpu_is_too_small(gpus: None) -> None:
    assert devices.placement("m", 8 * GB) == {}
    spread = devices.placement("m", 12 * GB)
    assert spread == {"device_map": "auto", "max_memory": {0: 9 * GB, 1: 18 * GB}}
    with pytest.raises(UsageError, match=r"model 'm': its weights take 30.0 GB, and the GPUs have 27.0 GB free"):
        devices.placement("m", 30 * GB)


def test_what_spreads_weights_has_to_be_installed(gpus: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert devices.placement("m", 8 * GB) == {}
    with pytest.raises(UsageError, match="which needs accelerate. Install it: pip install accelerate"):
        devices.placement("m", 12 * GB)


@pytest.mark.parametrize("command", [["run", "behaviour"], ["book"]])
def test_a_gpu_that_is_not_there_is_told_before_anything_is_done(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "environ", {**os.environ})
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit) as ended:
        cli.main([*command, "--device", "cuda"])
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("emomech: --device cuda (or EMOMECH_DEVICE): this machine has no GPU")


def test_a_model_that_is_spread_is_read_edited_and_copied_as_another(lm: LanguageModel) -> None:
    """Accelerate wraps the blocks of a model that is spread over devices."""
    accelerate = pytest.importorskip("accelerate")
    (batch,) = batches(tokenize(lm, tiny.TEXTS), pad_id=lm.pad_id)
    point = HookPoint(1)
    expected = _read_and_edited(lm, batch, point)
    spread = copy.deepcopy(lm.module)
    places = {name: "cpu" for name, _ in spread.named_modules() if name.count(".") == 0 and name}
    spread = accelerate.dispatch_model(spread, places, main_device="cpu", force_hooks=True)
    wrapped = lm.around(spread)
    assert any(hasattr(part, "_hf_hook") for part in spread.modules())
    for actual, wanted_values in zip(_read_and_edited(wrapped, batch, point), expected, strict=True):
        torch.testing.assert_close(actual, wanted_values)
    random_copy, twin = randomised(wrapped, 1), randomised(lm, 1)
    for actual, wanted_values in zip(
        _read_and_edited(random_copy, batch, point), _read_and_edited(twin, batch, point), strict=True
    ):
        torch.testing.assert_close(actual, wanted_values)


@torch.inference_mode()
def _read_and_edited(lm: LanguageModel, batch: TokenBatch, point: HookPoint) -> tuple[torch.Tensor, torch.Tensor]:
    with capture(lm, [point]) as seen:
        lm.module(**batch.forward_kwargs())
    with intervene(lm, {point: Add(torch.ones(lm.d_model))}):
        return seen[point], lm.module(**batch.forward_kwargs()).logits
