"""Start kernels of this interpreter: each as a new process, or forked from a process that has imported what they need.

A forked kernel starts in a fraction of a second instead of several seconds, and shares the memory of what is imported.
`EMOMECH_KERNELS=new` starts every kernel as a new process.
"""

import os
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from emomech.book.kernel_server import KERNEL
from emomech.core import origin

if TYPE_CHECKING:
    from jupyter_client.manager import AsyncKernelManager

    from emomech.book.warm_kernels import KernelServer


_LONGEST_SOCKET = 90
"""Most characters in the path of a socket; the system allows about 100."""
_PROGRAM = f"import emomech; {KERNEL}"
"""The program of a kernel. It imports this package first, as `origin.check` does, whatever IPython does to the path."""
_OPTIONS = (
    "--InteractiveShellApp.ignore_cwd=True",
    "--InteractiveShellApp.exec_PYTHONSTARTUP=False",
    "--IPKernelApp.log_level=50",  # at lower levels, the kernel logs an error when it is interrupted
)
_KERNELS: "WeakSet[AsyncKernelManager]" = WeakSet()
"""The kernels of this process."""


@contextmanager
def this_interpreter(
    environment: Mapping[str, str], server: "KernelServer | None" = None
) -> Iterator[type["AsyncKernelManager"]]:
    """Give a class that starts kernels of this interpreter, whatever kernels the machine has installed.

    A kernel does not read the user's IPython folder, does not import modules from the working directory by accident,
    leaves no files behind, and needs no network interface if the system has local sockets. It runs the code of this
    process, whatever copy of the package is installed or named in `PYTHONPATH`. Raises EmomechError if it would not.

    `environment` are variables of the kernel alone. With a `server` the kernel is forked from it.
    """
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import AsyncKernelManager

    argv = [sys.executable, "-P", "-c", _PROGRAM, "-f", "{connection_file}", *_OPTIONS]
    with tempfile.TemporaryDirectory(prefix="emomech-", ignore_cleanup_errors=True) as folder:
        connection = os.path.join(folder, "kernel")
        variables = {"IPYTHONDIR": folder, **origin.environment(), **environment}
        if server is None:
            origin.check(variables)
        local = os.name == "posix" and len(connection) < _LONGEST_SOCKET
        transport = {"transport": "ipc", "ip": connection} if local else {}

        class ThisInterpreter(AsyncKernelManager):
            def __init__(self, **settings: Any) -> None:
                super().__init__(connection_file=f"{connection}.json", **transport, **settings)
                if server is not None:
                    self.provisioner = server.provisioner(self)
                _KERNELS.add(self)

            @property
            def kernel_spec(self) -> KernelSpec:
                return KernelSpec(argv=argv, display_name="Python 3", language="python", env=variables)

        yield ThisInterpreter


def interrupt() -> None:
    """Interrupt the cells that the kernels of this process run, as Ctrl-C does in a notebook."""
    for kernel in tuple(_KERNELS):
        process = getattr(kernel.provisioner, "process", None)
        if process is not None:
            process.send_signal(signal.SIGINT)
