"""Hundreds of hostile command lines, drawn from the tree of commands: each is refused with a message, never a traceback.

Nothing is computed: what would compute counts as accepted (`Accepted`). New commands and options are drawn as well.
"""

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pytest
import typer

from emomech.cli import main as cli
from emomech.core.machine import Machine

N_LINES = 240
FILE, FOLDER, BINARY, NOWHERE, NEW = "<file>", "<folder>", "<binary>", "<nowhere>", "<new>"
"""Paths, replaced by those of a temporary folder when a line is called."""
NASTY = (
    *(
        "",
        " ",
        "-1",
        "0.5",
        "9" * 30,
        "9" * 5000,
        "nan",
        "inf",
        "1e400",
        "None",
        "=",
        "=x",
        "x=",
        ",",
        ",,",
        ";",
        "--",
        "-",
    ),
    *(
        "ünï🙂",
        "\u202eabc",
        "\udcff",
        "'",
        '"',
        "a b",
        "a\nb",
        "a\0b",
        "x" * 300,
        "x" * 5000,
        "../..",
        "/",
        "~nobody/x",
    ),
    *("/dev/null", "*", "$HOME", "%s", "{x}", "[red]", "<b>", "organism", FILE, FOLDER, BINARY, NOWHERE, f"{FILE}/x"),
    *(f"{FILE},{FILE}", "nosuch", "./nosuch", "nosuch.csv", "spacy:nosuch"),
)
ASSIGNMENTS = (
    *("seed", "=", "=x", "", "seed=", "seed=x", "seed=-1", "seed=nan", "seed=1e3", "limit=-3", f"limit={'9' * 30}"),
    *("sed=1", "n_resamples=3", "emotions=sixx", "prompt=nosuch", "controls=nosuch", "seed=\0", " seed=1"),
    *(f"{name}={value}" for name in ("model", "sae", "corpus") for value in (FILE, FOLDER, BINARY, NOWHERE, "nosuch")),
    *(f"gold={value}" for value in (FILE, FOLDER, BINARY, NOWHERE, "spacy:nosuch")),
)
"""Each is a mistake, whatever the command."""
FITTING = {
    **{"notebook": "flow", "name": "goemotions", "model": "organism", "corpus": "organism", "saes": "organism"},
    **{"out": NEW, "folder": NEW, "before": "book", "after": "book", "number": "1", "parameter": "limit=100"},
    **{"claim": "C1", "kind": "models", "what": "book", "for_": "h200", "preset": "default", "claims": "C1"},
    **{"format": "json", "profile": "quick", "device": "cpu", "seed": "1", "d_sae": "64", "k": "4", "tokens": "100"},
    **{"seeds": "2", "points": "blocks.0.hook_resid_post", "control": "frozen", "reason": "none", "seen": "none"},
    **{"text_column": "", "reason_file": NOWHERE, "output": NEW, "which": "smollm2-goemotions"},
}
"""A value for each option and argument."""
PLACES = {("book", "output"), ("run", "out"), ("sae", "out"), ("organism", "out")}
"""Options that are always given: without them, a result would go to the checkout."""
CHOSEN = {"kind", "what", "for_", "preset", "format", "profile", "device", "seed", "tokens", "seeds", "control"}
CHOSEN |= {"notebook", "name", "number", "claim", "model", "corpus", "saes", "d_sae", "k"}
"""Options and arguments for which all values but a few are mistakes; others are texts and paths."""
TAKEN = {"control": {""}, "claim": {""}, "corpus": {FILE, f"{FILE},{FILE}"}, "number": {"9" * 30}}
"""Values that are none: no control, no claim, texts without labels, and a figure that the book may have."""


class Line(NamedTuple):
    arguments: tuple[str, ...]
    wrong: str
    """What is wrong; empty if the line may be right."""
    about: tuple[str, ...]
    """Names and values, one of which has to be in the message if something is wrong."""


class Accepted(SystemExit):
    """A command would begin to compute."""


def commands() -> list[tuple[tuple[str, ...], list[Any]]]:
    """All commands with their parameters, those of groups included."""
    found: list[tuple[tuple[str, ...], list[Any]]] = []

    def walk(command: Any, path: tuple[str, ...]) -> None:
        for name, below in getattr(command, "commands", {}).items():
            walk(below, (*path, name))
        if not hasattr(command, "commands"):
            found.append((path, [p for p in command.params if p.name != "help"]))

    walk(typer.main.get_command(cli.app), ())
    return found


def drawn(path: tuple[str, ...], parameters: list[Any], rng: Random) -> Line:
    """A command with the values that it needs, one of which is replaced, or with something else that is wrong."""
    given = {p.name: fitting(p) for p in parameters if p.required or (path[0], p.name) in PLACES}
    by_name = {p.name: p for p in parameters}
    with_values = [name for name, p in by_name.items() if not getattr(p, "is_flag", False)]
    kind = rng.choice(["value", "value", "value", "assignment", "unknown", "extra", "bare", "missing", "twice"])
    if kind == "assignment" and "parameter" in by_name:
        value = rng.choice(ASSIGNMENTS)
        return Line((*path, *written(by_name, given | {"parameter": value})), value, ("-p", value))
    if kind == "unknown":
        option = rng.choice(["--nosuch", "--sede=1", "-q", "---", "--help-me"])
        return Line((*path, *written(by_name, given), option), option, (option.partition("=")[0], option[:2]))
    if kind == "missing" and any(name in by_name and by_name[name].opts[0][:1] == "-" for name in with_values):
        name = rng.choice([name for name in with_values if by_name[name].opts[0][:1] == "-"])
        return Line((*path, *written(by_name, given), by_name[name].opts[0]), "no value", (by_name[name].opts[0],))
    if kind in ("extra", "bare"):
        value = "seed=1" if kind == "bare" else rng.choice([v for v in NASTY if v.strip() and v[0] != "-"])
        optional = [fitting(p) for p in parameters if p.opts[0][:1] != "-" and not p.required]
        return Line((*path, *written(by_name, given), *optional, value), value, (value,))
    if kind == "twice" and "parameter" in by_name:
        return Line((*path, *written(by_name, given), "-p", "limit=1", "-p", "limit=2"), "twice", ("limit",))
    if not with_values:
        return Line((*path, *written(by_name, given), "extra"), "extra", ("extra",))
    name, value = rng.choice(with_values), rng.choice(NASTY)
    sure = name in CHOSEN and value not in ("organism", *TAKEN.get(name, ())) and value != "/dev/null"
    option = by_name[name].opts[0]
    arguments = (*path, *written(by_name, given | {name: value}))
    return Line(arguments, value if sure else "", (option.strip("-"), name, value))


def fitting(parameter: Any) -> str:
    ending = {"pdf": ".pdf", "svg": ".svg"}
    if parameter.name == "file":
        return NEW + next((end for word, end in ending.items() if word in str(parameter.help).lower()), "")
    return FITTING.get(parameter.name, "x")


def written(by_name: dict[str, Any], given: dict[str, str]) -> list[str]:
    """The arguments in the order of the command, each option with its name before it."""
    options = [
        word for name, value in given.items() if (opt := by_name[name].opts[0])[:1] == "-" for word in (opt, value)
    ]
    values = [given[name] for name, p in by_name.items() if name in given and p.opts[0][:1] != "-"]
    separated = ["--", *values] if any(value[:1] == "-" for value in values) else values
    return [*options, *separated]


def shapes(value: str) -> Iterator[str]:
    """Beginnings of the shapes in which a message may show a value, without spaces."""
    name, _, text = value.partition("=")
    for part in (value, name, text, text.rpartition("/")[2]):
        for shape in (part, repr(part)[1:-1], part.encode("utf-8", "backslashreplace").decode()):
            if shown := re.sub(r"\s+", "", shape):
                yield shown[:12]
    if not value.strip():
        yield re.sub(r"\s+", "", repr(value))


def lines() -> list[Line]:
    rng = Random(20261130)
    every = commands()
    return [drawn(*every[i % len(every)], rng) for i in range(N_LINES)]


LINES = lines()
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
WATCHED: list[str] = []
"""Folders in which files may be written while a line is called; empty while none is."""
OUTSIDE: list[str] = []


def audit(event: str, arguments: tuple[Any, ...]) -> None:
    """Note what is written, made or removed outside of the watched folders; a hook cannot be taken away again."""
    if not WATCHED or event not in ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.symlink"):
        return
    path, flags = arguments[0], arguments[2] if event == "open" else 0
    if event == "open" and not flags & WRITES:
        return
    if isinstance(path, str | bytes | os.PathLike) and not (event == "open" and os.path.isdir(path)):
        where = os.path.realpath(os.fsdecode(path))
        if not where.startswith((*WATCHED, "/dev/")):
            OUTSIDE.append(f"{event} {where}")


sys.addaudithook(audit)


@pytest.fixture(autouse=True)
def guarded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whatever computes, fetches or writes results is replaced by acceptance."""

    def accept(*_: object, **__: object) -> None:
        raise Accepted(0)

    computing = (
        *("book.runner.execute", "book.order.in_order", "book.build.render_single", "study.run.Run.result"),
        *(
            "book.operating.measure",
            "book.frozen_rules.freeze",
            "book.pdf._print",
            "book.export._fill",
            "bench.run.run",
        ),
        *("organism.build.train", "organism.build.train_beside", "organism.evaluate.evaluate"),
        *("models.loading.load_model", "core.hub.fetch", "saes.releases.released", "book.doctor.examine"),
        *("book.build.status", "book.build.check"),
    )
    for name in computing:
        monkeypatch.setattr(f"emomech.{name}", accept)
    machine = Machine("cpu", 10**10, (), 10**11, 1e11, 1e11)
    monkeypatch.setattr("emomech.core.machine.this_machine", lambda device: machine)
    monkeypatch.setattr("emomech.book.claims.parallel_jobs", lambda: 1)
    monkeypatch.setattr(os, "environ", {**os.environ, "EMOMECH_CACHE": str(tmp_path / "cache")})
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    (tmp_path / "a file.csv").write_text("text,label\nIt broke.,sadness\n")
    (tmp_path / "a folder").mkdir()
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    (tmp_path / "binary.csv").write_bytes(bytes(range(256)) * 4)
    OUTSIDE.clear()
    WATCHED[:] = [str(tmp_path)]
    yield
    WATCHED.clear()
    assert not list(scratch.iterdir()), "temporary files stay behind"


def placed(word: str, tmp_path: Path) -> str:
    """A word with the paths of this test in place of placeholders."""
    named = {FILE: "a file.csv", FOLDER: "a folder", BINARY: "binary.csv", NOWHERE: "nowhere/x", NEW: "new"}
    for placeholder, name in named.items():
        word = word.replace(placeholder, str(tmp_path / name))
    return word


def call(arguments: tuple[str, ...], tmp_path: Path) -> int:
    """Call a line; its exit status."""
    with pytest.raises(SystemExit) as ended:
        cli.main([placed(word, tmp_path) for word in arguments])
    return int(ended.value.code or 0)


@pytest.mark.parametrize("number", range(N_LINES))
def test_a_hostile_line_is_answered(number: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = LINES[number]
    code = call(line.arguments, tmp_path)
    said = capsys.readouterr().err
    assert code in (0, 1, 2) and not OUTSIDE, (line, OUTSIDE)
    assert "Traceback" not in said
    assert said.strip() or not code, line
    if line.wrong:
        assert code == 2, (line, said)
        message = re.sub(r"[\s│╭╮╰╯─]+", "", said)
        assert any(shape in message for value in line.about for shape in shapes(placed(value, tmp_path))), (line, said)


def test_every_command_and_every_option_that_takes_a_value_is_drawn() -> None:
    drawn_lines = [" ".join(line.arguments) for line in LINES]
    for path, _ in commands():
        assert sum(text.startswith(" ".join(path)) for text in drawn_lines) >= N_LINES // len(commands())
    assert len({line.arguments for line in LINES}) > 0.8 * N_LINES
    assert sum(bool(line.wrong) for line in LINES) > N_LINES // 2


def test_lines_without_a_mistake_would_compute(tmp_path: Path) -> None:
    """Otherwise the others would be refused for another reason than the one that is meant."""
    codes = {}
    for path, parameters in commands():
        given = {p.name: fitting(p) for p in parameters if p.required or (path[0], p.name) in PLACES}
        codes[path] = call((*path, *written({p.name: p for p in parameters}, given)), tmp_path)
    need_files = {("diff",), ("export",), ("pdf",), ("picture",), ("organism", "evaluate"), ("rules", "freeze")}
    need_files |= {("data", "sample"), ("data", "parse"), ("steer", "export")}
    assert {path for path, code in codes.items() if code} <= need_files
