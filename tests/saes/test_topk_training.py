"""Training at the cost of the features that fire: the same gradients, SAEs and files as SAELens's dense trainer."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from emomech.saes import topk_training
from emomech.saes.recipe import SaeRecipe
from emomech.saes.topk_training import Config, SAETrainer, TopKTrainingSAE, losses, train_topk

D_IN, D_SAE, K = 24, 160, 6
RECIPE = SaeRecipe(d_sae=D_SAE, k=K, n_tokens=40 * 128, batch=128, dead_window=4)


def activations(n: int = 4096, seed: int = 0) -> torch.Tensor:
    """Sums of a few of 60 directions, and noise."""
    generator = torch.Generator().manual_seed(seed)
    directions = torch.randn(60, D_IN, generator=torch.Generator().manual_seed(9))
    fires = (torch.rand(n, 60, generator=generator) < 0.08).float() * torch.rand(n, 60, generator=generator) * 3
    return fires @ directions + 0.1 * torch.randn(n, D_IN, generator=generator) + 1


def new_sae() -> TopKTrainingSAE:
    torch.manual_seed(0)
    sae = TopKTrainingSAE(Config(d_in=D_IN, d_sae=D_SAE, k=K, apply_b_dec_to_input=True))
    sae.b_enc.data = 0.1 * torch.randn(D_SAE)
    sae.b_dec.data = 0.5 * torch.randn(D_IN)
    sae.W_dec.data *= torch.rand(D_SAE, 1) + 0.5
    return sae


def dense_sae(x: torch.Tensor, recipe: SaeRecipe) -> TopKTrainingSAE:
    """Train with SAELens's own step, from the same start and on the same batches."""
    torch.manual_seed(recipe.seed)
    normalised = {"normalize_activations": "expected_average_only_in", "apply_b_dec_to_input": True}
    sae = TopKTrainingSAE(Config(d_in=D_IN, d_sae=recipe.d_sae, k=recipe.k, **normalised))
    sae.b_dec.data = topk_training._centre(x, torch.arange(len(x)))
    sae.W_dec.requires_grad_(recipe.control != "frozen")
    config = topk_training._trainer_config(recipe, torch.device("cpu"))
    with topk_training._quiet():
        return SAETrainer(
            cfg=config, sae=sae, data_provider=topk_training._shuffled(x, torch.arange(len(x)), recipe)
        ).fit()


@pytest.mark.filterwarnings("ignore:Sparse CSR")
@pytest.mark.parametrize("n_dead", [0, 5, D_IN // 2, 90])
def test_each_gradient_is_that_of_the_dense_step(n_dead: int) -> None:
    dead = torch.zeros(D_SAE, dtype=torch.bool)
    dead[torch.randperm(D_SAE, generator=torch.Generator().manual_seed(1))[:n_dead]] = True
    from sae_lens.saes.sae import TrainStepInput

    x, dense, sparse = activations(300), new_sae(), new_sae()
    expected = dense.training_forward_pass(TrainStepInput(x, {}, dead, 0, is_logging_step=False))
    expected.loss.backward()
    encoder = torch.nn.Parameter(sparse.W_enc.data.T.contiguous())
    output = losses(sparse, encoder, x, dead)
    output.loss.backward()
    assert set(output.losses) == {"mse_loss"} | ({"auxiliary_reconstruction_loss"} if n_dead else set())
    torch.testing.assert_close(output.loss, expected.loss, rtol=1e-5, atol=0)
    length = sparse.W_dec.detach().norm(dim=-1)  # SAELens multiplies a feature by it, and divides when it decodes
    torch.testing.assert_close(output.feature_acts.to_dense() * length, expected.feature_acts)
    found = {
        "W_enc": encoder.grad.T,
        "b_enc": sparse.b_enc.grad,
        "W_dec": sparse.W_dec.grad,
        "b_dec": sparse.b_dec.grad,
    }
    for name, gradient in found.items():
        wanted = getattr(dense, name).grad
        assert float((gradient - wanted).abs().max()) <= 1e-5 * float(wanted.abs().max()), name


@pytest.mark.parametrize("control", ["", "frozen"])
def test_a_whole_training_gives_the_sae_of_the_dense_trainer(control: str) -> None:
    recipe = replace(RECIPE, control=control)
    x, held_out = activations(), activations(2000, seed=5)
    sparse, dense = train_topk(x, recipe), dense_sae(x, recipe)
    for name in ("W_enc", "b_enc", "W_dec", "b_dec"):
        wanted = getattr(dense, name).detach()
        assert float((getattr(sparse, name).detach() - wanted).abs().max()) < 2e-3 * float(wanted.abs().max()), name
    assert fvu(sparse, held_out) == pytest.approx(fvu(dense, held_out), rel=0.02)
    assert sparse.cfg.metadata.num_dead_features == dense.cfg.metadata.num_dead_features
    assert sparse.cfg.metadata.l0 == pytest.approx(dense.cfg.metadata.l0, rel=0.01)
    if control:
        torch.manual_seed(recipe.seed)
        start = TopKTrainingSAE(sparse.cfg).W_dec.detach()
        assert float(torch.cosine_similarity(sparse.W_dec.detach(), start).min()) > 1 - 1e-6


def fvu(sae: TopKTrainingSAE, x: torch.Tensor) -> float:
    with torch.no_grad():
        return float((x - sae.decode(sae.encode(x))).square().sum() / (x - x.mean(0)).square().sum())


def test_activations_in_half_precision_train_almost_the_same_sae() -> None:
    x, held_out = activations(), activations(2000, seed=5)
    for format in (torch.float16, torch.bfloat16):
        assert fvu(train_topk(x.to(format), RECIPE), held_out) == pytest.approx(
            fvu(train_topk(x, RECIPE), held_out), rel=0.05
        )


def test_the_same_seed_gives_the_same_sae_and_another_seed_another() -> None:
    first, again, other = (train_topk(activations(), replace(RECIPE, seed=seed)) for seed in (0, 0, 1))
    assert torch.equal(first.W_enc, again.W_enc)
    assert not torch.allclose(first.W_enc, other.W_enc, atol=1e-2)


@pytest.mark.parametrize("control", ["", "soft-frozen"])
def test_an_interrupted_training_goes_on_to_the_same_sae(
    control: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Interrupted in the third pass over the activations, after a checkpoint some steps before."""
    recipe, x = replace(RECIPE, control=control, n_tokens=60 * 128), activations(30 * 128)
    whole = train_topk(x, recipe)
    monkeypatch.setattr(topk_training, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(topk_training.progress.Bar, "advance", interrupted_after(45 * 128))
    with pytest.raises(KeyboardInterrupt):
        train_topk(x, recipe, checkpoint=tmp_path / "state")
    monkeypatch.undo()
    advanced: list[int] = []
    monkeypatch.setattr(topk_training.progress.Bar, "advance", lambda bar, n=1: advanced.append(n))
    continued = train_topk(x, recipe, checkpoint=tmp_path / "state")
    assert advanced[0] == 44 * 128
    assert len(advanced) == 1 + 16
    for name in ("W_enc", "b_enc", "W_dec", "b_dec"):
        assert torch.equal(getattr(continued, name), getattr(whole, name)), name
    assert continued.cfg.metadata.num_dead_features == whole.cfg.metadata.num_dead_features
    assert not list(tmp_path.iterdir()), "the checkpoint is removed at the end"


def interrupted_after(n: int) -> Callable[..., None]:
    done = 0

    def advance(bar: object, more: int) -> None:
        nonlocal done
        done += more
        if done >= n:
            raise KeyboardInterrupt

    return advance


def test_weights_are_contiguous_and_the_recipe_is_recorded() -> None:
    sae = train_topk(activations(), RECIPE, metadata={"model_name": "mine"})
    assert sae.W_enc.is_contiguous()
    assert sae.cfg.metadata.model_name == "mine"
    assert sae.cfg.metadata.emomech_recipe["d_sae"] == D_SAE


def test_progress_shows_tokens_and_figures(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(topk_training.progress, "LINE_SECONDS", 0.0)
    train_topk(activations(), RECIPE, title="training blocks.3")
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1].startswith("training blocks.3: 5,120/5,120 tokens, loss ")
    for figure in ("fvu", "l0", "dead"):
        assert f", {figure} " in lines[-1]
