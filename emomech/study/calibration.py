"""Measure the costs of single operations on one core: `python -m emomech.study.calibration > emomech/study/costs.toml`.

Each cost comes from an operation of this package, at one or two sizes, as the least processor time of several turns. It
takes about half a minute. The rate of matrix products is measured between the turns, because other programs slow
everything down alike.
"""

import sys
import time
from collections.abc import Callable
from itertools import islice
from statistics import median
from typing import Any

import numpy as np

ROWS, LENGTH = 24, 40
"""Texts of a batch, and tokens of each."""
TURNS, ROUNDS = 7, 5
"""Turns of which the least time counts, and rounds of which the median does."""
NARROW, WIDE = 128, 512
"""Widths of the blocks and SAEs that are measured."""


def least(run: Callable[[], object], repeats: int = 1) -> float:
    """Least processor time of one call, over several turns of so many calls."""
    taken = []
    run()
    for _ in range(TURNS):
        began = time.process_time()
        for _ in range(repeats):
            run()
        taken.append((time.process_time() - began) / repeats)
    return min(taken)


def measured(rounds: int = ROUNDS) -> dict[str, float]:
    """Measure every cost in some rounds, and take the median of each; in the order of `costs.Costs`."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    found = [_round(number) for number in range(rounds)]
    return {name: median(costs[name] for costs in found) for name in found[0]}


def _round(number: int) -> dict[str, float]:
    from emomech.core.machine import core_rate

    rate = core_rate()
    return {"rate": rate, **_of_blocks(rate), **_of_saes(core_rate()), **_of_statistics(number)}


def _model(width: int) -> Any:
    from transformers import GPT2Config, GPT2LMHeadModel

    sizes = {"n_layer": 1, "n_head": width // 32, "n_embd": width, "n_positions": 128, "vocab_size": 1000}
    kind = {"activation_function": "gelu", "bos_token_id": 0, "eos_token_id": 0, "attn_implementation": "sdpa"}
    return GPT2LMHeadModel(GPT2Config(**sizes, **kind)).eval().requires_grad_(False)


def _of_blocks(rate: float) -> dict[str, float]:
    """Solve two widths for the share of the rate and the cost of an element; one token costs a call."""
    (narrow, call, backward, backward_call), (wide, *_) = _block(NARROW), _block(WIDE)
    products = {width: 2 * 12 * width**2 for width in (NARROW, WIDE)}
    determinant = products[NARROW] * WIDE - products[WIDE] * NARROW
    per_product = (narrow * WIDE - wide * NARROW) / determinant
    efficiency = 1 / (per_product * rate)
    return {
        "efficiency": efficiency,
        "element": max(0.0, (narrow - products[NARROW] * per_product) / NARROW),
        "block_call": call,
        "backward": backward,
        "backward_call": backward_call,
        "batch": _batch(call),
        "logit": _logits(rate * efficiency),
    }


def _block(width: int) -> tuple[float, float, float, float]:
    """Seconds of a token, of a call, of a token backward in units of one forward, and of a call backward."""
    import torch

    block = _model(width).transformer.h[0]
    many, one = torch.randn(ROWS, LENGTH, width), torch.randn(1, 1, width)
    with torch.inference_mode():
        call = least(lambda: block(one), 50)
        token = (least(lambda: block(many), 3) - call) / (ROWS * LENGTH)
    backward_call = _gradient(block, one, 20)
    backward = (_gradient(block, many, 2) - backward_call) / (ROWS * LENGTH) / token
    return token, call, backward, backward_call


def _gradient(block: Any, x: Any, repeats: int) -> float:
    import torch

    def run() -> None:
        torch.autograd.grad(output.sum(), leaf, retain_graph=True)

    leaf = x.clone().requires_grad_()
    output = block(leaf)
    output = output[0] if isinstance(output, tuple) else output
    return least(run, repeats)


def _batch(block_call: float) -> float:
    """Make a batch of many texts, and give the embedded model one short text, without the calls of its blocks."""
    import torch

    from emomech.models.tokens import batches, tokenize
    from emomech.study.spec import StudySpec
    from emomech.study.study import Study

    study = Study(StudySpec(limit=ROWS))
    texts, (short,) = tokenize(study.lm, study.prompts), batches(tokenize(study.lm, ["Ana"]), pad_id=study.lm.pad_id)
    making = least(lambda: list(batches(texts, pad_id=study.lm.pad_id)), 5)
    with torch.inference_mode():
        passing = least(lambda: study.lm.module(**short.forward_kwargs(), logits_to_keep=1), 10)
    return making + max(0.0, passing - study.lm.n_layers * block_call)


def _logits(rate: float) -> float:
    import torch

    width, vocabulary, n = 128, 4000, 500
    x, weight = torch.randn(n, width), torch.randn(vocabulary, width)
    taken = least(lambda: torch.nn.functional.linear(x, weight).log_softmax(-1))
    return max(0.0, taken / n / vocabulary - 2 * width / rate)


def _of_saes(rate: float) -> dict[str, float]:
    """Solve two sizes for the share of the rate and the selection of features; one activation costs a call."""
    import torch

    sizes = {NARROW: 4 * NARROW, WIDE: 4 * WIDE}
    (encode, decode, call), (encode_wide, decode_wide, _) = (_sae(width, n) for width, n in sizes.items())
    products = [2 * width * features for width, features in sizes.items()]
    efficiency = sum(products) / (decode + decode_wide) / rate
    taken = zip((encode, encode_wide), products, sizes.values(), strict=True)
    selected = [(one - product / rate / efficiency) / features for one, product, features in taken]
    index = torch.randint(0, 512, (ROWS * LENGTH * 16,))
    rows, slopes = torch.randn(512, NARROW), torch.randn(512, NARROW)
    gathered = least(lambda: torch.linalg.vecdot(rows.index_select(0, index), slopes.index_select(0, index)))
    return {
        "sae_efficiency": efficiency,
        "selected": max(0.0, sum(selected) / len(selected)),
        "sae_call": call,
        "gathered": gathered / len(index) / NARROW,
    }


def _sae(width: int, features: int) -> tuple[float, float, float]:
    """Seconds in which an SAE encodes and decodes one of many activations, and of an edit of one alone."""
    import torch

    from emomech.core.hook_points import HookPoint
    from emomech.saes.controls import random_sae
    from emomech.saes.edits import MoveFeatures

    x = torch.randn(ROWS * LENGTH, width)
    sae = random_sae(HookPoint(0), x, features, 16, 0)
    found = sae.encode(x)
    edit, one = MoveFeatures(sae, [0], mask=torch.ones(1, 1, dtype=torch.bool)), x[None, :1]
    encode, decode = least(lambda: sae.encode(x)), least(lambda: sae.decode(found, x))
    return encode / len(x), decode / len(x), least(lambda: edit(one), 50)


def _of_statistics(number: int) -> dict[str, float]:
    import scipy.sparse as sp
    import torch
    from sklearn.linear_model import LogisticRegression

    from emomech.data.grammar.tasks import TASKS
    from emomech.models.language_model import randomised
    from emomech.models.tokens import tokenize
    from emomech.stats.ranks import Ranks
    from emomech.stats.tables import DEPTH, Schema, frame
    from emomech.study.spec import StudySpec
    from emomech.study.study import Study

    rng = np.random.default_rng(0)
    n, features, labels = 300, 512, 7
    dense = rng.random((n, features)) * (rng.random((n, features)) < 16 / features)
    sparse, gold = sp.csr_array(dense), rng.integers(0, labels, n)
    ranks, factors = Ranks.of(sparse), rng.random((n, 64 * labels)).astype(np.float32)
    above = ranks.above.astype(np.float32)
    x, half = rng.normal(size=(n, 128)), np.arange(0, n, 2)
    probe = LogisticRegression(C=0.1, max_iter=500)
    study, began = Study(StudySpec(limit=64)), time.process_time()
    n_drawn = len(tuple(islice(TASKS["vignettes"](1000 + number), 200)))  # a stream that no study has drawn yet
    prepared = (time.process_time() - began) / n_drawn
    lm, prompts = study.lm, study.prompts
    schema = Schema(keys={"place": "where", "depth": DEPTH}, values={"value": "what", "n": "how many"})
    rows = [{"place": str(i), "depth": i / 300, "value": 0.5, "n": 3} for i in range(300)]
    matrix = torch.randn(128, 512)
    return {
        "copied": least(lambda: randomised(lm, 0)) / sum(weight.numel() for weight in lm.module.parameters()),
        "prepared": prepared,
        "tokenized": least(lambda: tokenize(lm, prompts)) / len(prompts),
        "ranked": least(lambda: Ranks.of(sparse)) / sparse.nnz,
        "weighed": least(lambda: above @ factors) / sparse.nnz / factors.shape[1],
        "fitted": least(lambda: probe.fit(x, gold)) / x.size / labels,
        "decomposed": least(lambda: torch.linalg.svd(matrix, full_matrices=False)) / (128 * 128 * 512),
        "step": least(lambda: above[:, half], 20),
        "row": least(lambda: frame(schema, rows)) / len(rows),
    }


def written(costs: dict[str, float]) -> str:
    """Write the costs as TOML."""
    about = "# Seconds of one core for single operations; see costs.py. Written by: python -m emomech.study.calibration"
    return "\n".join([about, *(f"{name} = {cost:.4g}" for name, cost in costs.items())]) + "\n"


if __name__ == "__main__":
    sys.stdout.write(written(measured()))
