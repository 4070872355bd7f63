"""The training of the embedded model: what a batch holds, and that an interruption changes nothing."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from emomech.errors import UsageError
from emomech.organism.curriculum import OTHER_WEIGHT
from emomech.organism.training import Recipe, Training

TINY = Recipe(d_model=16, n_layers=2, n_heads=2, batch=4, binding=2, appraisal=2, grammar=4)


@pytest.fixture(autouse=True)
def small_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    from emomech.organism import network

    whole = network.lessons
    monkeypatch.setattr(network, "lessons", lambda phase, seed, n: whole(phase, seed, 300))


def quiet(text: str) -> None: ...


def test_a_batch_weighs_answers_more() -> None:
    training = Training(TINY, 0)
    input_ids, attention_mask, weight = training.batch("binding", 0)
    answers = {word for word in training.tokenizer.convert_ids_to_tokens(input_ids[weight == 1].tolist())}
    assert answers <= {f"Ġ{word}" for word in ("joy", "sadness", "anger", "fear", "disgust", "surprise", "calm")}
    others = weight[(attention_mask == 1) & (weight < 1)]
    assert torch.allclose(others, torch.full_like(others, OTHER_WEIGHT["binding"]))
    assert not weight[attention_mask == 0].any()


def test_batches_of_a_window_are_different_texts() -> None:
    training = Training(TINY, 0)
    seen = [tuple(row) for step in range(8) for row in training.batch("grammar", step)[0].tolist()]
    assert len(set(seen)) > 30


def test_the_rate_rises_and_falls() -> None:
    rate = Recipe(binding=100, appraisal=100, grammar=100).rate
    assert rate(0) < rate(25) < rate(60) == rate(199) == pytest.approx(1e-3)
    assert rate(210) > rate(299) == pytest.approx(1e-4, rel=0.02)


def test_an_interrupted_training_ends_as_an_uninterrupted_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emomech.organism.training._SAVE_EVERY", 3)
    whole = Training(TINY, 0)
    whole.run(tmp_path / "whole.pt", quiet)
    broken = Training(TINY, 0)
    step = broken.step
    monkeypatch.setattr(broken, "step", lambda phase, i: 1 / 0 if broken.done == 5 else step(phase, i))
    with pytest.raises(ZeroDivisionError):
        broken.run(tmp_path / "broken.pt", quiet)
    resumed = Training(TINY, 0)
    resumed.run(tmp_path / "broken.pt", quiet)
    for name, weight in whole.network.state_dict().items():
        assert torch.equal(weight, resumed.network.state_dict()[name]), name


def test_a_checkpoint_of_another_recipe_is_refused(tmp_path: Path) -> None:
    Training(TINY, 0).run(tmp_path / "checkpoint.pt", quiet)
    with pytest.raises(UsageError, match="was begun with grammar 4"):
        Training(replace(TINY, grammar=5), 0).run(tmp_path / "checkpoint.pt", quiet)
