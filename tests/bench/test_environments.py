"""Environments of the peers: each holds what its program imports, in the versions of the book."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from emomech.bench import environments
from emomech.core.paths import CHECKOUT


@pytest.mark.parametrize("name", list(environments.PEERS))
def test_an_environment_holds_what_its_program_imports_in_the_versions_of_the_book(name: str) -> None:
    peer = environments.PEERS[name]
    spelt = {"sklearn": "scikit-learn", "sparsify": "eai-sparsify"}
    folder = CHECKOUT / "emomech" / "bench"
    files = [folder / "peers" / f"{peer.environment}.py", folder / "worker.py"]
    for shared in ("inputs", "passes", "activations", "peers.quality", "peers.hooked"):
        text = "".join(file.read_text() for file in files)
        files += [folder / f"{shared.replace('.', '/')}.py"] if f"bench.{shared} import" in text else []
    imported = {top for file in files for top in imports_of(file)} - set(sys.stdlib_module_names) - {"emomech"}
    needed = {spelt.get(top, top.replace("_", "-")) for top in imported}
    # tokenizers comes with the transformers that is pinned, schedulefree with sparsify
    assert needed - {"tokenizers", "schedulefree"} <= set(peer.pinned)
    constraints = dict(
        line.split("==") for line in (CHECKOUT / "constraints.txt").read_text().splitlines() if "==" in line
    )
    shared = {package: pinned for package, pinned in peer.pinned.items() if package not in (peer.package, "wandb")}
    assert {package: constraints[package] for package in shared} == shared


def imports_of(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.split(".")[0]
        elif isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)


def test_an_environment_that_exists_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environments, "FOLDER", tmp_path)
    monkeypatch.setattr(environments, "version", lambda name: "0.0")
    assert set(environments.versions().values()) == {environments.NOT_INSTALLED}
    python = tmp_path / "nnsight" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch()
    assert environments.PEERS["nnsight"].interpreter == str(python)
