"""Recorded passes: everything an analysis asks of its model is counted once, and the sample can be repeated."""

from pathlib import Path

import numpy as np
import pytest

from emomech.bench import analyses, deep
from emomech.bench.recorded import recording, repeatable
from emomech.causal import attribution, effects, lm_loss
from emomech.causal.dictionary import Dictionary
from emomech.causal.questions import Questions, balanced
from emomech.core.hook_points import FeatureId, HookPoint
from emomech.study.study import Study


@pytest.fixture(scope="module")
def study(deep_case: Path) -> Study:
    return deep.study(deep_case, [1, 2])


def test_every_pass_is_counted_once_with_its_tokens(study: Study) -> None:
    questions = Questions.of(study, balanced(study, "report", 3))
    dictionary, n = Dictionary.of(questions, study.saes), sum(len(text.ids) for text in questions.texts)
    several = dictionary.ablate([FeatureId(HookPoint(1), 0), FeatureId(HookPoint(2), 3)])
    one = dictionary.ablate([FeatureId(HookPoint(2), 3)], "resample")
    with recording() as record:
        logits = questions.logits(several)
        effects.logits_of_each(questions, [{}, one])
        attribution.attribute(questions, study.saes, dictionary.means)
        Dictionary.of(questions, study.saes)
        lm_loss.language_shifts(study.lm, study.prompts[:2], [one, several])
    after = questions.logits(several)
    language = sum(len(text.split()) + 1 for text in study.prompts[:2])
    assert record.tokens == dict.fromkeys(("clean", "one", "several"), n + language) | {"read": n, "slope": n}
    assert len(record.edited) == 3, "nothing is recorded behind the block"
    np.testing.assert_array_equal(logits, after)
    sample = record.sample(study, 5)
    assert [edited.kind for edited in sample] == ["clean", "several"], "values drawn at random cannot be repeated"
    np.testing.assert_array_equal(sample[1].logits, logits)


def test_edits_of_other_saes_or_of_drawn_values_cannot_be_repeated(study: Study) -> None:
    questions = Questions.of(study, balanced(study, "report", 3))
    own, other = Dictionary.of(questions, study.saes), Dictionary.dimensions(questions, study.saes)
    feature = [FeatureId(HookPoint(1), 2)]
    assert repeatable(own.ablate(feature), study) and repeatable(own.keep_only(feature, error=False), study)
    assert not repeatable(other.ablate(feature), study) and not repeatable(own.ablate(feature, "resample"), study)
    assert not repeatable(own.clamp(feature, 1.0, firing=True), study)


@pytest.mark.parametrize("name", analyses.ANALYSES)
def test_no_pass_of_an_analysis_escapes_the_record(deep_case: Path, name: str) -> None:
    run, wrong = analyses.ANALYSES[name]
    study, escaped = deep.study(deep_case, [1, 2], wrong), []
    parameters = analyses.QUICK.tracing if name == "tracing" else analyses.QUICK.steering
    with recording() as record:
        hook = study.lm.module.register_forward_pre_hook(lambda *_: None if record.inside else escaped.append(1))
        run(study, **parameters)
    hook.remove()
    assert not escaped and all(record.passes[kind] for kind in ("one", "several", "read", "slope"))
