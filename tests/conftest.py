"""What all tests share: one thread, fixed seeds, no network, and a model of each family."""

import os

os.environ["HF_HUB_OFFLINE"] = "1"  # read when huggingface_hub is imported
os.environ["EMOMECH_DEVICE"] = "cpu"

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import tiny
import torch

from emomech.book import runner
from emomech.models.language_model import LanguageModel

torch.set_num_threads(1)

BESIDE = Path(__file__).parents[2] / "shared" / "data"
"""Public data that no checkout contains; see its README."""


@pytest.fixture(autouse=True)
def seeded() -> Iterator[None]:
    """Draw the same numbers whatever ran before."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


@pytest.fixture
def shared_data() -> Callable[[str], Path]:
    """Find a folder of public data that lies beside the checkout; skip the test where there is none."""

    def find(name: str) -> Path:
        folder = BESIDE / name
        if not folder.is_dir():
            pytest.skip(f"{folder}: there is no such folder")
        return folder

    return find


@pytest.fixture(params=tiny.FAMILIES)
def lm(request: pytest.FixtureRequest) -> LanguageModel:
    """A random model of each family in turn."""
    return tiny.language_model(request.param)


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with notebooks of our own and another to work in, which is the working directory."""
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setattr(runner, "NOTEBOOKS", tmp_path / "notebooks")
    return tmp_path
