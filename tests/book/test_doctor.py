"""The report on an installation has a line for every part, whatever is broken."""

import json
import sys
import time
from importlib import metadata

import pytest
from huggingface_hub import constants

from emomech.book import build, doctor, pdf
from emomech.cli import main as cli

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "status", lambda edition: {"flow": "fresh", "depth": "stale", "html": "fresh"})


def lines() -> dict[str, doctor.Line]:
    return {line.part: line for line in doctor.examine()}


def test_every_part_has_a_line() -> None:
    found = lines()
    assert list(found) == list(doctor._PARTS)
    assert {part for part, line in found.items() if line.required} == {"emomech", "Python", "torch", "libraries"}
    for part in ("emomech", "Python", "torch", "libraries", "machine", "settings", "cache"):
        assert found[part].state == "ok", found[part]
    assert found["libraries"].text.endswith(f"jupyter-book {metadata.version('jupyter-book')}")
    assert "results: 1 fresh, 1 stale; pages: fresh" in found["book"].text
    assert "HF_HUB_OFFLINE forbids it" in found["hub"].text
    assert "EMOMECH_DEVICE=cpu" in found["settings"].text


def test_what_is_broken_is_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("no such luck")

    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setattr(build, "status", broken)
    monkeypatch.setattr(pdf, "BROWSERS", ("nosuch-browser",))
    monkeypatch.setattr(metadata, "requires", lambda name: ["numpy>=2", "no-such-package>=1", "ruff; extra == 'dev'"])
    found = lines()
    assert found["torch"].state == "missing" and "cannot be examined: ModuleNotFoundError" in found["torch"].text
    assert found["book"].text == "cannot be examined: RuntimeError: no such luck" and not found["book"].required
    assert "looked for nosuch-browser" in found["browser"].text
    assert found["libraries"].text.startswith("not installed: no-such-package. Install")


def test_a_book_that_is_not_built_says_how(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "status", lambda edition: {"flow": "missing", "html": "missing"})
    assert lines()["book"].text.endswith("results: 1 missing; pages: missing. Build it: make book")


def test_the_hub_is_asked_for_a_short_time_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(doctor, "HUB_SECONDS", 0.2)
    monkeypatch.setattr(doctor, "_asked", lambda endpoint: time.sleep(5) or "")
    began = time.monotonic()
    assert f"{constants.ENDPOINT}: no answer within" in lines()["hub"].text
    assert time.monotonic() - began < 4
    monkeypatch.setattr(doctor, "_asked", lambda endpoint: "ConnectError")
    assert f"{constants.ENDPOINT}: ConnectError" in lines()["hub"].text
    monkeypatch.setattr(doctor, "_asked", lambda endpoint: "")
    assert lines()["hub"] == doctor.Line("hub", "ok", f"{constants.ENDPOINT} answers")


def test_a_hub_that_refuses_is_named_by_the_error() -> None:
    assert doctor._asked("http://127.0.0.1:1") != ""


@pytest.mark.parametrize(("state", "code"), [("ok", 0), ("missing", 1)])
def test_the_command_fails_only_for_a_required_part(
    state: str, code: int, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    made = [doctor.Line("torch", state, "as told", required=True), doctor.Line("hub", "missing", "as told")]  # pyright: ignore[reportArgumentType]
    monkeypatch.setattr(doctor, "examine", lambda: made)
    for arguments in (["doctor"], ["doctor", "--format", "json"]):
        with pytest.raises(SystemExit) as ended:
            cli.main(arguments)
        assert (ended.value.code or 0) == code
        out = capsys.readouterr().out
        if "json" in arguments:
            assert [line["state"] for line in json.loads(out)] == [state, "missing"]
        else:
            assert out.splitlines()[1:3] == [f"  torch  {state}: as told", "  hub    missing: as told"]
