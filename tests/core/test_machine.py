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
