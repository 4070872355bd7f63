"""One process per implementation, so that they can take turns: it reads a line of JSON and answers with a line.

A peer runs under the interpreter of its own environment, in which the dependencies of this package are not installed.
So this file needs only the standard library and NumPy. Each process runs one task, so that its peak memory is that of
the task.
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
from typing import IO, Any

from emomech.core.errors import EmomechError
from emomech.core.paths import CHECKOUT

Prepared = tuple[Callable[[], Any], Callable[[Any], Any]]
"""The call that is timed, and a function that turns its result into an array, which is not timed."""
Prepare = Callable[[Path, Mapping[str, Any]], Prepared]
"""Prepares a task, given the folder of a case and the options of the task."""
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
_QUIET = {
    "HF_HUB_OFFLINE": "1",
    "TQDM_DISABLE": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "WANDB_MODE": "disabled",
}


def serve(tasks: Mapping[str, Prepare]) -> None:
    """Answer the messages on standard input until it ends; everything else that is printed goes to standard error."""
    answers, sys.stdout = sys.stdout, sys.stderr
    floor = peak_memory()
    call, to_array, result = (lambda: None), (lambda _: None), None
    for line in sys.stdin:
        message = json.loads(line)
        if "task" in message:
            call, to_array = tasks[message["task"]](Path(message["case"]), message["options"])
            _send(answers, {"floor": floor})
        elif "turn" in message:
            result, start = None, time.process_time()
            result = call()
            _send(answers, {"seconds": time.process_time() - start})
        else:
            peak = peak_memory()
            _save(to_array(result), message["end"])
            _send(answers, {"peak": peak})


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
    """The process of an implementation, as its parent sees it. Every wait raises EmomechError if the process fails."""

    name: str
    process: "subprocess.Popen[str]" = field(repr=False)
    log: Any = field(repr=False)
    floor: int = 0
    """Bytes held before the first task: interpreter and libraries."""

    @classmethod
    def start(cls, name: str, python: str, module: str) -> "Worker":
        """Start a module of this copy of the package under an interpreter, on one thread."""
        variables = {**os.environ, **_ONE_THREAD, **_QUIET, "PYTHONPATH": str(CHECKOUT)}
        log = tempfile.TemporaryFile("w+")  # noqa: SIM115
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": log}
        command = [python, "-P", "-W", "ignore", "-m", module]
        return cls(name, subprocess.Popen(command, text=True, env=variables, **pipes), log)

    def prepare(self, task: str, case: Path, options: Mapping[str, Any]) -> None:
        """Ask the process to prepare a task, without waiting for it."""
        self._send({"task": task, "case": str(case), "options": dict(options)})

    def ready(self) -> None:
        """Wait until the task is prepared."""
        self.floor = int(self._receive()["floor"])

    def turn(self) -> float:
        """Run the task once and return the seconds that it took."""
        self._send({"turn": 1})
        return float(self._receive()["seconds"])

    def end(self, file: Path) -> int:
        """Save the last result as an array, and return the peak memory in bytes."""
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
        line = self.process.stdout.readline()
        if not line:
            raise self._failed()
        return json.loads(line)

    def _failed(self) -> EmomechError:
        self.process.wait()
        self.log.seek(0)
        last = (self.log.read().strip().splitlines() or ["it printed nothing"])[-1]
        return EmomechError(f"{self.name}: its process ended with exit code {self.process.returncode}: {last}")
