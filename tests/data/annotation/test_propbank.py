"""Each word has the role that it plays for the predicate it depends on, and none if predicates disagree."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from emomech.core.errors import UsageError
from emomech.data.annotation.conllu import Sentence, parse, read
from emomech.data.annotation.propbank import roles

ROWS = [
    "1\tIda\tIda\tPROPN\t_\t_\t2\tnsubj\t_\t_\t_\tARG0\tARG0\t_",
    "2\tpromised\tpromise\tVERB\t_\t_\t0\troot\t_\t_\tpromise.01\tV\t_\t_",
    "3\tTom\tTom\tPROPN\t_\t_\t2\tiobj\t_\t_\t_\tARG2\t_\tARGM-COM",
    "4\tto\tto\tPART\t_\t_\t5\tmark\t_\t_\t_\t_\t_\t_",
    "5\tleave\tleave\tVERB\t_\t_\t2\txcomp\t_\t_\tleave.01\tARG1\tV\t_",
    "6\tsoon\tsoon\tADV\t_\t_\t5\tadvmod\t_\t_\t_\t_\tARGM-TMP\t_",
    "7\tthat\tthat\tPRON\t_\t_\t8\tnsubj\t_\t_\t_\tARG2\tR-ARG0\tC-ARGM-LOC",
    "8\twas\tbe\tAUX\t_\t_\t2\tdep\t_\t_\tbe.01\t_\t_\tV",
]


def sentence(rows: list[str]) -> Sentence:
    return parse("\n".join(rows) + "\n", "mine.conllu")[0]


def test_a_word_has_the_role_for_the_predicate_it_depends_on() -> None:
    by_word = roles(sentence(ROWS))
    assert by_word == {0: "A0", 1: "V", 2: "A2", 4: "A1", 5: "AM-TMP", 6: "AM-LOC", 7: "V"}


def test_a_predicate_is_v_unless_it_depends_on_one_that_it_is_an_argument_of() -> None:
    rows = [ROWS[4].replace("\t2\txcomp", "\t0\troot") if i == 4 else row for i, row in enumerate(ROWS)]
    assert roles(sentence(rows))[4] == "V"


def test_where_predicates_disagree_there_is_no_role() -> None:
    rows = [ROWS[2].replace("\t2\tiobj", "\t4\tdep") if i == 2 else row for i, row in enumerate(ROWS)]
    assert 2 not in roles(sentence(rows))


def test_a_sentence_without_columns_has_no_roles() -> None:
    assert roles(sentence(["\t".join(row.split("\t")[:10]) for row in ROWS])) == {}
    assert roles(sentence(["1\t***\t***\tPUNCT\t_\t_\t0\troot\t_\t_\t_\t"])) == {}


def test_columns_that_are_not_one_per_predicate_are_refused() -> None:
    with pytest.raises(UsageError, match=r"mine.conllu:1: has 3 predicates, but 'Ida' has 2 columns"):
        roles(sentence([ROWS[0].rpartition("\t")[0], *ROWS[1:]]))


@pytest.mark.realdata
def test_the_roles_of_a_public_treebank_are_those_of_its_columns(shared_data: Callable[[str], Path]) -> None:
    path = shared_data("up_english_ewt")
    rows = [
        line.split("\t")
        for file in path.glob("*.conllu")
        for line in file.read_text(encoding="utf-8").splitlines()
        if re.match(r"\d+\t", line)
    ]
    sentences = read(path)
    assert sum(bool(word.predicate) for s in sentences for word in s.words) == sum(
        row[10] not in ("_", "") for row in rows
    )
    cells = [{re.sub(r"^[CR]-", "", cell).replace("ARG", "A") for cell in row[11:]} - {"_", ""} for row in rows]
    by_word = [roles(s).get(i, "") for s in sentences for i in range(len(s.words))]
    assert all(
        role in of_word or (not role and len(of_word) != 1) for role, of_word in zip(by_word, cells, strict=True)
    )
    assert sum(map(len, cells)) > sum(map(bool, by_word)) > 10_000
