"""SAEs trained for a small model: they load, they fit the model, and existing ones are skipped."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import tiny
import torch

from emomech.core.errors import UsageError
from emomech.core.hook_points import HookPoint
from emomech.models.activations import collect
from emomech.models.language_model import LanguageModel, randomised
from emomech.saes import training as sae_training
from emomech.saes.collection import load_saes
from emomech.saes.files import scan
from emomech.saes.quality import qualities
from emomech.saes.saelens import from_saelens
from emomech.saes.training import SaeRecipe, default_points, fit, named_points, pools, train_saes

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


def test_there_is_one_point_before_and_after_every_block(lm: LanguageModel) -> None:
    points = default_points(lm)
    assert [point.resid_index() for point in points] == list(range(lm.n_layers + 1))


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
    monkeypatch.setattr(sae_training, "collect", lambda *_: pytest.fail("activations were read"))
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


def test_an_interrupted_training_leaves_nothing(
    lm: LanguageModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sae_lens import TopKTrainingSAE

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(TopKTrainingSAE, "save_inference_model", interrupted)
    recipe = SaeRecipe(d_sae=64, k=8, n_tokens=512, batch=256)
    with pytest.raises(KeyboardInterrupt):
        train_saes(lm, TEXTS, default_points(lm)[:1], recipe, out=tmp_path)
    assert not list(tmp_path.iterdir())


def test_activations_are_read_in_as_few_passes_as_memory_allows(
    lm: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes: list[int] = []

    def counted(lm: LanguageModel, points: Sequence[HookPoint], *rest):
        passes.append(len(points))
        return collect(lm, points, *rest)

    monkeypatch.setattr(sae_training, "collect", counted)
    points = default_points(lm)
    at_once = dict(pools(lm, TEXTS, points, RECIPE))
    n = len(at_once[points[0]])
    monkeypatch.setattr(sae_training, "HELD_BYTES", 3 * n * lm.d_model * 4)
    by_three = dict(pools(lm, TEXTS, points, RECIPE))
    monkeypatch.setattr(sae_training, "HELD_BYTES", 1)
    by_one = dict(pools(lm, TEXTS, points, RECIPE))
    assert passes == [4, 3, 1, 1, 1, 1, 1]
    for point in points:
        assert at_once[point].shape == (n, lm.d_model)
        assert at_once[point].equal(by_three[point])
        assert at_once[point].equal(by_one[point])


def test_a_pool_holds_no_more_than_it_may(lm: LanguageModel) -> None:
    ((_, activations),) = pools(lm, TEXTS, default_points(lm)[:1], replace(RECIPE, pool=500))
    assert 400 < len(activations) <= 500


@pytest.mark.parametrize(("dead_window", "acts"), [(5, True), (1000, False)])
def test_features_that_stopped_firing_learn_again(
    lm: LanguageModel, monkeypatch: pytest.MonkeyPatch, dead_window: int, acts: bool
) -> None:
    """The loss for dead features takes effect in a short training if the window is shorter still."""
    from sae_lens import TopKTrainingSAE

    losses: list[float] = []
    measure = TopKTrainingSAE.calculate_topk_aux_loss

    def noted(self: TopKTrainingSAE, **arguments: torch.Tensor) -> torch.Tensor:
        losses.append(float(loss := measure(self, **arguments)))  # pyright: ignore[reportArgumentType]
        return loss

    monkeypatch.setattr(TopKTrainingSAE, "calculate_topk_aux_loss", noted)
    activations = torch.randn(2000, 3, generator=torch.Generator().manual_seed(0)) @ torch.eye(3, lm.d_model)
    fit(lm, activations, HookPoint(0), SaeRecipe(d_sae=64, k=1, n_tokens=5_000, batch=256, dead_window=dead_window))
    assert len(losses) == 5_000 // 256
    assert (max(losses) > 0) == acts


def test_training_begins_at_the_mean_activation(lm: LanguageModel) -> None:
    """After one step, the decoder's bias already explains a constant far from the origin."""
    activations = torch.randn(2000, lm.d_model, generator=torch.Generator().manual_seed(0)) + 50
    sae = from_saelens(fit(lm, activations, HookPoint(0), SaeRecipe(d_sae=8, k=1, n_tokens=256, batch=256)))
    assert (sae.b_dec - activations.mean(0)).abs().max() < 1


def test_points_are_read_by_name_in_order_of_depth(lm: LanguageModel) -> None:
    points = [HookPoint(0, "resid_pre"), HookPoint(1)]
    assert named_points(lm, ["blocks.1.hook_resid_post", "blocks.0.hook_resid_pre"]) == points


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["blocks.3.hook_resid_post"], r"'blocks.3.hook_resid_post'. Did you mean .*Known: .*blocks.2.hook_resid_post"),
        (["middle"], "unknown hook point of tiny gpt2 'middle'.*blocks.0.hook_resid_pre"),
        (["blocks.1.hook_resid_post"] * 2, "blocks.1.hook_resid_post: is named twice"),
        ([], "none is named, expected some of blocks.0.hook_resid_pre, "),
    ],
)
def test_points_that_are_not_there_are_named(lm: LanguageModel, names: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        named_points(lm, names)
