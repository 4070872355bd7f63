"""The card of a folder of SAEs: measured on held-out texts, for people and for programs."""

import json
from pathlib import Path

import pytest
import tiny

from emomech.saes.card import CARD, write_card
from emomech.saes.collection import load_saes
from emomech.saes.points import default_points
from emomech.saes.quality import qualities
from emomech.saes.recipe import SaeRecipe
from emomech.saes.training import train_saes

TEXTS = [text for text in tiny.TEXTS if len(text) > 10]


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saes")
    lm = tiny.language_model("gpt2")
    recipe = SaeRecipe(d_sae=64, k=8, n_tokens=2_560, batch=256)
    train_saes(lm, TEXTS * 40, default_points(lm)[:2], recipe, out=folder)
    return folder


def test_a_card_holds_the_quality_and_how_the_saes_were_made(out: Path) -> None:
    lm, saes = tiny.language_model("gpt2"), load_saes(out)
    table = write_card(lm, saes, TEXTS[:3], out, ["mine", "yours"])
    assert list(table.columns) == list(CARD.columns)
    for row, quality in zip(table.to_dict("records"), qualities(lm, saes, TEXTS[:3]), strict=True):
        assert row["hook_point"] == str(quality.point)
        assert (row["fvu"], row["l0"]) == (quality.fvu, quality.l0)
        assert row["loss_recovered"] == quality.loss_recovered
    record = json.loads((out / "quality.json").read_text())
    assert record["quality"] == table.to_dict("records")
    assert (record["model"], record["corpora"], record["held_out_texts"]) == (lm.name, ["mine", "yours"], 3)
    readme = (out / "README.md").read_text()
    assert f"| {table.hook_point[1]} | {table.fvu[1]:.3f} | " in readme
    for part in ("64 features, of which 8", "trained on: mine, yours", "seed 0", "hash of the texts: ", "torch "):
        assert part in readme


def test_dead_features_are_those_at_the_end_of_the_training(out: Path) -> None:
    """On a few texts, many features do not fire although they are alive."""
    lm, saes = tiny.language_model("gpt2"), load_saes(out)
    table = write_card(lm, saes, TEXTS[:1], out, ["mine"])
    for row in table.itertuples():
        metadata = json.loads((out / str(row.hook_point) / "cfg.json").read_text())["metadata"]
        assert row.dead == metadata["num_dead_features"] / 64
    assert (table.dead < [quality.dead for quality in qualities(lm, saes, TEXTS[:1])]).all()
