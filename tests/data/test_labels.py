"""Labels that a model could not be asked about as they are meant are refused, with their place."""

import pytest

from emomech.core.errors import UsageError
from emomech.data.labels import check_labels


def check(*labels: str) -> None:
    check_labels("texts.csv", labels, [f"line {i}" for i in range(2, 2 + len(labels))])


def test_words_pass() -> None:
    check("joy", "sadness", "joy", "self-pity", "très content", "没关系", "NA", "None", "fear/surprise")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (("happy", "Happy"), r"'happy' \(line 2\) and 'Happy' \(line 3\) look alike"),
        (("happy", "sad", "happy\u200b"), r"'happy' \(line 2\) and 'happy\\u200b' \(line 4\) look alike"),
        (("fâché", "fa\u0302che\u0301"), "look alike"),
        (("very happy", "very  happy"), "look alike"),
        (("very happy", "very_happy"), "look alike"),
        (("ﬁne", "fine"), "look alike"),
        (("sad\u200b", "happy"), r"line 2 .* invisible character U\+200B"),
        (("happy", "sad", "happy; sad"), "line 4 .* joins 2 labels"),
        (("happy", "sad", "sad,happy"), "joins 2 labels"),
        (("happy", "sad", "sad|happy"), "joins 2 labels"),
        (("0", "1"), "line 2 has the label '0'.* words"),
        (("joy", "1.0"), "line 3 has the label '1.0'"),
        (("True", "False"), "words"),
    ],
)
def test_what_is_not_meant_as_it_stands_is_refused(labels: tuple[str, ...], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        check(*labels)
