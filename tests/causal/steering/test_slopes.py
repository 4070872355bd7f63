"""Slopes are those of small doses, and scores on neutral text give the divergence that small doses cause."""

import numpy as np
import pytest

from emomech.causal.dictionary import Dictionary
from emomech.causal.lm_loss import language_shifts
from emomech.causal.questions import Questions, Where, balanced
from emomech.causal.steering.fitted_doses import Problem
from emomech.causal.steering.operations import FITTED, Operation
from emomech.causal.steering.slopes import Candidates, Slopes, slopes
from emomech.core.hook_points import FeatureId, HookPoint
from emomech.study.spec import StudySpec
from emomech.study.study import Study

STUDY = Study(StudySpec(limit=400))
QUESTIONS = Questions.of(STUDY, balanced(STUDY, "discover", 2))
POINTS = (HookPoint(2), HookPoint(6))
DICTIONARY = Dictionary.of(QUESTIONS, {point: STUDY.saes[point] for point in POINTS})
STRONGEST = [STUDY.saes[p].encode(x).mean(0).argmax() for p, x in QUESTIONS.activations(POINTS, "answer").items()]
FEATURES = (
    *(FeatureId(point, int(DICTIONARY.stats[point].features.argmax())) for point in POINTS),
    *(FeatureId(point, int(i)) for point, i in zip(POINTS, STRONGEST, strict=True)),
)
"""The features that fire most at each point, at all tokens and at the answer."""
TEXTS = STUDY.prompts[-40:]


@pytest.fixture(scope="module")
def measured() -> Slopes:
    return slopes(QUESTIONS, [Candidates(DICTIONARY, FEATURES)], TEXTS, 0)[0]


@pytest.mark.parametrize("operation", FITTED)
@pytest.mark.parametrize("where", ["everywhere", "text", "answer"])
def test_slopes_are_those_of_small_doses(measured: Slopes, operation: Operation, where: Where) -> None:
    found = measured.of_texts(operation, where, FEATURES)
    for i, feature in enumerate(FEATURES):

        def logits(dose: float, feature: FeatureId = feature) -> np.ndarray:
            factors = operation == "fitted factors"
            edits = DICTIONARY.scale([feature], 1 + dose) if factors else DICTIONARY.add([feature], dose)
            return QUESTIONS.logits(edits, where)

        expected = (logits(0.01) - logits(-0.01)) / 0.02
        np.testing.assert_allclose(found[..., i], expected, atol=0.02 * np.abs(expected).max())
    assert np.abs(found).max() > 0.1


def test_parts_add_up_and_features_are_found_by_name(measured: Slopes) -> None:
    every, text, answer = (measured.of_texts(FITTED[0], w, FEATURES[::-1]) for w in ("everywhere", "text", "answer"))
    np.testing.assert_allclose(every, text + answer)
    np.testing.assert_allclose(every[..., 0], measured.of_texts(FITTED[0], "everywhere", FEATURES[-1:])[..., 0])


def test_scores_give_the_divergence_of_a_small_dose(measured: Slopes) -> None:
    gold = QUESTIONS.gold
    for operation in FITTED:
        for feature in FEATURES[-2:]:
            scores = measured.of_neutral(operation, [feature])
            problem = Problem(np.zeros((len(gold), 7)), np.zeros((len(gold), 7, 1)), gold, scores)
            moved = DICTIONARY.scale([feature], 1.05) if operation == FITTED[0] else DICTIONARY.add([feature], 0.05)
            (shift,) = language_shifts(STUDY.lm, TEXTS, [moved])
            expected = float(shift.means()["kl"][0])
            assert problem.divergence(np.full(1, 0.05)) == pytest.approx(expected, rel=0.5, abs=1e-6)


def test_the_seed_draws_the_next_tokens(measured: Slopes) -> None:
    again, other = (slopes(QUESTIONS, [Candidates(DICTIONARY, FEATURES)], TEXTS, seed)[0] for seed in (0, 1))
    assert (again.neutral[FITTED[0]] == measured.neutral[FITTED[0]]).all()
    assert not np.allclose(other.neutral[FITTED[0]], measured.neutral[FITTED[0]])


def test_no_candidates_have_no_slopes() -> None:
    (none,) = slopes(QUESTIONS, [Candidates(DICTIONARY, ())], TEXTS, 0)
    assert none.of_texts(FITTED[0], "everywhere", []).shape == (len(QUESTIONS), 7, 0)
