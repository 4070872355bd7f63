"""Fork kernels from one process that has imported what they need; see `kernel_server` for that process.

To jupyter_client, a forked kernel is a process like any other: it is asked whether it lives, and gets signals.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from emomech.book.kernel_server import KERNEL
from emomech.core import origin
from emomech.core.errors import EmomechError

if TYPE_CHECKING:
    from jupyter_client.manager import KernelManager

KERNELS = "EMOMECH_KERNELS"
"""Environment variable: `new` starts every kernel as a new process."""
_NEW = "new"
_PROGRAM = "import emomech; from emomech.book import kernel_server; kernel_server.serve({}); " + KERNEL
_ENDED = 1
"""Exit status of a kernel that has ended; only its parent, the server, knows the real one."""
_LONGEST_ANSWER = 100
_WORTH_IT = 2
"""Kernels from which on a server takes less time than it costs."""


def available() -> bool:
    """Whether kernels can be forked here: on Linux, unless `EMOMECH_KERNELS` says otherwise.

    Apple's libraries do not survive a fork, and Windows has none.
    """
    return sys.platform == "linux" and os.environ.get(KERNELS) != _NEW


class ForkedKernel:
    """A kernel that the server has forked, with what jupyter_client uses of a process.

    It lives while its end of the pipe is open.
    """

    stdin = stdout = stderr = None

    def __init__(self, pid: int, pipe: int) -> None:
        self.pid = pid
        self._pipe: int | None = pipe

    def poll(self) -> int | None:
        """Return None while it lives."""
        if self._pipe is None:
            return _ENDED
        try:
            os.read(self._pipe, 1)
        except BlockingIOError:
            return None
        os.close(self._pipe)
        self._pipe = None
        return _ENDED

    def wait(self) -> int:
        """Wait for its end."""
        if self._pipe is not None:
            os.set_blocking(self._pipe, True)
            self.poll()
        return _ENDED

    def send_signal(self, number: int) -> None:
        """Send it a signal; do nothing if it has ended."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)


class KernelServer:
    """The server's side in this process; threads may use it in parallel."""

    def __init__(self, process: "subprocess.Popen[bytes]", connection: socket.socket) -> None:
        self._process = process
        self._connection = connection
        self._lock = threading.Lock()

    def fork(self, arguments: Sequence[str], environment: Mapping[str, str], folder: str) -> ForkedKernel:
        """Fork a kernel. Raises EmomechError if the server has ended."""
        request = {"arguments": list(arguments), "environment": dict(environment), "folder": folder}
        ours, theirs = os.pipe()
        try:
            with self._lock:
                line = f"{json.dumps(request)}\n".encode()
                sent = socket.send_fds(self._connection, [line], [theirs])
                self._connection.sendall(line[sent:])
                pid = int(self._connection.recv(_LONGEST_ANSWER))
        except (OSError, ValueError) as error:
            os.close(ours)
            raise EmomechError("the process that starts kernels has ended, perhaps because memory ran out.") from error
        finally:
            os.close(theirs)
        os.set_blocking(ours, False)
        return ForkedKernel(pid, ours)

    def provisioner(self, manager: "KernelManager") -> LocalProvisioner:
        """Give what starts the kernel of a manager."""
        server = self

        class Forked(LocalProvisioner):
            async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
                parent = f"--IPKernelApp.parent_handle={server._process.pid}"  # it ends when the server ends
                folder = kwargs.get("cwd") or os.getcwd()
                self.process = server.fork([*cmd[cmd.index("-f") :], parent], kwargs["env"], folder)
                self.pid = self.pgid = self.process.pid
                self.cwd = folder
                return self.connection_info

        return Forked(kernel_id="", kernel_spec=manager.kernel_spec, parent=manager)


@contextmanager
def server(environment: Mapping[str, str]) -> Iterator[KernelServer]:
    """Start the process that forks kernels, with these variables besides those of this process; end it afterwards.

    What libraries read when they are loaded, such as `OMP_NUM_THREADS`, must be among the variables here. Raises
    EmomechError if it would run another copy of this package.
    """
    variables = {**origin.environment(), **environment}
    origin.check(variables)
    ours, theirs = socket.socketpair()
    with ours:
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", _PROGRAM.format(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            env=os.environ | variables,
            pass_fds=[theirs.fileno()],
            start_new_session=True,  # signals to the terminal do not reach it; it ends with the socket
        )
        theirs.close()
        try:
            yield KernelServer(process, ours)
        finally:
            process.kill()
            process.wait()


@contextmanager
def server_for(n_kernels: int, environment: Mapping[str, str]) -> Iterator[KernelServer | None]:
    """Start a server if so many kernels are worth it and it is available here; give None otherwise."""
    if n_kernels < _WORTH_IT or not available():
        yield None
        return
    with server(environment) as started:
        yield started
