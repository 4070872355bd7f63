"""Settings are read from the environment once, are passed as a value, and reach a child process unchanged."""

import pytest

from emomech.core.errors import UsageError
from emomech.core.settings import FORCE, Settings
from emomech.study.spec import StudySpec
from emomech.study.study import Study


def test_an_empty_environment_leaves_everything_to_the_machine_and_the_presets() -> None:
    assert Settings.from_environment({}) == Settings() == Settings.from_environment({"EMOMECH_DTYPE": ""})
    assert Settings().number_format("float16") == "float16"


@pytest.mark.parametrize(("value", "force"), [("0", False), ("", False), ("1", True)])
def test_only_1_overrides(value: str, force: bool) -> None:
    assert Settings.from_environment({FORCE: value}).force == force


def test_a_child_process_reads_the_same_settings() -> None:
    for settings in (Settings(), Settings("cuda", "bfloat16", force=True), Settings("cpu")):
        assert Settings.from_environment(settings.to_environment()) == settings


def test_a_wrong_value_is_refused_where_it_is_used() -> None:
    settings = Settings(device="gpu", dtype="int8")
    with pytest.raises(UsageError, match="unknown device 'gpu'.*auto, cpu, cuda"):
        settings.compute_device()
    with pytest.raises(UsageError, match="unknown number format 'int8'.*It comes from EMOMECH_DTYPE"):
        settings.number_format("float32")


def test_a_study_computes_as_its_settings_say_whatever_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMOMECH_DEVICE", "gpu")
    spec = StudySpec(sae=None)
    study = Study(spec, Settings(device="cpu", dtype="bfloat16"))
    assert str(next(study.lm.module.parameters()).dtype) == "torch.bfloat16"
    assert spec.identity(study.settings) != spec.identity(Settings())
    assert spec.identity(Settings("cpu", force=True)) == spec.identity(Settings())
