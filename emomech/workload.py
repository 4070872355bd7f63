"""How much a notebook asks of a model and its SAEs: counted once on an embedded model, and from there an estimate.

`workload.json` holds what `counting` found while each notebook of the study ran in the book's quick profile on the
embedded model: tokens that were read by the model, multiplications of the SAEs, and the seconds of one core for all the
rest. It was counted when that profile had more texts and every edit was a whole pass, and so is more than is done. How
the tokens grow with depth is the difference from an embedded model of 5 blocks; of the pages on depth, concentration
and sharing it was not counted, and is taken to be in proportion to the blocks.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

FILE = Path(__file__).with_name("workload.json")


@dataclass
class Work:
    """What was asked for while it was counted."""

    tokens: int = 0
    """Tokens that a model read, padding included; a backward pass counts as two more readings."""
    products: int = 0
    """Multiplications of SAEs: numbers of an activation, times features, times activations encoded or decoded."""
    points: int = 0
    """Different SAEs that were used."""
    seconds: float = 0.0
    """Processor time of all that was neither model nor SAE."""
    tokens_per_block: float = 0.0
    """By how many the tokens grow with every block: what is done at each depth is done more often in a deeper model."""


@contextmanager
def counting(model: type | None = None) -> Iterator[Work]:
    """Count what is asked of SAEs, and of the models of a class, that of the embedded ones by default."""
    import torch
    from transformers import GPT2LMHeadModel

    from emomech.saes import Sae

    kind: Any = model or GPT2LMHeadModel
    work, seen, inside, last = Work(), set(), [0.0], [0]
    began = time.process_time()

    def read(forward: Callable[..., Any]) -> Callable[..., Any]:
        def counted(module: Any, *args: Any, **kwargs: Any) -> Any:
            ids = kwargs["input_ids"] if "input_ids" in kwargs else args[0]
            last[0] = ids.numel()
            work.tokens += ids.numel()
            return _timed(inside, lambda: forward(module, *args, **kwargs))

        return counted

    def graded(grad: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **kwargs: Any) -> Any:
            work.tokens += 2 * last[0]
            return _timed(inside, lambda: grad(*args, **kwargs))

        return counted

    def multiplied(method: Callable[..., Any]) -> Callable[..., Any]:
        def counted(sae: Sae, x: Any, *args: Any) -> Any:
            seen.add(sae.point)
            work.products += x.numel() // x.shape[-1] * sae.d_in * sae.d_sae
            return _timed(inside, lambda: method(sae, x, *args))

        return counted

    with ExitStack() as stack:
        stack.enter_context(patch.object(kind, "forward", read(kind.forward)))
        stack.enter_context(patch.object(torch.autograd, "grad", graded(torch.autograd.grad)))
        for name in ("before", "decode"):
            stack.enter_context(patch.object(Sae, name, multiplied(getattr(Sae, name))))
        yield work
    work.points = len(seen)
    work.seconds = round(time.process_time() - began - inside[0], 1)


def _timed(inside: list[float], call: Callable[[], Any]) -> Any:
    """Call, and add the processor time; what is called within is a part of it and not added again."""
    before, began = inside[0], time.process_time()
    try:
        return call()
    finally:
        inside[0] = before + time.process_time() - began


@cache
def counted() -> Mapping[str, Work]:
    """Read what was counted, by notebook."""
    return {name: Work(**work) for name, work in json.loads(FILE.read_text(encoding="utf-8")).items()}
