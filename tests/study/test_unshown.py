"""No text of a corpus that may not be shown gets into a kept table or a card."""

from itertools import islice
from pathlib import Path

import pandas as pd
import planted
import published_files as made
import pytest

from emomech.chapters.behaviour.analysis import behaviour
from emomech.chapters.causal_features import cards
from emomech.chapters.causal_features.analysis import causal_features
from emomech.core.errors import EmomechError
from emomech.data.grammar.tasks import TASKS
from emomech.study.run import RUNS, Run
from emomech.study.spec import StudySpec
from emomech.study.study import Study
from emomech.study.unshown import check, check_result, may_be_shown

N = 240
SIZES = {"n_features": 1, "n_texts": 24, "n_shown": 2, "n_resamples": 20}


@pytest.fixture
def texts() -> list[tuple[str, str, str]]:
    """Texts that the embedded model can read, in the words of crowd-enVENT."""
    examples = list(islice(TASKS["vignettes"](0), N))
    return [("no-emotion" if e.label == "calm" else e.label, f"w{i}", e.text) for i, e in enumerate(examples)]


def spec(file: Path) -> StudySpec:
    return StudySpec(corpus=str(file), prompt="plain", controls="none", emotions="six")


def leaked(page: str, texts: list[str]) -> list[str]:
    return [text for text in texts if text in page]


def planted_study(file: Path) -> Study:
    """The planted model and texts in a study whose corpus may not be shown."""
    return Study(spec(file)).replaced(**planted.study(480).parts)


def test_no_kept_table_has_a_text(
    texts: list[tuple[str, str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(RUNS, str(tmp_path / "runs"))
    Run(behaviour, spec(made.crowd_envent(tmp_path, texts)), {"n_resamples": 20, "n_draws": 1}).result()
    files = [file for file in (tmp_path / "runs").rglob("*") if file.is_file()]
    assert len(files) > 2
    assert not any(leaked(file.read_text(encoding="utf-8"), [text for *_, text in texts]) for file in files)


def test_a_card_has_the_number_of_a_text_in_its_place(texts: list[tuple[str, str, str]], tmp_path: Path) -> None:
    study = planted_study(made.crowd_envent(tmp_path, texts))
    hidden = causal_features(study, **SIZES)
    check_result(hidden, study)
    own = [example.text for example in study.corpus.examples]
    pages = [str(cards.cards(hidden).data), *(table.to_csv() for table in vars(hidden).values())]
    assert len(hidden.texts)
    assert not any(leaked(page, own) for page in pages)
    assert all("which may not be shown" in page for page in (pages[0], hidden.texts.to_csv()))
    assert hidden.texts.prompt.str.fullmatch(r"text \d+ of the corpus, which may not be shown").all()
    assert (hidden.texts.heat == "").all()


def test_a_result_with_a_text_is_refused(texts: list[tuple[str, str, str]], tmp_path: Path) -> None:
    shown = causal_features(planted.study(480), **SIZES)
    check_result(shown, planted.study(480))
    with pytest.raises(EmomechError, match="texts: its column 'prompt' has a text that may not be shown"):
        check_result(shown, planted_study(made.crowd_envent(tmp_path, texts)))


def test_a_refused_result_leaves_nothing_behind(
    texts: list[tuple[str, str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(RUNS, str(tmp_path / "runs"))
    monkeypatch.setattr("emomech.chapters.behaviour.analysis.MODEL", texts[0][2])
    monkeypatch.setattr("emomech.chapters.behaviour.scores.MODEL", texts[0][2])
    run = Run(behaviour, spec(made.crowd_envent(tmp_path, texts)), {"n_resamples": 20, "n_draws": 1})
    with pytest.raises(EmomechError, match="accuracy: its column 'predictor' has a text that may not be shown"):
        run.result()
    assert not list((tmp_path / "runs").rglob("*.csv"))


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        ("the writer: I lost my keys in the snow and", True),
        ("I LOST my keys, in the!", True),
        ("I lost my keys in a", False),
        ("it said oh no again", True),
        ("oh no", False),
        ("", False),
    ],
)
def test_words_in_a_row_count_whatever_stands_between_them(cell: str, found: bool) -> None:
    texts = ["Yesterday I lost my keys in the snow.", "Oh no, again", "Oh no"]
    tables = {"cards": pd.DataFrame({"n": [1], "prompt": [cell]})}
    if not found:
        check(tables, texts)
        return
    with pytest.raises(EmomechError, match="cards: its column 'prompt'"):
        check(tables, texts)


def test_joined_texts_may_be_shown_if_those_of_every_set_may() -> None:
    assert may_be_shown(StudySpec(corpus="goemotions,meld"))
    assert not may_be_shown(StudySpec(corpus="goemotions,isear"))
