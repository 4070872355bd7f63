"""One process per implementation, so that they can take turns: it reads a line of JSON and answers with a line.

A peer runs under the interpreter of its own environment, in which the dependencies of this package are not installed.
So this file needs only the standard library and NumPy. The process imports the libraries once, and forks a fresh child
for each task, so that the peak memory of the child is that of the task.
"""

import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Literal

from emomech.core.errors import EmomechError
from emomech.core.paths import CHECKOUT

Prepared = tuple[Callable[[], Any], Callable[[Any], Any]]
"""The call that is timed, and a function that turns its result into an array, which is not timed."""
Prepare = Callable[[Path, Mapping[str, Any]], Prepared]
"""Prepares a task, given the folder of a case and the options of the task."""
Clock = Literal["processor", "wall"]
"""Processor time of the process, or the time that passes."""
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
_QUIET = {
    "HF_HUB_OFFLINE": "1",
    "TQDM_DISABLE": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "WANDB_MODE": "disabled",
}


def serve(tasks: Mapping[str, Prepare]) -> None:
    """Run each task that standard input names in a child, until it ends; other prints go to standard error.

    Ends with exit code 1 if a child fails.
    """
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        child = os.fork()
        if not child:
            _serve_one(tasks, json.loads(line), answers)
            return
        if os.waitpid(child, 0)[1]:
            sys.exit(1)


def _serve_one(tasks: Mapping[str, Prepare], message: Mapping[str, Any], answers: IO[str]) -> None:
    """Prepare a task and take turns at it until its end."""
    floor = peak_memory()
    _use_threads(message["threads"])
    call, to_array = tasks[message["task"]](Path(message["case"]), message["options"])
    _send(answers, {"floor": floor})
    result = None
    for line in sys.stdin:
        message = json.loads(line)
        if "end" in message:
            peak = peak_memory()
            _save(to_array(result), message["end"])
            _send(answers, {"peak": peak})
            return
        result, start, cpu = None, time.perf_counter(), time.process_time()
        result = call()
        _send(answers, {"wall": time.perf_counter() - start, "processor": time.process_time() - cpu})


def _use_threads(n: int) -> None:
    """Let torch compute on n threads, if the program uses it; its environment sets one thread for everything else."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(n)


def peak_memory() -> int:
    """Return the largest number of bytes that this process has held so far.

    Linux has it in `/proc`. There, getrusage would include what the parent held when it started this process.
    """
    status = Path("/proc/self/status")
    if status.exists() and (match := re.search(r"VmHWM:\s*(\d+) kB", status.read_text())):
        return int(match[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _send(pipe: IO[str], message: Mapping[str, Any]) -> None:
    pipe.write(json.dumps(message) + "\n")
    pipe.flush()


def _save(result: Any, file: str) -> None:
    import numpy as np

    np.save(file, np.asarray(result))


@dataclass
class Worker:
    """The process of an implementation, as the bench sees it. Every wait raises EmomechError if the process fails."""

    name: str
    process: "subprocess.Popen[str]" = field(repr=False)
    log: Any = field(repr=False)
    floor: int = 0
    """Bytes held before the task: interpreter and libraries."""

    @classmethod
    def start(cls, name: str, python: str, module: str) -> "Worker":
        """Start a module of this copy of the package under an interpreter, on one thread."""
        variables = {**os.environ, **_ONE_THREAD, **_QUIET, "PYTHONPATH": str(CHECKOUT)}
        log = tempfile.TemporaryFile("w+")  # noqa: SIM115
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": log}
        command = [python, "-P", "-W", "ignore", "-m", module]
        return cls(name, subprocess.Popen(command, text=True, env=variables, **pipes), log)

    def prepare(self, task: str, case: Path, options: Mapping[str, Any], threads: int = 1) -> None:
        """Ask the process to prepare a task, without waiting for it."""
        self._send({"task": task, "case": str(case), "options": dict(options), "threads": threads})

    def ready(self) -> None:
        """Wait until the task is prepared."""
        self.floor = int(self._receive()["floor"])

    def turn(self, clock: Clock = "processor") -> float:
        """Run the task once and return the seconds that it took."""
        self._send({"turn": 1})
        return float(self._receive()[clock])

    def end(self, file: Path) -> int:
        """End the task: save its last result as an array, and return the peak memory in bytes."""
        self._send({"end": str(file)})
        return int(self._receive()["peak"])

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.communicate()
        self.log.close()

    def _send(self, message: Mapping[str, Any]) -> None:
        assert self.process.stdin
        try:
            _send(self.process.stdin, message)
        except BrokenPipeError as error:
            raise self._failed() from error

    def _receive(self) -> Mapping[str, Any]:
        assert self.process.stdout
        for line in self.process.stdout:
            if line.startswith("{"):  # libraries may print while they are imported
                return json.loads(line)
        raise self._failed()

    def _failed(self) -> EmomechError:
        self.process.wait()
        self.log.seek(0)
        last = (self.log.read().strip().splitlines() or ["it printed nothing"])[-1]
        return EmomechError(f"{self.name}: its process ended with exit code {self.process.returncode}: {last}")
