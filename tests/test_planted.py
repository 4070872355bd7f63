"""The planted model, texts and SAEs are as their description says."""

import itertools

import numpy as np
import planted
import pytest
from planted import BANDS, CLASSES, N_BLOCKS, POINTS

from emomech.chapters.flow.reads import choose_reads
from emomech.data.corpus import Example
from emomech.models.activations import collect
from emomech.models.language_model import LanguageModel
from emomech.models.scoring import label_log_probs
from emomech.models.tokens import tokenize
from emomech.saes.encoding import encode
from emomech.saes.quality import qualities

N = 384
EXAMPLES = planted.examples(N, seed=0)
FEATURES = planted.feature_names()


def _classes(example: Example) -> dict[str, str]:
    return {**example.answer_tags, "emotion": example.label, "word": example.person}


def _features(lm: LanguageModel) -> dict[tuple[str, int], np.ndarray]:
    """Features of every question at the name and at the answer (example, feature), by place and depth."""
    questions = tokenize(lm, [planted.question(example) for example in EXAMPLES])
    places = [
        (question.token_at(example.words[0].start, example.words[0].end), len(question.ids) - 1)
        for example, question in zip(EXAMPLES, questions, strict=True)
    ]
    found = collect(lm, POINTS, questions, places)
    return {
        (place, point.resid_index()): encode(sae, found[point][i::2]).toarray()
        for point, sae in planted.saes().items()
        for i, place in enumerate(("words", "answer"))
    }


@pytest.fixture(scope="module")
def seen() -> dict[tuple[str, int], np.ndarray]:
    return _features(planted.language_model())


@pytest.fixture(scope="module")
def seen_in_null() -> dict[tuple[str, int], np.ndarray]:
    return _features(planted.null_language_model())


def _column(family: str, name: str) -> int:
    return FEATURES.index(f"{family}:{name}")


@pytest.mark.parametrize("depth", range(N_BLOCKS + 1))
@pytest.mark.parametrize("place", ["words", "answer"])
def test_a_class_feature_fires_on_its_class_inside_its_band_and_nowhere_else(seen, place: str, depth: int) -> None:
    for family, classes in CLASSES.items():
        for name in classes:
            fires = seen[place, depth][:, _column(family, name)] > 0
            right = np.array([_classes(example)[family] == name for example in EXAMPLES])
            np.testing.assert_array_equal(fires, right & (depth in BANDS[family]), f"{family}:{name}")


@pytest.mark.parametrize("depth", range(N_BLOCKS + 1))
def test_a_name_is_known_at_the_name_while_its_band_lasts(seen, depth: int) -> None:
    for name in planted.NAMES:
        fires = seen["words", depth][:, _column("word", name)] > 0
        right = np.array([example.person == name for example in EXAMPLES])
        np.testing.assert_array_equal(fires, right & (depth in BANDS["word"]))


@pytest.mark.parametrize("place", ["words", "answer"])
def test_in_the_null_model_the_same_features_fire_and_say_nothing(seen_in_null, place: str) -> None:
    for family, classes in CLASSES.items():
        depth = BANDS[family][-1]
        for name in classes:
            fires = seen_in_null[place, depth][:, _column(family, name)] > 0
            right = np.array([_classes(example)[family] == name for example in EXAMPLES])
            assert 0.5 / len(classes) < fires.mean() < 1.5 / len(classes)
            assert abs(np.corrcoef(fires, right)[0, 1]) < 0.2, f"{family}:{name}"


def test_the_background_always_fires_and_says_nothing(seen) -> None:
    background = [i for i, name in enumerate(FEATURES) if name.startswith("background")]
    for features in seen.values():
        assert (features[:, background] > 0).all()
        assert (features[:, background] == features[0, background]).all()


def test_label_families_are_independent_and_balanced() -> None:
    classes = [_classes(example) for example in EXAMPLES]
    for one, other in itertools.combinations(CLASSES, 2):
        _, counts = np.unique([f"{c[one]} {c[other]}" for c in classes], return_counts=True)
        assert len(counts) == len(CLASSES[one]) * len(CLASSES[other])
        assert counts.min() == counts.max()


def test_texts_are_decided_by_the_seed_and_marked_where_the_name_stands() -> None:
    assert planted.examples(20, seed=3) == planted.examples(20, seed=3) != planted.examples(20, seed=4)
    for example in EXAMPLES[:32]:
        word = example.words[0]
        assert example.text[word.start : word.end] == example.person
    assert len({example.cluster for example in EXAMPLES}) == N


@pytest.mark.parametrize(("null", "low", "high"), [(False, 1.0, 1.0), (True, 0.1, 0.4)])
def test_the_model_infers_the_emotion_and_the_null_model_guesses(null: bool, low: float, high: float) -> None:
    study = planted.study(N, null=null)
    scores = label_log_probs(study.lm, study.prompts, study.answers)
    gold = np.array([list(study.emotions).index(example.label) for example in study.corpus.examples])
    assert low <= (scores.argmax(-1) == gold).mean() <= high


def test_every_family_can_be_tested_at_both_places() -> None:
    study = planted.study(N)
    questions = tokenize(study.lm, study.prompts)
    tested, untested = choose_reads(study.corpus.examples, questions, seed=0)
    assert {(r.where, r.family) for r in tested} == {(w, f) for w in ("words", "answer") for f in BANDS} - {
        ("answer", "word")
    }
    assert {u.family for u in untested} == {"pos"}
    assert {len(reading.text) for reading in tested} == {N}


def test_planted_saes_pass_the_gate() -> None:
    study = planted.study(48)
    for sae in study.saes.values():
        assert sae.d_in == study.lm.d_model
    for quality in qualities(study.lm, study.saes, study.prompts):
        assert quality.fvu < 0.6
        assert 10 < quality.l0 < 40
