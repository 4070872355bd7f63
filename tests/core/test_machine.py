"""This machine is measured, and `cuda` without a GPU is refused."""

import sys
from pathlib import Path

import pytest
import torch

from emomech.core import hub, machine
from emomech.core.errors import UsageError


@pytest.fixture(autouse=True)
def hub_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "cache_folder", lambda: tmp_path / "not" / "there" / "yet")


def test_memory_disk_and_speed_are_measured() -> None:
    measured = machine.this_machine("cpu")
    assert measured.device == "cpu" and measured.gpus == ()
    assert measured.host > 10**8 and measured.disk > 10**6
    assert 1e8 < measured.rate < 1e14
    assert "torch" in sys.modules


def test_a_gpu_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UsageError, match="no GPU"):
        machine.this_machine("cuda")
    assert machine.this_machine("auto").device == "cpu"


def test_one_core_is_measured_and_is_no_faster_than_all_cores_that_are_described() -> None:
    threads = torch.get_num_threads()
    assert 1e8 < machine.core_rate(2) < 1e12 and torch.get_num_threads() == threads
    assert machine.this_machine("cpu").core_rate > 1e8
    laptop = machine.named("laptop-16gb")
    assert laptop == machine.described("laptop-16gb") and laptop.core_rate == laptop.host_rate / 8
    assert machine.named(None, "cpu").name == ""


@pytest.mark.parametrize("name", list(machine._machines()))
def test_a_described_machine_has_a_source_and_rates_that_a_machine_can_have(name: str) -> None:
    single, half = machine.described(name), machine.described(name, number_format="bfloat16")
    assert single.name == name and single.source
    assert 1e11 < single.host_rate <= single.rate <= half.rate < 2e15
    assert machine.described(name, number_format="float16").rate == half.rate
    assert (single.device == "cuda") == bool(single.gpus)
    on_cpu = machine.described(name, "cpu", "bfloat16")
    assert (on_cpu.device, on_cpu.gpus, on_cpu.rate) == ("cpu", (), on_cpu.host_rate)


def test_a_machine_that_is_not_known_or_has_no_gpu_is_refused() -> None:
    with pytest.raises(UsageError, match="unknown machine 'h100'. Did you mean 'h200'.* Known: a100-40gb, .*h100-80gb"):
        machine.described("h100")
    with pytest.raises(UsageError, match="laptop-16gb has no GPU"):
        machine.described("laptop-16gb", "cuda")
    with pytest.raises(UsageError, match="unknown device 'tpu'"):
        machine.described("laptop-16gb", "tpu")
