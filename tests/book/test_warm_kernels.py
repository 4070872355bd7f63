"""Forked kernels: they give what new ones give, can be interrupted, and their deaths are noticed."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from emomech.book import kernels, runner, warm_kernels
from emomech.book.executed_notebook import RECORD
from emomech.book.warm_kernels import ForkedKernel, KernelServer
from emomech.core.errors import EmomechError

NOTEBOOK = """---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
---

# A small one

```{code-cell} ipython3
:tags: [parameters]

limit: int = 80  # how many texts [>= 1]
```

```{code-cell} ipython3
CODE
```

```{code-cell} ipython3
"the end"
```
"""
STUDY = """import gc, os, sys, threading
import numpy as np, pandas as pd, torch
from emomech import StudySpec, Study, notebook
notebook.setup()
study = Study(StudySpec(limit=limit))
torch.manual_seed(1)
x = study.questions("discover", per_label=3)
print(os.getcwd(), os.environ["COLOUR"], os.environ["OMP_NUM_THREADS"], torch.get_num_threads(), sys.argv[:1], sys.path)
print(signal.getsignal(signal.SIGCHLD), signal.getsignal(signal.SIGINT), os.getpgid(0) == os.getpid())
print(torch.randn(3), [thread.name for thread in threading.enumerate()][:1], __name__)
(x.logits().tolist(), (torch.ones(300, 300) @ torch.rand(300, 300)).sum().item())"""
pytestmark = pytest.mark.skipif(not warm_kernels.available(), reason="kernels cannot be forked here")


@pytest.fixture(scope="module")
def server() -> Iterator[KernelServer]:
    with warm_kernels.server({"OMP_NUM_THREADS": "1"}) as server:
        yield server


def executed(workplace: Path, code: str, server: KernelServer | None = None) -> dict[str, Any]:
    (workplace / "notebooks" / "small.md").write_text(NOTEBOOK.replace("CODE", code))
    environment = {"COLOUR": "blue", "OMP_NUM_THREADS": "1"}
    planned = runner.prepare("small", {})
    file = runner.execute(planned, workplace / "small.ipynb", environment=environment, server=server)
    notebook = json.loads(file.read_text())
    del notebook["metadata"][RECORD]["seconds"]
    return notebook


def test_a_forked_kernel_gives_what_a_new_one_gives(workplace: Path, server: KernelServer) -> None:
    code = f"import signal\n{STUDY}"
    new = executed(workplace, code)
    assert len(new["cells"][-2]["outputs"]) == 2
    assert executed(workplace, code, server) == new
    assert executed(workplace, code, server) == new


def test_the_server_has_one_thread_and_has_not_touched_a_gpu(workplace: Path, server: KernelServer) -> None:
    code = "import torch\n(torch.cuda.is_initialized(), torch.cuda._is_in_bad_fork())"
    assert executed(workplace, code, server)["cells"][-2]["outputs"][0]["data"]["text/plain"] == ["(False, False)"]
    tasks = Path(f"/proc/{server._process.pid}/task").iterdir()
    assert {(task / "comm").read_text().strip() for task in tasks} <= {"python", "python3", "jemalloc_bg_thd"}


def test_a_kernel_that_is_killed_is_noticed(workplace: Path, server: KernelServer) -> None:
    with pytest.raises(EmomechError, match="small: the kernel died, perhaps because memory ran out"):
        executed(workplace, "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", server)
    executed(workplace, "pass", server)


def test_the_cells_of_forked_kernels_can_be_interrupted(workplace: Path, server: KernelServer) -> None:
    pid = Path("pid").absolute()

    def interrupt() -> None:
        wait_for(lambda: pid.exists() and pid.read_text())
        kernels.interrupt()

    beside = Thread(target=interrupt)
    beside.start()
    code = f"import os, time\nopen({str(pid)!r}, 'w').write(str(os.getpid()))\ntime.sleep(100)"
    with pytest.raises(EmomechError, match="failed: KeyboardInterrupt"):
        executed(workplace, code, server)
    beside.join()
    wait_for(lambda: not is_running(int(pid.read_text())))


def test_a_kernel_whose_server_ends_ends(workplace: Path) -> None:
    with warm_kernels.server({"OMP_NUM_THREADS": "1"}) as server:
        code = f"import os, signal, time\nos.kill({server._process.pid}, signal.SIGKILL)\ntime.sleep(100)"
        with pytest.raises(EmomechError, match="the kernel died"):
            executed(workplace, code, server)
        with pytest.raises(EmomechError, match="the process that starts kernels has ended"):
            executed(workplace, "pass", server)


def test_a_forked_process_is_asked_signalled_and_awaited() -> None:
    ours, theirs = os.pipe()
    child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"], pass_fds=[theirs])
    os.close(theirs)
    os.set_blocking(ours, False)
    process = ForkedKernel(child.pid, ours)
    assert process.poll() is None
    process.terminate()
    assert child.wait(60) == -signal.SIGTERM
    assert process.wait() == process.poll() == 1
    process.kill()  # does nothing
    with pytest.raises(OSError):
        os.read(ours, 1)


def test_one_kernel_has_no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    with warm_kernels.server_for(1, {}) as none:
        assert none is None
    monkeypatch.setenv(warm_kernels.KERNELS, "new")
    with warm_kernels.server_for(16, {}) as none:
        assert none is None


def test_a_server_that_does_not_answer_is_an_error() -> None:
    ours, theirs = socket.socketpair()
    theirs.close()
    with ours, pytest.raises(EmomechError, match="the process that starts kernels has ended"):
        KernelServer(None, ours).fork(["-f", "x"], {}, "/")  # pyright: ignore


def wait_for(condition: Any) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
