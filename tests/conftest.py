"""Shared by all tests: one thread, fixed seeds, no network, a model of each family, and their order among processes."""

import os

os.environ["HF_HUB_OFFLINE"] = "1"  # read when huggingface_hub is imported
os.environ["EMOMECH_DEVICE"] = "cpu"
os.environ["OMP_NUM_THREADS"] = "1"  # for the kernels and programs that tests start, too

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import tiny
import torch

from emomech.book import runner
from emomech.models.language_model import LanguageModel

torch.set_num_threads(1)

BESIDE = Path(__file__).parents[2] / "shared" / "data"
"""Public data that no checkout contains; see its README."""
ALONE = "test_notebooks.py::test_it_executes"
"""Long tests without shared fixtures: each may run in another process than the rest of its file."""
FIRST = (ALONE, "organism/test_evaluate.py", "chapters/flow/", "chapters/", "bench/", "book/", "models/")
"""Beginnings of the tests that take longest, so that no process is left with one of them at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort tests by `FIRST`; tests of one file stay together."""

    def rank(item: pytest.Item) -> int:
        name = item.nodeid.removeprefix("tests/")
        return next((i for i, beginning in enumerate(FIRST) if name.startswith(beginning)), len(FIRST))

    items.sort(key=rank)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With `pytest -n`, give each process whole files, whose fixtures are then made once; `ALONE` test by test."""
    from xdist.scheduler import LoadFileScheduling

    class Files(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return nodeid if ALONE in nodeid else super()._split_scope(nodeid)

    config.option.loadscopereorder = False
    return Files(config, log)


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
