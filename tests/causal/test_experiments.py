"""Screen, ablate, steer and patch in one call: each measures what it says, and refuses what does not fit."""

from dataclasses import replace

import numpy as np
import pytest

import emomech as em
from emomech.causal.experiments import Effects
from emomech.causal.questions import log_odds

F = em.FeatureId(em.HookPoint(6), 17)


@pytest.fixture(scope="module")
def study() -> em.Study:
    return em.Study(limit=400)


@pytest.fixture(scope="module")
def report(study: em.Study) -> em.Questions:
    return study.questions("report", per_label=3)


@pytest.fixture(scope="module")
def effects(study: em.Study) -> Effects:
    return em.attribute(study.questions("discover", per_label=3), study.saes)


def test_the_strongest_features_come_first(effects: Effects) -> None:
    top = effects.top(20)
    losses = [float(effects.loss[feature.point][feature.index]) for feature in top]
    assert losses == sorted(losses, reverse=True) and losses[0] == max(loss.max() for loss in effects.loss.values())
    assert list(top[:5]) == list(effects.top(5)) and top[0] == effects.top(1)[0]
    assert effects.table(3).feature.tolist() == [feature.index for feature in top[:3]]


def test_ablation_is_the_edit_made_by_hand(study: em.Study, report: em.Questions) -> None:
    feature = em.FeatureId(em.HookPoint(6), 17)
    sae = study.saes[feature.point]
    edit = em.MoveFeatures(sae, [17])
    by_hand = log_odds(report.logits(), report.gold) - log_odds(report.logits({feature.point: edit}), report.gold)
    assert em.ablate(report, [feature], study.saes, style="zero").value == pytest.approx(by_hand.mean())
    assert em.steer(report, [feature], study.saes, dose=-1).value == pytest.approx(-by_hand.mean(), abs=1e-6)


def test_what_carries_the_answers_costs_them(effects: Effects, report: em.Questions) -> None:
    lost = em.ablate(report, effects.top(30))
    assert lost.low > 1 and lost.n == len(report)
    assert em.ablate(report, effects.top(30), measure="accuracy").value > 0
    assert em.steer(report, effects.top(30), dose=0.2).value > 0


def test_features_without_saes_or_at_another_place_are_refused(study: em.Study, report: em.Questions) -> None:
    with pytest.raises(em.UsageError, match=r"saes: .*pass `study.saes`"):
        em.ablate(report, [em.FeatureId(em.HookPoint(6), 17)])
    with pytest.raises(em.UsageError, match=r"blocks.3.hook_mlp_out: has no SAE; expected one of blocks.0"):
        em.ablate(report, [em.FeatureId(em.HookPoint(3, "mlp_out"), 17)], study.saes)
    with pytest.raises(em.UsageError, match="feature 512.*has features 0..511"):
        em.steer(report, [em.FeatureId(em.HookPoint(6), 512)], study.saes)


def test_a_donors_activation_carries_its_label(report: em.Questions) -> None:
    donors = report.take([*range(1, len(report)), 0])
    late, embedding = (em.patch(report, donors, point) for point in (em.HookPoint(7), em.HookPoint(0, "resid_pre")))
    assert late.low > 5
    assert abs(embedding.value) < late.value / 10
    with pytest.raises(em.UsageError, match=r"donors: there are 2 for 21 questions; expected one for each"):
        em.patch(report, donors.take([0, 1]), em.HookPoint(7))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda q, s: em.ablate(q, [F], s, style="mode"), "unknown style 'mode'. Known: mean"),
        (lambda q, s: em.ablate(q, [F], s, measure="acc"), "unknown measure 'acc'"),
        (lambda q, s: em.attribute(q, s, where="all"), "unknown where 'all'"),
        (lambda q, s: em.attribute(q, {}), "saes: there are none"),
        (lambda q, s: em.ablate(q, [], s), "features: the list is empty"),
        (lambda q, s: em.ablate(q, ["blocks.6"], s), "'blocks.6' is no FeatureId"),
        (lambda q, s: em.ablate(q, [F], "./saes"), "saes: expected SAEs by hook point, found str"),
        (lambda q, s: em.ablate(None, [F], s), "questions: expected Questions, found NoneType"),
        (lambda q, s: em.ablate(q.take([]), [F], s), "questions: there are none"),
        (lambda q, s: em.steer(q, [F], s, dose=float("nan")), "dose nan: expected a finite number"),
        (lambda q, s: em.patch(q, q, 3), "point 3: expected a HookPoint"),
        (lambda q, s: em.HookPoint(1.5), "layer 1.5: expected a whole number"),
        (lambda q, s: em.HookPoint(1, "resid_mid"), "unknown site of a hook point 'resid_mid'. Did you mean"),
        (lambda q, s: em.FeatureId(em.HookPoint(6), -1), "feature -1: expected a whole number"),
        (lambda q, s: em.FeatureId("blocks.6.hook_resid_post", 1), "expected a HookPoint"),
        (lambda q, s: em.Study(modle="organism"), "unknown field of a Study 'modle'. Did you mean 'model'"),
        (lambda q, s: em.Study(limit="5"), "limit '5': expected a whole number, found str"),
        (lambda q, s: em.Study(em.StudySpec(), limit=5), "expected one StudySpec, or names"),
        (lambda q, s: em.Study(limit=400).questions("test"), "unknown split 'test'.*discover, report, tune"),
        (lambda q, s: em.Study(limit=400).questions(per_label=-1), "per_label -1: expected a whole number"),
        (lambda q, s: em.Study(limit=400).replaced(model=q.lm), "unknown part of a study 'model'"),
        (lambda q, s: em.capture(q.lm, ["blocks.1"]).__enter__(), "hook point 'blocks.1': expected a HookPoint"),
        (lambda q, s: em.intervene(q.lm.module, {}).__enter__(), "lm: expected a LanguageModel"),
    ],
)
def test_a_wrong_argument_is_named_with_the_way_out(call, message: str, study: em.Study, report: em.Questions) -> None:
    with pytest.raises(em.UsageError, match=message):
        call(report, study.saes)


def test_a_feature_that_is_named_twice_counts_once(study: em.Study, report: em.Questions) -> None:
    assert em.ablate(report, [F, F], study.saes) == em.ablate(report, F, study.saes)


def test_features_and_donors_of_another_model_are_refused(effects: Effects, report: em.Questions) -> None:
    other = report.on(replace(report.lm, name="another"))
    with pytest.raises(em.UsageError, match="features: they are of 'organism', and the questions of 'another'"):
        em.ablate(other, effects.top(3))
    with pytest.raises(em.UsageError, match="donors: their model 'another' differ from 'organism'"):
        em.patch(report, other, em.HookPoint(7))


def test_saes_of_another_width_are_refused(study: em.Study, report: em.Questions) -> None:
    sae = study.saes[F.point]
    narrow = replace(sae, W_enc=sae.W_enc[:64], W_dec=sae.W_dec[:, :64], b_dec=sae.b_dec[:64])
    with pytest.raises(em.UsageError, match="reads activations of width 64, and these have width 128"):
        em.ablate(report, [F], {F.point: narrow})


def test_one_text_has_no_interval(study: em.Study, report: em.Questions) -> None:
    lost = em.ablate(report.take([0]), [F], study.saes)
    assert np.isfinite(lost.value) and np.isnan([lost.low, lost.high]).all()
