"""Sharing on a model with one feature for each emotion, with added features of two emotions, and with none."""

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd
import planted
import pytest
import torch

from emomech.chapters.sharing import rule
from emomech.chapters.sharing.analysis import Sharing, sharing
from emomech.chapters.sharing.relations import ALL, NOTHING, SHARED
from emomech.core.hook_points import HookPoint
from emomech.saes.sae import Sae
from emomech.stats.tables import checked, number
from emomech.study.study import Study

SIZES = {"most": 40, "n_permutations": 40, "n_resamples": 40, "n_draws": 3}
POINTS = (HookPoint(1), HookPoint(3), HookPoint(5))
PAIRS = (("joy", "pride"), ("fear", "anger"))
N_PAIRS = 12
"""Features of each pair."""


def few(study: Study, saes: Mapping[HookPoint, Sae] | None = None) -> Study:
    """Take three of the hook points."""
    study = study.replaced(saes=saes or {point: planted.saes()[point] for point in POINTS})
    return study


def with_pairs(sae: Sae) -> Sae:
    """Give an SAE features of two emotions, and let it write no label word."""
    d = planted.directions()
    read = [d[f"emotion:{a}"] + d[f"emotion:{b}"] for a, b in PAIRS for _ in range(N_PAIRS)]
    n = len(read)
    threshold = torch.cat([torch.full((sae.d_sae + n,), 1.5)])
    return replace(
        sae,
        W_enc=torch.cat([sae.W_enc, torch.stack(read, 1)], 1),
        W_dec=torch.zeros(sae.d_sae + n, sae.d_in),
        b_enc=torch.zeros(sae.d_sae + n),
        threshold=threshold,
    )


@pytest.fixture(scope="module")
def specific() -> Sharing:
    return checked(sharing(few(planted.study(480)), **SIZES))


@pytest.fixture(scope="module")
def pool() -> Sharing:
    saes = {point: with_pairs(planted.saes()[point]) for point in POINTS}
    return checked(sharing(few(planted.study(480), saes), **SIZES))


@pytest.fixture(scope="module")
def null() -> Sharing:
    return checked(sharing(few(planted.study(480, null=True)), **SIZES))


def trained(table: pd.DataFrame, evidence: str = "selective") -> pd.DataFrame:
    rows = table[(table.evidence == evidence) & (table.condition == "trained")]
    return rows[rows.features == ALL] if "features" in rows else rows


def test_one_feature_each_is_a_set_and_no_pool(specific: Sharing) -> None:
    assert trained(specific.specific).n.tolist() == [1, 1, 1, 1]
    assert trained(specific.numbers).set_index("emotions").n.to_dict() == {1: 4, 2: 0, 3: 0, 4: 0}
    verdict = rule.sharing(specific)
    assert verdict.outcome == "cannot be tested here"  # four features are no structure
    assert "Only 4 features belong to any emotion" in verdict.reason


def test_what_is_specific_here_writes_the_label_words(specific: Sharing) -> None:
    own = specific.features.query("evidence == 'selective'")
    assert set(own.writes_label) == {"yes"}
    silent = specific.specific.query("features == 'writing no label' and condition == 'trained'")
    assert silent.n.sum() == 0
    assert specific.features.query("evidence == 'supporting'").emotions.tolist() == ["joy", "pride", "fear", "anger"]


def test_features_of_two_are_a_pool_beyond_independent_assignment(pool: Sharing) -> None:
    keys = {"evidence": "selective", "condition": "trained", "features": ALL, "quantity": SHARED}
    excess = number(pool.advantage, "difference", baseline=NOTHING, **keys)
    assert excess.low > 0.05
    assert trained(pool.numbers).set_index("emotions").n[2] == 2 * N_PAIRS
    checks = {check.criterion: check for check in rule.sharing(pool).checks}
    assert checks["More features are shared than under independent choice."].status == "met"
    assert set(pool.stability.query("quantity == 'pool'").value > 0) == {True}


def test_saes_that_hardly_learned_and_second_saes_are_conditions() -> None:
    saes = {point: with_pairs(planted.saes()[point]) for point in POINTS}
    study = few(planted.study(480), saes).replaced(
        control_saes=dict.fromkeys(("soft-frozen decoder", "frozen decoder"), saes), other_saes=saes
    )
    verdict = rule.sharing(checked(sharing(study, **SIZES)))
    same = [check for check in verdict.checks if "decoder" in check.control]
    assert "met" not in {check.status for check in same}
    assert verdict.outcome != "replicates"


def test_the_pairs_that_share_are_those_that_were_made_to(pool: Sharing) -> None:
    pairs = trained(pool.pairs).set_index(["emotion", "other"])
    assert all(pairs.low[pair] > 0 for pair in PAIRS)
    assert pairs.n.drop(list(PAIRS)).sum() == 0
    assert set(pairs.valence) == {""}


def test_they_stand_where_the_emotion_does(pool: Sharing) -> None:
    several = trained(pool.depths).query("kind == 'of several' and n > 0")
    assert several.hook_point.tolist() == [str(HookPoint(5))]


def test_controls_show_neither(pool: Sharing) -> None:
    for control in ("shuffled labels", "random weights"):
        rows = pool.numbers.query("evidence == 'selective' and condition == @control")
        assert rows.n.sum() <= 2
        lead = number(
            pool.advantage,
            "difference",
            evidence="selective",
            condition="trained",
            features=ALL,
            baseline=control,
            quantity=SHARED,
        )
        assert lead.low > 0


def test_emotions_outside_the_circumplex_are_untested(pool: Sharing) -> None:
    assert set(pool.axes.untested) == {"the circumplex does not have these labels"}
    assert pool.valence_pairs.empty


def test_shared_features_that_stand_for_valence_follow_it(monkeypatch: pytest.MonkeyPatch) -> None:
    places = {"joy": "pleasant", "pride": "pleasant", "fear": "unpleasant", "anger": "unpleasant"}
    monkeypatch.setattr("emomech.chapters.sharing.circumplex.VALENCE", places)
    monkeypatch.setattr("emomech.chapters.sharing.circumplex._AXES", {"valence": places})
    saes = {HookPoint(5): with_pairs(planted.saes()[HookPoint(5)])}
    result = sharing(few(planted.study(480), saes), **SIZES)
    rows = trained(result.axes).set_index("axis")
    assert rows.fit["valence"] > 0.9
    assert rows.p["valence"] == pytest.approx(rows.least_p["valence"]) == pytest.approx(1 / 3)
    contrast = trained(result.valence_pairs).set_index("pairs")
    assert contrast.low["same less different"] > 0


def test_a_model_at_chance_cannot_be_tested(null: Sharing) -> None:
    assert null.numbers.empty
    verdict = rule.sharing(null)
    assert verdict.outcome == "cannot be tested here"
    assert "no" in verdict.reason and "chance" in verdict.reason


@pytest.mark.parametrize("n", [24, 48])
def test_too_few_texts_are_said_to_be_too_few(n: int) -> None:
    assert "Take more texts" in sharing(few(planted.study(n)), **SIZES).setting.untested[0]


def test_the_seed_decides_everything(specific: Sharing) -> None:
    again = sharing(few(planted.study(480)), **SIZES)
    pd.testing.assert_frame_equal(again.numbers, specific.numbers)
    pd.testing.assert_frame_equal(again.advantage, specific.advantage)
