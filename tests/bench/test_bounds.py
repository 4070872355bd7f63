"""Bounds: those of edits that change every token follow from the blocks behind the edit."""

from typing import Any

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from emomech.bench import bounds, inputs, ours, workloads
from emomech.core.hook_points import HookPoint
from emomech.models.language_model import wrap
from emomech.saes.edits import Add, Replace


@pytest.fixture(scope="module")
def deep_workload() -> workloads.Workload:
    return workloads.gpt2_shaped(3, n_layers=6, d_model=64, d_sae=512)


def test_many_edits_of_every_token_gain_as_their_depth_says(deep_workload: workloads.Workload) -> None:
    questions, x = deep_workload.questions, torch.ones(64)
    n_tokens = sum(len(text.ids) for text in questions.texts)
    content = sum(map(len, questions.positions("everywhere")))
    block, keys = 12 * 64**2, 2 * 64**2
    for layer, behind in ((0, 5), (3, 2), (4, 1)):
        edits = [{HookPoint(layer): Add(x)}] * 50
        whole = 6 * block * n_tokens
        unedited = whole + 64 * questions.label_ids.numel()
        each = ((behind - 1) * block + keys) * content + 3 * (block - keys + 64 * 6)
        expected = 50 * (whole + 3 * 64 * workloads.VOCABULARY) / (unedited + 50 * each)
        assert bounds.bound(deep_workload, edits) == pytest.approx(expected)


def test_texts_that_an_edit_does_not_change_cost_nothing(deep_workload: workloads.Workload) -> None:
    point, n = HookPoint(3), len(deep_workload.questions)
    unchanged = [{point: Add(torch.zeros(64))}] * 10
    assert bounds.bound(deep_workload, unchanged) == pytest.approx(10, rel=0.02)
    one = deep_workload.first(1)
    assert n > 1 and bounds.bound(one, [{point: Replace(torch.ones(64))}]) < 1


def test_rare_features_have_a_larger_bound_than_frequent_ones(workload: workloads.Workload) -> None:
    stats = workload.feature_stats([workload.middle])[workload.middle]
    order = stats.fires.argsort(descending=True).tolist()
    at = {"point": str(workload.middle), "targets": [0.0] * 4, "where": "everywhere"}
    often, rarely = (
        bounds.bound(workload, ours.moves_of(workload, {**at, "features": features}))
        for features in (order[:4], order[-4:])
    )
    assert rarely > often


def test_keys_and_values_of_a_family_with_few_of_them_are_counted() -> None:
    sizes: dict[str, Any] = {"num_attention_heads": 4, "num_key_value_heads": 1, "num_hidden_layers": 2}
    config = LlamaConfig(hidden_size=32, intermediate_size=48, vocab_size=64, bos_token_id=0, eos_token_id=0, **sizes)
    lm = wrap("small", LlamaForCausalLM(config), inputs.words(64), True)
    work = bounds.BlockWork.of(lm)
    assert work.keys == 2 * 32 * 8 and work.block == 2 * 32 * 32 + 2 * 32 * 8 + 3 * 32 * 48
