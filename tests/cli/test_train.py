"""The commands that train and evaluate models and SAEs."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from random_saes import saelens_sae

from emomech.cli import main as cli
from emomech.cli import train
from emomech.core.errors import UsageError
from emomech.organism import evaluate
from emomech.organism.recipe import Recipe
from emomech.presets import lookup
from emomech.saes.recipe import SaeRecipe

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

    asked: list[tuple[Path, SaeRecipe]] = []
    monkeypatch.setattr(
        training, "train_saes", lambda lm, texts, at, recipe, out, place, say: asked.append((out, recipe))
    )
    command = ["sae", "train", "--model", "organism", "--corpus", "organism", "--out", str(tmp_path / "mine")]
    assert run(*command, "--seed", "1", "--control", "soft-frozen") == 0
    assert asked == [(tmp_path / "mine-soft-frozen", SaeRecipe(seed=1, control="soft-frozen"))]
    assert capsys.readouterr().out.strip() == str(tmp_path / "mine-soft-frozen")
    assert run(*command) == 0
    assert asked[1] == (tmp_path / "mine", SaeRecipe())
    assert run(*command, "--control", "cold") == 2
    assert "unknown control of an SAE 'cold'" in capsys.readouterr().err


def test_a_folder_that_cannot_be_meant_is_refused_at_once(capsys: Capture, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a file")
    command = ["sae", "train", "--model", "no model", "--corpus", "no corpus", "--out"]
    for out, message in (
        ("", "is empty, expected a path"),
        (str(tmp_path / "file"), "file: is a file, expected a fold"),
    ):
        assert run(*command, out) == 2
        assert message in capsys.readouterr().err


def test_a_second_training_keeps_the_same_saes_and_refuses_others(capsys: Capture, tmp_path: Path) -> None:
    corpus, out = tmp_path / "texts.csv", tmp_path / "saes"
    corpus.write_text("\n".join(["text,label", *(f"Then {n} lost the red ball.,sad" for n in range(250))]))
    command = ["sae", "train", "--model", "organism", "--corpus", str(corpus), "--out", str(out)]
    command += ["--points", "blocks.0.hook_resid_pre", "--tokens", "1024"]
    small = ["--d-sae", "64", "--k", "4"]
    assert run(*command, *small) == 0
    kept = (out / "blocks.0.hook_resid_pre" / "cfg.json").stat().st_mtime_ns
    assert run(*command, *small) == 0
    assert "blocks.0.hook_resid_pre: is there already\n" in capsys.readouterr().err
    assert run(*command, "--d-sae", "128", "--seed", "5") == 2
    told = capsys.readouterr().err
    assert "holds an SAE with d_sae 64, k 4, seed 0, but asked for is d_sae 128, k 16, seed 5" in told
    assert run(*command, *small, "--model", "organism-seed1") == 2
    assert "but asked for is model " in capsys.readouterr().err
    (tmp_path / "empty" / "blocks.0.hook_resid_pre").mkdir(parents=True)
    assert run(*command, *small, "--out", str(tmp_path / "empty")) == 2
    assert "blocks.0.hook_resid_pre: holds no SAE that can be read" in capsys.readouterr().err
    assert (out / "blocks.0.hook_resid_pre" / "cfg.json").stat().st_mtime_ns == kept


def test_a_table_without_labels_is_trained_on_by_the_name_of_its_column(capsys: Capture, tmp_path: Path) -> None:
    corpus, out = tmp_path / "texts.csv", tmp_path / "saes"
    corpus.write_text("\n".join(["body", *(f"Then {n} lost the red ball." for n in range(250))]))
    command = ["sae", "train", "--model", "organism", "--corpus", str(corpus), "--out", str(out), "--d-sae", "64"]
    command += ["--points", "blocks.0.hook_resid_pre", "--tokens", "1024", "--k", "4"]
    assert run(*command) == 2
    assert "expected one named 'text'. Name it: -p text=COLUMN" in capsys.readouterr().err
    assert run(*command, "--text-column", "body") == 0
    assert (out / "blocks.0.hook_resid_pre" / "cfg.json").is_file()


def test_several_corpora_give_a_card_of_held_out_quality_and_nothing_is_done_twice(
    capsys: Capture, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text("\n".join(["text", *(f"Then {n} lost the red ball." for n in range(250))]))
    (tmp_path / "b.txt").write_text("\n\n".join(f"Ben saw {n} dogs in the old house." for n in range(250)))
    out = tmp_path / "saes"
    command = ["sae", "train", "--model", "organism", "--out", str(out), "--d-sae", "64", "--k", "4"]
    command += ["--corpus", str(tmp_path / "a.csv"), "--corpus", str(tmp_path / "b.txt"), "--layers", "every:4"]
    command += ["--tokens", "1024", "--budget-disk", "50MB", "--budget-memory", "1MB"]
    assert run(*command) == 0
    card = json.loads((out / "quality.json").read_text())
    points = ["blocks.0.hook_resid_pre", "blocks.3.hook_resid_post", "blocks.7.hook_resid_post"]
    assert [row["hook_point"] for row in card["quality"]] == points
    assert {"fvu", "l0", "dead", "loss_recovered"} < set(card["quality"][0])
    assert card["held_out_texts"] == 50
    assert card["recipe"]["pool"] == 400_000
    assert all(len(value) == 32 for value in card["hashes"].values())
    readme = (out / "README.md").read_text()
    assert "| blocks.3.hook_resid_post | " in readme
    assert f"trained on: {tmp_path / 'a.csv'}, {tmp_path / 'b.txt'}" in readme
    assert sorted(path.name for path in out.iterdir()) == sorted([*points, "README.md", "quality.json"])
    assert all(path.stat().st_mode & 0o044 == 0o044 for path in out.rglob("*") if path.is_file())
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    capsys.readouterr()
    assert run(*command) == 0
    assert capsys.readouterr().err.count("is there already") == 3
    assert before == {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--budget-disk", "much"], "--budget-disk 'much': expected a number of bytes, such as 20GB"),
        (["--budget-memory", "0"], "--budget-memory '0': expected a number of bytes"),
        (["--budget-disk", "1kB", "--tokens", "1024"], "budget"),
        (["--layers", "every:0"], "layers 'every:0': are no layers of organism"),
        (["--corpus", "missing.txt"], "corpus 'missing.txt': there is no such file"),
        (["--corpus", "hub:owner/data"], "expected a file such as hub:owner/dataset/texts.jsonl"),
        (["--text-column", "body"], "names a column, but no corpus is a table of yours"),
    ],
)
def test_what_is_asked_wrongly_leaves_nothing(
    options: list[str], message: str, capsys: Capture, tmp_path: Path
) -> None:
    command = ["sae", "train", "--model", "organism", "--corpus", "organism", "--out", str(tmp_path / "saes")]
    assert run(*command, *options) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.rglob("*.safetensors"))


CHECK = ["--model", "organism", "--corpus", "organism"]


def test_saes_are_checked_without_a_run(capsys: Capture, tmp_path: Path) -> None:
    shipped = lookup.shipped(lookup.sae("organism").path)
    for point in ("blocks.1.hook_resid_post", "blocks.3.hook_resid_post"):
        shutil.copytree(shipped / point, tmp_path / point)
    assert run("sae", "check", str(tmp_path), *CHECK) == 0
    told = capsys.readouterr()
    assert told.err == "" and [line.split()[-1] for line in told.out.splitlines()] == ["verdict", "fits", "fits"]
    config = tmp_path / "blocks.3.hook_resid_post" / "cfg.json"
    config.write_text(config.read_text().replace("blocks.3.", "blocks.4."))
    assert run("sae", "check", str(tmp_path), *CHECK, "--format", "json") == 1
    told = capsys.readouterr()
    first, second = json.loads(told.out)
    assert (first["verdict"], first["published_explained"], first["max_l0"]) == ("fits", None, 32)
    assert second["hook_point"] == "blocks.4.hook_resid_post"
    assert "Likely cause: a wrong site; at blocks.3.hook_resid_post it would leave 0.0" in second["verdict"]
    assert f"{tmp_path}: 1 of 2 SAEs do not fit organism on these texts:\nblocks.4.hook_resid_post: lea" in told.err


def test_a_frozen_control_has_the_limit_of_a_control(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    from emomech.saes import compatibility

    limits: list[float] = []
    monkeypatch.setattr(compatibility, "examine", lambda lm, saes, texts, limit: limits.append(limit) or [])
    shipped = lookup.shipped(lookup.sae("organism").path)
    for folder in (shipped, shipped.with_name("saes-frozen"), shipped.with_name("saes-soft-frozen")):
        assert run("sae", "check", str(folder), *CHECK) == 0
    assert limits == [compatibility.MAX_FVU, compatibility.MAX_FVU_FROZEN, compatibility.MAX_FVU]


def test_saes_that_cannot_be_checked_are_named(capsys: Capture, tmp_path: Path) -> None:
    saelens_sae().save_model(tmp_path / "narrow")
    for saes, message in (
        (str(tmp_path / "narrow"), "reads 12 numbers, but the residual stream of organism has 128"),
        (str(tmp_path / "none"), "there is nothing at"),
        ("gpt3", "unknown preset in saes 'gpt3'"),
    ):
        assert run("sae", "check", saes, *CHECK) == 2
        assert message in capsys.readouterr().err


def test_numbers_are_read_from_a_list_with_commas() -> None:
    assert train._numbers("--k", "16, 32") == [16, 32]


@pytest.mark.parametrize("text", ["", "16,x", "0", "-1", "1.5", "9999999999"])
def test_a_list_that_holds_no_numbers_above_zero_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"--k .*: expected whole numbers from 1 to 2147483647 separated"):
        train._numbers("--k", text)


@pytest.mark.parametrize("command", [("sae", "train", "--out", "x"), ("sae", "sweep"), ("organism", "evaluate")])
@pytest.mark.parametrize("number", ["-1", "2147483648", "99999999999999999999999", "nan", ""])
def test_numbers_that_nothing_takes_are_refused_by_the_option(
    command: tuple[str, ...], number: str, capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    study = ("--model", "organism", "--corpus", "organism") if command[0] == "sae" else ()
    options = ["--seed", *(["--tokens"] if study else []), *(["--d-sae", "--k"] if "--out" in command else [])]
    for option in options:
        assert run(*command, *study, option, number) == 2
        assert option in capsys.readouterr().err
