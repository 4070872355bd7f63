"""Editions are declared with clear errors, and give each chapter the parameters that it has."""

from pathlib import Path

import pytest
from tiny_edition import DECLARED, write_root

from emomech.book.kept import declared
from emomech.core.errors import EmomechError, UsageError


def test_the_book_declares_its_editions() -> None:
    editions = {edition.name: edition for edition in declared.editions()}
    assert list(editions) == [
        *("smollm2-goemotions", "smollm2-crowd-envent", "smollm2-isear", "gemma3-crowd-envent", "gemma3-isear")
    ]
    for edition in editions.values():
        assert "behaviour" in edition.chapters and not {"organism", "scarcity", "speed"} & set(edition.chapters)
        assert edition.declaration.texts_may_be_shown == (edition.corpus == "goemotions-sample")


def test_a_chapter_gets_the_parameters_of_its_profile_edition_and_entry(tmp_path: Path) -> None:
    text = DECLARED.replace("seed = 3", "seed = 3\ngold = 'spacy'\n[trial-one.quick]\nseed = 4")
    edition = declared.find("trial-one", write_root(tmp_path / "a", text))
    full, quick = edition.overrides("behaviour", "full"), edition.overrides("behaviour", "quick")
    assert full == {"seed": 3, "n_draws": 2, "model": "organism", "corpus": "organism"}
    assert quick == full | {"seed": 4, "limit": 200, "n_resamples": 50}
    assert edition.overrides("flow", "full")["gold"] == "spacy"
    assert edition.values("behaviour", "full")["prompt"] == "auto"


def test_a_command_names_chapters_and_profile(tmp_path: Path) -> None:
    edition = declared.find("trial-one", write_root(tmp_path / "a"))
    assert edition.command() == "emomech edition compute trial-one"
    assert edition.command("flow", profile="quick") == "emomech edition compute trial-one --chapter flow --quick"


def test_a_chapter_that_cannot_be_asked_is_refused_with_the_reason(tmp_path: Path) -> None:
    text = DECLARED + "[trial-one.without]\nflow = 'It has no labelled words.'\n"
    edition = declared.find("trial-one", write_root(tmp_path / "a", text))
    assert edition.chapters == ["behaviour"]
    with pytest.raises(UsageError, match=r"flow.*It has no labelled words\."):
        edition.entry("flow")


def test_a_checkout_without_the_list_has_no_editions(tmp_path: Path) -> None:
    assert declared.editions(tmp_path) == []


@pytest.mark.parametrize(
    ("was", "becomes", "message"),
    [
        ("model = ", "modle = ", r"editions\.toml: trial-one\.model: Field required"),
        ('model = "organism"', "model = 3", r"trial-one\.model: Input should be a valid string"),
        ("[trial-one]", "[Trial_One]", r"Trial_One: is no name of an edition; expected lower-case words"),
        ("chapters.behaviour", "chapters.behavior", r"unknown chapter 'behavior'. Did you mean 'behaviour'"),
        ("seed = 3", "seed = ", r"editions\.toml: cannot be read"),
    ],
)
def test_a_wrong_declaration_is_named(tmp_path: Path, was: str, becomes: str, message: str) -> None:
    root = write_root(tmp_path / "a", DECLARED.replace(was, becomes, 1))
    with pytest.raises(EmomechError, match=message):
        declared.editions(root)


def test_a_parameter_that_does_not_fit_names_edition_and_chapter(tmp_path: Path) -> None:
    edition = declared.find("trial-one", write_root(tmp_path / "a", DECLARED.replace("seed = 3", "seed = -1")))
    with pytest.raises(UsageError, match=r"trial-one/behaviour: seed: found -1"):
        edition.values("behaviour", "full")


def test_an_unknown_edition_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="unknown kept edition 'trial-two'. Did you mean 'trial-one'"):
        declared.find("trial-two", write_root(tmp_path / "a"))


def test_the_quick_profile_comes_before_what_a_chapter_of_an_edition_changes() -> None:
    edition = declared.find("smollm2-goemotions")
    full, quick = (edition.values("steering", profile) for profile in ("full", "quick"))
    (of_book,) = (entry for entry in edition.entries if entry.notebook == "steering")
    assert (
        full["n_tune"] == edition.declaration.chapters["steering"].parameters["n_tune"] != of_book.parameters["n_tune"]
    )
    assert quick["n_tune"] == of_book.quick["n_tune"]
