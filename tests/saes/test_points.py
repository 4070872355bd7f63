"""Hook points by name and by layer, in order of depth; what the model does not have is named."""

import pytest
import tiny

from emomech.core.errors import UsageError
from emomech.core.hook_points import HookPoint
from emomech.models.language_model import LanguageModel
from emomech.saes.points import chosen_points, default_points


@pytest.fixture(scope="module")
def lm() -> LanguageModel:
    return tiny.language_model("gpt2")


def test_there_is_one_point_before_and_after_every_block(lm: LanguageModel) -> None:
    points = default_points(lm)
    assert [point.resid_index() for point in points] == list(range(lm.n_layers + 1))


def test_points_are_read_by_name_in_order_of_depth(lm: LanguageModel) -> None:
    points = [HookPoint(0, "resid_pre"), HookPoint(1)]
    assert chosen_points(lm, "blocks.1.hook_resid_post,blocks.0.hook_resid_pre") == points


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("blocks.3.hook_resid_post", r"'blocks.3.hook_resid_post'. Did you mean .*Known: .*blocks.2.hook_resid_post"),
        ("hook_resid_post", "unknown hook point of tiny gpt2 'hook_resid_post'.*blocks.0.hook_resid_pre"),
        ("1,blocks.1.hook_resid_post", "name blocks.1.hook_resid_post twice"),
        ("every:1,last", "name blocks.2.hook_resid_post twice"),
    ],
)
def test_points_that_are_not_there_are_named(lm: LanguageModel, names: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        chosen_points(lm, names)


@pytest.mark.parametrize(
    ("layers", "depths"),
    [
        ("every:1", [0, 1, 2, 3]),
        ("every:2", [0, 2]),
        ("every:3", [0, 3]),
        ("every:50", [0]),
        ("embedding", [0]),
        ("last", [3]),
        ("0", [1]),
        ("1-2", [2, 3]),
        (" last, 0 ,embedding", [0, 1, 3]),
    ],
)
def test_layers_are_counted_in_blocks(lm: LanguageModel, layers: str, depths: list[int]) -> None:
    assert [point.resid_index() for point in chosen_points(lm, layers)] == depths


@pytest.mark.parametrize("layers", ["", ",", "3", "-1", "2-1", "0-3", "every:0", "every:", "every:x", "first", "0-"])
def test_layers_that_are_not_there_are_refused(lm: LanguageModel, layers: str) -> None:
    with pytest.raises(UsageError, match=r"layers .*Expected numbers from 0 to 2, 2-4, embedding, last or every:3"):
        chosen_points(lm, layers)
