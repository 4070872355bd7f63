"""The command that reports on an installation; `tests/book/test_doctor.py` tests what it says."""

import json

import pytest

from emomech.book import doctor as parts
from emomech.cli import doctor


def test_the_report_is_a_table_or_json(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(parts, "examine", lambda: [parts.Line("hub", "missing", "a " * 80)])
    doctor.doctor("table")
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 100 and shown.count("a ") >= 78
    doctor.doctor("json")
    assert json.loads(capsys.readouterr().out)[0]["part"] == "hub"
