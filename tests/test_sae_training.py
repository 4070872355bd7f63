"""SAEs trained for a small model: they load, they fit it, and what is there already is left alone."""

from pathlib import Path

import pytest
import tiny

from emomech.errors import UsageError
from emomech.gate import qualities
from emomech.models import LanguageModel
from emomech.sae_training import SaeRecipe, default_points, train_saes
from emomech.saes import check_fits, load_saes
from emomech.vocab import HookPoint

RECIPE = SaeRecipe(d_sae=64, k=8, n_tokens=60_000, batch=256)
TEXTS = [text for text in tiny.TEXTS if len(text) > 10] * 40


@pytest.fixture(scope="module")
def lm() -> LanguageModel:
    return tiny.language_model("gpt2")


@pytest.fixture(scope="module")
def folder(lm: LanguageModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("saes")
    train_saes(lm, TEXTS, default_points(lm)[:2], out, RECIPE)
    return out


def test_there_is_one_point_before_and_after_every_block(lm: LanguageModel) -> None:
    points = default_points(lm)
    assert [point.resid_index() for point in points] == list(range(lm.n_layers + 1))


def test_they_load_fit_and_reconstruct(lm: LanguageModel, folder: Path) -> None:
    saes = load_saes(folder, name="trained")
    assert set(saes) == {HookPoint(0, "resid_pre"), HookPoint(0)}
    for sae in saes.values():
        check_fits(sae, lm)
        assert (sae.d_in, sae.d_sae) == (lm.d_model, 64)
    for quality in qualities(lm, saes, TEXTS[:3]):
        assert quality.l0 <= 8
        assert quality.fvu < 0.5


def test_nothing_else_is_left_in_the_folder(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == sorted(str(p) for p in load_saes(folder, name="x"))


def test_a_point_that_is_there_is_left_alone(lm: LanguageModel, folder: Path) -> None:
    before = {file: file.stat().st_mtime_ns for file in folder.rglob("*") if file.is_file()}
    said: list[str] = []
    train_saes(lm, TEXTS, default_points(lm)[:2], folder, RECIPE, said.append)
    assert all("already" in text for text in said)
    assert before == {file: file.stat().st_mtime_ns for file in folder.rglob("*") if file.is_file()}


def test_what_makes_no_sense_is_refused(lm: LanguageModel, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="k 65: expected 1 to d_sae"):
        train_saes(lm, TEXTS, default_points(lm), tmp_path, SaeRecipe(d_sae=64, k=65))
    with pytest.raises(UsageError, match="at least 4096"):
        train_saes(lm, TEXTS[:2], default_points(lm), tmp_path, SaeRecipe(d_sae=64, k=8))
    assert not list(tmp_path.iterdir())


def test_an_interrupted_training_leaves_nothing(
    lm: LanguageModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sae_lens import TopKTrainingSAE

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(TopKTrainingSAE, "save_inference_model", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train_saes(lm, TEXTS, default_points(lm)[:1], tmp_path, SaeRecipe(d_sae=64, k=8, n_tokens=512, batch=256))
    assert not list(tmp_path.iterdir())
