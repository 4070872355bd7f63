"""Contenders as processes of their own, which take turns: a line of JSON asks, a line answers.

A contender runs under the interpreter of its own environment, which has nothing of this package's but the files of this
folder that it imports; so this file needs the standard library and NumPy alone. Each process is given one task, so that
its peak memory is that task's.
"""

import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from emomech.core.errors import EmomechError
from emomech.core.paths import CHECKOUT

Prepared = tuple[Callable[[], Any], Callable[[Any], Any]]
"""What is timed, and what makes an array of what it returns, which is not."""
Prepare = Callable[[Path, Mapping[str, Any]], Prepared]
"""Makes a task ready, from the folder of a case and what is asked."""


def serve(tasks: Mapping[str, Prepare]) -> None:
    """Answer what is asked on standard input until it ends; whatever else is printed goes to standard error."""
    answers, sys.stdout = sys.stdout, sys.stderr
    floor = peak_memory()
    timed, told, found = (lambda: None), (lambda _: None), None
    for line in sys.stdin:
        asked = json.loads(line)
        if "task" in asked:
            timed, told = tasks[asked["task"]](Path(asked["case"]), asked["given"])
            _tell(answers, {"floor": floor})
        elif "turn" in asked:
            found, seconds = None, time.process_time()
            found = timed()
            _tell(answers, {"seconds": time.process_time() - seconds})
        else:
            peak = peak_memory()
            _keep(told(found), asked["end"])
            _tell(answers, {"peak": peak})


def peak_memory() -> int:
    """Bytes that this process has held at most.

    On Linux not by getrusage, which counts what the parent held when it started this one.
    """
    status = Path("/proc/self/status")
    if status.exists() and (found := re.search(r"VmHWM:\s*(\d+) kB", status.read_text())):
        return int(found[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _tell(out: IO[str], what: Mapping[str, Any]) -> None:
    out.write(json.dumps(what) + "\n")
    out.flush()


def _keep(answer: Any, file: str) -> None:
    import numpy as np

    np.save(file, np.asarray(answer))


@dataclass
class Worker:
    """A contender's process, from the side of who asks."""

    name: str
    process: "subprocess.Popen[str]" = field(repr=False)
    log: Any = field(repr=False)
    floor: int = 0
    """Bytes that it held before it was given anything: interpreter and libraries."""

    @classmethod
    def start(cls, name: str, python: str, module: str) -> "Worker":
        """Start a module under an interpreter, on one thread."""
        one = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        quiet = {
            "HF_HUB_OFFLINE": "1",
            "TQDM_DISABLE": "1",
            "TOKENIZERS_PARALLELISM": "false",
            "WANDB_MODE": "disabled",
        }
        variables = {**os.environ, **one, **quiet, "PYTHONPATH": str(CHECKOUT)}
        log = tempfile.TemporaryFile("w+")  # noqa: SIM115
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": log}
        command = [python, "-W", "ignore", "-m", module]
        return cls(name, subprocess.Popen(command, text=True, env=variables, **pipes), log)

    def prepare(self, task: str, case: Path, given: Mapping[str, Any]) -> None:
        """Ask to make a task ready, without waiting for it."""
        self._ask({"task": task, "case": str(case), "given": dict(given)})

    def ready(self) -> None:
        """Wait until the task is ready. Raises EmomechError, as all that waits, where the process fails."""
        self.floor = int(self._answer()["floor"])

    def turn(self) -> float:
        """Have the task done once, and give the seconds that it took."""
        self._ask({"turn": 1})
        return float(self._answer()["seconds"])

    def end(self, file: Path) -> int:
        """Have the last answer kept in a file, and give the bytes held at most."""
        self._ask({"end": str(file)})
        return int(self._answer()["peak"])

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.communicate()
        self.log.close()

    def _ask(self, what: Mapping[str, Any]) -> None:
        assert self.process.stdin
        try:
            _tell(self.process.stdin, what)
        except BrokenPipeError as error:
            raise self._failed() from error

    def _answer(self) -> Mapping[str, Any]:
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            raise self._failed()
        return json.loads(line)

    def _failed(self) -> EmomechError:
        self.process.wait()
        self.log.seek(0)
        last = (self.log.read().strip().splitlines() or ["it said nothing"])[-1]
        return EmomechError(f"contender {self.name}: its process ended with {self.process.returncode}: {last}")


def closed(workers: Sequence[Worker]) -> None:
    """End several processes."""
    for worker in workers:
        worker.close()
