"""A feature writes the word that its decoder direction promotes most; only emotion features write labels."""

import planted

from emomech.causal.logit_attribution import written_labels, written_words
from emomech.causal.questions import Questions
from emomech.core.hook_points import FeatureId

NAMES = planted.feature_names()
LAST = planted.POINTS[-1]
EVERY = [FeatureId(LAST, i) for i in range(len(NAMES))]


def test_only_features_of_an_emotion_write_labels() -> None:
    questions = Questions.of(planted.study(160), range(8))
    assert written_labels(questions, planted.saes(), EVERY) == [
        name.split(":")[1] if name.startswith("emotion") else "" for name in NAMES
    ]


def test_an_emotion_s_feature_promotes_its_word_most() -> None:
    words = written_words(planted.language_model(), planted.saes(), EVERY, 2)
    for name, (raises, lowers) in zip(NAMES, words, strict=True):
        assert len(raises) == len(lowers) == 2
        assert all(word.isalpha() and len(word) > 1 for word in (*raises, *lowers))
        if name.startswith("emotion"):
            assert raises[0] == name.split(":")[1]
