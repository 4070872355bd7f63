"""The gradient screen equals gradients through a graph with the SAEs in it, and is exact for small doses."""

from dataclasses import replace

import numpy as np
import planted
import pytest
import tiny
import torch

from emomech.causal import attribution
from emomech.causal.attribution import attribute, attribute_each
from emomech.causal.feature_stats import feature_stats
from emomech.causal.questions import Questions
from emomech.core.hook_points import HookPoint
from emomech.data import corpus
from emomech.models.hooks import intervene
from emomech.saes.controls import random_sae
from emomech.saes.edits import MoveFeatures
from emomech.study.spec import StudySpec
from emomech.study.study import Study

POINTS = (HookPoint(0, "resid_pre"), HookPoint(0), HookPoint(1), HookPoint(2))


def questions_on(family: str) -> Questions:
    lm = tiny.language_model(family)
    study = Study(StudySpec())
    examples = [corpus.Example(text, label) for text, label in zip(tiny.TEXTS, "abab", strict=True)]
    study = study.replaced(
        lm=lm, corpus=corpus.make("tiny", examples), prompts=list(tiny.TEXTS), answers=[" joy", " sad"]
    )
    return Questions.of(study, range(len(tiny.TEXTS)))


def dictionaries(transform: str = "none"):
    rows = torch.randn(50, tiny.D_MODEL, generator=torch.Generator().manual_seed(3))
    made = {point: random_sae(point, rows, 24, 5, seed) for seed, point in enumerate(POINTS)}
    for sae in made.values():
        object.__setattr__(sae, "input_transform", transform)
    return made


@pytest.mark.parametrize("transform", ["none", "center", "layer_norm"])
@pytest.mark.parametrize("family", ["gpt2", "neox", "llama", "gemma2", "gemma3", "qwen2", "qwen3"])
def test_the_screen_is_the_gradient_of_a_small_dose(family: str, transform: str) -> None:
    """Moving a feature by a small step, in double precision, changes the log-odds as the screen says."""
    questions, saes = questions_on(family), dictionaries(transform)
    step = {point: (torch.zeros(24), torch.zeros(tiny.D_MODEL)) for point in POINTS}
    effects = attribute(questions, saes, step, groups=np.arange(len(questions)))
    base = questions.log_odds()
    for point, sae in saes.items():
        size = effects[point].effect
        row, feature = np.unravel_index(np.abs(size).argmax(), size.shape)
        one = questions.take([row])
        dose = 0.01
        edit = MoveFeatures(sae, [int(feature)], factor=1 - dose)
        change = (one.log_odds({point: edit})[0] - base[row]) / dose
        assert change == pytest.approx(size[row, feature], rel=0.1, abs=2e-3), point


def test_the_screen_equals_pass_through_gradients_in_the_graph() -> None:
    """Independent computation: SAEs in the graph, error added as a constant, gradients of the features themselves."""
    questions, saes = questions_on("gpt2"), dictionaries()
    target = {point: (torch.full((24,), 0.3), torch.zeros(tiny.D_MODEL)) for point in POINTS}
    effects = attribute(questions, saes, target, groups=np.arange(len(questions)))
    for row in range(len(questions)):
        one = questions.take([row])
        ((batch, mask),) = one.batches("everywhere")
        for point, sae in saes.items():
            kept = {}

            def through(x, sae=sae, kept=kept):
                features = sae.encode(x.detach()).requires_grad_()
                kept["error"] = (x - sae.decode(sae.encode(x), x)).detach().requires_grad_()
                kept["features"] = features
                return sae.decode(features, x) + kept["error"]

            with torch.enable_grad(), intervene(one.lm, {point: through}):
                logits = one.lm.module(**batch.forward_kwargs(), logits_to_keep=1).logits[0, -1]
                own, other = one.label_ids[0, one.gold[0]], one.label_ids[0, 1 - one.gold[0]]
                slopes = torch.autograd.grad(logits[own] - logits[other], [kept["features"], kept["error"]])
            expected = ((0.3 - kept["features"]) * slopes[0])[mask].sum(0).detach().numpy()
            np.testing.assert_allclose(effects[point].effect[row], expected, atol=1e-4)
            lost = float((-kept["error"] * slopes[1])[mask].sum().detach())
            assert effects[point].error[row] == pytest.approx(lost, abs=1e-3)


@pytest.mark.parametrize("family", ["gpt2", "neox", "llama", "gemma2", "gemma3", "qwen2", "qwen3"])
def test_at_the_answer_only_the_last_token_is_differentiated(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    questions, saes = questions_on(family), dictionaries()
    target = {point: (torch.full((24,), 0.3), torch.ones(tiny.D_MODEL)) for point in POINTS}
    effects = attribute(questions, saes, target, "answer", np.arange(len(questions)))
    monkeypatch.setattr(attribution, "_at_answer", lambda *_: {})
    twin = attribute(questions, saes, target, "answer", np.arange(len(questions)))
    for point in POINTS:
        assert np.abs(twin[point].effect).max() > 1e-3
        np.testing.assert_allclose(effects[point].effect, twin[point].effect, atol=1e-5)
        np.testing.assert_allclose(effects[point].error, twin[point].error, atol=1e-5)


def test_points_beside_the_stream_are_differentiated_too() -> None:
    questions, beside = questions_on("gpt2"), HookPoint(1, "mlp_out")
    saes = {beside: replace(dictionaries()[POINTS[0]], point=beside)}
    target = {beside: (torch.full((24,), 0.3), torch.zeros(tiny.D_MODEL))}
    assert np.abs(attribute(questions, saes, target, "answer")[beside].effect).max() > 1e-4


def test_several_targets_are_screened_in_one_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    questions, saes, passes = questions_on("gpt2"), dictionaries(), []
    read = attribution.gradients
    monkeypatch.setattr(attribution, "gradients", lambda *asked: passes.append(1) or read(*asked))
    targets = [{p: (torch.full((24,), x), torch.zeros(tiny.D_MODEL)) for p in POINTS} for x in (0.0, 0.3)]
    groups = [np.arange(len(questions)), questions.gold]
    both = attribute_each(questions, saes, list(zip(targets, groups, strict=True)))
    assert len(passes) == len(questions.batches("everywhere"))
    for effects, target, group in zip(both, targets, groups, strict=True):
        for point, alone in attribute(questions, saes, target, groups=group).items():
            np.testing.assert_allclose(effects[point].effect, alone.effect)
            np.testing.assert_allclose(effects[point].error, alone.error)


def test_how_much_meets_at_once_does_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    questions, saes = questions_on("gpt2"), dictionaries()
    target = {point: (torch.full((24,), 0.3), torch.zeros(tiny.D_MODEL)) for point in POINTS}
    whole = attribute(questions, saes, target)
    monkeypatch.setattr(attribution, "_IN_CACHE", 1)
    for point, one in attribute(questions, saes, target).items():
        np.testing.assert_allclose(one.effect, whole[point].effect, atol=1e-7)
        np.testing.assert_allclose(one.error, whole[point].error, atol=1e-6)


def test_what_is_planted_is_ranked_first() -> None:
    questions = Questions.of(planted.study(160), range(80))
    stats = feature_stats(questions, planted.saes())
    effects = attribute(questions, planted.saes(), {p: (s.features, s.error) for p, s in stats.items()})
    by_default = attribute(questions, planted.saes())
    assert all((by_default[point].effect == effects[point].effect).all() for point in effects)
    names = planted.feature_names()
    last = effects[HookPoint(planted.N_BLOCKS - 1)].effect
    for i, label in enumerate(questions.labels):
        assert names[last[i].argmin()] == f"emotion:{label}"
    background = [i for i, name in enumerate(names) if name.startswith("background")]
    assert np.abs(last[:, background]).max() < 1e-4
