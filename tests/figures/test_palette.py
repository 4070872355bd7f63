"""A colour means one thing in a figure, and colour-blind readers can tell colours apart."""

import re

import pytest

from emomech.figures import palette

PALETTES = {name: value for name, value in vars(palette).items() if name.endswith("_COLOURS")}


@pytest.mark.parametrize("name", PALETTES)
def test_no_palette_has_a_colour_twice(name: str) -> None:
    colours = list(PALETTES[name].values())
    assert len(set(colours)) == len(colours)
    assert all(re.fullmatch("#[0-9a-f]{6}", colour) for colour in colours)


def test_what_stands_in_several_palettes_has_one_colour() -> None:
    for name in ("shuffled labels", "matched features"):
        support, steered = palette.SUPPORT_COLOURS, palette.CONDITION_COLOURS | palette.STEERED_COLOURS
        assert support[name] == steered[name]


def test_an_unknown_label_takes_a_free_colour_and_then_grey() -> None:
    labels = ["joy", "pride", *map(str, range(8))]
    colours = palette.emotion_colours(labels)
    assert list(colours) == labels
    assert colours["joy"] == palette.EMOTION_COLOURS["joy"]
    assert colours["pride"] in palette.EMOTION_COLOURS.values() and colours["pride"] != colours["joy"]
    assert colours["7"] == palette.OTHER


def test_the_theme_leaves_the_background_to_the_page() -> None:
    assert palette.theme()["config"]["background"] == "transparent"  # pyright: ignore[reportTypedDictNotRequiredAccess]
