"""Each way to load an SAE wrongly is tried on the embedded model and caught; SAEs loaded correctly pass."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
import torch

from emomech.core.errors import UsageError
from emomech.core.hook_points import HookPoint
from emomech.core.settings import FORCE
from emomech.models.language_model import LanguageModel
from emomech.saes import compatibility
from emomech.saes.compatibility import BETTER, MAX_FVU, check_fit, examine, fit_table, measure_fit, misfits
from emomech.saes.sae import Sae
from emomech.study.spec import StudySpec
from emomech.study.study import Study

STUDY = Study(StudySpec(limit=64))
POINT, LATE = HookPoint(3), HookPoint(7)


@pytest.fixture(scope="module")
def lm() -> LanguageModel:
    return STUDY.lm


@pytest.fixture(scope="module")
def saes() -> Mapping[HookPoint, Sae]:
    return STUDY.saes


def found(lm: LanguageModel, sae: Sae) -> str:
    """What is wrong with one SAE."""
    return "".join(misfits(lm, {sae.point: sae}, STUDY.prompts))


def test_the_embedded_ones_pass(lm: LanguageModel, saes: Mapping[HookPoint, Sae]) -> None:
    assert len(saes) == lm.n_layers + 1
    assert misfits(lm, saes, STUDY.prompts) == []
    assert STUDY.warnings == check_fit(lm, saes, STUDY.prompts, override=False) == ()


@pytest.mark.parametrize("factor", [1 / 16, 1 / 8, 1 / 4, 1 / 2, 2, 4, 8, 16])
@pytest.mark.parametrize("point", [HookPoint(0, "resid_pre"), POINT, LATE], ids=str)
def test_a_wrong_scale_is_caught(
    point: HookPoint, factor: float, lm: LanguageModel, saes: Mapping[HookPoint, Sae]
) -> None:
    """The SAE reads activations as if they were `factor` times as long."""
    sae = saes[point]
    wrong = replace(sae, W_enc=sae.W_enc * factor, W_dec=sae.W_dec / factor, b_dec=sae.b_dec / factor)
    assert f"SAE organism at {point}: on 5" in found(lm, wrong)


def test_a_scale_that_would_fit_is_named(lm: LanguageModel, saes: Mapping[HookPoint, Sae]) -> None:
    sae = saes[POINT]
    wrong = replace(sae, W_enc=sae.W_enc / 4, W_dec=sae.W_dec * 4, b_dec=sae.b_dec * 4)
    told = found(lm, wrong)
    assert "Likely cause: a wrong scale; at 4 times the activation it would leave 0.08" in told


@pytest.mark.parametrize("offset", [-1, 1])
@pytest.mark.parametrize("layer", [1, 3, 6])
def test_a_wrong_site_is_caught_and_the_right_one_named(
    layer: int, offset: int, lm: LanguageModel, saes: Mapping[HookPoint, Sae]
) -> None:
    told = found(lm, replace(saes[HookPoint(layer)], point=HookPoint(layer + offset)))
    assert f"Likely cause: a wrong site; at {HookPoint(layer)} it would leave 0.0" in told


def test_what_a_block_reads_is_not_what_it_leaves(lm: LanguageModel, saes: Mapping[HookPoint, Sae]) -> None:
    told = found(lm, replace(saes[POINT], point=HookPoint(POINT.layer, "resid_pre")))
    assert f"a wrong site; at {POINT} it would" in told
    assert not found(lm, replace(saes[POINT], point=HookPoint(POINT.layer + 1, "resid_pre")))


@pytest.mark.parametrize("published", [True, False])
def test_a_lost_activation_function_is_caught(
    published: bool, lm: LanguageModel, saes: Mapping[HookPoint, Sae], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Either by the published L0 only, or by the density only."""
    monkeypatch.setattr(compatibility, "MAX_DENSITY", 1.0 if published else compatibility.MAX_DENSITY)
    for sae in saes.values():
        told = found(lm, replace(sae, activation="relu", k=None, expected_l0=sae.expected_l0 if published else None))
        assert (
            "active features per token, " + ("but the published value is 16" if published else "expected more") in told
        )
        assert "the threshold or the k of its configuration may be lost" in told


def test_as_many_features_as_a_topk_sae_is_to_have_are_not_too_many(
    lm: LanguageModel, saes: Mapping[HookPoint, Sae]
) -> None:
    dense = replace(saes[POINT], k=lm.d_model // 2, expected_l0=None)
    assert found(lm, dense) == ""
    assert "active features per token" in found(lm, replace(dense, activation="relu", k=None))


def test_saes_of_another_model_are_caught(lm: LanguageModel) -> None:
    """SAEs of a base model on its chat version can fail in the same way."""
    with pytest.raises(UsageError) as caught:
        _ = Study(replace(STUDY.spec, sae="organism-seed1")).saes
    assert "expected at most 0.9. Likely cause: SAEs of another model, or those of a base model on its chat" in str(
        caught.value
    )
    assert "more SAEs of" in str(caught.value)
    assert str(caught.value).endswith("use these anyway with --force (EMOMECH_FORCE=1).")


def test_a_refusal_can_be_overridden_and_leaves_warnings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FORCE, "1")
    study = Study(replace(STUDY.spec, sae="organism-seed1"))
    assert len(study.saes) == 9
    assert study.warnings and all("unexplained" in warning for warning in study.warnings)


def test_a_dead_one_and_a_wrong_sign_are_caught(lm: LanguageModel, saes: Mapping[HookPoint, Sae]) -> None:
    sae = saes[POINT]
    assert "expected at most 0.9" in found(lm, replace(sae, b_enc=sae.b_enc - 1000))
    assert "expected at most 0.9" in found(lm, replace(sae, W_dec=-sae.W_dec))


def test_a_mean_that_should_be_subtracted_is_recognised(lm: LanguageModel) -> None:
    """An SAE of centred activations that is loaded as if it read raw ones."""
    eye = torch.eye(lm.d_model) - 1 / lm.d_model
    both = torch.cat([eye, -eye])
    enc, sparse = both.T.contiguous(), {"k": 32, "expected_l0": 32.0}
    true = Sae(
        LATE, enc, torch.zeros(len(both)), both, torch.zeros(lm.d_model), "topk", input_transform="center", **sparse
    )
    x = torch.randn(200, lm.d_model) + 2
    assert measure_fit(true, x).fvu < BETTER * measure_fit(replace(true, input_transform="none"), x).fvu
    assert measure_fit(replace(true, input_transform="none"), x, centred=True).fvu == pytest.approx(
        measure_fit(true, x).fvu, rel=0.05
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"expected_l0": 50.0}, r"has 16\.0 active features per token, but the published value is 50"),
        ({"expected_l0": 5.0}, r"has 16\.0 active features per token, but the published value is 5"),
        ({"expected_l0": 30.0}, ""),
        ({"expected_l0": None}, ""),
        ({"expected_explained": 0.9}, ""),
        ({"expected_explained": 1.9}, r"explains 0\.9\d of the variance, but the published value is 1\.90"),
    ],
)
def test_what_was_published_binds_where_it_is_known(
    changes: dict, message: str, lm: LanguageModel, saes: Mapping[HookPoint, Sae]
) -> None:
    told = found(lm, replace(saes[POINT], **changes))
    assert bool(told) == bool(message)
    if message:
        with pytest.raises(UsageError, match=message):
            raise UsageError(told)


def test_figures_are_those_of_the_definition(saes: Mapping[HookPoint, Sae], monkeypatch: pytest.MonkeyPatch) -> None:
    sae, x = saes[POINT], torch.randn(70, 128) * 3 + 1
    features = sae.encode(x)
    left = (x - sae.decode(features, x)).square().sum() / (x - x.mean(0)).square().sum()
    for chunk in (256, 7):
        monkeypatch.setattr(compatibility, "_CHUNK", chunk)
        assert measure_fit(sae, x).fvu == pytest.approx(float(left), rel=1e-5)
        assert measure_fit(sae, x).l0 == pytest.approx(float((features > 0).sum() / 70))
    assert not measure_fit(sae, torch.ones(3, 128)).fvu <= MAX_FVU


def test_dead_features_are_counted(saes: Mapping[HookPoint, Sae], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compatibility, "_CHUNK", 7)
    sae, x = saes[POINT], torch.randn(70, 128)
    assert measure_fit(sae, x).dead == pytest.approx(1 - len((sae.encode(x) > 0).any(0).nonzero()) / sae.d_sae)
    assert measure_fit(replace(sae, b_enc=sae.b_enc - 1000), x).dead == 1


def test_the_table_shows_what_the_check_measures(lm: LanguageModel, saes: Mapping[HookPoint, Sae]) -> None:
    wrong = replace(saes[LATE], activation="relu", k=None, expected_l0=None, expected_explained=0.5)
    examined = examine(lm, {POINT: saes[POINT], LATE: wrong}, STUDY.prompts, 0.8)
    assert [examined[1].problem] == misfits(lm, {POINT: saes[POINT], LATE: wrong}, STUDY.prompts)
    table = fit_table(examined).set_index("hook_point")
    fits, fails = table.loc[str(POINT)], table.loc[str(LATE)]
    assert (fits.verdict, fits.max_fvu, fits.max_l0, fits.published_l0) == ("fits", 0.8, 32, 16)
    assert fits.fvu < 0.2 and 0 < fits.dead < 0.2 and fits.tokens >= compatibility.N_TOKENS
    assert np.isnan(fits.published_explained) and np.isnan(fails.published_l0) and fails.published_explained == 0.5
    assert fails.l0 > 32 and fails.verdict.startswith(f"has {fails.l0:.1f} active features per token, expected more")
    assert "Likely cause: another activation function" in fails.verdict


def test_first_and_special_tokens_are_left_out(lm: LanguageModel) -> None:
    from emomech.models.tokens import tokenize

    texts, positions = compatibility._tokens(tokenize(lm, STUDY.prompts))
    assert compatibility.N_TOKENS <= sum(map(len, positions)) < compatibility.N_TOKENS + max(map(len, positions))
    for text, where in zip(texts, positions, strict=True):
        assert where and 0 not in where and not any(text.special[i] for i in where)
    bare = [replace(text, special=(False,) * len(text.special)) for text in texts]
    assert all(0 not in where for where in compatibility._tokens(bare)[1])
