"""Count what a model and its SAEs do while some code runs: tokens through blocks, forward and backward, rows of SAEs.

Counts are deterministic, so they check the calls that chapters declare. Seconds are processor time.
"""

import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import torch
from torch import nn

from emomech.causal import attribution
from emomech.saes.sae import Sae

_BLOCKS = ("GPT2Block", "LlamaDecoderLayer")


@dataclass
class Counted:
    """Sums while the context was open, and the same by place: the line of a chapter, and the function that it called."""

    total: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    by_place: dict[tuple[str, str], dict[str, float]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(float))
    )
    places: bool = False

    def add(self, **counts: float) -> None:
        for name, count in counts.items():
            self.total[name] += count
        if self.places:
            for name, count in counts.items():
                self.by_place[_place()][name] += count


def _place() -> tuple[str, str]:
    frame, chapter, function = sys._getframe(2), "", ""
    while frame is not None:
        file = frame.f_code.co_filename
        if "/emomech/chapters/" in file:
            chapter = f"{file.split('/emomech/chapters/')[1]}:{frame.f_code.co_name}:{frame.f_lineno}"
            break
        if "/emomech/" in file and any(f"/emomech/{wing}/" in file for wing in ("causal", "saes", "models", "study")):
            function = f"{frame.f_code.co_name}" if not function else f"{frame.f_code.co_name}>{function}"
        frame = frame.f_back
    return chapter, function


@contextmanager
def counted(places: bool = False) -> Iterator[Counted]:
    """Count everything that models and SAEs do inside the context."""
    counts = Counted(places=places)
    started: list[float] = []

    def before(module: nn.Module, arguments: Any) -> None:
        if type(module).__name__ in _BLOCKS:
            x = arguments[0]
            counts.add(block_calls=1, keys=x.shape[0] * x.shape[1])
            started.append(time.process_time())

    def after(module: nn.Module, arguments: Any, output: Any) -> None:
        name = type(module).__name__
        if name in _BLOCKS:
            x = arguments[0]
            tokens = x.shape[0] * x.shape[1]
            counts.add(forward=tokens, keys=-tokens, block_seconds=time.process_time() - started.pop())
            y = output[0] if isinstance(output, tuple) else output
            if y.requires_grad:
                y.register_hook(lambda g: counts.add(backward=g.shape[0] * g.shape[1], backward_calls=1))
        elif isinstance(module, nn.Linear) and module.out_features > 1000 and not started:
            x = arguments[0]
            counts.add(logits=x.numel() // x.shape[-1])

    def timed(name: str, function: Any, rows: Any) -> Any:
        depth = [0]

        def call(*arguments: Any, **named: Any) -> Any:
            depth[0] += 1
            began = time.process_time()
            try:
                return function(*arguments, **named)
            finally:
                depth[0] -= 1
                taken = time.process_time() - began
                counts.add(**({f"{name}_seconds": taken} | rows(*arguments)))

        return call

    def encoded(sae: Sae, x: torch.Tensor) -> dict[str, float]:
        rows = x.numel() // x.shape[-1]
        return {"encoded": rows, "encode_products": rows * sae.d_in * sae.d_sae, "sae_calls": 1}

    def decoded(sae: Sae, features: torch.Tensor, x: torch.Tensor) -> dict[str, float]:
        rows = features.numel() // features.shape[-1]
        return {"decoded": rows, "decode_products": rows * sae.d_in * sae.d_sae, "sae_calls": 1}

    def summed(terms: Any, group: torch.Tensor, n: int, *targets: torch.Tensor) -> Any:
        counts.add(met=n)
        return met(terms, group, n, *targets)

    grad, met = torch.autograd.grad, attribution._Terms.summed
    with ExitStack() as stack:
        for register, hook in (
            (nn.modules.module.register_module_forward_pre_hook, before),
            (nn.modules.module.register_module_forward_hook, after),
        ):
            handle = register(hook)
            stack.callback(handle.remove)
        stack.enter_context(mock.patch.object(Sae, "before", timed("encode", Sae.before, encoded)))
        stack.enter_context(mock.patch.object(Sae, "decode", timed("decode", Sae.decode, decoded)))
        stack.enter_context(mock.patch.object(attribution._Terms, "summed", summed))
        stack.enter_context(mock.patch.object(torch.autograd, "grad", timed("grad", grad, lambda *_: {})))
        yield counts
