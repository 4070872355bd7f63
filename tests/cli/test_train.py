"""The commands that train and evaluate models and SAEs."""

import json
from pathlib import Path

import pandas as pd
import pytest

from emomech.cli import main as cli
from emomech.cli import train
from emomech.core.errors import UsageError
from emomech.organism import evaluate
from emomech.organism.recipe import Recipe

Capture = pytest.CaptureFixture[str]


def run(*arguments: str) -> int:
    """Call the command line; its exit code."""
    with pytest.raises(SystemExit) as ended:
        cli.main(list(arguments))
    return int(ended.value.code or 0)


def test_gates_are_told_to_people_and_to_programs(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    rows = [("drill, name", "two to four persons", 0.9, 200), ("recall", "joy", 0.8, 30)]
    measured = pd.DataFrame(rows, columns=list(evaluate.EVALUATION.columns))
    monkeypatch.setattr(evaluate, "evaluate", lambda study: measured)
    assert run("organism", "evaluate", "--format", "json") == 0
    told = json.loads(capsys.readouterr().out)
    assert [(gate["bound"], gate["met"]) for gate in told["gates"]] == [("≥ 0.98", False), ("≥ 0.6", True)]
    assert told["measured"][1]["value"] == 0.8
    assert run("organism", "evaluate") == 0
    assert "≥ 0.98" in capsys.readouterr().out


def test_a_group_of_organisms_is_trained_one_after_another(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture, tmp_path: Path
) -> None:
    from emomech.organism import build, records

    made: list[tuple[Path, int, dict[str, float]]] = []

    def note(out: Path, *, recipe: Recipe, seed: int, device: str, say: object) -> None:
        made.append((out, seed, dict(recipe.shares)))

    monkeypatch.setattr(build, "train", note)
    assert run("organism", "train", "--preset", "scarcity", "--out", str(tmp_path)) == 0
    assert len(made) == 13
    assert (tmp_path / "disgust02-seed1", 1, {"disgust": 0.02}) in made
    assert capsys.readouterr().out.split() == [str(out) for out, _, _ in made]
    made.clear()
    assert run("organism", "train", "--preset", "seed2", "--out", str(tmp_path / "mine")) == 0
    assert run("organism", "train", "--preset", "seed2") == 0
    assert made == [(tmp_path / "mine", 2, {}), (records.WEIGHTS / "seed2", 2, {})]


def test_further_saes_are_trained_if_they_are_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from emomech.organism import build

    made: list[object] = []
    monkeypatch.setattr(build, "train", lambda out, **_: made.append(out))
    monkeypatch.setattr(
        build, "train_beside", lambda out, controls, second, device, say: made.append((out, controls, second))
    )
    assert run("organism", "train", "--preset", "seeds", "--out", str(tmp_path), "--controls") == 0
    folders = [tmp_path / "seed1", tmp_path / "seed2"]
    assert made == [part for out in folders for part in (out, (out, True, False))]
    made.clear()
    assert run("organism", "train", "--out", str(tmp_path), "--second-seed") == 0
    assert made == [tmp_path, (tmp_path, False, True)]


def test_a_control_is_trained_beside_the_saes(monkeypatch: pytest.MonkeyPatch, capsys: Capture, tmp_path: Path) -> None:
    from emomech.saes import training

    asked: list[tuple[Path, training.SaeRecipe]] = []
    monkeypatch.setattr(training, "train_saes", lambda lm, texts, at, recipe, out, say: asked.append((out, recipe)))
    command = ["sae", "train", "--model", "organism", "--corpus", "organism", "--out", str(tmp_path / "mine")]
    assert run(*command, "--seed", "1", "--control", "soft-frozen") == 0
    assert asked == [(tmp_path / "mine-soft-frozen", training.SaeRecipe(seed=1, control="soft-frozen"))]
    assert capsys.readouterr().out.strip() == str(tmp_path / "mine-soft-frozen")
    assert run(*command) == 0
    assert asked[1] == (tmp_path / "mine", training.SaeRecipe())
    assert run(*command, "--control", "cold") == 2
    assert "unknown control of an SAE 'cold'" in capsys.readouterr().err


def test_numbers_are_read_from_a_list_with_commas() -> None:
    assert train._numbers("--k", "16, 32") == [16, 32]


@pytest.mark.parametrize("text", ["", "16,x", "0", "-1", "1.5"])
def test_a_list_that_holds_no_numbers_above_zero_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"--k .*: expected whole numbers above 0 separated by commas"):
        train._numbers("--k", text)
