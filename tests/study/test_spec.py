"""What a spec names is checked before anything is loaded: presets, numbers, folders and files."""

import shutil
from pathlib import Path

import pytest

from emomech.core.errors import UsageError
from emomech.core.paths import PACKAGE
from emomech.presets import lookup
from emomech.study.spec import StudySpec
from emomech.study.study import Study


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"model": "gpt3"}, "gpt3.*gpt2"),
        ({"sae": "nothing/here"}, "nothing/here"),
        ({"corpus": "texts.csv"}, "texts.csv"),
        ({"emotions": "twelve"}, "twelve.*six-and-calm"),
        ({"prompt": "rude"}, "rude.*felt"),
        ({"limit": -1}, "limit -1"),
        ({"seed": -1}, "seed -1: expected a whole number from 0 to"),
        ({"seed": 10**30}, "seed 10+: expected a whole number from 0 to"),
    ],
)
def test_what_does_not_exist_is_named_before_anything_is_loaded(options: dict, match: str) -> None:
    with pytest.raises(UsageError, match=match):
        StudySpec(**options).validate()


@pytest.mark.parametrize(
    ("missing", "match"),
    [
        ("config.json", "has no config.json; expected a Hugging Face model folder"),
        ("model.safetensors", "has no weights; expected model.safetensors"),
        ("sae/cfg.json", "holds no SAE; expected cfg.json"),
    ],
)
def test_folders_without_a_model_or_saes_are_named_before_anything_is_loaded(
    missing: str, match: str, tmp_path: Path
) -> None:
    folder, texts = tmp_path / "model", tmp_path / "texts.csv"
    embedded = PACKAGE / "organism" / "weights" / "default"
    shutil.copytree(embedded / "model", folder)
    shutil.copytree(next((embedded / "saes").iterdir()), folder / "sae")
    texts.write_text("text,label\nAnna lost it.,sadness\nBen won it.,joy\n")
    spec = StudySpec(model=str(folder), sae=str(folder), corpus=str(texts))
    assert spec.validate() is spec
    (folder / missing).unlink()
    with pytest.raises(UsageError, match=match):
        spec.validate()


def test_texts_without_labels_are_read_too_if_labels_are_not_needed(tmp_path: Path) -> None:
    file = tmp_path / "texts.csv"
    file.write_text("text\nIt broke.\n")
    StudySpec(corpus=str(file), sae=None).validate(labelled=False)
    with pytest.raises(UsageError, match="expected one named 'label'"):
        StudySpec(corpus=str(file), sae=None).validate()
    file.write_bytes(bytes(range(256)))
    with pytest.raises(UsageError, match="texts.csv"):
        StudySpec(corpus=str(file), sae=None).validate(labelled=False)


def test_labels_of_words_are_part_of_the_identity_and_go_to_no_control(tmp_path: Path) -> None:
    file = tmp_path / "mine.conllu"
    row = "1\tSo\tso\t{}\t_\t_\t0\troot\t_\t_\n2\t{}\t_\tNUM\t_\t_\t1\tdep\t_\t_\n"
    file.write_text("\n".join(row.format(["ADV", "INTJ"][i % 2], i) for i in range(40)))
    named = StudySpec(gold=str(file))
    before = named.validate().identity()
    assert before != StudySpec().identity()
    assert all(control.gold == "" for control in named.control_specs)
    labelled = Study(StudySpec(gold=str(file), limit=10)).gold
    assert {example.text[:3] for example in labelled.examples} == {"So "} and not labelled.from_corpus
    file.write_text(file.read_text().replace("ADV", "INTJ"))
    assert named.identity() != before
    with pytest.raises(UsageError, match="has no labels that can be used"):
        named.validate()  # one part of speech
    with pytest.raises(UsageError, match="nothing at"):
        StudySpec(gold="no/treebank").validate()


def test_the_texts_are_those_of_the_model_unless_a_study_names_others(monkeypatch: pytest.MonkeyPatch) -> None:
    assert StudySpec().corpus_name == StudySpec(model="gpt2-small", sae=None).corpus_name == "organism"
    named = lookup.model("gpt2-small").model_copy(update={"corpus": "goemotions-sample"})
    monkeypatch.setattr(lookup, "model", lambda name: named)
    spec = StudySpec(model="mine", sae=None)
    assert spec.corpus_name == spec.resolved.corpus.name == "goemotions-sample"
    assert spec.resolved.prompt == lookup.prompt("expressed")
    assert StudySpec(model="mine", sae=None, corpus="organism").resolved.corpus.name == "organism"
    assert spec.identity() == StudySpec(model="mine", sae=None, corpus="goemotions-sample").identity()


def test_the_words_of_the_shipped_sample_are_labelled_by_its_parse() -> None:
    sample = Study(StudySpec(corpus="goemotions-sample", sae=None))
    assert sample.gold.from_corpus
    assert [example.text for example in sample.gold.examples] == [example.text for example in sample.corpus.examples]
    families = {family for example in sample.gold.examples for word in example.words for family in word.tags}
    assert {"pos", "role", "voice"} <= families
    masked = StudySpec(corpus="goemotions-sample-masked", sae=None)
    assert masked.gold_source == ""
    assert StudySpec(corpus="goemotions-sample", sae=None, gold="mine.conllu").gold_source == "mine.conllu"
