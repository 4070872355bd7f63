"""The same comparisons on a GPU: all in one process, on a model of the shape of the smallest Gemma 2.

Time is until the device has finished; memory is the peak of the device, weights included. Only the plain ways are
compared with the package, not the peers.
"""

import platform
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

import torch

from emomech.bench import ours
from emomech.bench.bounds import bound
from emomech.bench.comparisons import CAPTURE, DOSES, FULL, MEMORY_FACTOR, Sizes, moves_to_mean, operations
from emomech.bench.interleaved import OURS, PLAIN, Outcome
from emomech.bench.result import Heading, Result, bounded, results_of
from emomech.bench.scaling import Growth, exponent, steps
from emomech.bench.timing import take_turns
from emomech.bench.workloads import Workload, gemma2_shaped

SIZES = Sizes(n_texts=48, n_answer=384, n_everywhere=24, n_slow=4, n_turns=5)
PRODUCT_SIZE = 4096
"""Rows and columns of the matrices whose product gives the rate of the device."""


def run(device: torch.device, sizes: Sizes = SIZES, shape: Mapping[str, int] | None = None) -> dict[str, Any]:
    """Measure everything on a device: the model in half precision, and in single precision to compare the answers.

    Returns the record as JSON values. `shape` overrides arguments of `gemma2_shaped`.
    """
    rates = {dtype: _matmul_rate(device, dtype, sizes.n_turns) for dtype in (torch.bfloat16, torch.float32)}
    results, growth = [], []
    for dtype in rates:
        bench = GpuBench(gemma2_shaped(sizes.n_texts, device, dtype, **(shape or {})), device, sizes, rates)
        results += bench.results()
        growth += bench.growth() if dtype == torch.bfloat16 else []
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine()
    machine = {"system": platform.system(), "device": name, "python": platform.python_version()}
    return {
        "quick": sizes.n_turns < FULL.n_turns and sizes is not SIZES,
        "machine": machine | {f"product_gflops, {_name(dtype)}": round(x / 1e9, 1) for dtype, x in rates.items()},
        "versions": {package: version(package) for package in ("torch", "transformers")},
        "results": [asdict(result) | {"ratio": result.ratio} for result in results],
        "growth": [asdict(line) for line in growth],
    }


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _timed(device: torch.device, call: Callable[[], object]) -> Callable[[], float]:
    """Wrap a call so that it returns the seconds until the device has finished."""

    def turn() -> float:
        _wait(device)
        start = time.perf_counter()
        call()
        _wait(device)
        return time.perf_counter() - start

    return turn


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _matmul_rate(device: torch.device, dtype: torch.dtype, n_turns: int) -> float:
    """Floating-point operations per second of a large matrix product: the practical limit of the device."""
    left, right = (torch.randn(PRODUCT_SIZE, PRODUCT_SIZE, device=device, dtype=dtype) for _ in range(2))
    turns = take_turns({"product": _timed(device, lambda: left @ right)}, n_turns)
    return 2 * PRODUCT_SIZE**3 / turns["product"].seconds


class GpuBench:
    """The comparisons of one workload on one device."""

    def __init__(
        self, workload: Workload, device: torch.device, sizes: Sizes, rates: Mapping[torch.dtype, float]
    ) -> None:
        self.workload, self.device, self.sizes, self.rates = workload, device, sizes, rates

    def results(self) -> Iterator[Result]:
        """Measure all tasks that have a plain way."""
        yield from self._whole_layers()
        yield from self._edits()

    def _whole_layers(self) -> Iterator[Result]:
        """Capture and attribution of all layers."""
        name, n = self.workload.name, sum(map(len, self.workload.questions.positions("everywhere")))
        for task, title, passes_and_products, beside in (
            ("capture on device", CAPTURE, (1, 1), "bare forward pass and products"),
            ("screen", "attribution, every feature, all layers", (2, 1), "one forward and backward pass"),
        ):
            outcomes = self._compare(task, {}, {}, (n, n))
            share = self._least(*passes_and_products) / float(outcomes[OURS].seconds)
            target, factor = (1 / 1.25, MEMORY_FACTOR) if title == CAPTURE else (None, None)
            note = "features stay on the device; products with SAEs are in single precision"
            heading = Heading(name, title, "token", note, target, share, factor)
            yield from results_of(heading, outcomes, {PLAIN: (beside, "")})

    def _edits(self) -> Iterator[Result]:
        """Ablation of single features and a sweep of doses, in the middle layer."""
        workload, sizes = self.workload, self.sizes
        name, middle = workload.name, workload.middle
        stats = workload.feature_stats([middle])[middle]
        features = workload.draw_features(stats, sizes.n_answer)
        few = features[: sizes.n_everywhere]
        to_zero = {"features": few, "targets": [0.0] * len(few)}
        for title, where, moves in (
            ("mean ablation, at the answer, middle layer", "answer", moves_to_mean(stats, features)),
            ("zero ablation, at every token, middle layer", "everywhere", to_zero),
            ("mean ablation, at every token, middle layer", "everywhere", moves_to_mean(stats, few)),
        ):
            options = {"point": str(middle), **moves, "where": where}
            slow = options | {key: moves[key][: sizes.n_slow] for key in moves}
            outcomes = self._compare("effects", options, slow, (len(moves["features"]), len(slow["features"])))
            heading = Heading(name, title, "feature", "as on a processor", 20)
            if where == "everywhere":
                limit = bound(workload, ours.moves_of(workload, options))
                heading = bounded(name, title, "feature", "as on a processor", limit)
            yield from results_of(heading, outcomes, {PLAIN: ("one forward pass per feature", "")})
        options = {"point": str(middle), "features": features[:8], "doses": list(DOSES), "where": "everywhere"}
        outcomes = self._compare("doses", options, options, (len(DOSES), len(DOSES)))
        note, limit = "the blocks before the edit are run once", bound(workload, ours.doses_of(workload, options))
        heading = bounded(name, "steering, a sweep of doses, middle layer", "dose", note, limit)
        yield from results_of(heading, outcomes, {PLAIN: ("one forward pass per dose", "")})

    def _least(self, n_passes: int, n_products: int) -> float:
        """Seconds per token of passes and of products with all SAEs, each at the rate of its number format."""
        passes, products = operations(self.workload, n_passes, 0), operations(self.workload, 0, n_products)
        return passes / self.rates[self.workload.lm.dtype] + products / self.rates[torch.float32]

    def growth(self) -> Iterator[Growth]:
        """Measure the cost at a quarter, half and all of the texts and features."""
        workload, middle = self.workload, self.workload.middle
        for task, title in (("capture on device", "encoding"), ("screen", "attribution")):
            calls = {n: ours.OURS[task](workload.first(n), {})[0] for n in steps(len(workload.questions))}
            yield self._growth(title, "texts", calls)
        stats = workload.feature_stats([middle])[middle]
        features = workload.draw_features(stats, self.sizes.n_answer)
        place = {"point": str(middle), "where": "answer"}
        calls = {n: ours.effects(workload, place | moves_to_mean(stats, features[:n]))[0] for n in steps(len(features))}
        yield self._growth("ablation", "features", calls)

    def _growth(self, task: str, thing: str, calls: Mapping[int, Callable[[], object]]) -> Growth:
        times = take_turns({str(n): _timed(self.device, call) for n, call in calls.items()}, self.sizes.n_turns)
        sizes = tuple(n for n in calls for _ in times[str(n)].turns)
        seconds = tuple(second for n in calls for second in times[str(n)].turns)
        return Growth(self.workload.name, task, thing, sizes, seconds, *exponent(sizes, seconds))

    def _compare(
        self, task: str, options: Mapping[str, Any], slow: Mapping[str, Any], n_units: tuple[int, int]
    ) -> dict[str, Outcome]:
        """Let the package, with `options`, and the plain way, with `slow`, take turns; `n_units` are those of each."""
        ready = {OURS: ours.OURS[task](self.workload, options), PLAIN: ours.PLAIN[task](self.workload, slow)}
        times = take_turns({name: _timed(self.device, call) for name, (call, _) in ready.items()}, self.sizes.n_turns)
        outcomes = {}
        for (name, (call, to_array)), n in zip(ready.items(), n_units, strict=True):
            held, result = self._with_peak(call)
            outcomes[name] = Outcome(times[name].seconds / n, held, 0, to_array(result), times[name].turns)
        return outcomes

    def _with_peak(self, call: Callable[[], Any]) -> tuple[int | None, Any]:
        """Call once; return the peak memory of the device in bytes, weights included, and the result."""
        if self.device.type != "cuda":
            return None, call()
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(self.device)
        result = call()
        _wait(self.device)
        return torch.cuda.max_memory_allocated(self.device), result
