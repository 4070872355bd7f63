"""Passes: a plain edit of features is the edit of the package."""

from pathlib import Path

import pytest
import torch

from emomech.bench import deep, inputs, passes
from emomech.causal.dictionary import Dictionary
from emomech.causal.questions import Questions, balanced
from emomech.core.hook_points import FeatureId, HookPoint


@pytest.mark.parametrize("edit", ["ablate", "keep_only", "scale"])
def test_a_plain_edit_moves_what_the_edit_of_the_package_moves(deep_case: Path, edit: str) -> None:
    from emomech.bench.analyses import _numbers

    study = deep.study(deep_case, [1])
    questions = Questions.of(study, balanced(study, "report", 3))
    dictionary, features = Dictionary.of(questions, study.saes), [FeatureId(HookPoint(1), i) for i in (3, 8)]
    edits = {
        "ablate": dictionary.ablate(features),
        "keep_only": dictionary.keep_only(features, error=False),
        "scale": dictionary.scale(features, 3.0),
    }[edit]
    change, point = edits[HookPoint(1)], str(HookPoint(1))
    tensors = {f"0.{point}.{key}": x for key, x in _numbers(change).items()}
    facts = [{"kind": "one", "rows": [], "edited": [point]}]
    plain = passes.Passes(inputs.read(deep_case), [point], facts, tensors)
    x = questions.activations([HookPoint(1)])[HookPoint(1)][None]
    mask = torch.arange(x.shape[1])[None] % 2 == 0
    moved = plain.changes(0, mask)[point](x)
    torch.testing.assert_close(moved[mask], change(x)[mask], atol=1e-4, rtol=1e-4)
    assert torch.equal(moved[~mask], x[~mask]) and not torch.equal(moved, x)
