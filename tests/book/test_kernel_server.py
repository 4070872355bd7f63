"""The server of kernels: requests on a socket, forks that become processes of their own, and its end."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from emomech.book import kernel_server

PROGRAM = """
import os, sys
from emomech.book import kernel_server
kernel_server._import_all = lambda: None
kernel_server.serve({})
print(os.getcwd(), sys.argv, len(os.environ["COLOUR"]), "HOME" in os.environ, os.getsid(0) == os.getpid(), flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
def test_each_request_is_answered_by_a_fork_and_the_server_ends_with_the_socket(tmp_path: Path) -> None:
    ours, theirs = socket.socketpair()
    descriptor = theirs.fileno()
    command = [sys.executable, "-c", PROGRAM.format(descriptor), "before"]
    process = subprocess.Popen(
        command, pass_fds=[descriptor], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    )
    theirs.close()
    pids = []
    for colour in ("blue", "x" * 300_000):  # longer than a socket takes at once
        request = {"arguments": ["-f", "file"], "environment": {"COLOUR": colour}, "folder": str(tmp_path)}
        read, write = os.pipe()
        line = f"{json.dumps(request)}\n".encode()
        sent = socket.send_fds(ours, [line], [write])
        ours.sendall(line[sent:])
        pids.append(int(ours.recv(100)))
        os.close(write)
        assert os.read(read, 1) == b""  # its end is closed when the fork ends
        os.close(read)
    assert len({process.pid, *pids}) == 3
    ours.close()
    shown, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    expected = [f"{tmp_path} ['-c', '-f', 'file'] {len(colour)} False True" for colour in ("blue", "x" * 300_000)]
    assert shown.splitlines() == expected


def test_what_is_imported_is_there() -> None:
    program = "from emomech.book import kernel_server; kernel_server._import_all(); import sys; print(*sys.modules)"
    imported = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert {*kernel_server._OTHERS, "emomech.chapters.flow.analysis"} <= set(imported.stdout.split())
    assert imported.stderr == ""
