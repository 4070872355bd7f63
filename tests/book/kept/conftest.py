"""A tiny edition of the embedded model, computed once for all tests of this folder."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tiny_edition import CHAPTER, write_root

from emomech.book.kept import declared
from emomech.book.kept.declared import KeptEdition
from emomech.study.run import RUNS

_COMPUTE = """
import sys
from pathlib import Path
from emomech.book.kept import compute, declared
compute.compute(declared.find("trial-one", Path(sys.argv[1])), sys.argv[2:], "quick", lambda line: None)
"""
"""A program of its own, because the loops of its kernels stay open until it ends."""


@pytest.fixture(scope="session")
def computed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A checkout with a kept chapter of a tiny edition."""
    root = write_root(tmp_path_factory.mktemp("kept") / "checkout")
    environment = {**os.environ, RUNS: str(root.parent / "runs")}
    subprocess.run([sys.executable, "-c", _COMPUTE, str(root), CHAPTER], env=environment, check=True)
    yield root


@pytest.fixture
def root(computed: Path, tmp_path: Path) -> Path:
    """A copy of that checkout, which a test may change."""
    shutil.copytree(computed, tmp_path / "checkout")
    return tmp_path / "checkout"


@pytest.fixture
def trial(root: Path) -> KeptEdition:
    """The tiny edition in a checkout that a test may change."""
    return declared.find("trial-one", root)
