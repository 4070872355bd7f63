"""Kernels of this interpreter: the class that starts them, and the variables of the kernel alone."""

import asyncio
import sys
from pathlib import Path

from emomech.book import kernels


def test_a_manager_starts_this_interpreter_with_its_variables_and_leaves_nothing() -> None:
    with kernels.this_interpreter({"COLOUR": "blue"}) as manager_class:
        manager = manager_class()
        spec = manager.kernel_spec
        assert spec.argv[:3] == [sys.executable, "-P", "-c"] and spec.env["COLOUR"] == "blue"
        folder = Path(spec.env["IPYTHONDIR"])
        assert folder.is_dir() and Path(manager.connection_file).parent == folder
        asyncio.run(manager._async_cleanup_resources())
    assert not folder.exists()


def test_kernels_that_have_not_started_are_not_interrupted() -> None:
    with kernels.this_interpreter({}) as manager_class:
        manager = manager_class()
        kernels.interrupt()
        assert not manager.has_kernel
        asyncio.run(manager._async_cleanup_resources())
