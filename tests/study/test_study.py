"""A spec's identity changes exactly if what its names refer to changes, and a study loads what the spec names."""

import shutil
from dataclasses import FrozenInstanceError, replace
from functools import cache
from pathlib import Path

import published_files as made
import pytest

from emomech.core import hub
from emomech.core.errors import UsageError
from emomech.core.paths import PACKAGE
from emomech.core.settings import Settings
from emomech.data.corpus import DUPLICATE, TOO_LONG
from emomech.models.language_model import LanguageModel
from emomech.presets import lookup
from emomech.saes import compatibility
from emomech.study.identity import content_hash
from emomech.study.spec import StudySpec
from emomech.study.study import Study

ROWS = [(f"Anna lost ring {i}.", "sadness") for i in range(30)] + [(f"Ben won race {i}.", "joy") for i in range(30)]


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    """A user's corpus, with labels in no particular order."""
    file = tmp_path / "texts.csv"
    file.write_text("text,label\n" + "\n".join(f"{text},{label}" for text, label in ROWS) + "\n")
    return file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of the user's, with a model and one SAE."""
    embedded = PACKAGE / "organism" / "weights" / "default"
    copied = Path(shutil.copytree(embedded / "model", tmp_path / "model"))
    shutil.copytree(next((embedded / "saes").iterdir()), copied / "sae")
    return copied


@cache
def embedded() -> LanguageModel:
    return Study(StudySpec(sae=None)).lm


def asked(texts: Path, folder: Path, **options) -> Study:
    """A study of the user's corpus with the embedded model."""
    return Study(spec(texts, folder, **options)).replaced(lm=embedded())


def spec(texts: Path, folder: Path, **options) -> StudySpec:
    return StudySpec(model=str(folder), sae=str(folder), corpus=str(texts), **options)


def test_identity_follows_content_and_not_names(texts: Path, folder: Path, tmp_path: Path) -> None:
    before = spec(texts, folder).identity()
    moved = tmp_path / "elsewhere.csv"
    moved.write_bytes(texts.read_bytes())
    assert spec(moved, folder).identity() == before
    assert spec(texts, folder, prompt="plain").identity() == before  # what auto chooses for a file
    assert spec(texts, folder, seed=1).identity() != before
    assert spec(texts, folder, limit=10).identity() != before
    moved.write_text(texts.read_text().replace("ring 3", "ring 4"))
    assert spec(moved, folder).identity() != before
    (folder / "config.json").write_text("{ }")
    assert spec(texts, folder).identity() != before


def test_a_corpus_of_the_users_is_asked_without_a_person(texts: Path, folder: Path) -> None:
    study = asked(texts, folder)
    assert set(study.emotions) == {"joy", "sadness"}
    assert study.prompts[0].startswith("Anna lost ring 0.")
    assert study.prompts[0].endswith("The feeling was")
    assert study.answers == [f" {word}" for word in study.emotions.values()]


def test_a_prompt_that_needs_a_person_is_refused(texts: Path, folder: Path) -> None:
    with pytest.raises(UsageError, match="person"):
        _ = asked(texts, folder, prompt="felt").prompts


def test_the_limit_is_a_choice_of_texts(texts: Path, folder: Path) -> None:
    few = asked(texts, folder, limit=20).corpus.examples
    assert len(few) == 20
    assert {example.label for example in few} == {"joy", "sadness"}
    assert few == asked(texts, folder, limit=20).corpus.examples


def test_the_embedded_corpus_needs_no_file() -> None:
    study = Study(StudySpec(limit=50))
    assert len(study.corpus.examples) == 50
    assert tuple(study.emotions) == tuple(lookup.emotions("six-and-calm").labels)
    assert all(prompt.endswith(" felt") for prompt in study.prompts)


def test_a_study_without_saes_has_none_in_its_identity() -> None:
    bare = StudySpec(sae=None)
    assert set(StudySpec().identity()) - set(bare.identity()) == {"sae"}
    with pytest.raises(UsageError, match="this study names no SAEs"):
        _ = Study(bare).saes


def test_saes_are_those_of_the_model_unless_others_are_named(folder: Path) -> None:
    assert StudySpec().sae_name == "organism"
    assert StudySpec(model="organism-seed1").sae_name == "organism-seed1"
    assert StudySpec(model="gpt2-small").sae_name == "gpt2-small-res-jb"
    assert StudySpec(model="gpt2-small", sae="organism").sae_name == "organism"
    with pytest.raises(UsageError, match="no SAEs are known for the model .*; name some"):
        StudySpec(model=str(folder)).validate()


def test_a_hash_is_of_names_and_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("x")
    assert content_hash(tmp_path / "a") == content_hash(tmp_path / "b")
    (tmp_path / "b" / "file").rename(tmp_path / "b" / "other")
    assert content_hash(tmp_path / "a") != content_hash(tmp_path / "b")
    with pytest.raises(UsageError, match="no such file"):
        content_hash(tmp_path / "c")


def test_controls_are_asked_of_the_same_model(texts: Path, folder: Path) -> None:
    embedded = StudySpec()
    assert [control.corpus for control in embedded.control_specs] == ["organism-kinds", "organism-worth"]
    assert StudySpec(controls="none").control_specs == spec(texts, folder).control_specs == []
    (mine,) = spec(texts, folder, controls=str(texts)).control_specs
    assert mine.corpus == str(texts) and mine.model == str(folder) and mine.control_specs == []
    assert spec(texts, folder).identity() != spec(texts, folder, controls=str(texts)).identity()
    with pytest.raises(UsageError, match="weather"):
        StudySpec(controls="organism-kinds, weather").validate()


def test_controls_share_model_and_saes() -> None:
    study = Study(StudySpec())
    for control in study.controls:
        assert control.lm is study.lm and control.saes is study.saes
        assert len(control.prompts) == len(control.corpus.examples)


def test_a_published_set_is_told_by_its_content(folder: Path, tmp_path: Path) -> None:
    file = made.goemotions(tmp_path / "one", ["It rained.\t3\ta", "It shone.\t5\tb"])
    before = StudySpec(model=str(folder), sae=None, corpus=str(file)).identity()
    moved = made.goemotions(tmp_path / "two", ["It rained.\t3\ta", "It shone.\t5\tb"])
    assert StudySpec(model=str(folder), sae=None, corpus=str(moved)).identity() == before
    both = StudySpec(model=str(folder), sae=None, corpus=f"{file},{moved}")
    joined = both.validate().identity()
    assert joined != before
    moved.write_text("It rained.\t3\ta\nIt froze.\t5\tb\n")
    assert both.identity() != joined


def test_the_revision_is_part_of_the_identity(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = StudySpec(model=str(folder), sae=None, corpus="tweeteval,meld")
    before = spec.identity()
    assert str(lookup.corpus("meld").revision) in str(before)
    later = lookup.corpus("meld").model_copy(update={"revision": "0" * 40})
    monkeypatch.setattr(lookup, "table", lambda kind, found=lookup.table: {**found(kind), "meld": later})
    assert replace(spec).identity() != before


def test_data_that_no_commit_pins_are_told_by_the_one_in_the_cache(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commits = {"gsri-18/ISEAR-dataset-complete": "", lookup.corpus("meld").repository: ""}
    monkeypatch.setattr(hub, "commit", lambda repository, *_: commits[repository])
    spec = StudySpec(model=str(folder), sae=None, corpus="isear")
    before = spec.identity()
    commits["gsri-18/ISEAR-dataset-complete"] = "0" * 40
    assert spec.identity() != before
    commits[lookup.corpus("meld").repository] = "0" * 40
    assert StudySpec(model=str(folder), sae=None, corpus="meld").identity()["corpus"] == {
        **lookup.corpus("meld").model_dump(exclude={"summary", "path", "card", "joins", "variant_of", "gold"})
    }


def test_a_published_text_that_the_model_cannot_read_is_left_out_and_counted(tmp_path: Path) -> None:
    lines = [f"It rained {i} times.\t{3 + i % 2 * 2}\ta" for i in range(8)]
    lines += [f"{'It went on and on. ' * 40}\t3\tb", "it rained 0 times\t3\tc"]
    spec = StudySpec(sae=None, corpus=str(made.goemotions(tmp_path, lines)))
    corpus = Study(spec).corpus
    assert len(corpus.examples) == 8
    assert corpus.dropped == {DUPLICATE: 1, TOO_LONG: 1}
    assert corpus.labels == ("joy", "sadness")
    assert Study(spec).prompts[0] == "It rained 0 times.\nThe writer of this text feels"


def test_saes_of_the_embedded_model_are_read_when_they_are_asked_for() -> None:
    study = Study(StudySpec())
    assert [point.resid_index() for point in study.saes] == list(range(study.lm.n_layers + 1))
    assert all(sae.point == point and sae.d_in == study.lm.d_model for point, sae in study.saes.items())
    first = next(iter(study.saes))
    assert study.saes[first] is study.saes[first]


def test_saes_that_cannot_stand_in_the_model_are_refused_before_any_is_read() -> None:
    with pytest.raises(UsageError, match=r"SAE organism at blocks\.5\.hook_resid_post: .* has blocks 0\.\.4"):
        _ = Study(StudySpec(model="organism-disgust02", sae="organism")).saes


def test_a_study_can_be_made_around_parts_of_ones_own(texts: Path, folder: Path) -> None:
    named = asked(texts, folder)
    given = named.replaced(emotions={"joy": "glad", "sadness": "low"}, prompts=["Why?"])
    assert given.spec is named.spec and given.settings is named.settings
    assert given.answers == [" glad", " low"] and given.prompts == ["Why?"]
    assert given.replaced(prompts=["How?"]).answers == [" glad", " low"]
    assert given.corpus == named.corpus and named.answers == [" joy", " sadness"]
    with pytest.raises(FrozenInstanceError):
        given.spec = StudySpec()  # pyright: ignore[reportAttributeAccessIssue]


def test_what_was_left_out_is_known_once_the_corpus_is_read(texts: Path, folder: Path) -> None:
    texts.write_text(texts.read_text() + f"{ROWS[0][0]},{ROWS[0][1]}\n")
    study = asked(texts, folder)
    assert study.corpus_read is None
    assert study.corpus.dropped == {DUPLICATE: 1}
    assert study.corpus_read is not None and study.corpus_read.dropped == {DUPLICATE: 1}
    assert study.corpus_read.n_rows == len(ROWS) + 1
    assert study.companion(study.spec).corpus_read is None


def test_a_text_of_ones_own_that_is_too_long_is_left_out_and_counted(texts: Path, folder: Path) -> None:
    texts.write_text(texts.read_text() + f"{'It went on and on. ' * 200},joy\n")
    study = asked(texts, folder, limit=50)
    assert len(study.corpus.examples) == 50
    read = study.corpus_read
    assert read is not None and read.n_rows == len(ROWS) + 1
    assert sum(read.dropped.values()) + read.not_drawn == 11
    assert asked(texts, folder).corpus.dropped == {TOO_LONG: 1}


def test_columns_of_a_table_may_have_other_names(texts: Path, folder: Path) -> None:
    texts.write_text(texts.read_text().replace("text,label", "emotion,content", 1))
    named = {"text": "emotion", "label": "content"}
    study = asked(texts, folder, **named)
    assert [(e.text, e.label) for e in study.corpus.examples] == ROWS
    assert "columns" in str(spec(texts, folder, **named).identity())
    with pytest.raises(UsageError, match="has no column 'body', only 'emotion', 'content'"):
        spec(texts, folder, text="body", label="content").validate()
    with pytest.raises(UsageError, match="text and label both name the column 'content'"):
        spec(texts, folder, text="content", label="content").validate()
    with pytest.raises(UsageError, match="the corpus 'organism' is no table of yours"):
        StudySpec(text="body").validate()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("text,label\na,joy\nb,joy\n", "all 2 texts are 'joy'"),
        ("text,label\n", "holds no text"),
        ("sentence,label\na,joy\n", "expected one named 'text'. Name it: -p text=COLUMN"),
        ("text,label\na b,joy\nc,1\n", "line 3 has the label '1'"),
    ],
)
def test_a_table_is_read_before_a_model_is_loaded(content: str, message: str, texts: Path, folder: Path) -> None:
    texts.write_text(content)
    with pytest.raises(UsageError, match=message):
        spec(texts, folder).validate()
    if "label" in message or "joy" in message:  # texts without an emotion can be trained on
        assert spec(texts, folder).validate(labelled=False).corpus == str(texts)


def test_a_table_that_is_mended_is_read_again(texts: Path, folder: Path) -> None:
    content = texts.read_text()
    texts.write_text("text,label\n")
    with pytest.raises(UsageError):
        spec(texts, folder).validate()
    texts.write_text(content)
    spec(texts, folder).validate()


def test_warnings_of_a_companion_are_those_of_the_study(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compatibility, "misfits", lambda *_: ["SAE s at p: leaves 0.99"])
    study = Study(StudySpec(limit=20), Settings("cpu", force=True))
    companion = study.companion(StudySpec(limit=10))
    assert study.warnings == companion.warnings == ()
    assert companion.saes and study.saes
    assert study.warnings == companion.warnings == ("SAE s at p: leaves 0.99",)
    assert Study(study.spec, study.settings).warnings == ()


def test_names_are_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up: list[str] = []
    for kind in ("model", "corpus", "prompt", "sae", "emotions"):
        find = getattr(lookup, kind)
        monkeypatch.setattr(
            lookup, kind, lambda name, kind=kind, find=find, **how: looked_up.append(kind) or find(name, **how)
        )
    spec = StudySpec(limit=20, controls="none")
    study = Study(spec.validate())
    assert spec.identity() and study.prompts and study.answers and study.lm and len(study.saes)
    assert sorted(looked_up) == ["corpus", "emotions", "model", "prompt", "sae"]
