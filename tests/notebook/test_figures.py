"""Figures are specification, picture and text, and can be shown on another page."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import altair as alt
import pandas as pd
import pytest
from nbformat import v4, validate

from emomech.core.errors import EmomechError
from emomech.figures.rows import MAX_ROWS
from emomech.figures.vega import MIME, largest_data
from emomech.notebook import figures, quoting


@pytest.fixture
def chart() -> alt.Chart:
    data = pd.DataFrame({"x": [1, 2], "y": [3, 4]})
    return alt.Chart(data).mark_point().encode(x="x", y="y").properties(width="container", description="Two points.")


@pytest.fixture(autouse=True)
def _setup(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("TQDM_DISABLE", "HF_HUB_DISABLE_PROGRESS_BARS"):
        monkeypatch.setenv(name, "0")
    theme, renderer, transformer = alt.theme.active, alt.renderers.active, alt.data_transformers.active
    figures.setup()
    yield
    alt.theme.enable(theme)
    alt.renderers.enable(renderer)
    alt.data_transformers.enable(transformer)


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


@pytest.mark.parametrize("n", [20_000, 300_000])
def test_a_figure_of_a_long_table_draws_a_sample_and_says_so(n: int) -> None:
    chart = alt.Chart(pd.DataFrame({"x": range(n)})).mark_tick().encode(x="x:Q").properties(description="Ticks.")
    bundle = figures.figure(chart, "Its caption.")._repr_mimebundle_()
    note = f"It draws a random sample of 5,000 of {n:,} rows (seed 0)."
    spec: Any = bundle[MIME]
    assert spec["description"] == f"Ticks. {note}" and spec["usermeta"]["caption"] == f"Its caption. {note}"
    assert len(largest_data(spec)) == MAX_ROWS and str(bundle["image/svg+xml"]).startswith("<svg")


def test_a_bare_chart_of_a_long_table_warns_that_it_draws_a_sample() -> None:
    chart = alt.Chart(pd.DataFrame({"x": range(20_000)})).mark_tick().encode(x="x:Q")
    with pytest.warns(UserWarning, match="It draws a random sample of 5,000 of 20,000 rows"):
        shown: Any = chart._repr_mimebundle_()
    assert len(largest_data(shown[MIME])) == MAX_ROWS


def test_a_figure_can_be_shown_on_another_page(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[tuple[dict, dict]] = []
    monkeypatch.setattr(quoting, "display", lambda data, raw, metadata: shown.append((data, metadata)))
    chart = alt.Chart(pd.DataFrame({"x": [1]})).mark_point().encode(x="x:Q").properties(description="One point.")
    figures.glue_figure("page", "picture", chart, "What it shows.")
    ((data, metadata),) = shown
    assert metadata["scrapbook"]["name"] == "page.picture"
    html = data["application/papermill.record/text/html"]
    assert "<figcaption>What it shows.</figcaption>" in html and 'aria-label="One point."' in html


def test_a_picture_asks_for_the_font_that_it_was_measured_in(chart: alt.Chart) -> None:
    picture = str(figures.figure(chart, "c")._repr_mimebundle_()["image/svg+xml"])
    assert set(re.findall(r'font-family="([^"]+)"', picture)) == {figures.STATIC_FONT}


def test_setup_silences_progress_bars() -> None:
    assert os.environ["TQDM_DISABLE"] == os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] == "1"


def test_showing_loads_no_model_library() -> None:
    code = "import sys; from emomech import notebook; print(sorted({'torch', 'transformers', 'sae_lens'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"
