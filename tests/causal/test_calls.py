"""The declared calls of single steps are those that the steps make, counted while they run."""

from collections.abc import Callable, Mapping

import pytest
from model_calls import counted

from emomech.causal.attribution import attribute_each
from emomech.causal.calls import Asked, found, late, spread
from emomech.causal.dictionary import Dictionary
from emomech.causal.effects import logits_of_each
from emomech.causal.feature_stats import feature_stats
from emomech.causal.questions import Questions, balanced
from emomech.study.calls import Calls
from emomech.study.scale import scale_of
from emomech.study.spec import StudySpec
from emomech.study.study import Study

SPEC = StudySpec(limit=400)
STUDY, SCALE = Study(SPEC), scale_of(SPEC)
QUESTIONS = Questions.of(STUDY, balanced(STUDY, "report", 8))
ASKED = Asked(SCALE, len(QUESTIONS), tuple(sorted((len(text.ids) for text in QUESTIONS.texts), reverse=True)))
DICTIONARY = Dictionary.of(QUESTIONS, STUDY.saes)
POINTS = list(STUDY.saes)
ONE = [DICTIONARY.ablate([next(f for f in DICTIONARY.alive if f.point == point)]) for point in POINTS]
ALL = DICTIONARY.ablate(DICTIONARY.alive)
KEPT = [DICTIONARY.at(point).keep_only([], error=False) for point in POINTS[:4]]
MOVES = [(DICTIONARY.means, QUESTIONS.gold), (DICTIONARY.zeros, QUESTIONS.gold)]

STEPS: Mapping[str, tuple[Callable[[], object], Calls]] = {
    "answers": (QUESTIONS.logits, ASKED.once()),
    "activations": (lambda: QUESTIONS.activations(POINTS[:4]), ASKED.at(*SCALE.depths[:4]).read()),
    "statistics": (lambda: feature_stats(QUESTIONS, STUDY.saes), ASKED.statistics()),
    "statistics at the answer": (lambda: feature_stats(QUESTIONS, STUDY.saes, "answer"), ASKED.statistics(answer=True)),
    "single edits": (lambda: logits_of_each(QUESTIONS, ONE), ASKED.recorded() + ASKED.edited(SCALE.depths)),
    "joint edits": (lambda: logits_of_each(QUESTIONS, [ALL, ALL]), ASKED.recorded() + ASKED.edited_together(2)),
    "edits in a whole pass": (lambda: QUESTIONS.logits(ALL), ASKED.moved(1.0)),
    "edits at the answer": (
        lambda: logits_of_each(QUESTIONS, ONE, "answer"),
        ASKED.recorded() + ASKED.edited_at_answer(SCALE.depths),
    ),
    "features kept alone": (
        lambda: logits_of_each(QUESTIONS, KEPT, "answer"),
        ASKED.recorded() + ASKED.edited_at_answer(SCALE.depths[:4], 2, 1),
    ),
    "a screen": (lambda: attribute_each(QUESTIONS, STUDY.saes, MOVES), ASKED.screened([7, 7])),
    "a screen at the answer": (
        lambda: attribute_each(QUESTIONS, STUDY.saes, MOVES[:1], "answer"),
        ASKED.screened([7], answer=True),
    ),
}


@pytest.mark.parametrize("step", STEPS)
def test_a_step_makes_the_calls_that_are_declared(step: str) -> None:
    run, declared = STEPS[step]
    with counted() as counts:
        run()
    for name in ("forward", "backward", "keys", "block_calls", "backward_calls", "encoded", "decoded", "logits"):
        assert getattr(declared, name) == pytest.approx(counts.total[name], rel=0.05, abs=1), name
    assert declared.met == pytest.approx(counts.total["met"], rel=0.25)


def test_more_texts_find_features_at_more_hook_points() -> None:
    assert 0.5 < found(12) < found(40) < found(400) < 1
    assert late(range(9)) == (3, 4, 5, 6, 7, 8)
    assert spread((2, 5, 8), 6) == [2, 2, 5, 5, 8, 8] and spread((2, 5), 0) == []
