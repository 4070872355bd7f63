"""SAEs trained for a small model: they load, they fit the model, and existing ones are skipped."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import tiny
import torch

from emomech.core.errors import UsageError
from emomech.core.hook_points import HookPoint
from emomech.models.language_model import LanguageModel, randomised
from emomech.models.store import Place
from emomech.saes import training as sae_training
from emomech.saes.collection import load_saes
from emomech.saes.files import scan
from emomech.saes.points import default_points
from emomech.saes.quality import qualities
from emomech.saes.recipe import SaeRecipe
from emomech.saes.saelens import from_saelens
from emomech.saes.training import UNFINISHED, fit, read_pool, train_saes

RECIPE = SaeRecipe(d_sae=64, k=8, n_tokens=60_000, batch=256)
TEXTS = [text for text in tiny.TEXTS if len(text) > 10] * 40


@pytest.fixture(scope="module")
def lm() -> LanguageModel:
    return tiny.language_model("gpt2")


@pytest.fixture(scope="module")
def folder(lm: LanguageModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("saes")
    train_saes(lm, TEXTS, default_points(lm)[:2], RECIPE, out=out)
    return out


def test_they_load_fit_and_reconstruct(lm: LanguageModel, folder: Path) -> None:
    saes = load_saes(folder)
    assert set(saes) == {HookPoint(0, "resid_pre"), HookPoint(0)}
    for sae in saes.values():
        assert (sae.d_in, sae.d_sae) == (lm.d_model, 64)
    for quality in qualities(lm, saes, TEXTS[:3]):
        assert quality.l0 <= 8
        assert quality.fvu < 0.5


def test_nothing_else_is_left_in_the_folder(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == sorted(str(file.point) for file in scan(folder, name="x"))


def test_a_point_that_is_there_is_left_alone(lm: LanguageModel, folder: Path) -> None:
    before = {file: file.stat().st_mtime_ns for file in folder.rglob("*") if file.is_file()}
    said: list[str] = []
    train_saes(lm, TEXTS, default_points(lm)[:2], RECIPE, out=folder, say=said.append)
    assert all("already" in text for text in said)
    assert before == {file: file.stat().st_mtime_ns for file in folder.rglob("*") if file.is_file()}


def test_another_recipe_is_refused_before_anything_is_computed(
    lm: LanguageModel, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sae_training.ActivationStore, "capture", lambda *_: pytest.fail("activations were read"))
    points = [HookPoint(2), *default_points(lm)[:2]]
    for change, message in (
        ({"d_sae": 32, "seed": 5}, "holds an SAE with d_sae 64, seed 0, but asked for is d_sae 32, seed 5"),
        ({"n_tokens": 70_000}, "n_tokens 60000, but asked for is n_tokens 70000"),
        ({"control": "frozen"}, "control none, but asked for is control frozen"),
    ):
        with pytest.raises(UsageError, match=rf"resid_pre: .*{message}.*--out\), or delete this one"):
            train_saes(lm, TEXTS, points, replace(RECIPE, **change), out=folder)
    with pytest.raises(UsageError, match=r"texts \(hash \w{8}\), but asked for is texts \(hash \w{8}\)"):
        train_saes(lm, TEXTS[1:], points, RECIPE, out=folder)
    with pytest.raises(UsageError, match=r"model \(hash \w{8}\), but asked for is model \(hash \w{8}\)\."):
        train_saes(randomised(lm, 1), TEXTS, points, RECIPE, out=folder)


def test_a_place_that_cannot_be_written_is_named_first(lm: LanguageModel, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a file")
    with pytest.raises(UsageError, match="the folder of the SAEs .*file: is a file, expected a folder"):
        train_saes(lm, TEXTS, out=tmp_path / "file")


def test_what_makes_no_sense_is_refused(lm: LanguageModel, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="k 65: expected 1 to d_sae"):
        train_saes(lm, TEXTS, default_points(lm), SaeRecipe(d_sae=64, k=65), out=tmp_path)
    with pytest.raises(UsageError, match="at least 1024"):
        train_saes(lm, TEXTS[:2], default_points(lm), SaeRecipe(d_sae=64, k=8), out=tmp_path)
    assert not list(tmp_path.iterdir())


def test_an_interrupted_training_leaves_no_sae(
    lm: LanguageModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sae_lens import TopKTrainingSAE

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(TopKTrainingSAE, "save_inference_model", interrupted)
    recipe = SaeRecipe(d_sae=64, k=8, n_tokens=512, batch=256)
    with pytest.raises(KeyboardInterrupt):
        train_saes(lm, TEXTS, default_points(lm)[:1], recipe, out=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [UNFINISHED]


def test_the_model_reads_the_texts_once_for_all_points(
    lm: LanguageModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a budget for one hook point, it reads them once for each, and the SAEs are the same."""
    blocks: list[int] = []
    handles = [
        block.register_forward_hook(lambda *_, number=number: blocks.append(number))
        for number, block in enumerate(lm.blocks)
    ]
    recipe, points = replace(RECIPE, n_tokens=1024), default_points(lm)[:3]
    train_saes(lm, TEXTS, points, recipe, out=tmp_path / "all")
    n = blocks.count(0)
    assert blocks.count(1) == n > 0
    assert 2 not in blocks, "the pass stops behind the deepest hook point"
    blocks.clear()
    budget = read_pool(lm, TEXTS, recipe).n * lm.d_model * 2
    train_saes(lm, TEXTS, points, recipe, out=tmp_path / "one", place=Place(disk=budget))
    assert blocks.count(0) == 2 * n, "the embedding needs no block"
    assert blocks.count(1) == n
    for handle in handles:
        handle.remove()
    for point, sae in load_saes(tmp_path / "all").items():
        assert sae.W_enc.equal(load_saes(tmp_path / "one")[point].W_enc)


def test_texts_from_a_stream_are_read_no_further_than_the_pool(lm: LanguageModel, tmp_path: Path) -> None:
    n_read = 0

    def stream() -> Iterator[str]:
        nonlocal n_read
        while True:
            n_read += 1
            yield TEXTS[n_read % len(TEXTS)]

    recipe = replace(RECIPE, n_tokens=512, pool=600)
    train_saes(lm, stream(), default_points(lm)[:1], recipe, out=tmp_path)
    assert n_read < 600
    ((_, sae),) = load_saes(tmp_path).items()
    assert sae.d_sae == RECIPE.d_sae


def test_what_made_an_sae_is_recorded_with_it(folder: Path) -> None:
    metadata = json.loads((folder / "blocks.0.hook_resid_pre" / "cfg.json").read_text())["metadata"]
    assert set(metadata["emomech_libraries"]) == {"torch", "transformers", "sae-lens"}
    assert {name: len(value) for name, value in metadata["emomech_inputs"].items()} == {"model": 32, "texts": 32}
    assert metadata["emomech_recipe"]["d_sae"] == 64


def test_an_interrupted_training_goes_on_with_the_activations_that_are_there(
    lm: LanguageModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, points = replace(RECIPE, n_tokens=1024), default_points(lm)[:2]

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sae_training, "fit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train_saes(lm, TEXTS, points, recipe, out=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [UNFINISHED]
    monkeypatch.undo()
    block = lm.blocks[0].register_forward_hook(lambda *_: pytest.fail("the model was run again"))
    train_saes(lm, TEXTS, points, recipe, out=tmp_path)
    block.remove()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(map(str, points))


def test_the_pool_holds_no_more_than_it_may(lm: LanguageModel) -> None:
    assert 400 < read_pool(lm, TEXTS, replace(RECIPE, pool=500)).n <= 500


@pytest.mark.parametrize(("dead_window", "acts"), [(5, True), (1000, False)])
def test_features_that_stopped_firing_learn_again(
    lm: LanguageModel, monkeypatch: pytest.MonkeyPatch, dead_window: int, acts: bool
) -> None:
    """The loss for dead features takes effect in a short training if the window is shorter still."""
    from emomech.saes import topk_training

    revived: list[int] = []
    reconstruct = topk_training._dead_reconstruction

    def noted(sae, encoder, x, dead: torch.Tensor, n_used: int) -> torch.Tensor:
        revived.append(len(dead))
        return reconstruct(sae, encoder, x, dead, n_used)

    monkeypatch.setattr(topk_training, "_dead_reconstruction", noted)
    activations = torch.randn(2000, 3, generator=torch.Generator().manual_seed(0)) @ torch.eye(3, lm.d_model)
    fit(lm, activations, HookPoint(0), SaeRecipe(d_sae=64, k=1, n_tokens=5_000, batch=256, dead_window=dead_window))
    assert bool(revived) == acts


def test_training_begins_at_the_mean_activation(lm: LanguageModel) -> None:
    """After one step, the decoder's bias already explains a constant far from the origin."""
    activations = torch.randn(2000, lm.d_model, generator=torch.Generator().manual_seed(0)) + 50
    sae = from_saelens(fit(lm, activations, HookPoint(0), SaeRecipe(d_sae=8, k=1, n_tokens=256, batch=256)))
    assert (sae.b_dec - activations.mean(0)).abs().max() < 1
