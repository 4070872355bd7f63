"""What notebooks show: numbers for the prose, tables, figures and cards that keep data apart from markup."""

import json
import os
import re
import subprocess
import sys
from ast import literal_eval
from collections.abc import Iterator
from typing import Any, get_args

import altair as alt
import pandas as pd
import pytest
from nbformat import v4, validate

from emomech.book.runner import NOTEBOOKS
from emomech.chapters.verdict import Outcome, Verdict
from emomech.core.errors import EmomechError, UsageError
from emomech.figures.vega import MIME
from emomech.notebook import figures, parameters, provenance, quoting, tables, verdicts
from emomech.stats.tables import Schema

SCHEMA = Schema(
    keys={"group": "which texts", "layer": "0-based block"},
    values={"share": "share of <all>", "low": "lower end", "high": "upper end", "right": "whether it is"},
)


@pytest.fixture
def frame() -> pd.DataFrame:
    rows = [("a <b> & c", 0, 0.25, 0.2, 0.3, True), ("long " * 9, 1200, -0.004, float("nan"), 0.1, False)]
    return pd.DataFrame(rows, columns=list(SCHEMA.columns))


@pytest.fixture
def chart() -> alt.Chart:
    data = pd.DataFrame({"x": [1, 2], "y": [3, 4]})
    return alt.Chart(data).mark_point().encode(x="x", y="y").properties(width="container", description="Two points.")


@pytest.fixture(autouse=True)
def _setup(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("TQDM_DISABLE", "HF_HUB_DISABLE_PROGRESS_BARS"):
        monkeypatch.setenv(name, "0")
    theme, renderer = alt.theme.active, alt.renderers.active
    figures.setup()
    yield
    alt.theme.enable(theme)
    alt.renderers.enable(renderer)


def test_glue_survives_evaluation_by_the_reader_of_the_book(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[tuple[dict, dict]] = []
    monkeypatch.setattr(quoting, "display", lambda data, raw, metadata: shown.append((data, metadata)))
    quoting.glue("page", {"n": 1200, "said": 'it\'s "so"', "share": 0.5})
    texts = {}
    for data, metadata in shown:
        assert list(data) == ["application/papermill.record/text/plain"]
        texts[metadata["scrapbook"]["name"]] = literal_eval(data["application/papermill.record/text/plain"])
    assert texts == {"page.n": "1,200", "page.said": 'it\'s "so"', "page.share": "0.50"}


def test_a_figure_can_be_shown_on_another_page(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[tuple[dict, dict]] = []
    monkeypatch.setattr(quoting, "display", lambda data, raw, metadata: shown.append((data, metadata)))
    chart = alt.Chart(pd.DataFrame({"x": [1]})).mark_point().encode(x="x:Q").properties(description="One point.")
    figures.glue_figure("page", "picture", chart, "What it shows.")
    ((data, metadata),) = shown
    assert metadata["scrapbook"]["name"] == "page.picture"
    html = data["application/papermill.record/text/html"]
    assert "<figcaption>What it shows.</figcaption>" in html and 'aria-label="One point."' in html


def test_a_table_shows_every_cell_and_what_columns_mean(frame: pd.DataFrame) -> None:
    html = tables.table(frame, SCHEMA, caption="A <caption>").data
    assert "a &lt;b&gt; &amp; c" in html and "<b>" not in html and "A &lt;caption&gt;" in html
    assert "[0.20, 0.30]" in html and '<td class="emo-number">–</td>' in html and "−0.004" in html
    assert "1,200" in html and ">yes<" in html and 'title="share of &lt;all&gt;"' in html
    assert html.count("<th ") == 5 and "<dt>interval</dt><dd>lower end; upper end</dd>" in html


def test_a_table_shows_the_columns_that_were_asked_for(frame: pd.DataFrame) -> None:
    html = tables.table(frame, SCHEMA, caption="c", columns=["low", "group"], digits=3).data
    assert html.count("<th ") == 2 and "0.200" in html and html.index(">low<") < html.index(">group<")


def test_long_text_may_break_and_short_text_does_not(frame: pd.DataFrame) -> None:
    assert 'class="emo-long"' in tables.table(frame, SCHEMA, caption="c").data
    assert 'class="emo-long"' not in tables.table(frame.head(1), SCHEMA, caption="c").data


def test_an_empty_table_is_still_a_table(frame: pd.DataFrame) -> None:
    html = tables.table(frame.head(0), SCHEMA, caption="c").data
    assert html.count("<th ") == 5 and "Nothing to show" in html


def test_a_column_of_empty_text_is_left_out_unless_asked_for(frame: pd.DataFrame) -> None:
    bare = frame.assign(group="")
    assert ">group<" not in tables.table(bare, SCHEMA, caption="c").data
    assert ">group<" in tables.table(bare, SCHEMA, caption="c", columns=["group"]).data


def test_a_misspelt_column_is_named(frame: pd.DataFrame) -> None:
    with pytest.raises(UsageError, match="unknown column 'shares'. Did you mean 'share'"):
        tables.table(frame, SCHEMA, caption="c", columns=["shares"])


def test_a_figure_is_specification_picture_and_text(chart: alt.Chart) -> None:
    bundle = figures.figure(chart, "Its caption.")._repr_mimebundle_()
    spec: Any = bundle[MIME]
    assert spec["usermeta"]["caption"] == "Its caption." and spec["description"] == "Two points."
    assert spec["width"] == "container" and spec["config"]["background"] == "transparent"
    assert str(bundle["image/svg+xml"]).startswith("<svg") and bundle["text/plain"] == "Two points. Its caption."
    json.dumps(spec)


def test_a_notebook_may_hold_a_figure(chart: alt.Chart) -> None:
    output = v4.new_output("display_data", figures.figure(chart, "c")._repr_mimebundle_())
    validate(v4.new_notebook(cells=[v4.new_code_cell("", outputs=[output])]))


def test_a_bare_chart_shows_the_same(chart: alt.Chart) -> None:
    assert set(chart._repr_mimebundle_()) == {MIME, "image/svg+xml", "text/plain"}


def test_a_figure_needs_a_description(chart: alt.Chart) -> None:
    chart.description = alt.Undefined
    with pytest.raises(EmomechError, match=r"'Its caption.': its chart has no description"):
        figures.figure(chart, "Its caption.")


def test_setup_silences_progress_bars() -> None:
    assert os.environ["TQDM_DISABLE"] == os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] == "1"


@pytest.mark.parametrize("outcome", get_args(Outcome))
def test_a_verdict_is_told_in_words_and_shape(outcome: Outcome) -> None:
    html = verdicts.verdict_box(Verdict("C<1>", "It & so.", outcome, "r", "one; two", "")).data
    assert f"<strong>{outcome}</strong>" in html and "<svg" in html and "It &amp; so." in html and "C&lt;1&gt;" in html
    assert "<dd>one<br>two</dd>" in html and "Control" not in html


def test_outcomes_differ_in_shape() -> None:
    assert set(verdicts.SHAPES) == set(get_args(Outcome)) and len(set(verdicts.SHAPES.values())) == 4


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


def test_showing_loads_no_model_library() -> None:
    code = "import sys; from emomech import notebook; print(sorted({'torch', 'transformers', 'sae_lens'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


def test_parameters_are_shown_with_what_they_mean_and_which_were_changed() -> None:
    values = {"model": "organism", "corpus": "my <texts>.csv", "emotions": "auto", "prompt": "auto"}
    html = str(provenance.parameters_table("behaviour", values | {"seed": 0, "limit": 0, "n_resamples": 1000}).data)
    assert html.count("emo-changed") == 1 and "my &lt;texts&gt;.csv" in html
    assert html.count("<tr>") == 8 and "decides which texts are drawn" in html


def test_a_long_list_among_the_parameters_breaks_after_commas_and_is_not_said_twice() -> None:
    models = "organism-disgust02,organism-disgust02-seed1,organism-anger02"
    values = {"models": models, "emotion": "disgust", "model": "organism", "corpus": "organism"}
    values |= {"emotions": "auto", "prompt": "auto"}
    numbers = {"seed": 0, "limit": 0, "n_texts": 24, "n_resamples": 1000}
    changed = str(provenance.parameters_table("scarcity", values | numbers).data)
    assert "organism-disgust02</span>,<wbr>" in changed and "the same" not in changed
    default = next(p.default for p in parameters.read(NOTEBOOKS / "scarcity.md").values() if p.name == "models")
    assert (
        str(provenance.parameters_table("scarcity", values | numbers | {"models": default}).data).count("the same") == 1
    )


def test_a_command_in_a_meaning_is_code() -> None:
    html = str(provenance.parameters_table("organism", {"model": "organism", "seed": 0, "limit": 0}).data)
    assert "<code>emomech organism train</code>" in html


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([1.0, 16.0], ["1", "16"]),  # counts that a missing one made floats
        ([0.0, 1.0], ["0.00", "1.00"]),  # shares
        ([2.5, 4096.0], ["2.50", "4,096"]),
        ([-0.0, 0.5], ["0.00", "0.50"]),
    ],
)
def test_decimals_stand_where_they_mean_something(values: list[float], shown: list[str]) -> None:
    schema = Schema(keys={}, values={"value": "a number"})
    html = str(tables.table(pd.DataFrame({"value": values}), schema, caption="c").data)
    assert re.findall(r'<td class="emo-number">([^<]*)</td>', html) == shown


def test_a_reason_is_one_paragraph_and_an_interval_stands_on_one_line() -> None:
    html = str(verdicts.verdict_box(Verdict("C1", "So.", "partly", "It is; it was.", "gain 0.1 [0.0, 0.2]", "")).data)
    assert "<dd>It is; it was.</dd>" in html and "gain 0.1\u00a0[0.0,\u00a00.2]" in html


def test_a_picture_asks_for_the_font_that_it_was_measured_in(chart: alt.Chart) -> None:
    picture = str(figures.figure(chart, "c")._repr_mimebundle_()["image/svg+xml"])
    assert set(re.findall(r'font-family="([^"]+)"', picture)) == {figures.STATIC_FONT}
