"""A hash stays the same for the same model and texts, and changes with anything that changes activations."""

import copy
from dataclasses import replace

import tiny
import torch

from emomech.models.identity import TextsHash, model_hash
from emomech.models.language_model import randomised

LM = tiny.language_model("llama")


def hashed(*texts: str) -> str:
    digest = TextsHash()
    for text in texts:
        digest.add(text)
    return digest.hexdigest()


def test_the_hash_of_a_model_is_that_of_its_weights_their_format_and_its_prefix() -> None:
    assert model_hash(LM) == model_hash(LM.around(copy.deepcopy(LM.module), "another name"))
    others = [
        randomised(LM, seed=1),
        replace(LM, prefix=()),
        LM.around(copy.deepcopy(LM.module).to(torch.bfloat16)),
        tiny.language_model("gpt2"),
    ]
    assert len({model_hash(other) for other in (LM, *others)}) == 1 + len(others)


def test_the_hash_of_texts_depends_on_where_each_ends() -> None:
    assert hashed("a", "b") == hashed("a", "b")
    assert len({hashed(), hashed(""), hashed("ab"), hashed("a", "b"), hashed("b", "a"), hashed("\udcff")}) == 6


def test_a_change_of_one_bias_is_another_model() -> None:
    lm = randomised(tiny.language_model("gpt2"), seed=0)
    before = model_hash(lm)
    with torch.no_grad():
        list(lm.module.parameters())[-1].add_(1e-3)
    assert model_hash(lm) != before
