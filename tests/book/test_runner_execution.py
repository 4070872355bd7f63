"""Execution of notebooks: only complete results are kept, and equal executions give equal files."""

import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

import nbformat
import pytest

from emomech.book import kernels, runner
from emomech.book.executed_notebook import ExecutedNotebook, content_hash
from emomech.book.runner import Planned
from emomech.core.errors import EmomechError, UsageError
from emomech.core.paths import PACKAGE
from emomech.study import identity

SMALL = """---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
---

# A small one

```{code-cell} ipython3
:tags: [parameters]

n: int = 2  # how many [>= 1]
word: str = "a"  # what is written
```

```{code-cell} ipython3
:tags: [hide-input]

import os, random, sys
import emomech

print(word * n, os.getcwd() == START, sys.executable == PYTHON, emomech.__path__ == [PACKAGE])
```

```{code-cell} ipython3
CODE
```

The end.

```{code-cell} ipython3
n + 1
```
"""


def write_small(workplace: Path, code: str = "pass") -> None:
    text = SMALL.replace("START", repr(os.getcwd())).replace("PYTHON", repr(sys.executable))
    text = text.replace("PACKAGE", repr(str(PACKAGE))).replace("CODE", code)
    (workplace / "notebooks" / "small.md").write_text(text)


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """One notebook executed for real, in a working directory full of traps."""
    workplace = tmp_path_factory.mktemp("executed")
    with pytest.MonkeyPatch.context() as patch:
        (workplace / "notebooks").mkdir()
        patch.setattr(runner, "NOTEBOOKS", workplace / "notebooks")
        wrong = workplace / "share" / "kernels" / "python3"
        wrong.mkdir(parents=True)
        (wrong / "kernel.json").write_text('{"argv": ["false"], "display_name": "wrong", "language": "python"}')
        patch.setenv("JUPYTER_PATH", str(workplace / "share"))
        (workplace / "work").mkdir()
        (workplace / "work" / "random.py").write_text("raise SystemError('taken for the module of that name')")
        (workplace / "startup.py").write_text("raise SystemError('read')")
        patch.setenv("PYTHONSTARTUP", str(workplace / "startup.py"))
        (workplace / "path" / "emomech").mkdir(parents=True)
        (workplace / "path" / "emomech" / "__init__.py").write_text("raise SystemError('taken for this package')")
        patch.setenv("PYTHONPATH", str(workplace / "path"))
        patch.chdir(workplace / "work")
        write_small(workplace)
        before = set(workplace.rglob("*"))
        planned = runner.prepare("small", {"n": "3", "word": 'é"\\'})
        progress: list[tuple[int, int]] = []
        file = runner.execute(planned, workplace / "out" / "small.ipynb", on_cell=lambda *at: progress.append(at))
        patch.delenv("PYTHONPATH")
        new = {path.relative_to(workplace).as_posix() for path in set(workplace.rglob("*")) - before}
        yield SimpleNamespace(
            folder=workplace, planned=planned, progress=progress, file=file, new=new, notebook=nbformat.read(file, 4)
        )


def test_a_notebook_is_executed_here_with_this_interpreter_and_these_parameters(executed: SimpleNamespace) -> None:
    code = [cell for cell in executed.notebook.cells if cell.cell_type == "code"]
    assert code[2].outputs[0].text == 'é"\\' * 3 + " True True True\n"
    assert code[-1].outputs[0].data["text/plain"] == "4"
    assert [cell.execution_count for cell in code] == [1, 2, 3, 4, 5]


def test_cells_are_counted_as_the_author_wrote_them(executed: SimpleNamespace) -> None:
    assert executed.progress == [(0, 4), (1, 4), (2, 4), (3, 4), (4, 4)]


def test_nothing_but_the_notebook_is_left(executed: SimpleNamespace) -> None:
    assert executed.file == executed.folder / "out" / "small.ipynb"
    assert executed.new == {"out", "out/small.ipynb"}


def test_the_notebook_says_what_it_was_made_from_and_nothing_of_the_machine(executed: SimpleNamespace) -> None:
    metadata = executed.notebook.metadata
    assert set(metadata) == {"emomech", "jupytext", "kernelspec", "language_info"}
    assert metadata.emomech.pop("seconds") > 0
    assert metadata.emomech == {
        "key": executed.planned.key,
        "parameters": {"n": 3, "word": 'é"\\'},
        "overrides": {"n": 3, "word": 'é"\\'},
        "identity": {},
        "versions": identity.versions(),
        "commit": identity.commit(),
        "content": content_hash(json.loads(executed.file.read_text())["cells"]),
    }
    assert all(set(cell.metadata) <= {"tags"} for cell in executed.notebook.cells)
    assert str(executed.folder) not in executed.file.read_text().replace(repr(str(executed.folder / "work")), "")


def test_cells_that_the_table_of_parameters_replaces_are_hidden(executed: SimpleNamespace) -> None:
    tags = [cell.metadata.tags for cell in executed.notebook.cells if cell.cell_type == "code"]
    assert tags == [["parameters", "remove-cell"], ["injected-parameters", "remove-cell"], ["hide-input"], [], []]


def test_what_is_fresh_is_known(executed: SimpleNamespace) -> None:
    notebook = ExecutedNotebook.read(executed.file)
    assert notebook.is_fresh(executed.planned.key)
    assert not notebook.is_fresh("another")


def failing(workplace: Path, code: str, expected: type[EmomechError] = EmomechError) -> str:
    """Error message when a cell runs this code; the earlier file stays unchanged."""
    write_small(workplace, code)
    target = workplace / "out" / "small.ipynb"
    target.parent.mkdir()
    target.write_text("before")
    with pytest.raises(EmomechError) as caught:
        runner.execute(runner.prepare("small", {"n": 3}), target)
    assert type(caught.value) is expected
    assert target.read_text() == "before" and list(target.parent.iterdir()) == [target]
    return str(caught.value)


def fail_in_place_of_papermill(monkeypatch: pytest.MonkeyPatch, name: str, message: str) -> None:
    """Let the third code cell fail without a kernel."""
    import papermill
    from papermill.exceptions import PapermillExecutionError

    def execute(notebook: Any, *_: object, **__: object) -> None:
        source = [cell for cell in notebook.cells if cell.cell_type == "code"][2].source
        raise PapermillExecutionError(4, 4, source, name, message, [])

    monkeypatch.setattr(papermill, "execute_notebook", execute)


@pytest.mark.parametrize(
    ("name", "expected", "said"),
    [
        ("ValueError", EmomechError, "small: code cell 3 (x = 1) failed: ValueError: it does not fit."),
        ("EmomechError", EmomechError, "small: code cell 3 (x = 1) failed: it does not fit."),
        ("UsageError", UsageError, "it does not fit."),
    ],
)
def test_a_cell_that_fails_is_named(
    workplace: Path, monkeypatch: pytest.MonkeyPatch, name: str, expected: type[EmomechError], said: str
) -> None:
    fail_in_place_of_papermill(monkeypatch, name, "it does not fit.")
    assert failing(workplace, "x = 1\ny = 2", expected) == said


def test_a_usage_error_in_a_real_cell_is_passed_on(workplace: Path) -> None:
    code = "from emomech.core.errors import UsageError\nraise UsageError('x: found y, expected z.')"
    assert failing(workplace, code, UsageError) == "x: found y, expected z."


@pytest.mark.parametrize(
    ("code", "match"),
    [
        ("sys.exit(0)", r"small: stopped before code cell 4 \(n \+ 1\), without an error"),
        ("os._exit(9)", "small: the kernel died, perhaps because memory ran out"),
    ],
)
def test_a_kernel_that_leaves_early_is_no_success(workplace: Path, code: str, match: str) -> None:
    assert re.match(match, failing(workplace, code))


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "a.ipynb"
    target.write_text("before")

    def full(source: object, destination: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(runner, "_run_cells", lambda *_: nbformat.v4.new_notebook())
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(EmomechError, match="a.ipynb: cannot be written: No space left on device"):
        runner.execute(Planned("a", {}, "key"), target)
    assert target.read_text() == "before" and list(tmp_path.iterdir()) == [target]


def test_equal_notebooks_have_equal_cells() -> None:
    def tidied() -> Any:
        cells = [nbformat.v4.new_markdown_cell("one"), nbformat.v4.new_markdown_cell("one")]
        return runner._tidied(nbformat.v4.new_notebook(cells=cells, metadata={"papermill": {"input_path": "/home"}}))

    assert json.dumps(tidied()) == json.dumps(tidied())
    assert len({cell.id for cell in tidied().cells}) == 2 and "papermill" not in tidied().metadata


def test_an_interrupt_ends_the_kernel_and_leaves_nothing(workplace: Path) -> None:
    write_small(workplace, "open('pid', 'w').write(str(os.getpid()))\nimport time\ntime.sleep(100)")
    program = """
        import signal
        from pathlib import Path
        from emomech.book import runner
        signal.signal(signal.SIGINT, signal.default_int_handler)  # it may be ignored, as by nohup
        runner.NOTEBOOKS = Path("../notebooks")
        runner.execute(runner.prepare("small", {}), Path("../out/small.ipynb"))
    """
    (workplace / "tmp").mkdir()
    running = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)],
        stderr=subprocess.PIPE,
        env=os.environ | {"TMPDIR": str(workplace / "tmp")},
    )
    pid = Path("pid")
    assert wait_for(lambda: pid.exists() and pid.read_text())
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=30)
    assert said.decode().strip().endswith("KeyboardInterrupt")
    assert wait_for(lambda: not is_running(int(pid.read_text())))
    assert not (workplace / "out").exists() and list((workplace / "tmp").iterdir()) == []


def test_the_cells_of_all_kernels_can_be_interrupted(workplace: Path) -> None:
    pid = Path("pid").absolute()

    def interrupt() -> None:
        assert wait_for(lambda: pid.exists() and pid.read_text())
        kernels.interrupt()

    beside = Thread(target=interrupt)
    beside.start()
    code = f"open({str(pid)!r}, 'w').write(str(os.getpid()))\nimport time\ntime.sleep(100)"
    assert failing(workplace, code).endswith("failed: KeyboardInterrupt: ")
    beside.join()
    assert wait_for(lambda: not is_running(int(pid.read_text())))


def wait_for(condition: Callable[[], object]) -> bool:
    deadline = time.monotonic() + 30
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return bool(condition())


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_kernel_runs_the_code_of_the_checkout_in_which_it_starts(tmp_path: Path) -> None:
    """A copy of the package is started in its own checkout, with another copy installed and a third one in the path."""
    copy, fake = tmp_path / "copy", tmp_path / "path" / "emomech"
    shutil.copytree(PACKAGE, copy / "emomech", ignore=shutil.ignore_patterns("weights", "__pycache__"))
    fake.mkdir(parents=True)
    (fake / "__init__.py").write_text("raise SystemError('taken for this package')")
    (copy / "notebooks").mkdir()
    text = SMALL.replace("CODE", "print(emomech.__path__)").replace("START", "''").replace("PYTHON", "''")
    (copy / "notebooks" / "small.md").write_text(text.replace("PACKAGE", "''"))
    program = "from emomech.book import runner; from pathlib import Path\n"
    program += "runner.execute(runner.prepare('small', {}), Path('small.ipynb'))"
    subprocess.run(
        [sys.executable, "-c", program], cwd=copy, env=os.environ | {"PYTHONPATH": str(fake.parent)}, check=True
    )
    assert f"['{copy / 'emomech'}']" in (copy / "small.ipynb").read_text()
