"""The same comparisons on a GPU, where one is at hand: all in one process, at the shape of Gemma 2's smallest model.

Time is until the device is done; memory is what the device held at most, weights included. Other
libraries are not measured here, only the plain ways.
"""

import platform
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

import torch

from emomech.bench import ours
from emomech.bench.comparisons import CAPTURE, DOSES, FULL, Result, Sizes, Told, compared, moves, operations
from emomech.bench.interleaved import OURS, PLAIN, Outcome
from emomech.bench.scaling import Growth, exponent, steps
from emomech.bench.timing import take_turns
from emomech.bench.workloads import Subject, gemma2_shaped

SIZES = Sizes(n_texts=48, n_answer=384, n_everywhere=24, n_slow=4, n_turns=5)


def run(device: torch.device, sizes: Sizes = SIZES, shape: Mapping[str, int] | None = None) -> dict[str, Any]:
    """Measure everything on a device, with a model in half precision and, to compare answers, in single precision."""
    able = {dtype: _rate(device, dtype, sizes.n_turns) for dtype in (torch.bfloat16, torch.float32)}
    results, growth = [], []
    for dtype in able:
        bench = Bench(gemma2_shaped(sizes.n_texts, device, dtype, **(shape or {})), device, sizes, able)
        results += bench.results()
        growth += bench.growth() if dtype == torch.bfloat16 else []
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine()
    machine = {"system": platform.system(), "device": name, "python": platform.python_version()}
    return {
        "quick": sizes.n_turns < FULL.n_turns and sizes is not SIZES,
        "machine": machine | {f"product_gflops, {_named(dtype)}": round(x / 1e9, 1) for dtype, x in able.items()},
        "versions": {one: version(one) for one in ("torch", "transformers")},
        "results": [asdict(one) | {"ratio": one.ratio} for one in results],
        "growth": [asdict(one) for one in growth],
    }


def _named(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _timed(device: torch.device, call: Callable[[], object]) -> Callable[[], float]:
    """Make a turn of a call: seconds until the device is done."""

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


def _rate(device: torch.device, dtype: torch.dtype, n_turns: int, size: int = 4096) -> float:
    """Floating-point operations per second of a large matrix product: what the device is able to do."""
    left, right = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    turns = take_turns({"product": _timed(device, lambda: left @ right)}, n_turns)
    return 2 * size**3 / turns["product"].seconds


class Bench:
    """Contests on one device."""

    def __init__(self, subject: Subject, device: torch.device, sizes: Sizes, able: Mapping[torch.dtype, float]) -> None:
        self.subject, self.device, self.sizes, self.able = subject, device, sizes, able

    def results(self) -> Iterator[Result]:
        """Measure all tasks that have a plain way."""
        subject, sizes = self.subject, self.sizes
        name, n = subject.name, sum(map(len, subject.questions.positions("everywhere")))
        for task, title, ways, beside in (
            ("capture", CAPTURE, (1, 1), "bare forward pass and products"),
            ("screen", "attribution, every feature, all layers", (2, 1), "one forward and backward pass"),
        ):
            found = self._contest(task, {}, {}, (n, n))
            share = self._least(*ways) / float(found[OURS].seconds)
            target, more = (1 / 1.25, 1.1) if task == "capture" else (None, None)
            note = "features leave the device; products with SAEs are in single precision"
            yield from compared(Told(name, title, "token", note, target, share, more), found, {PLAIN: (beside, "")})
        usual = subject.usual([subject.middle])[subject.middle]
        features = subject.alive(usual, sizes.n_answer)
        here, few = {"point": str(subject.middle)}, features[: sizes.n_everywhere]
        zero = {"features": few, "targets": [0.0] * len(few)}
        for title, where, given, target in (
            ("mean ablation, at the answer, middle layer", "answer", moves(usual, features), 20),
            ("zero ablation, at every token, middle layer", "everywhere", zero, 3),
            ("mean ablation, at every token, middle layer", "everywhere", moves(usual, few), 3),
        ):
            asked = here | given | {"where": where}
            slow = asked | {name: given[name][: sizes.n_slow] for name in given}
            counts = (len(given["features"]), len(slow["features"]))
            told = Told(name, title, "feature", "as on a processor", target)
            yield from compared(
                told, self._contest("effects", asked, slow, counts), {PLAIN: ("one forward pass per feature", "")}
            )
        asked = here | {"features": features[:8], "doses": list(DOSES), "where": "everywhere"}
        told = Told(name, "steering, a sweep of doses, middle layer", "dose", "the blocks before the edit are run once")
        found = self._contest("doses", asked, asked, (len(DOSES), len(DOSES)))
        yield from compared(told, found, {PLAIN: ("one forward pass per dose", "")})

    def _least(self, n_passes: int, n_products: int) -> float:
        """Seconds per token of so many passes and products with all SAEs, each at the rate of its number format."""
        passes, products = operations(self.subject, n_passes, 0), operations(self.subject, 0, n_products)
        return passes / self.able[self.subject.lm.dtype] + products / self.able[torch.float32]

    def growth(self) -> Iterator[Growth]:
        """Let texts and features become more."""
        subject = self.subject
        for task, title in (("capture", "encoding"), ("screen", "attribution")):
            calls = {n: ours.OURS[task](subject.first(n), {})[0] for n in steps(len(subject.questions))}
            yield self._grown(title, "texts", calls)
        usual = subject.usual([subject.middle])[subject.middle]
        features = subject.alive(usual, self.sizes.n_answer)
        here = {"point": str(subject.middle), "where": "answer"}
        calls = {n: ours.effects(subject, here | moves(usual, features[:n]))[0] for n in steps(len(features))}
        yield self._grown("ablation", "features", calls)

    def _grown(self, task: str, of: str, calls: Mapping[int, Callable[[], object]]) -> Growth:
        timed = take_turns({str(n): _timed(self.device, call) for n, call in calls.items()}, self.sizes.n_turns)
        sizes = tuple(n for n in calls for _ in timed[str(n)].turns)
        seconds = tuple(second for n in calls for second in timed[str(n)].turns)
        return Growth(self.subject.name, task, of, sizes, seconds, *exponent(sizes, seconds))

    def _contest(
        self, task: str, given: Mapping[str, Any], slow: Mapping[str, Any], n: tuple[int, int]
    ) -> dict[str, Outcome]:
        """Let the package and the plain way take turns."""
        ready = {OURS: ours.OURS[task](self.subject, given), PLAIN: ours.PLAIN[task](self.subject, slow)}
        timed = take_turns({name: _timed(self.device, call) for name, (call, _) in ready.items()}, self.sizes.n_turns)
        found = {}
        for (name, (call, answer)), count in zip(ready.items(), n, strict=True):
            held, result = self._held(call)
            found[name] = Outcome(timed[name].seconds / count, held, 0, answer(result), timed[name].turns)
        return found

    def _held(self, call: Callable[[], Any]) -> tuple[int | None, Any]:
        """Bytes that the device holds at most, weights included, while something is done; and what that gives."""
        if self.device.type != "cuda":
            return None, call()
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(self.device)
        result = call()
        _wait(self.device)
        return torch.cuda.max_memory_allocated(self.device), result
