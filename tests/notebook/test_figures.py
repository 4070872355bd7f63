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
from emomech.figures.vega import MIME
from emomech.notebook import figures, quoting


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
