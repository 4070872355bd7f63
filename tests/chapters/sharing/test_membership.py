"""Membership on a model whose features are known, by each kind of evidence."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import planted
import pytest
import torch

from emomech.causal.questions import Questions
from emomech.chapters.conditions import FROZEN
from emomech.chapters.sharing.controls import conditions, one_per_cluster
from emomech.chapters.sharing.membership import (
    AnswerSample,
    Membership,
    chance_of_finding,
    selective,
    stepwise,
    supporting,
    writes_label,
)
from emomech.core.hook_points import HookPoint
from emomech.saes.sae import Sae

LAST, EARLY = HookPoint(5), HookPoint(1)
NAMES = planted.feature_names()
OWN = [NAMES.index(f"emotion:{label}") for label in planted.CLASSES["emotion"]]


def with_pairs(sae: Sae) -> Sae:
    """Add features of two emotions, joy or pride and fear or anger, that write nothing."""
    d = planted.directions()
    read = [d[f"emotion:{a}"] + d[f"emotion:{b}"] for a, b in (("joy", "pride"), ("fear", "anger"))]
    W_enc = torch.cat([sae.W_enc, torch.stack(read, 1)], 1)
    W_dec = torch.cat([sae.W_dec, torch.zeros(2, sae.d_in)])
    more = torch.cat([sae.b_enc, torch.zeros(2)]), torch.cat([sae.threshold, torch.full((2,), 1.5)])  # pyright: ignore[reportCallIssue, reportArgumentType]
    return replace(sae, W_enc=W_enc, W_dec=W_dec, b_enc=more[0], threshold=more[1])


@pytest.fixture(scope="module")
def saes() -> Mapping[HookPoint, Sae]:
    return {point: with_pairs(planted.saes()[point]) for point in (EARLY, LAST)}


@pytest.fixture(scope="module")
def sides(saes: Mapping[HookPoint, Sae]) -> tuple[AnswerSample, AnswerSample]:
    study = planted.study(480)
    asked = [Questions.of(study, one_per_cluster(study, split, 40)) for split in ("discover", "report")]
    return AnswerSample.of(asked[0], saes, 20, 0), AnswerSample.of(asked[1], saes, 20, 1)


@pytest.fixture(scope="module")
def memberships(saes: Mapping[HookPoint, Sae], sides: tuple[AnswerSample, AnswerSample]) -> dict[HookPoint, Membership]:
    return selective(saes, *sides, 40, 0)


def members(membership: Membership, feature: int) -> list[bool]:
    return membership.member[0, list(membership.feature).index(feature)].tolist()


def test_each_emotion_has_its_feature_and_each_pair_its_own(memberships: dict[HookPoint, Membership]) -> None:
    assert [members(memberships[LAST], i) for i in OWN] == np.eye(4, dtype=bool).tolist()
    assert members(memberships[LAST], len(NAMES)) == [True, True, False, False]
    assert members(memberships[LAST], len(NAMES) + 1) == [False, False, True, True]
    assert np.bincount(memberships[LAST].member[0].sum(1)).tolist()[1:] == [4, 2]
    assert not memberships[EARLY].member[0].any()


def test_a_profile_is_the_mean_activation_on_each_emotions_texts(
    memberships: dict[HookPoint, Membership], saes: Mapping[HookPoint, Sae], sides: tuple[AnswerSample, AnswerSample]
) -> None:
    again = sides[1]
    values = saes[LAST].encode(again.activations[LAST])[:, OWN[0]].numpy()
    expected = [values[again.questions.gold == label].mean() for label in range(4)]
    profile = memberships[LAST].profile[list(memberships[LAST].feature).index(OWN[0])]
    np.testing.assert_allclose(profile, expected, rtol=1e-5)


def test_shuffled_labels_have_no_features(
    saes: Mapping[HookPoint, Sae], sides: tuple[AnswerSample, AnswerSample]
) -> None:
    shuffled = (sides[0].with_permuted_labels(7), sides[1].with_permuted_labels(8))
    assert not selective(saes, *shuffled, 40, 0)[LAST].member[0].any()
    assert not supporting(saes, *shuffled)[LAST].member[0].any()


def test_what_writes_the_emotion_supports_it_and_what_writes_nothing_supports_none(
    saes: Mapping[HookPoint, Sae], sides: tuple[AnswerSample, AnswerSample]
) -> None:
    supported = supporting(saes, *sides)[LAST]
    assert [members(supported, i) for i in OWN] == np.eye(4, dtype=bool).tolist()
    assert not any(members(supported, len(NAMES)))


def test_a_second_emotion_shows_when_the_first_is_put_aside(sides: tuple[AnswerSample, AnswerSample]) -> None:
    d = planted.directions()
    sae = planted.saes()[LAST]
    faint = sae.W_enc.clone()
    faint[:, OWN[0]] = d["emotion:joy"] + 0.45 * d["emotion:pride"]
    sae = replace(sae, W_enc=faint)
    chosen, again = (replace(side, activations={LAST: _dimmed(side)}) for side in sides)
    first = selective({LAST: sae}, chosen, again, 40, 0)
    both = stepwise({LAST: sae}, chosen, again, first)
    assert members(first[LAST], OWN[0]) == [True, False, False, False]
    assert members(both[LAST], OWN[0]) == [True, True, False, False]
    assert members(both[LAST], OWN[2]) == [False, False, True, False]


def _dimmed(side: AnswerSample) -> torch.Tensor:
    """Keep pride in only a third of its texts, so that joy overshadows it."""
    x = side.activations[LAST].clone()
    prides = np.flatnonzero(side.questions.gold == 1)
    x[prides[len(prides) * 2 // 5 :]] -= 4 * planted.directions()["emotion:pride"]
    return x


def test_words_are_written_by_the_directions_that_the_unembedding_reads(
    memberships: dict[HookPoint, Membership], saes: Mapping[HookPoint, Sae], sides: tuple[AnswerSample, AnswerSample]
) -> None:
    wrote = writes_label(sides[0].questions, saes[LAST], memberships[LAST])
    assert memberships[LAST].feature[wrote].tolist() == sorted(OWN)


def test_few_texts_find_few_features() -> None:
    chances = [chance_of_finding((n, n), 4, 4.0) for n in (10, 40, 160)]
    assert chances == sorted(chances)
    assert chances[0] < 0.1 and chances[-1] > 0.99


def test_the_controls_keep_the_dictionaries_size_and_sparsity(
    saes: Mapping[HookPoint, Sae], sides: tuple[AnswerSample, AnswerSample]
) -> None:
    study = planted.study(480)
    study = study.replaced(saes=saes, control_saes={FROZEN: saes}, other_saes=saes)
    by_condition = conditions(study, sides)
    random, read = by_condition["random dictionary"]
    assert random[LAST].d_sae == saes[LAST].d_sae
    l0 = (saes[LAST].encode(sides[0].activations[LAST]) > 0).sum(-1).float().mean()
    assert random[LAST].k == round(float(l0))
    assert read == sides
    assert by_condition["shuffled labels"][0] is saes
    assert by_condition["frozen decoder"] == by_condition["second SAEs"] == (saes, sides)
    assert "soft-frozen decoder" not in by_condition
    other = by_condition["random weights"][1][0]
    assert not torch.equal(other.activations[LAST], sides[0].activations[LAST])
    assert np.array_equal(other.questions.gold, sides[0].questions.gold)
