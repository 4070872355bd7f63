"""Execute notebooks: check the parameters, run the cells in a kernel of this interpreter, and keep complete results.

An executed notebook records the key of everything that decides its content; it is not executed again while the key is
the same. Papermill does the execution; what it writes about the machine and the time is removed.
"""

import json
import logging
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from hashlib import blake2b
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from emomech.book import kernels
from emomech.book.executed_notebook import RECORD, content_hash
from emomech.core import files
from emomech.core.errors import EmomechError, UsageError, unknown
from emomech.core.paths import CHECKOUT, PACKAGE
from emomech.core.progress import CHANNEL, OFF
from emomech.notebook import parameters
from emomech.notebook.parameters import Value
from emomech.notebook.rule_identity import LOCK
from emomech.presets import lookup
from emomech.study.identity import commit, versions
from emomech.study.spec import StudySpec

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from jupyter_client.manager import AsyncKernelManager
    from nbformat import NotebookNode
    from papermill.exceptions import PapermillExecutionError

    from emomech.book.warm_kernels import KernelServer


NOTEBOOKS = CHECKOUT / "notebooks"
CONSTRAINTS = CHECKOUT / "constraints.txt"
_FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
_FENCED = re.compile(r"^(`{3,}|~{3,}).*?^\1\s*$", re.DOTALL | re.MULTILINE)
_TITLE = re.compile(r"^# +(.+?)\s*$", re.MULTILINE)
OnCell = Callable[[int, int], None]
"""Progress callback: code cells done, code cells in total."""


def key(source: str, values: Mapping[str, Value], identity: Mapping[str, Any]) -> str:
    """Hash everything that decides the content of a notebook executed with these parameters.

    That is its text, the parameters, the identity of model, SAEs and texts, the JSON files of the checkout that the
    parameters name, this package, the versions of its dependencies, and the rules as they were fixed.
    """
    digest = blake2b(digest_size=16)
    digest.update(source.encode())
    digest.update(json.dumps([dict(values), identity]).encode())
    for value in values.values():
        if isinstance(value, str) and value.endswith(".json"):
            file = CHECKOUT / value
            digest.update(file.read_bytes() if file.is_file() else b"")
    for file in sorted(file for kind in ("py", "toml", "json") for file in PACKAGE.rglob(f"*.{kind}")):
        digest.update(file.relative_to(PACKAGE).as_posix().encode() + b"\0" + blake2b(file.read_bytes()).digest())
    for beside in (CONSTRAINTS, LOCK):
        digest.update(beside.read_bytes() if beside.exists() else b"")
    return digest.hexdigest()


@dataclass(frozen=True)
class Planned:
    """A notebook and its parameters, checked and ready to be executed."""

    name: str
    parameters: Mapping[str, Value]
    """The value of every parameter."""
    key: str
    """Hash of everything that decides the executed notebook's content; see `key`."""
    overrides: Mapping[str, Value] = field(default_factory=dict)
    """The parameters that differ from the notebook's defaults."""
    source: str = field(default="", repr=False)
    """The notebook's text when the key was made."""
    identity: Mapping[str, Any] = field(default_factory=dict)
    """Model, SAEs and texts of the study, each with its revision or a hash of its files."""


def notebooks() -> dict[str, Path]:
    """List the notebooks by name. Raises EmomechError if the package was not installed from a checkout."""
    if not NOTEBOOKS.is_dir():
        raise EmomechError(
            f"{NOTEBOOKS}: there is no such folder. The notebooks are part of the repository: clone it, and install "
            "the package from there with `pip install -e .`."
        )
    return {file.stem: file for file in sorted(NOTEBOOKS.glob("*.md"))}


def find(name: str) -> Path:
    """Find a notebook by name. Raises UsageError for an unknown name, with the known ones."""
    files_by_name = notebooks()
    if name not in files_by_name:
        raise unknown("notebook", name, files_by_name)
    return files_by_name[name]


def title(notebook: Path) -> str:
    """Read a notebook's first heading; its name if it has no heading."""
    text = _FENCED.sub("", _FRONT_MATTER.sub("", notebook.read_text(encoding="utf-8")))
    match = _TITLE.search(text)
    return match[1] if match else notebook.stem


def prepare(name: str, overrides: Mapping[str, object]) -> Planned:
    """Check the parameters of a notebook without loading a model or starting a kernel.

    Raises UsageError for an unknown notebook, parameter or preset, a path that does not exist, and a value that does
    not fit.
    """
    source = find(name).read_text(encoding="utf-8")
    declared = parameters.parse(source, f"{name}.md")
    values = parameters.validate(declared, overrides, name)
    check_lists(values)
    changed = {name: value for name, value in values.items() if value != declared[name].default}
    has_study = any(f.name in values for f in fields(StudySpec))
    identity = StudySpec.of(values).validate().identity() if has_study else {}
    return Planned(name, values, key(source, values, identity), changed, source, identity)


def check_lists(values: Mapping[str, Value]) -> None:
    """Check the parameters that name several presets. Raises UsageError for a name that does not exist."""
    for model in lookup.listed(str(values.get("models", ""))):
        StudySpec(model=model, sae=None).validate()
    for prompt in lookup.listed(str(values.get("prompts", ""))):
        lookup.prompt(prompt)
    for words in lookup.listed(str(values.get("words", ""))):
        lookup.emotions(words)


def execute(
    planned: Planned,
    destination: Path,
    *,
    on_cell: OnCell | None = None,
    environment: Mapping[str, str] = MappingProxyType({}),
    server: "KernelServer | None" = None,
) -> Path:
    """Execute a notebook in the caller's working directory and write it to `destination` when all cells are done.

    `environment` are variables of its kernel, besides those of this process; with a `server`, the kernel is forked
    from it. Raises UsageError if a cell raised one, EmomechError for any other error in a cell and for a full disk.
    `destination` is then unchanged.
    """
    import nbformat

    started = time.monotonic()
    kernel = kernels.this_interpreter({CHANNEL: OFF, **environment}, server)
    notebook = _tidied(_run_cells(planned, on_cell or (lambda done, total: None), kernel))
    notebook.metadata[RECORD] = {
        "key": planned.key,
        "parameters": dict(planned.parameters),
        "overrides": dict(planned.overrides),
        "identity": dict(planned.identity),
        "versions": versions(),
        "commit": commit(),
        "seconds": round(time.monotonic() - started, 1),
        "content": content_hash(json.loads(nbformat.writes(notebook))["cells"]),
    }
    files.write_atomic(destination, nbformat.writes(notebook) + "\n")
    return destination


def _run_cells(
    planned: Planned, on_cell: OnCell, kernel: "AbstractContextManager[type[AsyncKernelManager]]"
) -> "NotebookNode":
    import jupytext
    from nbclient.exceptions import DeadKernelError
    from papermill import execute_notebook
    from papermill.exceptions import PapermillExecutionError

    logging.getLogger("papermill").setLevel(logging.CRITICAL)  # it warns of parameter comments that it cannot parse
    notebook = jupytext.reads(planned.source, fmt="md:myst")
    for number, cell in enumerate(_code_cells(notebook), 1):
        cell.metadata[RECORD] = {"number": number}
    total = len(_code_cells(notebook))

    def report(cell: "NotebookNode", **_: object) -> None:
        if number := _number(cell):
            on_cell(number, total)

    try:
        with kernel as kernel_manager:
            on_cell(0, total)
            executed = execute_notebook(
                notebook,
                None,
                dict(planned.overrides),
                kernel_name="python3",
                language="python",
                progress_bar=False,
                start_timeout=300,
                record_timing=False,
                on_cell_executed=report,
                kernel_manager_class=kernel_manager,
            )
    except PapermillExecutionError as error:
        raise _cell_error(planned.name, notebook, error) from error
    except (DeadKernelError, RuntimeError) as error:
        raise EmomechError(f"{planned.name}: the kernel died, perhaps because memory ran out: {error}") from error
    if skipped := [cell for cell in _code_cells(executed) if cell.execution_count is None]:
        raise EmomechError(f"{planned.name}: stopped before {_place(skipped[0])}, without an error.")
    return executed


def _code_cells(notebook: "NotebookNode") -> list["NotebookNode"]:
    return [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]


def _cell_error(name: str, notebook: "NotebookNode", error: "PapermillExecutionError") -> EmomechError:
    """Name the cell that failed and its error; a UsageError of this package is passed on unchanged."""
    if error.ename == UsageError.__name__:
        return UsageError(error.evalue)
    place = next((_place(cell) for cell in _code_cells(notebook) if cell.source == error.source), "a cell")
    reason = error.evalue if error.ename == EmomechError.__name__ else f"{error.ename}: {error.evalue}"
    return EmomechError(f"{name}: {place} failed: {reason}")


def _place(cell: "NotebookNode") -> str:
    return f"code cell {_number(cell)} ({cell.source.strip().splitlines()[0]})"


def _number(cell: "NotebookNode") -> int | None:
    """Number of a cell among the code cells of the notebook, from 1; None for a cell that Papermill added."""
    return cell.metadata.get(RECORD, {}).get("number")


def _tidied(notebook: "NotebookNode") -> "NotebookNode":
    """Remove what differs between two equal executions, and hide the cells that the table of parameters replaces."""
    notebook.metadata.pop("papermill", None)
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    for number, cell in enumerate(notebook.cells):
        for entry in ("papermill", "execution", RECORD):
            cell.metadata.pop(entry, None)
        tags = cell.metadata.get("tags", [])
        if {"parameters", "injected-parameters"} & set(tags) and "remove-cell" not in tags:
            cell.metadata["tags"] = [*tags, "remove-cell"]
        cell["id"] = blake2b(f"{number}\0{cell.source}".encode(), digest_size=6).hexdigest()
    return notebook
