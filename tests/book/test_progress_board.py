"""The board of a book: lines elsewhere, bars on a terminal, and the time that is left."""

import io
import os
import pty
import sys
import termios
import time
from pathlib import Path

import pytest

from emomech.book import progress_board
from emomech.book.progress_board import Board, Shown
from emomech.core.progress import CHANNEL

SECONDS = {"flow": 10.0, "depth": 30.0, "tracing": 60.0}


def test_elsewhere_there_is_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress_board, "LINE_SECONDS", 0.05)
    said: list[str] = []
    with Board(SECONDS, 2, said.append) as board:
        assert not board.is_drawn
        with board.running("flow"):
            pass
        with board.running("depth") as depth, board.running("tracing"):
            depth.on_cell(2, 7)
            Path(depth.environment[CHANNEL]).write_text("swapping: 3/9 pairs")
            deadline = time.monotonic() + 10
            while not said and time.monotonic() < deadline:
                time.sleep(0.01)
    assert said[0].startswith(
        "1 of 3 notebooks done, about 00:00 left; depth: cell 3 of 7, swapping: 3/9 pairs; tracing: "
    )
    assert not Path(depth.environment[CHANNEL]).parent.exists()


def test_the_time_left_is_that_of_the_longest_or_of_all_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(progress_board.time, "monotonic", lambda: now[0])
    with Board(SECONDS, 2, lambda line: None) as board:
        assert board.left() == 60.0  # tracing, although both workers together need 50
        with board.running("flow"):
            now[0] = 5.0
            assert board.left() == 60.0
            now[0] = 20.0  # twice as long as expected
        with board.running("tracing"):
            now[0] = 60.0
            assert board.left() == 80.0


def test_a_notebook_says_its_cell_and_what_its_kernel_does(tmp_path: Path) -> None:
    shown = Shown("flow", tmp_path / "flow")
    assert str(shown) == "flow: starting"
    shown.on_cell(6, 6)
    assert str(shown) == "flow: cell 6 of 6"


def test_on_a_terminal_there_are_bars_that_vanish(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 100))
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(os.fdopen(theirs, "wb", 0), write_through=True))
    monkeypatch.setattr(progress_board, "_DRAWN_SECONDS", 0.05)
    said: list[str] = []
    with Board(SECONDS, 1, said.append) as board:
        assert board.is_drawn
        board.say("flow: executing")
        with board.running("flow") as shown:
            shown.on_cell(0, 4)
            seen = b""
            while b"flow: cell 1 of 4" not in seen:
                seen += os.read(ours, 1000)
    assert said == ["flow: executing"]
    assert b"0 of 3 notebooks done" in seen
    os.close(ours)


def test_a_single_notebook_has_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress_board, "LINE_SECONDS", 0.05)
    said: list[str] = []
    with Board({"flow": 0.0}, 1, said.append) as board, board.running("flow"):
        deadline = time.monotonic() + 10
        while not said and time.monotonic() < deadline:
            time.sleep(0.01)
    assert said[0] == "flow: starting"
