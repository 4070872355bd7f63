"""SAEs with a frozen or a soft-frozen decoder: the decoder stays where it has to, and all else learns."""

import json
import warnings
from dataclasses import asdict
from pathlib import Path

import pytest
import tiny
import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity

from emomech.core.errors import UsageError
from emomech.core.hook_points import HookPoint
from emomech.models.language_model import LanguageModel
from emomech.saes.collection import load_saes
from emomech.saes.compatibility import measure_fit
from emomech.saes.config_fields import RECIPE
from emomech.saes.files import CONFIG, describe
from emomech.saes.recipe import SaeRecipe
from emomech.saes.saelens import from_saelens
from emomech.saes.soft_frozen import turned_back
from emomech.saes.training import fit, train_saes

with warnings.catch_warnings(action="ignore"):
    from sae_lens import SAE, TopKTrainingSAE, TopKTrainingSAEConfig

POINT = HookPoint(0)


@pytest.fixture(scope="module")
def lm() -> LanguageModel:
    return tiny.language_model("gpt2")


@pytest.fixture(scope="module")
def activations(lm: LanguageModel) -> Tensor:
    """Sparse sums of a few directions, far from those that an SAE starts with."""
    generator = torch.Generator().manual_seed(0)
    mixed = torch.rand(4000, 24, generator=generator) * (torch.rand(4000, 24, generator=generator) < 0.1)
    return mixed @ torch.randn(24, lm.d_model, generator=generator) + 3


def recipe(control: str, n_tokens: int = 60_000) -> SaeRecipe:
    return SaeRecipe(d_sae=64, k=4, n_tokens=n_tokens, batch=256, seed=3, control=control)  # pyright: ignore


def start(lm: LanguageModel) -> Tensor:
    """The decoder that SAELens draws."""
    torch.manual_seed(3)
    return TopKTrainingSAE(TopKTrainingSAEConfig(d_in=lm.d_model, d_sae=64, k=4)).W_dec.detach()


def cosines(lm: LanguageModel, decoder: Tensor) -> Tensor:
    return cosine_similarity(decoder.detach(), start(lm), dim=-1)


def test_rows_turn_back_in_the_plane_of_their_start_and_keep_their_length() -> None:
    rows, axis = torch.randn(50, 8), torch.randn(50, 8)
    near = axis + 0.1 * rows
    turned = turned_back(rows, axis)
    assert torch.allclose(cosine_similarity(turned, axis, dim=-1).clamp(max=0.8), torch.tensor(0.8))
    assert torch.allclose(turned.norm(dim=-1), rows.norm(dim=-1))
    planes = torch.stack([rows, axis, turned], dim=1)
    assert (torch.linalg.svdvals(planes)[:, -1] < 1e-5).all()
    assert turned_back(near, axis).equal(near)
    assert cosine_similarity(turned_back(-axis, axis), axis, dim=-1).min() > 0.799


def test_a_frozen_decoder_is_its_start_until_the_normalisation_is_folded(
    lm: LanguageModel, activations: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    before: list[Tensor] = []
    fold = TopKTrainingSAE.fold_activation_norm_scaling_factor

    def noted(self: TopKTrainingSAE, factor: float) -> None:
        before.append(self.W_dec.detach().clone())
        fold(self, factor)

    monkeypatch.setattr(TopKTrainingSAE, "fold_activation_norm_scaling_factor", noted)
    trained = fit(lm, activations, POINT, recipe("frozen"))
    assert before[0].equal(start(lm))
    assert not trained.W_enc.equal(trained.W_dec.T)
    assert torch.allclose(cosines(lm, trained.W_dec), torch.tensor(1.0))


def test_a_soft_frozen_decoder_stays_near_its_start_and_others_do_not(lm: LanguageModel, activations: Tensor) -> None:
    near = cosines(lm, fit(lm, activations, POINT, recipe("soft-frozen")).W_dec)
    free = cosines(lm, fit(lm, activations, POINT, recipe("")).W_dec)
    assert near.min() > 0.7999
    assert (near < 0.81).float().mean() > 0.5
    assert free.min() < 0.5


@pytest.mark.parametrize("control", ["frozen", "soft-frozen"])
def test_they_learn_to_reconstruct(control: str, lm: LanguageModel, activations: Tensor) -> None:
    def unexplained(n_tokens: int) -> float:
        return measure_fit(from_saelens(fit(lm, activations, POINT, recipe(control, n_tokens))), activations).fvu

    assert unexplained(60_000) < 0.8 * unexplained(256)


@pytest.mark.parametrize("control", ["frozen", "soft-frozen", ""])
def test_what_was_trained_is_recorded_and_saelens_reads_it(control: str, lm: LanguageModel, tmp_path: Path) -> None:
    asked = SaeRecipe(d_sae=64, k=8, n_tokens=2560, batch=256, control=control)  # pyright: ignore
    train_saes(lm, [text for text in tiny.TEXTS if len(text) > 10] * 10, [POINT], asked, out=tmp_path)
    folder = tmp_path / str(POINT)
    assert json.loads((folder / CONFIG).read_text())["metadata"][RECIPE] == asdict(asked)
    assert describe(folder, name="x").control == control
    assert SAE.load_from_disk(folder).cfg.metadata[RECIPE]["control"] == control
    explained = load_saes(tmp_path)[POINT].expected_explained
    assert 0 < explained < 1 if control and explained else explained is None


def test_an_unknown_control_is_refused(lm: LanguageModel, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="unknown control of an SAE 'icy'. Known: frozen, soft-frozen"):
        train_saes(lm, ["a"], [POINT], recipe("icy"), out=tmp_path)
