"""The process that forks kernels: it imports what they need once, and each kernel starts from there.

`serve` is the first statement of a program whose second starts a kernel. In the server it never returns; in each
forked child it does, so that the kernel runs at the top of the program, as if the interpreter had been started for it.

The server imports and forks, and nothing else: it starts no thread and computes nothing, since a thread would not
survive the fork.
"""

import gc
import importlib
import json
import os
import pkgutil
import signal
import socket
import sys
import warnings
from typing import Any

import emomech

KERNEL = "from ipykernel.kernelapp import launch_new_instance; launch_new_instance()"
"""Statements that start a kernel."""
_WINGS = ("causal", "chapters", "data", "figures", "models", "notebook", "saes", "stats", "study")
"""Parts of this package that are imported beforehand, whole."""
_OTHERS = (
    *("IPython.core.completerlib", "ipykernel.kernelapp", "ipykernel.zmqshell", "jedi", "sqlite3"),
    *("altair", "narwhals._pandas_like.dataframe", "pandas", "vl_convert"),
    *("safetensors.torch", "sklearn.feature_extraction.text", "sklearn.linear_model", "sklearn.pipeline"),
    *("tokenizers", "torch._dynamo", "transformers.convert_slow_tokenizer"),
    *(f"transformers.models.{name}" for name in ("auto.modeling_auto", "auto.tokenization_auto", "gpt2.modeling_gpt2")),
    *("emomech.api", "emomech.book.claims", "emomech.models.loading"),
)
"""What notebooks import besides."""
_MOST = 1 << 20
"""Most bytes that are read in one piece."""


def serve(descriptor: int) -> None:
    """Import what kernels need, then fork one for each request on the socket `descriptor`; return in the child.

    A request is a line of JSON with the `arguments`, `environment` and working directory (`folder`) of the kernel.
    With it comes the end of a pipe that the kernel keeps open while it lives. The answer is its process id. The server
    ends when the other side closes the socket.
    """
    connection = socket.socket(fileno=descriptor)
    _import_all()
    gc.collect()
    gc.freeze()  # the collector of a child would otherwise copy every page of memory that holds an object
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # ended kernels leave no zombies
    while True:
        line, ends = _request(connection)
        if not line:
            os._exit(0)
        if child := os.fork():
            for end in ends:
                os.close(end)
            connection.sendall(str(child).encode())
            continue
        connection.close()
        _become(json.loads(line), *ends)
        return


def _import_all() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # such as that of tqdm, which looks for widgets
        for wing in _WINGS:
            package = importlib.import_module(f"{emomech.__name__}.{wing}")
            for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
                importlib.import_module(module.name)
        for name in _OTHERS:
            importlib.import_module(name)


def _request(connection: socket.socket) -> tuple[bytes, list[int]]:
    """Read a line and the descriptors that come with it; the line is empty at the end."""
    line, ends = b"", []
    while not line.endswith(b"\n"):
        piece, new, *_ = socket.recv_fds(connection, _MOST, 1)
        if not piece:
            return b"", ends
        line, ends = line + piece, ends + new
    return line, ends


def _become(request: dict[str, Any], end: int) -> None:
    """Take on what a process of its own would have started with."""
    os.setsid()  # as jupyter_client starts kernels: signals to the terminal do not reach them
    os.set_inheritable(end, False)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv[1:] = request["arguments"]
