"""Presets are strict: an error names a misspelt, missing or mistyped entry and the way out."""

from pathlib import Path

import published_files as made
import pytest

from emomech.core.errors import EmomechError, UsageError
from emomech.presets import lookup
from emomech.presets.kinds import ModelPreset, PromptPreset, SaePreset
from emomech.presets.lookup import KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_every_shipped_file_is_valid_and_told(kind: lookup.Kind) -> None:
    entries = lookup.table(kind)
    assert entries
    assert all(entry.summary for entry in entries.values())


def test_what_presets_refer_to_exists() -> None:
    for name in lookup.table("corpora"):
        corpus = lookup.corpus(name)
        assert lookup.prompt(corpus.prompt)
        assert not corpus.emotions or lookup.emotions(corpus.emotions)
        assert all(lookup.corpus(control) for control in corpus.controls)
    for kind in ("models", "saes"):
        for entry in lookup.table(kind).values():
            path, made_by = getattr(entry, "path", ""), getattr(entry, "made_by", "")
            assert not path or made_by or lookup.shipped(path).is_dir()


def test_every_organism_has_a_model_and_saes_and_a_command_that_makes_them() -> None:
    for name, organism in lookup.table("organisms").items():
        model = "organism" if name == "default" else f"organism-{name}"
        for kind, part in (("models", "model"), ("saes", "saes")):
            entry = lookup.table(kind)[model]
            assert isinstance(entry, ModelPreset | SaePreset)
            assert entry.path == f"organism/weights/{name}/{part}"
            assert entry.made_by == f"emomech organism train --preset {name}"
            assert organism.summary
        assert lookup.table("models")[model].sae == model  # pyright: ignore[reportAttributeAccessIssue]


def test_a_group_is_all_of_its_organisms() -> None:
    assert set(lookup.organisms("seeds")) == {"seed1", "seed2"}
    scarce = lookup.organisms("scarcity")
    assert {tuple(preset.shares.items()) for preset in scarce.values()} == {
        (),
        (("disgust", 0.02),),
        (("disgust", 0.05),),
        (("disgust", 0.18),),
        (("anger", 0.02),),
    }
    for shares in {tuple(preset.shares.items()) for preset in scarce.values()}:
        seeds = sorted(preset.seed for preset in scarce.values() if tuple(preset.shares.items()) == shares)
        assert seeds == ([0, 1, 2] if shares else [0])
    with pytest.raises(UsageError, match=r"unknown preset in organisms 'scarce'\. Did you mean 'scarcity'"):
        lookup.organisms("scarce")


def test_files_that_are_not_there_are_named_with_what_makes_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookup, "PACKAGE", Path("/nowhere"))
    for find in (lookup.model, lookup.sae):
        with pytest.raises(UsageError, match="'organism-seed1': .* Make them: emomech organism train --preset seed1"):
            find("organism-seed1")


def test_release_ids_name_a_layer() -> None:
    for sae in lookup.table("saes").values():
        assert isinstance(sae, SaePreset)
        assert bool(sae.path) != bool(sae.release)
        assert not sae.release or ("{layer}" in sae.sae_id and sae.layers > 0)


@pytest.mark.parametrize("find", [lookup.model, lookup.sae, lookup.corpus, lookup.emotions, lookup.prompt])
def test_an_unknown_name_lists_what_there_is(find: object) -> None:
    with pytest.raises(UsageError, match=r"unknown preset in \w+ 'nosuch'\. .*Known: "):
        find("nosuch")  # type: ignore[operator]


def test_a_near_miss_is_suggested() -> None:
    with pytest.raises(UsageError, match="Did you mean 'organism'"):
        lookup.model("organsim")


def test_a_path_is_taken_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "texts.csv"
    file.write_text("text,label\n")
    assert lookup.model(str(tmp_path)).path == str(tmp_path)
    assert lookup.sae(str(tmp_path)).path == str(tmp_path)
    assert lookup.corpus(str(file)).path == str(file)


def test_a_file_or_folder_in_the_working_directory_is_taken_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "-mine").mkdir()
    (tmp_path / "texts").touch()
    assert lookup.model("-mine").path == lookup.sae("-mine").path == str(tmp_path / "-mine")
    assert lookup.corpus("texts").path == str(tmp_path / "texts")


def test_a_preset_comes_before_a_folder_of_the_same_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    values = {"model": "organism", "corpus": "organism", "sae": "auto", "seed": "1"}
    assert lookup.hidden(values) == []
    (tmp_path / "organism").mkdir()
    assert lookup.model("organism").path == "organism/weights/default/model"
    assert lookup.model("./organism").path == str(tmp_path / "organism")
    hint = f"'organism' is the preset of this name. Write ./organism for what is at {tmp_path}/organism."
    assert lookup.hidden(values) == [hint, hint] and lookup.hidden({"model": "./organism"}) == []


ODD = ["a,b", "a, b", "a b", "#1", "50%20", "é—日本", "-dash", "a=b", "a,", "[x]", "it's"]


@pytest.mark.parametrize("name", ODD)
def test_a_path_may_have_any_characters(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / name
    folder.mkdir()
    file = folder / "texts.csv"
    file.touch()
    for given in (name, str(folder)):
        assert lookup.model(given).path == lookup.sae(given).path == str(folder)
        assert lookup.listed(f"organism, {given},gpt2-small") == ["organism", given, "gpt2-small"]
    for given in (f"{name}/texts.csv", str(file)):
        assert lookup.corpus(given).path == str(file)
        assert lookup.corpus(f"meld,{given}").joins == ["meld", given]


def test_presets_are_joined_even_if_a_file_has_their_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "meld,tweeteval").touch()
    assert lookup.corpus("meld,tweeteval").joins == ["meld", "tweeteval"]


@pytest.mark.parametrize("name", ["", "n" * 5000, "a\0b"])
def test_what_cannot_be_a_path_is_unknown(name: str) -> None:
    with pytest.raises(UsageError, match="unknown preset in models"):
        lookup.model(name)


def test_a_name_may_have_a_dot() -> None:
    assert lookup.model("llama-3.1-8b").repository == "meta-llama/Llama-3.1-8B"
    with pytest.raises(UsageError, match="there is nothing at"):
        lookup.model("llama-3.2-8b")


@pytest.mark.parametrize(("find", "what"), [(lookup.model, "model folder"), (lookup.corpus, "corpus file")])
def test_a_path_to_nothing_is_named(find: object, what: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"{what} .*there is nothing at"):
        find(str(tmp_path / "gone.csv"))  # type: ignore[operator]


def test_a_published_set_brings_its_mapping_wherever_it_lies(tmp_path: Path) -> None:
    file = made.goemotions(tmp_path, ["It rained.\t3\ta"])
    known = lookup.corpus("goemotions")
    for path in (file, tmp_path):
        preset = lookup.corpus(str(path))
        assert (preset.path, preset.repository, preset.revision, preset.files) == (str(path), "", "", [])
        assert (preset.mapping, preset.emotions, preset.prompt) == (known.mapping, known.emotions, known.prompt)
        assert preset.summary == f"GoEmotions, from {path}"


def test_a_set_whose_texts_may_not_be_shown_is_so_wherever_it_lies(tmp_path: Path) -> None:
    isear = made.isear(tmp_path, [("1", 1, "It rained.")])
    envent = made.crowd_envent(tmp_path, [("joy", "w", "It rained.")])
    assert not any(lookup.corpus(name).shown for name in ("isear", "isear-masked", "crowd-envent"))
    assert not any(lookup.corpus(str(path)).shown for path in (isear, envent))
    assert lookup.corpus("goemotions-sample").shown


def test_a_variant_is_as_the_set_but_for_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain, masked = lookup.corpus("isear"), lookup.corpus("isear-masked")
    changed = {field for field, value in plain if getattr(masked, field) != value}
    assert changed == {"summary", "variant_of", "masked"}
    monkeypatch.setenv(lookup.DATA, str(tmp_path))
    (tmp_path / "isear").mkdir()
    assert lookup.corpus("isear-masked").path == lookup.corpus("isear").path == str(tmp_path / "isear")


def test_a_folder_of_local_data_may_be_spelt_with_underscores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(lookup.DATA, str(tmp_path))
    (tmp_path / "crowd_envent").mkdir()
    (tmp_path / "goemotions_sample").mkdir()
    assert lookup.corpus("crowd-envent").path == str(tmp_path / "crowd_envent")
    assert Path(lookup.corpus("goemotions-sample").path).name == "goemotions_sample.csv"


def test_several_corpora_are_joined_as_the_first_is_asked(tmp_path: Path) -> None:
    preset = lookup.corpus("meld, tweeteval")
    assert preset.joins == ["meld", "tweeteval"]
    assert (preset.prompt, preset.emotions) == ("speaker", "six-and-neutral")
    with pytest.raises(UsageError, match="Did you mean 'meld'"):
        lookup.corpus("tweeteval,meldd")


def test_a_file_is_no_folder_and_a_folder_no_file(tmp_path: Path) -> None:
    file = tmp_path / "model.bin"
    file.touch()
    with pytest.raises(UsageError, match="is a file, expected a folder"):
        lookup.model(str(file))
    with pytest.raises(UsageError, match="is a folder, expected a file"):
        lookup.corpus(str(tmp_path))


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        (
            "[a]\nsummary = 'x'\nrepositry = 'y'",
            r"models.toml: \[a\]: unknown key 'repositry'. Did you mean 'repository'",
        ),
        ("[a]\npath = 'x'", r"models.toml: \[a\]: summary: Field required"),
        ("[a]\nsummary = 3", r"models.toml: \[a\]: summary: .*found 3"),
        ("[a]\nsummary = 'x'\ndtype = 'int4'", r"models.toml: \[a\]: dtype: .*'int4'"),
        ("a = 3", r"models.toml: 'a' is 3, expected a table \[a\]"),
        ("[a\n", "models.toml: is not valid TOML"),
    ],
)
def test_what_is_wrong_in_a_file_is_named(toml: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "models.toml"
    file.write_text(toml)
    with pytest.raises(EmomechError, match=message):
        lookup.read(file, ModelPreset)


def test_presets_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        PromptPreset(summary="x", template="{text}").template = "y"  # pyright: ignore[reportAttributeAccessIssue]


def test_the_corpus_of_a_model_exists() -> None:
    named = {name: m.corpus for name, m in lookup.table("models").items() if isinstance(m, ModelPreset) and m.corpus}
    assert named["smollm2-135m-instruct"] == "goemotions-sample"
    assert all(lookup.corpus(corpus).prompt for corpus in named.values())
