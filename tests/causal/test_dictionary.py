"""`ablate` and `keep_only` are complements, edits change features as documented, and unknown features are refused."""

from collections.abc import Callable

import numpy as np
import planted
import pytest
import torch

from emomech.causal.dictionary import Dictionary, MoveFeaturesAndError
from emomech.causal.questions import Edits, Questions
from emomech.causal.sample import Sample
from emomech.core.errors import UsageError
from emomech.core.hook_points import FeatureId, HookPoint, by_point
from emomech.models.hooks import capture, intervene

POINT, LAST = HookPoint(3), HookPoint(planted.N_BLOCKS - 1)
NAMES = planted.feature_names()
BACKGROUND = NAMES.index("background:0")


@pytest.fixture(scope="module")
def questions() -> Questions:
    return Questions.of(planted.study(160), range(24))


@pytest.fixture(scope="module")
def sample(questions: Questions) -> Sample:
    return Sample.of(questions, 0, 0).replayed()


@pytest.fixture(scope="module")
def dictionary(questions: Questions) -> Dictionary:
    return Dictionary.of(questions, planted.saes())


def values(x: torch.Tensor, edits: Edits) -> torch.Tensor:
    """Activation of a feature that always fires, before (read) and after an edit (read)."""
    encode = planted.saes()[LAST].encode
    return torch.stack([encode(x)[:, BACKGROUND], encode(edits[LAST](x[None])[0])[:, BACKGROUND]])


def test_to_keep_all_and_to_ablate_none_change_nothing(sample: Sample, dictionary: Dictionary) -> None:
    losses = sample.losses([dictionary.ablate([]), dictionary.keep_only(dictionary.alive)])
    np.testing.assert_array_equal(losses, np.zeros_like(losses))


def test_to_keep_some_is_to_ablate_the_others(sample: Sample, dictionary: Dictionary) -> None:
    some = dictionary.alive[::3]
    others = [feature for feature in dictionary.alive if feature not in set(some)]
    kept, ablated = sample.losses([dictionary.keep_only(some), dictionary.ablate(others)])
    np.testing.assert_array_equal(kept, ablated)
    assert sum(map(len, by_point(others).values())) == len(dictionary.alive) - len(some)


def test_features_and_error_at_their_means_are_the_mean_activation(dictionary: Dictionary) -> None:
    stats, sae = dictionary.stats[POINT], planted.saes()[POINT]
    moved = dictionary.keep_only([], error=False)[POINT](stats.drawn[None])[0]
    torch.testing.assert_close(moved, stats.mean.expand_as(moved), atol=1e-4, rtol=1e-4)
    mask = torch.zeros(1, len(stats.drawn), dtype=torch.bool)
    left = MoveFeaturesAndError(sae, [1], mask=mask, error=stats.error)(stats.drawn[None])
    torch.testing.assert_close(left[0], stats.drawn)


def test_dimensions_are_reconstructed_and_ablated_to_the_mean(questions: Questions) -> None:
    dimensions = Dictionary.dimensions(questions, [POINT])
    stats, sae = dimensions.stats[POINT], dimensions.saes[POINT]
    torch.testing.assert_close(sae.decode(sae.encode(stats.drawn), stats.drawn), stats.drawn)
    dimension = dimensions.alive[0]
    moved = dimensions.ablate([dimension])[POINT](stats.drawn[None])[0]
    expected = stats.drawn.clone()
    expected[:, dimension.index] = stats.mean[dimension.index]
    torch.testing.assert_close(moved, expected, atol=1e-4, rtol=1e-4)
    assert len(dimensions.alive) <= planted.D_MODEL


def test_a_dimension_is_scaled_and_set_with_both_its_signs(questions: Questions) -> None:
    dimensions = Dictionary.dimensions(questions, [POINT])
    stats, dimension = dimensions.stats[POINT], dimensions.alive[0]
    x, i = torch.cat([stats.drawn, -stats.drawn]), dimension.index
    for edits, expected in (
        (dimensions.scale([dimension], 3.0), 3 * x[:, i]),
        (dimensions.clamp([dimension], 0.5), torch.full((len(x),), 0.5 * float(stats.peak[i]))),
        (dimensions.add([dimension], torch.tensor([0.5])), x[:, i] + 0.5 * float(stats.peak[i])),
    ):
        torch.testing.assert_close(edits[POINT](x[None])[0][:, i], expected, atol=1e-4, rtol=1e-4)


def test_ablated_features_stand_at_their_means(questions: Questions, dictionary: Dictionary) -> None:
    (batch, mask), *_ = questions.batches("everywhere")
    edits = dictionary.ablate([FeatureId(LAST, BACKGROUND)])
    with intervene(questions.lm, edits), capture(questions.lm, [LAST]) as seen:
        questions.lm.module(**batch.forward_kwargs())
    ablated = planted.saes()[LAST].encode(seen[LAST][mask])[:, BACKGROUND]
    assert ablated.std() < 1e-4
    assert ablated.mean() == pytest.approx(float(dictionary.stats[LAST].features[BACKGROUND]), rel=1e-3)


def test_doubled_features_are_twice_what_they_were(dictionary: Dictionary) -> None:
    for factor in (2.0, torch.tensor([2.0])):
        edits = dictionary.scale([FeatureId(LAST, BACKGROUND)], factor)
        before, after = values(dictionary.stats[LAST].drawn, edits)
        torch.testing.assert_close(after, 2 * before, atol=1e-4, rtol=1e-4)


def test_amounts_are_in_peaks_and_each_feature_has_its_own(dictionary: Dictionary) -> None:
    features = [FeatureId(LAST, 3), FeatureId(POINT, 1), FeatureId(LAST, BACKGROUND)]
    peaks, peak = torch.tensor([9.0, 9.0, 0.5]), float(dictionary.stats[LAST].peak[BACKGROUND])
    before, after = values(dictionary.stats[LAST].drawn, dictionary.add(features, peaks))
    torch.testing.assert_close(after, before + 0.5 * peak, atol=1e-4, rtol=1e-4)
    _, after = values(dictionary.stats[LAST].drawn, dictionary.clamp(features, peaks))
    torch.testing.assert_close(after, torch.full_like(after, 0.5 * peak), atol=1e-4, rtol=1e-4)
    assert list(dictionary.clamp(features, peaks)) == [POINT, LAST]


@pytest.mark.parametrize("edit", [Dictionary.ablate, Dictionary.keep_only, lambda d, f: d.scale(f, 2.0)])
@pytest.mark.parametrize(
    ("feature", "message"),
    [(FeatureId(LAST, len(NAMES)), "has features 0.."), (FeatureId(HookPoint(99), 0), "there are SAEs at blocks")],
)
def test_unknown_features_are_refused(
    dictionary: Dictionary, edit: Callable[[Dictionary, list[FeatureId]], Edits], feature: FeatureId, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        edit(dictionary, [feature])


def test_one_hook_point_keeps_its_sae_and_statistics(dictionary: Dictionary) -> None:
    one = dictionary.at(LAST)
    assert list(one.saes) == list(one.stats) == [LAST]
    assert one.alive == [feature for feature in dictionary.alive if feature.point == LAST]
