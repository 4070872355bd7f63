"""`python -m emomech.bench`: it needs a file and a GPU, and writes the measurements."""

import json
from pathlib import Path

import pytest
import torch

from emomech.bench import __main__ as program
from emomech.core.errors import UsageError


def test_without_a_file_or_a_gpu_it_says_what_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UsageError, match="expected the file to write, and a GPU"):
        program.main([str(tmp_path / "bench.json")])
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    with pytest.raises(UsageError, match="expected the file to write, and a GPU"):
        program.main([])
    assert list(tmp_path.iterdir()) == []


def test_it_measures_on_the_gpu_and_writes_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(program.gpu, "run", lambda device: {"device": device.type})
    program.main([str(tmp_path / "bench.json")])
    assert json.loads((tmp_path / "bench.json").read_text()) == {"device": "cuda"}
