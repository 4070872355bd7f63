"""Executes notebooks: checks what is asked for, runs the cells in a kernel of this interpreter, keeps what is whole.

An executed notebook carries the key of what it was made from, so that nothing is executed twice. Papermill does the
execution; what it writes about the machine and the hour is taken out again.
"""

import json
import logging
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emomech.core import files
from emomech.core.errors import EmomechError, UsageError, unknown
from emomech.core.paths import CHECKOUT, PACKAGE
from emomech.notebook import parameters
from emomech.notebook.parameters import Value
from emomech.study.identity import commit, versions
from emomech.study.spec import StudySpec

if TYPE_CHECKING:
    from jupyter_client.manager import AsyncKernelManager
    from nbformat import NotebookNode
    from papermill.exceptions import PapermillExecutionError


NOTEBOOKS = CHECKOUT / "notebooks"
CONSTRAINTS = CHECKOUT / "constraints.txt"
_FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
_FENCED = re.compile(r"^(`{3,}|~{3,}).*?^\1\s*$", re.DOTALL | re.MULTILINE)
_TITLE = re.compile(r"^# +(.+?)\s*$", re.MULTILINE)
_LONGEST_SOCKET = 90
"""Characters of a socket's path, of which the system allows about a hundred."""
_KERNEL_OPTIONS = (
    "--InteractiveShellApp.ignore_cwd=True",
    "--InteractiveShellApp.exec_PYTHONSTARTUP=False",
    "--IPKernelApp.log_level=50",  # below, it complains of being interrupted
)
OnCell = Callable[[int, int], None]
"""Is told how many code cells are done, and of how many."""


def key(source: str, values: Mapping[str, Value], identity: Mapping[str, Any]) -> str:
    """Name the content that a notebook's text would have, executed with these parameters.

    It hangs on the text, the parameters, what they stand for, records of the repository that they name, the package
    with its records and the versions of its dependencies.
    """
    digest = blake2b(digest_size=16)
    digest.update(source.encode())
    digest.update(json.dumps([dict(values), identity]).encode())
    named = [CHECKOUT / value for value in values.values() if isinstance(value, str) and value.endswith(".json")]
    for record in named:
        digest.update(record.read_bytes() if record.is_file() else b"")
    for file in sorted(file for kind in ("py", "toml", "json") for file in PACKAGE.rglob(f"*.{kind}")):
        digest.update(file.relative_to(PACKAGE).as_posix().encode() + b"\0" + blake2b(file.read_bytes()).digest())
    digest.update(CONSTRAINTS.read_bytes() if CONSTRAINTS.exists() else b"")
    return digest.hexdigest()


@dataclass(frozen=True)
class Planned:
    """A notebook that can be executed: all that is asked for exists and fits."""

    name: str
    parameters: Mapping[str, Value]
    """The value of every parameter."""
    key: str
    """Name of the content that the executed notebook will have."""
    overrides: Mapping[str, Value] = field(default_factory=dict)
    """The parameters that depart from the notebook's own."""
    source: str = field(default="", repr=False)
    """The notebook's text, as the key knows it."""
    identity: Mapping[str, Any] = field(default_factory=dict)
    """What the study's names stand for: model, SAEs and texts with their revision or a hash of their files."""


def notebooks() -> dict[str, Path]:
    """Find every notebook by name. Raises EmomechError where the package is not in a checkout."""
    if not NOTEBOOKS.is_dir():
        raise EmomechError(
            f"{NOTEBOOKS}: there is no such folder. The notebooks stand in the repository: clone it, and install "
            "the package from there with `pip install -e .`."
        )
    return {file.stem: file for file in sorted(NOTEBOOKS.glob("*.md"))}


def find(name: str) -> Path:
    """Find a notebook. Raises UsageError that names all there are."""
    known = notebooks()
    if name not in known:
        raise unknown("notebook", name, known)
    return known[name]


def title(notebook: Path) -> str:
    """Read a notebook's first heading; its name where it has none."""
    text = _FENCED.sub("", _FRONT_MATTER.sub("", notebook.read_text(encoding="utf-8")))
    match = _TITLE.search(text)
    return match[1] if match else notebook.stem


def prepare(name: str, overrides: Mapping[str, object]) -> Planned:
    """Check what a notebook is to be run with; nothing is loaded or started.

    Raises UsageError for an unknown notebook, parameter or preset, a path to nowhere, and a value that does not fit.
    """
    source = find(name).read_text(encoding="utf-8")
    declared = parameters.parse(source, f"{name}.md")
    values = parameters.validate(declared, overrides, name)
    changed = {name: value for name, value in values.items() if value != declared[name].default}
    named: dict[str, Any] = {f.name: values[f.name] for f in fields(StudySpec) if f.name in values}
    identity = StudySpec(**{"sae": None, **named}).validate().identity() if named else {}
    return Planned(name, values, key(source, values, identity), changed, source, identity)


def execute(planned: Planned, destination: Path, *, on_cell: OnCell | None = None, one_thread: bool = False) -> Path:
    """Execute a notebook from the working directory of the caller and keep it at `destination`, once it is whole.

    With `one_thread` it computes on one core, and leaves the others to what is executed beside it.
    Raises EmomechError for a cell that fails, UsageError where the cell raised one, and for a disk that is full; then
    `destination` is as it was.
    """
    import nbformat

    started = time.monotonic()
    notebook = _tidied(_run_cells(planned, on_cell or (lambda done, total: None), one_thread))
    notebook.metadata["emomech"] = {
        "key": planned.key,
        "parameters": dict(planned.parameters),
        "overrides": dict(planned.overrides),
        "identity": dict(planned.identity),
        "versions": versions(),
        "commit": commit(),
        "seconds": round(time.monotonic() - started, 1),
    }
    files.write_atomic(destination, nbformat.writes(notebook) + "\n")
    return destination


def _run_cells(planned: Planned, on_cell: OnCell, one_thread: bool) -> "NotebookNode":
    import jupytext
    from nbclient.exceptions import DeadKernelError
    from papermill import execute_notebook
    from papermill.exceptions import PapermillExecutionError

    logging.getLogger("papermill").setLevel(logging.CRITICAL)  # it warns of comments that it cannot read
    notebook = jupytext.reads(planned.source, fmt="md:myst")
    for number, cell in enumerate(_code_cells(notebook), 1):
        cell.metadata["emomech"] = {"number": number}
    total = len(_code_cells(notebook))

    def tell(cell: "NotebookNode", **_: object) -> None:
        if number := cell.metadata.get("emomech", {}).get("number"):
            on_cell(number, total)

    try:
        with _this_interpreter({"OMP_NUM_THREADS": "1"} if one_thread else {}) as kernel_manager:
            on_cell(0, total)
            done = execute_notebook(
                notebook,
                None,
                dict(planned.overrides),
                kernel_name="python3",
                language="python",
                progress_bar=False,
                start_timeout=300,
                record_timing=False,
                on_cell_executed=tell,
                kernel_manager_class=kernel_manager,
            )
    except PapermillExecutionError as error:
        raise _explained(planned.name, notebook, error) from error
    except (DeadKernelError, RuntimeError) as error:
        raise EmomechError(f"{planned.name}: the kernel died, perhaps for want of memory: {error}") from error
    if skipped := [cell for cell in _code_cells(done) if cell.execution_count is None]:
        raise EmomechError(f"{planned.name}: stopped before {_place(skipped[0])}, without an error.")
    return done


def _code_cells(notebook: "NotebookNode") -> list["NotebookNode"]:
    return [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]


@contextmanager
def _this_interpreter(environment: Mapping[str, str]) -> Iterator[type["AsyncKernelManager"]]:
    """Lend a manager of kernels that are this very interpreter, whatever kernels the machine has installed.

    They read nothing from the user's IPython folder or the working directory but what the notebook asks for, leave
    nothing behind, and need no network interface.
    """
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import AsyncKernelManager

    argv = [sys.executable, "-P", "-m", "ipykernel_launcher", "-f", "{connection_file}", *_KERNEL_OPTIONS]
    with tempfile.TemporaryDirectory(prefix="emomech-", ignore_cleanup_errors=True) as folder:
        connection, variables = os.path.join(folder, "kernel"), {"IPYTHONDIR": folder, **environment}
        local = os.name == "posix" and len(connection) < _LONGEST_SOCKET
        place = {"transport": "ipc", "ip": connection} if local else {}

        class ThisInterpreter(AsyncKernelManager):
            def __init__(self, **settings: Any) -> None:
                super().__init__(connection_file=f"{connection}.json", **place, **settings)

            @property
            def kernel_spec(self) -> KernelSpec:
                return KernelSpec(argv=argv, display_name="Python 3", language="python", env=variables)

        yield ThisInterpreter


def _explained(name: str, notebook: "NotebookNode", error: "PapermillExecutionError") -> EmomechError:
    """Say which cell failed and why; what the package itself has to say to the user is passed on as it is."""
    if error.ename == UsageError.__name__:
        return UsageError(error.evalue)
    place = next((_place(cell) for cell in _code_cells(notebook) if cell.source == error.source), "a cell")
    why = error.evalue if error.ename == EmomechError.__name__ else f"{error.ename}: {error.evalue}"
    return EmomechError(f"{name}: {place} failed: {why}")


def _place(cell: "NotebookNode") -> str:
    return f"code cell {cell.metadata.get('emomech', {}).get('number')} ({cell.source.strip().splitlines()[0]})"


def _tidied(notebook: "NotebookNode") -> "NotebookNode":
    """Take out what differs between two equal executions, and hide the cells that the table of parameters replaces."""
    notebook.metadata.pop("papermill", None)
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    for number, cell in enumerate(notebook.cells):
        for noise in ("papermill", "execution", "emomech"):
            cell.metadata.pop(noise, None)
        tags = cell.metadata.get("tags", [])
        if {"parameters", "injected-parameters"} & set(tags) and "remove-cell" not in tags:
            cell.metadata["tags"] = [*tags, "remove-cell"]
        cell["id"] = blake2b(f"{number}\0{cell.source}".encode(), digest_size=6).hexdigest()
    return notebook
