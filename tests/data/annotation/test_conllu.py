"""CoNLL-U is read with the spans of its words; errors name file and line."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from emomech.core.errors import UsageError
from emomech.data.annotation.conllu import Sentence, parse, read

TEXT = """\
# newdoc id = kitchen
# sent_id = 1
# text = "Nora didn't cry," said Ed.
1\t"\t"\tPUNCT\t``\t_\t5\tpunct\t_\tSpaceAfter=No
2\tNora\tNora\tPROPN\tNNP\tNumber=Sing\t5\tnsubj\t_\t_
3-4\tdidn't\t_\t_\t_\t_\t_\t_\t_\t_
3\tdid\tdo\tAUX\tVBD\tTense=Past|VerbForm=Fin\t5\taux\t_\t_
4\tn't\tnot\tPART\tRB\tPolarity=Neg\t5\tadvmod\t_\t_
5\tcry\tcry\tVERB\tVB\tVerbForm=Inf\t8\tccomp\t_\tSpaceAfter=No
6\t,\t,\tPUNCT\t,\t_\t5\tpunct\t_\tSpaceAfter=No
7\t"\t"\tPUNCT\t''\t_\t5\tpunct\t_\t_
8\tsaid\tsay\tVERB\tVBD\tTense=Past|VerbForm=Fin\t0\troot\t_\t_
9\tEd\tEd\tPROPN\tNNP\tNumber=Sing\t8\tnsubj\t_\tSpaceAfter=No
9.1\twho\twho\tPRON\tWP\t_\t_\t_\t8:nsubj\tCopyOf=-1
10\t.\t.\tPUNCT\t.\t_\t8\tpunct\t_\t_

# newdoc id = street
# text = Elle va au  bois
1\tElle\til\tPRON\t_\t_\t2\tnsubj\t_\t_
2\tva\taller\tVERB\t_\t_\t0\troot\t_\t_
3-4\tau\t_\t_\t_\t_\t_\t_\t_\t_
3\tà\tà\tADP\t_\t_\t5\tcase\t_\t_
4\tle\tle\tDET\t_\t_\t5\tdet\t_\t_
5\tbois\tbois\tNOUN\t_\t_\t2\tobl\t_\t_
"""


@pytest.fixture
def sentences() -> list[Sentence]:
    return parse(TEXT, "mine.conllu")


def spans(sentence: Sentence) -> list[str]:
    return [sentence.text[word.start : word.end] for word in sentence.words]


def test_words_stand_where_the_text_has_them(sentences: list[Sentence]) -> None:
    assert spans(sentences[0]) == ['"', "Nora", "did", "n't", "cry", ",", '"', "said", "Ed", "."]


def test_words_that_are_no_parts_of_a_contraction_have_its_span(sentences: list[Sentence]) -> None:
    assert spans(sentences[1]) == ["Elle", "va", "au", "au", "bois"]


def test_columns_are_read(sentences: list[Sentence]) -> None:
    did = sentences[0].words[2]
    assert (did.form, did.lemma, did.upos, did.xpos, did.head, did.relation) == ("did", "do", "AUX", "VBD", 4, "aux")
    assert did.features == {"Tense": "Past", "VerbForm": "Fin"}
    assert sentences[0].words[7].head == -1


def test_empty_nodes_are_kept_apart(sentences: list[Sentence]) -> None:
    assert [(n, token.form, token.head) for n, token in sentences[0].empty] == [(9, "who", -1)]
    assert len(sentences[0].words) == 10


def test_documents_are_told_apart_and_sentences_know_their_line(sentences: list[Sentence]) -> None:
    assert [(s.document, s.where) for s in sentences] == [(1, "mine.conllu:1"), (2, "mine.conllu:17")]


def test_without_text_it_is_put_together_from_the_words(sentences: list[Sentence]) -> None:
    (bare, _) = parse(re.sub("# text.*\n", "", TEXT), "mine.conllu")
    assert bare.text == sentences[0].text
    assert spans(bare) == spans(sentences[0])


def test_line_ends_of_windows_a_mark_at_the_start_and_no_blank_line_at_the_end_do_not_matter() -> None:
    odd = "\ufeff" + TEXT.rstrip("\n").replace("\n", "\r\n")
    assert [s.words for s in parse(odd, "mine.conllu")] == [s.words for s in parse(TEXT, "mine.conllu")]


@pytest.mark.parametrize(
    ("original", "replaced", "message"),
    [
        ("2\tNora\tNora\tPROPN", "2 Nora Nora PROPN", r"mine.conllu:5: has 7 columns, expected 10"),
        ("5\tcry", "x\tcry", r"mine.conllu:9: begins with 'x', expected a number such as 3, 3-4 or 3.1"),
        ("8\tsaid", "9\tsaid", r"mine.conllu:12: is number 9, expected 8"),
        ("\t8\tccomp", "\tsaid\tccomp", r"mine.conllu:9: depends on 'said', expected the number of a word"),
        ("\t8\tccomp", "\t11\tccomp", r"mine.conllu:9: depends on word 11, but the sentence has 10"),
        ("Nora didn't", "Nina didn't", r"mine.conllu:5: the word is 'Nora', but the text has .Nina didn"),
        ("said Ed.\n", "said Ed. Yes\n", r"mine.conllu:1: the text goes on with 'Yes' after the last word"),
        ("# newdoc id = street\n", "# newdoc\n\n", r"mine.conllu:17: a sentence without words"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(original: str, replaced: str, message: str) -> None:
    assert original in TEXT
    with pytest.raises(UsageError, match=message):
        parse(TEXT.replace(original, replaced, 1), "mine.conllu")


def test_files_that_hold_no_treebank_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nothing at .*missing"):
        read(tmp_path / "missing")
    with pytest.raises(UsageError, match=r"holds no .conllu file"):
        read(tmp_path)
    (tmp_path / "a.conllu").write_text("\n")
    with pytest.raises(UsageError, match=r"a.conllu: holds no sentence"):
        read(tmp_path)
    (tmp_path / "a.conllu").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match=r"a.conllu: byte 0 is not UTF-8"):
        read(tmp_path)
    (tmp_path / "a.txt").write_text(TEXT)
    with pytest.raises(UsageError, match=r"a.txt.*expected a .conllu file"):
        read(tmp_path / "a.txt")


def test_a_folder_is_all_of_its_files(tmp_path: Path) -> None:
    for name in ("b.conllu", "a.conllu"):
        (tmp_path / name).write_text(TEXT)
    assert [s.where for s in read(tmp_path)] == ["a.conllu:1", "a.conllu:17", "b.conllu:1", "b.conllu:17"]


@pytest.mark.realdata
@pytest.mark.parametrize("folder", ["ud_english_ewt", "up_english_ewt"])
def test_a_public_treebank_is_read_wholly(folder: str, shared_data: Callable[[str], Path]) -> None:
    path = shared_data(folder)
    lines = "".join(file.read_text(encoding="utf-8") for file in sorted(path.glob("*.conllu"))).splitlines()
    sentences = read(path)
    assert [s.text for s in sentences] == [line[len("# text = ") :] for line in lines if line.startswith("# text = ")]
    rows = [line.split("\t") for line in lines if re.match(r"\d+\t", line)]
    words = [word for s in sentences for word in s.words]
    assert [(w.form, w.upos, w.head, w.relation) for w in words] == [(r[1], r[3], int(r[6]) - 1, r[7]) for r in rows]
    assert sum(w.features.get("Voice") == "Pass" for w in words) == sum("Voice=Pass" in row[5] for row in rows)
    assert sum(len(s.empty) for s in sentences) == sum(bool(re.match(r"\d+\.\d+\t", line)) for line in lines)
    assert all(s.text[w.start : w.end] == w.form for s in sentences for w in s.words)
