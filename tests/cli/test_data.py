"""The commands on data sets write what they say, and refuse what they cannot read."""

import sys
from importlib import metadata
from pathlib import Path
from types import ModuleType

import published_files as made
import pytest

from emomech.cli.data import data
from emomech.cli.main import main
from emomech.data.annotation import conllu, parsing
from emomech.data.published import sampling

EMOTIONS = (0, 1, 2, 3, 4, 5, 6)


def run(*arguments: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["data", *arguments])
    assert not ended.value.code


def test_the_commands_have_help() -> None:
    assert {command.callback.__name__ for command in data.registered_commands if command.callback} == {
        "sample",
        "parse",
    }
    assert all(command.callback.__doc__ for command in data.registered_commands if command.callback)


def test_a_sample_is_drawn_from_the_published_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [f"We saw text {i} of {label} here\t{label}\tid{i}-{label}" for i in range(4) for label in EMOTIONS]
    made.goemotions(tmp_path / "published", [*lines, "no\t3\tshort"])
    run("sample", str(tmp_path / "published"), "--output", str(tmp_path / "s.csv"), "--per-label", "2")
    rows = (tmp_path / "s.csv").read_text().splitlines()
    assert rows[0] == ",".join(sampling.COLUMNS)
    assert sorted(row.split(",")[1] for row in rows[1:]) == sorted([*made.EKMAN, *made.EKMAN])
    said = capsys.readouterr()
    assert "14 texts, 2 of each emotion" in said.err and f"left out: 1 ({sampling.LENGTH})" in said.err


@pytest.mark.realdata
def test_the_shipped_sample_is_made_again(shared_data, tmp_path: Path) -> None:
    from emomech.core.paths import PACKAGE

    run("sample", str(shared_data("goemotions_ekman")), "--output", str(tmp_path / "s.csv"))
    shipped = PACKAGE / "data" / "samples" / "goemotions_sample.csv"
    assert (tmp_path / "s.csv").read_text(encoding="utf-8") == shipped.read_text(encoding="utf-8")


class _Token:
    """Stand-in for a word of spaCy: the whole text."""

    lemma_, pos_, tag_, dep_, i, idx = "", "INTJ", "", "ROOT", 0, 0

    def __init__(self, text: str) -> None:
        self.text, self.head, self.morph = text, self, self

    def to_dict(self) -> dict[str, str]:
        return {}


class _Doc(list):
    ents = ()


@pytest.fixture
def spacy(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("spacy")
    pipeline = type("Language", (), {"pipe": staticmethod(lambda texts: (_Doc([_Token(text)]) for text in texts))})
    vars(module).update(load=lambda name: pipeline)
    monkeypatch.setitem(sys.modules, "spacy", module)
    monkeypatch.setattr(metadata, "version", lambda name: "3.8")


@pytest.mark.usefixtures("spacy")
def test_a_corpus_is_parsed_into_a_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    file.write_text("text,label\nOh,joy\nUgh,disgust\n")
    treebank = tmp_path / "bank.conllu"
    treebank.write_text("1\tHm\thm\tINTJ\t_\t_\t0\troot\t_\t_\n\n")
    out = tmp_path / "parse.conllu"
    run("parse", str(file), "--output", str(out), "--treebank", str(treebank))
    assert parsing.is_parse(out)
    assert [sentence.text for sentence in conllu.read(out)] == ["Oh", "Ugh"]
    assert "# pos on bank.conllu = recall 1.000, precision 1.000, 1 labels" in out.read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("parse", "organism", "--output", "x.conllu"), "comes from the grammar"),
        (("parse", "goemotions-sample", "--output", "x.conllu", "--parser", "udpipe"), "expected spacy"),
        (("sample", "/nowhere", "--output", "x.csv"), "/nowhere"),
    ],
)
def test_what_cannot_be_read_is_refused(
    arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(["data", *arguments])
    assert ended.value.code == 2
    assert message in capsys.readouterr().err
