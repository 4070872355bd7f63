"""Workloads: features fire as often as in public SAEs, and a part of a workload is its beginning."""

import torch

from emomech.bench import workloads
from emomech.core.hook_points import HookPoint


def test_features_fire_as_often_as_in_public_saes(workload: workloads.Workload) -> None:
    point = HookPoint(1)
    x = workload.questions.activations([point])[point]
    l0 = (workload.saes[point].encode(x) > 0).sum(1).float().mean()
    assert 0.5 * workloads.L0 < l0 < 2 * workloads.L0


def test_fewer_texts_and_layers_are_the_first(workload: workloads.Workload) -> None:
    part = workload.first(2, 1)
    assert (len(part.questions), part.lm.n_layers, list(part.saes)) == (2, 1, [HookPoint(0)])
    whole = workload.questions.activations([HookPoint(0)], "answer")[HookPoint(0)][:2]
    torch.testing.assert_close(part.questions.activations([HookPoint(0)], "answer")[HookPoint(0)], whole)
    assert workload.lm.n_layers == 2 and workload.lm.module.config.n_layer == 2
