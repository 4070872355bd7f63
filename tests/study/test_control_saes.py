"""A study finds controls of its SAEs, and SAEs of another seed, beside them; it refuses those that are not alike."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from emomech.core.errors import UsageError
from emomech.core.hook_points import HookPoint
from emomech.core.settings import Settings
from emomech.presets import lookup
from emomech.saes.beside import FROZEN, SOFT_FROZEN
from emomech.saes.config_fields import RECIPE
from emomech.saes.files import CONFIG
from emomech.study.spec import StudySpec
from emomech.study.study import Study

POINTS = [HookPoint(2), HookPoint(5)]


def copied(folder: Path, control: str = "", model: str = "organism", **config: object) -> Path:
    """Copy two SAEs of an embedded model, and record that they are a control."""
    for point in POINTS:
        shutil.copytree(lookup.shipped(lookup.sae(model).path) / str(point), folder / str(point))
        file = folder / str(point) / CONFIG
        content = json.loads(file.read_text()) | config
        content["metadata"] |= {RECIPE: {"control": control}} | ({"variance_explained": 0.9} if control else {})
        file.write_text(json.dumps(content))
    return folder


@pytest.fixture
def saes(tmp_path: Path) -> Path:
    return copied(tmp_path / "saes")


def spec(saes: Path) -> StudySpec:
    return StudySpec(sae=str(saes), limit=40)


def test_without_any_there_are_none(saes: Path) -> None:
    study = Study(spec(saes))
    assert study.control_saes == study.other_saes == {}
    assert Study(StudySpec(sae=None, limit=40)).control_saes == {}
    assert StudySpec().control_command == "emomech organism train --preset default --controls"
    assert study.spec.control_command.endswith(f"--out {saes} --control soft-frozen")
    assert StudySpec(sae=None).control_command == StudySpec(model="gpt2-small").control_command == ""
    released = Study(StudySpec(model="gpt2-small", limit=40))
    assert released.spec.sae_folder is None and released.control_saes == released.other_saes == {}


def test_those_beside_are_found(saes: Path) -> None:
    for control in ("frozen", "soft-frozen"):
        copied(saes.with_name(f"saes-{control}"), control)
    copied(saes.with_name("saes-seed1"))
    study = Study(spec(saes))
    assert list(study.control_saes) == [SOFT_FROZEN, FROZEN]
    for name, found in [*study.control_saes.items(), ("seed1", study.other_saes)]:
        assert list(found) == POINTS
        assert found[POINTS[0]].name == f"saes-{name.removesuffix(' decoder')}"
    assert study.warnings == ()


def test_given_saes_have_no_controls_unless_these_are_given_too(saes: Path) -> None:
    copied(saes.with_name("saes-frozen"), "frozen")
    study = Study(spec(saes))
    given = study.replaced(saes=study.saes)
    assert given.control_saes == given.other_saes == {}
    again = given.replaced(control_saes=study.control_saes, other_saes=study.saes)
    assert again.control_saes is study.control_saes and again.other_saes is study.saes


def test_they_are_part_of_the_identity_of_studies_that_have_saes(saes: Path) -> None:
    def identities() -> list[dict[str, object]]:
        return [replace(spec(saes), sae=sae).identity() for sae in (str(saes), None)]

    before = identities()
    folder = copied(saes.with_name("saes-frozen"), "frozen")
    with_control = identities()
    copied(saes.with_name("saes-seed3"))
    with_both = identities()
    (folder / str(POINTS[0]) / CONFIG).write_text("{}")
    changed = identities()
    assert len({json.dumps(with_saes) for with_saes, _ in (before, with_control, with_both, changed)}) == 4
    assert before[1] == with_control[1] == with_both[1] == changed[1]


@pytest.mark.parametrize(
    ("control", "options", "said"),
    [
        ("", {}, "saes-frozen/.*: is no control, expected the control 'frozen' in a folder of this name"),
        ("soft-frozen", {}, "is the control 'soft-frozen', expected the control 'frozen'"),
        ("frozen", {"d_sae": 256}, "reads 128 numbers and has 256 features, k 16; expected 128, 512 and 16 as in"),
        ("frozen", {"d_in": 64}, "reads 64 numbers"),
        ("frozen", {"k": 8}, "512 features, k 8; expected 128, 512 and 16"),
        (
            "frozen",
            {"model": "organism-seed1"},
            "explains 0.* of the variance, but the published value is 0.90.*--force",
        ),
    ],
)
def test_others_are_refused(control: str, options: dict, said: str, saes: Path) -> None:
    copied(saes.with_name("saes-frozen"), control, **options)
    with pytest.raises(UsageError, match="(?s)" + said):
        _ = Study(spec(saes)).control_saes


def test_a_hook_point_without_one_is_named(saes: Path) -> None:
    folder = copied(saes.with_name("saes-seed1"))
    shutil.rmtree(folder / str(POINTS[1]))
    with pytest.raises(UsageError, match=r"saes-seed1: has no SAE at blocks\.5\.hook_resid_post, .* emomech sae train"):
        _ = Study(spec(saes)).other_saes


def test_the_check_of_the_model_can_be_overridden(saes: Path) -> None:
    copied(saes.with_name("saes-frozen"), "frozen", model="organism-seed1")
    study = Study(spec(saes), Settings("cpu", force=True))
    assert list(study.control_saes[FROZEN]) == POINTS
    assert len(study.warnings) == 2


@pytest.mark.parametrize("model", ["organism", "organism-seed1", "organism-seed2"])
def test_the_embedded_models_have_controls(model: str) -> None:
    study = Study(StudySpec(model=model, limit=40))
    assert list(study.control_saes) == [SOFT_FROZEN, FROZEN]
    assert all(list(saes) == list(study.saes) for saes in study.control_saes.values())
    assert bool(study.other_saes) == (model == "organism")
