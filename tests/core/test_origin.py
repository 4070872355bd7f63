"""A new process runs the code of the process that starts it, and a page says which code that is."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from emomech.core import origin
from emomech.core.errors import EmomechError
from emomech.core.paths import PACKAGE


@pytest.fixture
def fake(tmp_path: Path) -> Path:
    """A folder with another package of the same name."""
    (tmp_path / "fake" / "emomech").mkdir(parents=True)
    (tmp_path / "fake" / "emomech" / "__init__.py").write_text("")
    return tmp_path / "fake"


def test_a_new_process_imports_this_copy(fake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", f"{fake}{os.pathsep}")
    monkeypatch.chdir(fake)
    variables = origin.environment()
    assert variables["PYTHONPATH"].split(os.pathsep) == [str(PACKAGE.parent), str(fake)]
    origin.check(variables)
    code = "import emomech; print(emomech.__path__[0])"
    command = [sys.executable, "-P", "-c", code]
    shown = subprocess.run(command, env=os.environ | variables, capture_output=True, text=True, check=True)
    assert Path(shown.stdout.strip()) == PACKAGE


def test_another_copy_is_named(fake: Path, tmp_path: Path) -> None:
    with pytest.raises(EmomechError, match=f"imports emomech from {fake}/emomech, expected {PACKAGE}"):
        origin.check({"PYTHONPATH": str(fake)})
    (fake / "emomech" / "__init__.py").write_text("raise ImportError('of no use')")
    with pytest.raises(EmomechError, match="imports emomech from ImportError: of no use, expected"):
        origin.check({"PYTHONPATH": str(fake)})


def test_the_code_of_the_checkout_has_no_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in (tmp_path, origin.CHECKOUT, PACKAGE / "core"):
        monkeypatch.chdir(folder)
        assert origin.described("abc with changes") == "emomech 0.1.0, from the checkout at commit abc with changes"
    assert origin.described("unknown") == "emomech 0.1.0, from the checkout"


def test_other_code_than_that_of_the_checkout_is_named_by_its_path(fake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (fake / "notebooks").mkdir()
    monkeypatch.chdir(fake / "notebooks")
    monkeypatch.setenv("HOME", str(PACKAGE.parents[1]))
    short = f"~/{PACKAGE.parent.name}/emomech"
    assert origin.described("abc") == f"emomech 0.1.0, from {short} at commit abc"


def test_an_installed_package_has_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(origin, "CHECKOUT", tmp_path)
    monkeypatch.setattr(origin, "PACKAGE", tmp_path / "emomech")
    monkeypatch.chdir(tmp_path)
    assert origin.described("abc") == f"emomech 0.1.0, from {tmp_path}/emomech"
