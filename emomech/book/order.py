"""Execute notebooks in parallel, each after those that it needs."""

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from graphlib import CycleError, TopologicalSorter

from emomech.book import kernels
from emomech.core.errors import EmomechError

_AGAIN = 0.5
"""Seconds until a notebook that still runs is interrupted again; a kernel without a running cell ignores it."""


def workers(most: int) -> int:
    """Give the number of notebooks to execute at a time on the cores of this process, at most `most`."""
    return min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2, most)


def in_order(
    needs: Mapping[str, Sequence[str]], seconds: Mapping[str, float], execute: Callable[[str], None], n_workers: int
) -> None:
    """Execute every notebook after those that it needs, `n_workers` in parallel; stop at the first failure.

    Of the notebooks that are ready, the one behind which most work waits runs first, so that no worker is left with a
    long one at the end. After a failure, notebooks that run are finished; an interrupt ends them.
    """
    graph = {name: [other for other in required if other in needs] for name, required in needs.items()}
    sorter = TopologicalSorter(graph)
    try:
        sorter.prepare()
        ahead = _seconds_ahead(graph, seconds)
    except CycleError as error:
        raise EmomechError(f"book/runs.toml: these need one another: {', '.join(error.args[1])}.") from error
    with ThreadPoolExecutor(n_workers) as pool:
        running: dict[Future[None], str] = {}
        ready: list[str] = []
        try:
            while sorter.is_active():
                ready = sorted([*ready, *sorter.get_ready()], key=ahead.__getitem__, reverse=True)
                started, ready = ready[: n_workers - len(running)], ready[n_workers - len(running) :]
                running |= {pool.submit(execute, name): name for name in started}
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    name = running.pop(future)
                    future.result()
                    sorter.done(name)
        except BaseException as error:
            pool.shutdown(wait=False, cancel_futures=True)
            while not isinstance(error, Exception) and wait(running, timeout=_AGAIN).not_done:
                kernels.interrupt()
            raise


def _seconds_ahead(graph: Mapping[str, Sequence[str]], seconds: Mapping[str, float]) -> dict[str, float]:
    """Seconds from the beginning of each notebook to the end of the longest chain of notebooks that need it."""
    ahead = {name: 0.0 for name in graph}
    for name in reversed(list(TopologicalSorter(graph).static_order())):
        ahead[name] += seconds[name]
        for other in graph[name]:
            ahead[other] = max(ahead[other], ahead[name])
    return ahead
