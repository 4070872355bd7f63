"""The comparisons on one device: the same tasks in half and in single precision, with answers that agree."""

import json

import pytest
import torch

from emomech.bench import gpu
from emomech.bench.comparisons import Sizes


def test_the_same_is_measured_on_any_device_in_half_and_in_single_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "PRODUCT_SIZE", 512)
    record = gpu.run(torch.device("cpu"), Sizes(3, 4, 2, 1, 2), {"n_layers": 2, "d_model": 144})
    assert len(record["results"]) == 12
    for number_format, close in (("bfloat16", 0.05), ("float32", 1e-5)):  # bfloat16 keeps eight bits
        lines = [line for line in record["results"] if line["subject"].endswith(number_format)]
        differences = [line["difference"] for line in lines if line["difference"] is not None]
        assert len(differences) == 4 and max(differences) < close
        assert record["machine"][f"product_gflops, {number_format}"] > 0
    json.dumps(record)
