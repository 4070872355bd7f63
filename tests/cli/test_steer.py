"""The command that exports an edit writes the folder and the control vector, and says why there is nothing to write."""

from pathlib import Path
from typing import Any

import pytest

from emomech.causal.dictionary import Dictionary
from emomech.causal.steering.experiment import Experiment
from emomech.causal.steering.export import FILES, Export
from emomech.cli import main as cli
from emomech.cli import steer as cli_steer
from emomech.core.hook_points import FeatureId, HookPoint

Capture = pytest.CaptureFixture[str]
SMALL = ("-p", "limit=700", "-p", "n_tune=5", "-p", "n_report=12")


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        cli.main(["steer", "export", *arguments])
    return int(ended.value.code or 0)


@pytest.fixture
def chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the experiment choose a vector at once."""

    def of(experiment: Experiment, constant: bool = False) -> Export:
        tune, lm = experiment.texts.tune.questions, experiment.study.lm
        point = HookPoint(3)
        dictionary = Dictionary.of(tune.take(range(4)), {point: experiment.study.saes[point]})
        feature = FeatureId(point, int(dictionary.stats[point].fires.argmax()))
        edits = dictionary.add([feature], 0.1) if constant else dictionary.scale([feature], 2.0)
        return Export(lm, edits, "everywhere", {"n_features": experiment.n_features})

    monkeypatch.setattr(Export, "of", of)


def test_the_folder_and_the_vector_are_written(chosen: Any, tmp_path: Path, capsys: Capture) -> None:
    out, file = tmp_path / "edit", tmp_path / "v.gguf"
    assert run(str(out), *SMALL, "-p", "n_features=3", "--constant", "--gguf", str(file)) == 0
    assert capsys.readouterr().out.strip() == str(out)
    assert sorted(path.name for path in out.iterdir()) == sorted(FILES)
    assert file.read_bytes()[:4] == b"GGUF" and '"n_features": 3' in (out / "edit.json").read_text()


def test_an_edit_that_is_no_vector_writes_nothing(chosen: Any, tmp_path: Path, capsys: Capture) -> None:
    out, file = tmp_path / "edit", tmp_path / "v.gguf"
    assert run(str(out), *SMALL, "--gguf", str(file)) == 2
    assert "--constant" in capsys.readouterr().err
    assert not out.exists() and not file.exists()


def test_too_few_texts_are_refused(tmp_path: Path, capsys: Capture) -> None:
    assert run(str(tmp_path / "edit"), "-p", "limit=8") == 2
    assert "nothing to export" in capsys.readouterr().err


def test_export_is_a_command_of_its_own_name() -> None:
    assert [command.name for command in cli_steer.steer.registered_commands] == ["export"]


def test_parameters_are_those_of_the_page(tmp_path: Path, capsys: Capture) -> None:
    assert run(str(tmp_path / "edit"), "-p", "nonsense=1") == 2
    assert "nonsense" in capsys.readouterr().err
