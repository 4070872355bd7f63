"""The folders of package and checkout hold their files."""

from pathlib import Path

import pytest

import emomech
from emomech.core.paths import CHECKOUT, PACKAGE, cache_folder


def test_the_package_holds_its_modules_and_the_checkout_its_notebooks() -> None:
    assert emomech.__file__ == str(PACKAGE / "__init__.py")
    assert (CHECKOUT / "pyproject.toml").is_file() and (CHECKOUT / "notebooks").is_dir()
    assert PACKAGE.parent == CHECKOUT


def test_the_cache_is_where_the_variable_says_or_in_the_folder_of_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMOMECH_CACHE", str(tmp_path))
    assert cache_folder("gguf") == tmp_path / "gguf"
    monkeypatch.setenv("EMOMECH_CACHE", "")
    assert cache_folder("gguf") == Path.home() / ".cache" / "emomech" / "gguf"
