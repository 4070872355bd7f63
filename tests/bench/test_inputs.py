"""Cases: what an implementation reads is what was written."""

from pathlib import Path

import numpy as np
import torch

from emomech.bench import inputs, workloads
from emomech.bench.inputs import decode, encode
from emomech.core.hook_points import HookPoint


def test_a_case_is_read_as_it_was_written(workload: workloads.Workload, case: Path) -> None:
    read, loaded = inputs.read(case), workloads.load(case)
    np.testing.assert_array_equal(loaded.questions.logits(), workload.questions.logits())
    assert read.points == [str(point) for point in workload.saes]
    point = HookPoint(1)
    x, sae = torch.randn(5, 64), read.saes[str(point)]
    torch.testing.assert_close(encode(sae, x), workload.saes[point].encode(x))
    torch.testing.assert_close(decode(sae, encode(sae, x)), workload.saes[point].decode(encode(sae, x), x))
    assert sum(file.stat().st_size for file in case.glob("case.safetensors")) < 4 * 2**20, "shared weights stand once"


def test_the_plain_loop_of_batches_gives_the_logits_of_the_questions(workload: workloads.Workload, case: Path) -> None:
    read = inputs.read(case)
    logits = [read.labels(read.module(**batch.kwargs()).logits, batch.rows) for batch in read.batches]
    np.testing.assert_allclose(read.by_text([logits])[0], workload.questions.logits(), atol=1e-4)
    assert len(read.gold) == len(workload.questions)
