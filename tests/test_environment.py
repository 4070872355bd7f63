"""pyproject.toml gives ranges, constraints.txt exact versions, environment.yml and make use both: they agree."""

import tomllib
from importlib import metadata

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from emomech.core.paths import CHECKOUT

PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
REQUIREMENTS = [Requirement(line) for line in [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"]]]
PARSER = [Requirement(line) for line in PROJECT["optional-dependencies"]["parser"]]
PINNED = {
    canonicalize_name(name): version
    for name, version in (
        line.split("==") for line in (CHECKOUT / "constraints.txt").read_text().splitlines() if not line.startswith("#")
    )
}


@pytest.mark.parametrize("requirement", [*REQUIREMENTS, *PARSER], ids=lambda requirement: requirement.name)
def test_every_range_holds_the_pinned_version(requirement: Requirement) -> None:
    version = PINNED[canonicalize_name(requirement.name)]
    assert requirement.specifier.contains(version, prereleases=True)


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=lambda requirement: requirement.name)
def test_what_is_installed_is_what_is_pinned(requirement: Requirement) -> None:
    installed = metadata.version(requirement.name).split("+")[0]
    assert installed == PINNED[canonicalize_name(requirement.name)]


def test_torch_is_pinned_without_a_local_build() -> None:
    assert PINNED["torch"] == "2.13.0"


def test_vl_convert_brings_the_vega_lite_that_altair_writes() -> None:
    import altair
    import vl_convert

    written = altair.SCHEMA_VERSION.removeprefix("v").split(".")[:2]
    assert any(version.split(".")[:2] == written for version in vl_convert.get_vegalite_versions())


def test_conda_uses_the_same_versions() -> None:
    environment = yaml.safe_load((CHECKOUT / "environment.yml").read_text())
    assert environment["name"] == PROJECT["name"]
    *plain, pip = environment["dependencies"]
    python = next(Requirement(line) for line in plain if line.startswith("python"))
    assert python.specifier == SpecifierSet(PROJECT["requires-python"])
    assert pip == {"pip": ["--constraint constraints.txt", "--editable .[dev]"]}


def test_make_and_the_checks_use_them_too() -> None:
    make = (CHECKOUT / "Makefile").read_text()
    assert "--constraint constraints.txt --editable '.[dev]'" in make
    checks = (CHECKOUT / ".ci" / "run").read_text()
    assert "make test" in checks
    assert "make book" in checks
    assert "pip" not in checks


def test_binder_uses_them_too() -> None:
    binder = yaml.safe_load((CHECKOUT / ".binder" / "environment.yml").read_text())
    conda = yaml.safe_load((CHECKOUT / "environment.yml").read_text())
    *plain, _ = conda["dependencies"]
    assert binder == {**conda, "dependencies": plain}
    build = CHECKOUT / ".binder" / "postBuild"
    assert "pip install --no-cache-dir --constraint constraints.txt --editable ." in build.read_text()
    assert build.read_text().startswith("#!/bin/sh\n") and build.stat().st_mode & 0o111
    assert "jupytext" in PINNED
