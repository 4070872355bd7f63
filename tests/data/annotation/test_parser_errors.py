"""Errors of a parser are counted by family, on words that both divide alike and on all others."""

from pathlib import Path

import pytest

from emomech.core.errors import UsageError
from emomech.data.annotation import conllu
from emomech.data.annotation.conllu import Sentence
from emomech.data.annotation.parser_errors import agreement

ROW = "{n}\t{form}\t_\t{pos}\t_\t_\t{head}\t{relation}\t_\t_"


def sentences(*rows: tuple[str, str, int, str]) -> list[Sentence]:
    lines = [
        ROW.format(n=n, form=form, pos=pos, head=head, relation=relation)
        for n, (form, pos, head, relation) in enumerate(rows, 1)
    ]
    return conllu.parse("\n".join(lines), "mine.conllu")


ADA = ("Ada", "PROPN", 2, "nsubj")
SAW = ("saw", "VERB", 0, "root")
BO = ("Bo", "PROPN", 2, "obj")


def test_equal_labels_agree() -> None:
    found = agreement(sentences(ADA, SAW, BO), sentences(ADA, SAW, BO))
    assert {(a.family, a.recall, a.precision, a.n) for a in found} == {
        ("pos", 1, 1, 3),
        ("role", 1, 1, 2),
        ("voice", 1, 1, 1),
    }


def test_a_missing_label_costs_recall_and_a_wrong_one_both() -> None:
    found = {a.family: a for a in agreement(sentences(ADA, SAW, BO), sentences(ADA, SAW, ("Bo", "NOUN", 2, "obl")))}
    assert (found["pos"].recall, found["pos"].precision) == (2 / 3, 2 / 3)
    assert (found["role"].recall, found["role"].precision) == (1 / 2, 1 / 2)
    found = {a.family: a for a in agreement(sentences(ADA, SAW, BO), sentences(ADA, SAW, ("Bo", "PROPN", 2, "dep")))}
    assert (found["role"].recall, found["role"].precision) == (1 / 2, 1)


def test_a_word_that_is_divided_otherwise_is_an_error() -> None:
    parse = conllu.parse(
        "# text = Ada saw Bo\n" + "\n".join(ROW.format(n=n, form=f, pos="PROPN", head=0, relation="root")
        for n, f in enumerate(("Ada", "saw", "B", "o"), 1)), "mine.conllu"
    )  # fmt: skip
    found = {a.family: a for a in agreement(sentences(ADA, SAW, BO), parse)}
    assert (found["pos"].recall, found["pos"].precision) == (1 / 3, 1 / 4)
    assert str(found["pos"]) == "recall 0.333, precision 0.250, 3 labels"


def test_a_treebank_without_labels_is_refused() -> None:
    bare = sentences(("Ada", "_", 0, "_"))
    with pytest.raises(UsageError, match="treebank: has no label of a word"):
        agreement(bare, bare)


def test_what_is_written_about_a_shipped_parse_can_be_read() -> None:
    from emomech.core.paths import PACKAGE

    file = Path(PACKAGE, "data", "samples", "goemotions_sample.conllu")
    head = [line for line in file.read_text(encoding="utf-8").splitlines()[:10] if line.startswith("# ")]
    assert {line.split()[1] for line in head if " on en_ewt-ud-test.conllu = recall" in line} == {
        "pos",
        "role",
        "voice",
    }
