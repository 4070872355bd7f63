"""Cards of features: marked texts, anchors that figures link to, and escaped text."""

import json
import re
from dataclasses import replace

import pytest
import vl_convert
from tables import table

from emomech.book.sphinx import layers as sphinx_layers
from emomech.chapters.causal_features import analysis, cards, charts
from emomech.chapters.causal_features.analysis import CAUSAL, MATCHED, CausalFeatures
from emomech.chapters.causal_features.cards import heat_map
from emomech.figures.palette import EMOTION_COLOURS, emotion_colours
from emomech.stats.tables import checked, filled

POINT = "blocks.3.hook_resid_post"
PLACES = [(POINT, 7, "joy"), (POINT, 9, "anger, fear"), ("blocks.0.hook_resid_pre", 7, "fear")]


@pytest.fixture
def result() -> CausalFeatures:
    cards, effects, texts = [], [], []
    for point, number, supports in PLACES:
        writes = "joy" if supports == "joy" else ""
        page = f"https://www.neuronpedia.org/small/{number}" if number == 9 else ""
        cards.append((point, number, 0.5, supports, 0.1, 3.0, "joy", 0.9, writes, "glad <b>", "sad", page))
        for i, emotion in enumerate(("joy", "anger", "fear")):
            own = emotion in supports
            loss = 1.0 + i if own else -0.1
            effects.append((point, number, emotion, CAUSAL, 0.5, own, loss, loss - 0.2, loss + 0.2, 0.01, 20))
        texts.append((point, number, 1, "joy", 3.0, "Ann & Bo <ran> home.", "0:3:1.00 9:14:0.25"))
    effects.append((POINT, 11, "joy", MATCHED, 0.5, True, 0.0, -0.1, 0.1, 0.9, 20))
    return checked(
        CausalFeatures(
            setting=table(analysis.SETTING, [("organism", 0.9, 0.8, 0.95, 1, 20, "")]),
            cards=table(analysis.CARDS, cards),
            effects=table(analysis.EFFECTS, effects),
            texts=table(analysis.TEXTS, texts),
        )
    )


@pytest.fixture
def nothing() -> CausalFeatures:
    row = ("organism", *[float("nan")] * 3, 1, 0, "the model is at chance")
    return filled(CausalFeatures, setting=table(analysis.SETTING, [row]))


def test_a_text_is_marked_where_the_feature_fires_and_otherwise_whole() -> None:
    shown = heat_map("Ann & Bo <ran> home.", "0:3:1.00 9:14:0.25")
    marks = re.findall(r'<mark style="--heat: ([\d.]+)" title="[\d.]+">([^<]*)</mark>', shown)
    assert marks == [("1.00", "Ann"), ("0.25", "&lt;ran&gt;")]
    assert re.sub(r"</?mark[^>]*>", "", shown) == "Ann &amp; Bo &lt;ran&gt; home."


def test_tokens_that_share_characters_are_shown_once() -> None:
    assert re.sub(r"</?mark[^>]*>", "", heat_map("naïve", "0:3:0.50 2:3:0.40 3:5:0.10")) == "naïve"


def test_every_mark_of_a_figure_leads_to_a_card(result: CausalFeatures) -> None:
    shown = cards.cards(result).data
    addresses = set(re.findall(r'<article class="emo-card" id="([^"]+)"', shown))
    assert len(addresses) == len(PLACES)
    linked = set(re.findall(r'href="#([^"]+)"', cards.index(result).data))
    assert linked == addresses
    for chart in (charts.depths(result.effects), charts.emotions(result.effects)):
        rows = [row for dataset in chart.to_dict()["datasets"].values() for row in dataset if "card" in row]
        assert {row["card"].lstrip("#") for row in rows if row["condition"] == CAUSAL} == addresses


def test_the_index_gives_every_hook_point_one_address_that_tells_its_depth(result: CausalFeatures) -> None:
    moved = result.cards.assign(depth=0.5, hook_point=[POINT, "blocks.3.hook_mlp_out", POINT], feature=[1, 2, 3])
    links = sphinx_layers.read_links(cards.index(replace(result, cards=moved)).data)
    assert {(link.anchor, link.depth, link.n_features) for link in links} == {
        ("features-blocks-3-hook-resid-post", 0.5, 2),
        ("features-blocks-3-hook-mlp-out", 0.5, 1),
    }


def test_charts_draw(result: CausalFeatures) -> None:
    for chart in (charts.depths(result.effects), charts.emotions(result.effects)):
        spec = chart.to_dict()
        assert len(spec["description"]) > 40
        assert spec["width"] == "container"
        svg = vl_convert.vegalite_to_svg(json.loads(chart.to_json()) | {"width": 400})
        assert svg.count("<path") > 5


def test_a_public_feature_leads_to_its_page(result: CausalFeatures) -> None:
    shown = cards.cards(result).data
    assert re.findall(r'<a href="([^"]+)">on Neuronpedia', shown) == ["https://www.neuronpedia.org/small/9"]


def test_what_comes_from_data_is_escaped(result: CausalFeatures) -> None:
    shown = cards.cards(result).data
    assert "glad, &lt;b&gt;" in shown
    assert "<ran>" not in shown


def test_a_feature_of_two_emotions_has_one_card_under_the_first(result: CausalFeatures) -> None:
    shown = cards.cards(result).data
    assert re.findall(r"<h3>(\w+)</h3>", shown) == ["joy", "anger", "fear"]
    assert shown.count("Feature 9 ") == 1


def test_the_numbers_of_the_prose(result: CausalFeatures) -> None:
    quoted = cards.numbers(result)
    assert quoted["told"] == ""
    assert (quoted["n_features"], quoted["n_writing"], quoted["n_several"]) == (3, 1, 1)
    assert quoted["cost"] == pytest.approx(2.5)
    assert quoted["matched"] == 0.0
    assert quoted["silent"] == pytest.approx(3.0)


def test_a_page_with_nothing_to_show_says_so(nothing: CausalFeatures) -> None:
    assert "at chance" in str(cards.numbers(nothing)["told"])
    assert "no feature" in cards.cards(nothing).data
    assert "no feature" in cards.index(nothing).data
    for chart in (charts.depths(nothing.effects), charts.emotions(nothing.effects)):
        vl_convert.vegalite_to_svg(json.loads(chart.to_json()) | {"width": 400})


@pytest.mark.parametrize(("place", "name"), [((POINT, 7), "3/7"), (("blocks.0.hook_resid_pre", 7), "0/7 resid_pre")])
def test_a_feature_is_named_by_block_and_number(place: tuple[str, int], name: str) -> None:
    assert charts.short_name(*place) == name


def test_an_emotion_has_its_colour_and_other_labels_have_what_is_left() -> None:
    colours = emotion_colours(["joy", "pride", "fear", "shame"])
    assert colours["joy"] == EMOTION_COLOURS["joy"]
    assert len(set(colours.values())) == 4
    many = emotion_colours([f"label{i}" for i in range(12)])
    assert list(many.values())[-1] == "#8c8c8c"
