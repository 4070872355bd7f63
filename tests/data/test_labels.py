"""Labels that a model could not be asked about as they are meant are refused, with their place."""

import pytest

from emomech.core.errors import UsageError
from emomech.data.labels import check_labels


def check(*labels: str) -> None:
    check_labels("texts.csv", labels, [f"line {i}" for i in range(2, 2 + len(labels))])


def test_words_pass() -> None:
    check("joy", "sadness", "joy", "self-pity", "très content", "没关系", "None", "fear/surprise")
    check("😀", "😢", "👩\u200d🚒", "دل\u200cشاد", "грусть", "λύπη", "rock and roll", "joy (strong)")


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
        (("happy", "sad", "happy; sad"), "line 4 .* joins labels"),
        (("happy", "sad", "sad,happy"), "joins labels"),
        (("happy", "sad", "sad|happy"), "joins labels"),
        (("0", "1"), "line 2 has the label '0'.* words"),
        (("joy", "1.0"), "line 3 has the label '1.0'"),
        (("True", "False"), "words"),
        (("joy", "1;2"), "line 3 has the label '1;2'.* words"),
        (("happy!", "happy"), "look alike"),
        (("so-called", "so called"), "look alike"),
        (("joy;fear", "fear;anger"), "line 2 .* joins labels"),
        (("joy", "joy and fear"), "line 3 .* joins labels"),
        (("joy", "['fear', 'anger']"), "line 3 .* looks like a list"),
        (("joy", '["fear"]'), "line 3 .* looks like a list"),
        (("j\u043ey", "fear"), "line 2 .* letters of two alphabets, CYRILLIC and LATIN"),
        (("joy", "NA"), "line 3 .* stands for a missing value"),
        (("joy", "nan"), "missing value"),
        (('"joy"', '"fear"'), "line 2 .* in quotes. Write it without"),
        (("joy", "“fear”"), "in quotes"),
        (("joy", "2024-01-01"), "line 3 has the label '2024-01-01'.* words"),
        (("joy", "1."), "words"),
        (("joy", "50%"), "words"),
        (("T", "F"), "words"),
        (("joy", "fear", "joy fear"), "line 4 .* joins labels"),
        (("joy", "fear", "joy_or_fear"), "joins labels"),
        (("joy", "fear", "fear:joy"), "joins labels"),
        (("joy", "joy (0.9)"), "line 3 .* joins labels"),
        (("joy\u200d", "fear"), r"invisible character U\+200D"),
    ],
)
def test_what_is_not_meant_as_it_stands_is_refused(labels: tuple[str, ...], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        check(*labels)
