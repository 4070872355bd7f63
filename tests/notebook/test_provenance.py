"""A page shows its parameters, which of them were changed, and the run behind its numbers."""

import pytest

from emomech.book.runner import NOTEBOOKS
from emomech.core.paths import CHECKOUT
from emomech.notebook import parameters, provenance


def test_parameters_are_shown_with_what_they_mean_and_which_were_changed() -> None:
    values = {
        "model": "organism",
        "corpus": "my <texts>.csv",
        "emotions": "auto",
        "prompt": "auto",
        "text": "",
        "label": "",
    }
    html = str(
        provenance.parameters_table(
            "behaviour", values | {"seed": 0, "limit": 0, "n_resamples": 1000, "n_draws": 5}
        ).data
    )
    assert html.count("emo-changed") == 1 and "my &lt;texts&gt;.csv" in html
    assert html.count("<tr>") == 11 and "decides which texts are drawn" in html


def test_a_long_list_among_the_parameters_breaks_after_commas_and_is_not_said_twice() -> None:
    models = "organism-disgust02,organism-disgust02-seed1,organism-anger02"
    values = {"models": models, "emotion": "disgust", "model": "organism", "corpus": "organism"}
    values |= {"emotions": "auto", "prompt": "auto", "text": "", "label": ""}
    numbers = {"seed": 0, "limit": 0, "n_texts": 24, "n_resamples": 1000, "n_draws": 5}
    changed = str(provenance.parameters_table("scarcity", values | numbers).data)
    assert "organism-disgust02</span>,<wbr>" in changed and "the same" not in changed
    default = next(p.default for p in parameters.read(NOTEBOOKS / "scarcity.md").values() if p.name == "models")
    assert (
        str(provenance.parameters_table("scarcity", values | numbers | {"models": default}).data).count("the same") == 1
    )


def test_a_command_in_a_meaning_is_code() -> None:
    html = str(provenance.parameters_table("organism", {"model": "organism", "seed": 0, "limit": 0}).data)
    assert "<code>emomech organism train</code>" in html


def test_provenance_is_shown_whole() -> None:
    html = provenance.footer(
        {
            "study": {"model": "<organism>", "seed": 0},
            "commit": "abc with changes",
            "seconds": 12.34,
            "tables": {"profile": {"sha256": "f" * 64, "columns": {}}},
        }
    ).data
    assert "&lt;organism&gt;" in html and "seed <code>0</code>" in html and "abc with changes" in html
    assert "12.3 s to compute" in html and f"profile <code>{'f' * 12}</code>" in html


def test_a_note_is_text() -> None:
    assert "a &lt;b&gt;" in provenance.note("a <b>").data


def test_the_code_of_a_page_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "commit", lambda: "abc1234")
    html = provenance.footer({"key": "k"}).data
    assert '<th scope="row">code</th><td><code>emomech 0.1.0, from the checkout at commit abc1234</code>' in html
    assert str(CHECKOUT) not in html
