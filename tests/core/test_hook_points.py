"""Hook points read and write TransformerLens's names, and are in order of depth."""

import pytest

from emomech.core.errors import UsageError
from emomech.core.hook_points import FeatureId, HookPoint, by_point


@pytest.mark.parametrize("site", ["resid_pre", "resid_post", "attn_out", "mlp_out"])
def test_a_hook_point_is_what_its_name_says(site: str) -> None:
    name = f"blocks.11.hook_{site}"
    point = HookPoint.parse(name)
    assert (point.layer, point.site, str(point)) == (11, site, name)


@pytest.mark.parametrize("name", ["blocks.3.hook_resid_mid", "blocks.x.hook_mlp_out", "blocks.3.mlp_out", "", "3"])
def test_another_name_is_refused_with_the_sites_there_are(name: str) -> None:
    with pytest.raises(UsageError, match=f"hook point '{name}': expected .* resid_pre, resid_post, attn_out, mlp_out"):
        HookPoint.parse(name)


def test_depth_counts_the_blocks_that_have_written_to_the_stream() -> None:
    points = [HookPoint(0, "resid_pre"), HookPoint(0), HookPoint(2, "resid_pre"), HookPoint(3, "mlp_out"), HookPoint(3)]
    assert [point.resid_index() for point in points] == [0, 1, 2, 4, 4]
    assert [point.depth(4) for point in points] == [0, 0.25, 0.5, 1, 1]


def test_features_are_gathered_by_hook_point_in_order_of_depth() -> None:
    late, early = HookPoint(4), HookPoint(0, "resid_pre")
    features = [FeatureId(late, 7), FeatureId(early, 2), FeatureId(late, 1)]
    assert list(by_point(features).items()) == [(early, [2]), (late, [7, 1])]
    assert by_point([]) == {}
