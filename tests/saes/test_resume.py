"""SAEs that are there already are kept if they are those that are asked for; all else in their place is refused."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from random_saes import D_IN, D_SAE, POINT, saelens_sae

from emomech.core.errors import UsageError
from emomech.core.hook_points import HookPoint
from emomech.saes.config_fields import INPUTS, RECIPE
from emomech.saes.files import CONFIG, WEIGHTS
from emomech.saes.resume import missing

INPUT = {"model": "0" * 32, "texts": "1" * 32}
ASKED = {"d_in": D_IN, "d_sae": D_SAE, "k": None, "seed": 3, "control": "", "trained on": "tiny", **INPUT}


def saved(out: Path, **metadata: object) -> Path:
    """Save an SAE with a record in its metadata."""
    folder = out / str(POINT)
    saelens_sae().save_model(folder)
    content = json.loads((folder / CONFIG).read_text())
    content["metadata"] |= metadata
    (folder / CONFIG).write_text(json.dumps(content))
    return folder


def test_only_what_is_missing_is_trained(tmp_path: Path) -> None:
    saved(tmp_path, **{RECIPE: {"seed": 3}, INPUTS: INPUT})
    said: list[str] = []
    assert missing(tmp_path, [HookPoint(0), POINT], ASKED, said.append) == [HookPoint(0)]
    assert said == [f"{POINT}: is there already"]
    assert missing(tmp_path / "new", [POINT], ASKED) == [POINT]


def test_what_is_not_recorded_cannot_differ_and_is_told(tmp_path: Path) -> None:
    saved(tmp_path)
    said: list[str] = []
    assert missing(tmp_path, [POINT], ASKED | {"seed": 9}, said.append) == []
    assert said == [f"{POINT}: is there already; its texts are not recorded, so they may be others"]


@pytest.mark.parametrize(
    ("recorded", "asked", "message"),
    [
        ({}, {"d_sae": 64, "k": 4}, f"d_sae {D_SAE}, k none, but asked for is d_sae 64, k 4"),
        ({}, {"d_in": 16}, "d_in 12, but asked for is d_in 16"),
        ({}, {"trained on": "other"}, "trained on tiny, but asked for is trained on other"),
        ({RECIPE: {"seed": 0}}, {}, "seed 0, but asked for is seed 3"),
        ({RECIPE: {"control": "frozen"}}, {}, "control frozen, but asked for is control none"),
        ({}, {"control": "frozen"}, "control none, but asked for is control frozen"),
        ({RECIPE: {"d_sae": 7}}, {"d_sae": 7}, f"d_sae {D_SAE}, but asked for is d_sae 7"),
        (
            {INPUTS: INPUT | {"texts": "2" * 32}},
            {},
            r"texts \(hash 22222222\), but asked for is texts \(hash 11111111\)",
        ),
        (
            {INPUTS: INPUT | {"model": "2" * 32}},
            {},
            r"model \(hash 22222222\), but asked for is model \(hash 00000000\)",
        ),
    ],
)
def test_another_training_is_named_with_what_it_has(recorded: dict, asked: dict, message: str, tmp_path: Path) -> None:
    folder = saved(tmp_path, **recorded)
    with pytest.raises(UsageError, match=f"^{folder}: holds an SAE with {message}.*delete this one to train it again"):
        missing(tmp_path, [HookPoint(0), POINT], ASKED | asked)


def test_an_sae_of_another_hook_point_is_named(tmp_path: Path) -> None:
    saved(tmp_path).rename(tmp_path / "blocks.0.hook_resid_post")
    with pytest.raises(UsageError, match="hook point blocks.1.hook_resid_post, but asked for is hook point blocks.0"):
        missing(tmp_path, [HookPoint(0)], ASKED)


def test_a_model_that_was_renamed_is_the_same(tmp_path: Path) -> None:
    saved(tmp_path, **{INPUTS: INPUT})
    assert missing(tmp_path, [POINT], ASKED | {"trained on": "another name"}) == []


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty": (lambda folder: [file.unlink() for file in folder.iterdir()], "cfg.json: cannot be read: No such file"),
    "no weights": (lambda folder: (folder / WEIGHTS).unlink(), "safetensors: is missing"),
    "cut short": (lambda folder: (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:-9]), "is damaged"),
    "no object": (lambda folder: (folder / CONFIG).write_text("{"), "is not a JSON object"),
    "a link": (lambda folder: (folder.rename(folder.with_name("x")), folder.symlink_to("y")), "cannot be read"),
    "a file": (
        lambda folder: (folder.rename(folder.with_name("x")), folder.touch()),
        "cannot be read: Not a directory",
    ),
}


@pytest.mark.parametrize(("damage", "message"), BROKEN.values(), ids=BROKEN)
def test_a_folder_without_an_sae_is_not_taken_for_one(damage, message: str, tmp_path: Path) -> None:
    folder = saved(tmp_path)
    damage(folder)
    with pytest.raises(UsageError, match=f"^{folder}: holds no SAE that can be read .*{message}.*or delete this one"):
        missing(tmp_path, [POINT], ASKED)
