"""Progress: a bar on a terminal, lines elsewhere, a state for the parent of a kernel; never a change of the result."""

import sys

import pytest

from emomech.core import progress


class _Terminal:
    """A standard error that says that it is a terminal."""

    def __init__(self) -> None:
        self.text = ""

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> None:
        self.text += text

    def flush(self) -> None:
        pass


@pytest.fixture(autouse=True)
def no_channel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(progress.CHANNEL, raising=False)
    monkeypatch.delenv("TQDM_DISABLE", raising=False)


def test_a_terminal_gets_a_bar_with_items_and_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = _Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with progress.track("training", total=10, unit="token") as bar:
        bar.show(loss=0.25)
        bar.advance(10)
    assert "training" in terminal.text
    assert "10" in terminal.text


def test_elsewhere_a_line_is_printed_when_it_is_due(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "LINE_SECONDS", 0.0)
    with progress.track("layers", total=2, unit="layer"), progress.track("reading", total=8, unit="text") as bar:
        bar.show(loss=0.5)
        bar.advance(2)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("layers: 0/2 layers > reading: 2/8 texts, loss 0.5, ")
    assert line.endswith("left")


def test_units_have_their_plural() -> None:
    plurals = {"text": "texts", "family": "families", "batch": "batches", "hook point": "hook points", "SAE": "SAEs"}
    assert {unit: progress.Bar("reading", 2, unit).units for unit in plurals} == plurals


def test_short_loops_print_nothing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """However long the process has been running before."""
    monkeypatch.setattr(progress._clock, "last", progress._clock.last - 1000)
    assert list(progress.counted(range(100), "reading", unit="text")) == list(range(100))
    assert capsys.readouterr() == ("", "")


def test_off_prints_nothing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv(progress.CHANNEL, progress.OFF)
    monkeypatch.setattr(progress, "LINE_SECONDS", 0.0)
    list(progress.counted(range(100), "reading", unit="text"))
    assert capsys.readouterr() == ("", "")


def test_a_kernel_writes_its_state_for_the_parent(monkeypatch: pytest.MonkeyPatch, tmp_path, capsys) -> None:
    channel = tmp_path / "state"
    monkeypatch.setenv(progress.CHANNEL, str(channel))
    monkeypatch.setattr(progress, "_CHANNEL_SECONDS", 0.0)
    with progress.track("layers", total=2, unit="layer"):
        for _ in progress.counted(iter("ab"), "reading", unit="text"):
            pass
        assert channel.read_text() == "layers: 0/2 layers"
    assert channel.read_text() == "", "nothing is left of a loop that has ended"
    assert capsys.readouterr() == ("", "")


def test_the_error_of_a_loop_ends_its_bar() -> None:
    with pytest.raises(ValueError, match="broken"), progress.track("reading", total=2, unit="text"):
        raise ValueError("broken")
    assert progress._active == []
