"""The command line: its output, its exit codes, and help that appears without loading a framework."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from emomech.book import build, pages, runner
from emomech.book.runner import Planned
from emomech.cli import main as cli
from emomech.core.errors import EmomechError
from emomech.core.settings import FORCE

Capture = pytest.CaptureFixture[str]


def run(*arguments: str) -> int:
    """Call the command line; its exit code."""
    with pytest.raises(SystemExit) as ended:
        cli.main(list(arguments))
    return int(ended.value.code or 0)


@pytest.mark.parametrize("arguments", [["--help"], ["list"], ["list", "notebooks"], ["run", "--help"]])
def test_help_and_lists_are_there_at_once(arguments: list[str]) -> None:
    program = (
        "import sys\nfrom emomech.cli.main import main\n"
        f"try:\n    main({arguments})\nfinally:\n    assert not {{'torch', 'transformers', 'altair'}} & set(sys.modules)\n"
    )
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout
    assert time.monotonic() - started < 5  # under a second on a machine that does nothing else


def test_lists_say_what_there_is(capsys: Capture) -> None:
    assert run("list") == 0
    out = capsys.readouterr().out
    for word in ("models", "gpt2", "gemma-scope-2b-res-16k", "six-and-calm", "notebook flow", "-p n_permutations=200"):
        assert word in out
    assert run("list", "models") == 0
    assert "corpora" not in capsys.readouterr().out


def test_a_card_is_printed_with_where_the_data_are(capsys: Capture) -> None:
    assert run("card", "crowd-envent") == 0
    out = capsys.readouterr().out
    assert "## crowd-enVENT" in out
    assert out.endswith("Here: only from a file: it is not on the hub.\n")
    assert run("card", "crowd-event") == 2
    assert "Did you mean 'crowd-envent'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "nosuch"], ["nosuch", "behaviour", "flow"]),
        (["run", "behaviour", "-p", "nosuch=1"], ["nosuch", "model", "corpus", "n_resamples"]),
        (["run", "behaviour", "-p", "modle=gpt2"], ["modle", "model"]),
        (["run", "behaviour", "-p", "model=gpt3"], ["gpt3", "gpt2", "organism"]),
        (["run", "behaviour", "-p", "seed=many"], ["seed", "many", "a whole number"]),
        (["run", "behaviour", "-p", "seed"], ["'seed'", "NAME=VALUE"]),
        (["run", "behaviour", "-p", "seed=1", "-p", "seed=2"], ["seed", "twice"]),
        (["run", "behaviour", "-p", "corpus=nowhere/texts.csv"], ["nowhere/texts.csv"]),
        (["sae", "train", "--model", "gpt3", "--corpus", "organism", "--out", "x"], ["gpt3", "organism"]),
        (["organism", "train", "--preset", "scarce"], ["'scarce'", "'scarcity'", "disgust02"]),
        (["organism", "evaluate", "--preset", "seeds"], ["is a group", "seed1, seed2"]),
    ],
)
def test_what_is_asked_wrongly_is_named(
    arguments: list[str], said: list[str], capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(*arguments) == 2
    shown = capsys.readouterr()
    assert not shown.out
    assert shown.err.startswith("emomech: ")
    assert all(word in shown.err for word in said), shown.err
    assert "Traceback" not in shown.err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", [["run", "flow"], ["book"], ["plan"], ["verdicts"]])
def test_a_parameter_without_its_option_is_shown_with_it(command: list[str], capsys: Capture) -> None:
    assert run(*command, "seed=1", "corpus=a&b") == 2
    assert "emomech: a parameter needs -p before it: -p seed=1 -p 'corpus=a&b'" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["run", "flow", "seed"], ["list", "models", "seed=1"]])
def test_other_extra_arguments_are_no_parameters(arguments: list[str], capsys: Capture) -> None:
    assert run(*arguments) == 2
    assert "needs -p" not in capsys.readouterr().err


def test_a_failure_is_one_message_and_a_traceback_on_request(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(profile: str) -> None:
        raise EmomechError("the lights are out.")

    monkeypatch.setattr(build, "check", fail)
    monkeypatch.setattr(os, "environ", {**os.environ})
    assert run("check") == 1
    assert capsys.readouterr().err == "emomech: the lights are out.\n"
    assert run("--debug", "check") == 1
    assert "Traceback" in capsys.readouterr().err


def test_problems_of_the_book_are_listed(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "check", lambda profile: ["flow is stale"])
    for arguments in (["check"], ["check", "book"]):
        assert run(*arguments) == 1
        assert "flow is stale" in capsys.readouterr().err


@pytest.fixture
def executed(monkeypatch: pytest.MonkeyPatch) -> list[Planned]:
    """Record the notebooks instead of executing them."""
    executions: list[Planned] = []

    def execute(planned: Planned, target: Path, *, on_cell: object, environment: object) -> Path:
        executions.append(planned)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps({"cells": [], "metadata": {"emomech": {"key": planned.key}}}))
        return target

    def render_single(notebook: Path, out: Path) -> Path:
        out.mkdir(exist_ok=True)
        page = out / f"{notebook.stem}.html"
        page.touch()
        (out / pages.STAMP).write_text("key")
        return page

    monkeypatch.setattr(runner, "execute", execute)
    monkeypatch.setattr(build, "render_single", render_single)
    return executions


def test_a_run_is_executed_once(executed: list[Planned], tmp_path: Path, capsys: Capture) -> None:
    arguments = ["run", "behaviour", "-p", "limit=100", "--out", str(tmp_path / "out")]
    for _ in range(2):
        assert run(*arguments) == 0
        assert capsys.readouterr().out.strip() == str(tmp_path / "out" / "html" / "behaviour.html")
    assert [planned.overrides for planned in executed] == [{"limit": 100}]
    assert run(*arguments[:3], "limit=200", *arguments[4:]) == 0
    assert len(executed) == 2


def test_columns_of_a_table_are_options_too(executed: list[Planned], tmp_path: Path, capsys: Capture) -> None:
    table = tmp_path / "texts.csv"
    table.write_text("body,emotion\nIt broke.,sad\nIt works.,glad\n")
    command = ["run", "behaviour", "-p", f"corpus={table}", "--out", str(tmp_path / "out")]
    assert run(*command) == 2
    assert "expected one named 'label'. Name it: -p label=COLUMN" in capsys.readouterr().err
    columns = ["--text-column", "body", "--label-column", "emotion"]
    assert run(*command, *columns) == 0
    assert {"text": "body", "label": "emotion"}.items() <= executed[-1].parameters.items()
    assert run(*command, *columns, "-p", "text=body") == 2
    assert "-p text: is given twice" in capsys.readouterr().err


def test_a_preset_that_hides_a_folder_is_named(
    executed: list[Planned], tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "organism").mkdir()
    assert run("run", "behaviour", "-p", "model=organism", "--out", "out") == 0
    assert capsys.readouterr().err.startswith("'organism' is the preset of this name. Write ./organism for")


def test_a_notebook_of_the_users_is_not_replaced(executed: list[Planned], tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "behaviour.ipynb").write_text("{}")
    assert run("run", "behaviour", "--out", str(tmp_path)) == 2
    assert "behaviour.ipynb: was not written by emomech" in capsys.readouterr().err
    assert (tmp_path / "behaviour.ipynb").read_text() == "{}"
    assert not executed


def test_a_place_that_cannot_be_written_is_refused_before_anything_is_computed(
    executed: list[Planned], tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emomech.bench.run.run", lambda quick, say: pytest.fail("measured"))
    file = tmp_path / "file"
    file.touch()
    commands = {
        ("run", "behaviour", "--out", str(file)): f"--out {file}: is a file, expected a folder",
        ("run", "behaviour", "--out", str(file / "in")): f"{file} is a file, expected a folder",
        ("run", "behaviour", "--out", ""): "'': is empty, expected a path",
        ("bench", "--output", str(tmp_path)): f"--output {tmp_path}: is a folder, expected a file",
        ("bench", "--output", ""): "'': is empty, expected a path",
        ("book", "--output", str(file)): f"{file} is a file, expected a folder",
        ("book", "--output", ""): "'': is empty, expected a path",
        ("rules", "simulate", "--output", str(tmp_path)): f"--output {tmp_path}: is a folder, expected a file",
    }
    for command, said in commands.items():
        assert run(*command) == 2
        assert said in capsys.readouterr().err
    assert not executed and list(tmp_path.iterdir()) == [file]


def test_an_interrupt_is_said_in_a_line(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    def stop(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(build, "build", stop)
    assert run("book") == cli.INTERRUPTED == 130
    assert capsys.readouterr().err.strip().splitlines() == [
        "emomech: interrupted. Finished results are kept; half-written files were removed."
    ]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_ends_the_process_interrupts_it(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    def wait(*_: object, **__: object) -> None:
        os.kill(os.getpid(), number)
        time.sleep(20)

    monkeypatch.setattr(build, "build", wait)
    before = signal.signal(number, signal.SIG_DFL)
    try:
        assert run("book") == cli.INTERRUPTED
    finally:
        signal.signal(number, before)
    assert "half-written files were removed" in capsys.readouterr().err


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert run("status", "--help") == 0
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("command", [["run", "flow"], ["book"]])
def test_force_is_told_to_what_executes_the_notebooks(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise EmomechError(f"forced: {os.environ.get(FORCE)}")

    monkeypatch.setattr(runner, "prepare", stop)
    monkeypatch.setattr(build, "build", stop)
    monkeypatch.setenv(FORCE, "0")
    for arguments, told in (([], "forced: 0"), (["--force"], "forced: 1")):
        assert run(*command, *arguments) == 1
        assert told in capsys.readouterr().err
