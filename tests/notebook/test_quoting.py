"""Numbers that prose quotes survive the evaluation by MyST-NB."""

from ast import literal_eval

import pytest

from emomech.notebook import quoting


def test_glue_survives_evaluation_by_the_reader_of_the_book(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[tuple[dict, dict]] = []
    monkeypatch.setattr(quoting, "display", lambda data, raw, metadata: shown.append((data, metadata)))
    quoting.glue("page", {"n": 1200, "said": 'it\'s "so"', "share": 0.5})
    texts = {}
    for data, metadata in shown:
        assert list(data) == ["application/papermill.record/text/plain"]
        texts[metadata["scrapbook"]["name"]] = literal_eval(data["application/papermill.record/text/plain"])
    assert texts == {"page.n": "1,200", "page.said": 'it\'s "so"', "page.share": "0.50"}
