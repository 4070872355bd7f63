"""Cards describe what is read and what is left out, and the book's appendix consists of them."""

from pathlib import Path

import pytest

from emomech.core import hub
from emomech.core.errors import UsageError
from emomech.core.paths import CHECKOUT
from emomech.presets import cards, lookup

WRITE = "from emomech.presets import cards; cards.PAGE.write_text(cards.page())"


def test_the_appendix_is_made_of_the_cards() -> None:
    file = CHECKOUT / cards.PAGE
    assert file.read_text() == cards.page(), f"write it again, from {CHECKOUT}: .venv/bin/python -c {WRITE!r}"
    assert "book/appendix/data" in (CHECKOUT / "_toc.yml").read_text()


@pytest.mark.parametrize("name", cards.names())
def test_a_card_says_what_is_read_and_what_is_missing(name: str) -> None:
    preset, card = lookup.corpus(name), cards.card(name)
    assert preset.card
    assert ("a number in place of each text" in card) == (name in ("isear", "crowd-envent")) == (not preset.shown)
    for fact in (preset.card.source, preset.card.licence, preset.card.size, preset.repository, *preset.files):
        assert fact in card
    for emotion in cards.SIX:
        line = next(line for line in card.splitlines() if line.startswith("| **missing**"))
        assert (emotion in preset.mapping.values()) != (emotion in line)
    assert all(label in card for label in preset.mapping)
    rows = [line for line in card.splitlines() if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in rows} == {3}


@pytest.mark.parametrize("name", cards.names())
def test_what_is_not_pinned_is_said_to_be_so(name: str) -> None:
    preset = lookup.corpus(name)
    if preset.repository and not hub.pinned(preset.revision):
        assert "NOT pinned" in cards.card(name)
    else:
        assert "NOT pinned" not in cards.card(name)


def test_a_commit_is_pinned_and_a_branch_is_not() -> None:
    preset = {name for name in cards.names() if hub.pinned(lookup.corpus(name).revision)}
    assert preset == {"goemotions", "dair-emotion", "meld", "tweeteval", "aipsy"}


def test_the_table_has_every_set_and_what_it_lacks() -> None:
    table = cards.table().set_index("name")
    assert list(table.index) == cards.names()
    assert table.missing["isear"] == "surprise"
    assert table.missing["dair-emotion"] == "disgust"
    assert table.missing["tweeteval"] == "fear, disgust, surprise"
    assert table.missing["goemotions"] == ""
    assert (table[["source", "licence", "size", "emotions", "style", "noise"]] != "").all(axis=None)


def test_where_the_texts_would_come_from_is_known_without_the_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "meld").mkdir()
    monkeypatch.setenv(lookup.DATA, str(tmp_path))
    monkeypatch.setattr(hub, "commit", lambda repository, *_: "abc" * ("tweet_eval" in repository))
    states = cards.availability()
    assert list(states) == cards.names()
    assert states["meld"] == f"on this machine: {tmp_path / 'meld'}"
    assert states["tweeteval"] == "in the cache of the hub, commit abc"
    assert states["isear"] == "to be fetched from the hub"
    assert states["crowd-envent"].startswith("only from a file")


def test_the_page_states_the_errors_that_the_shipped_parse_states() -> None:
    parse = lookup.shipped(lookup.corpus("goemotions-sample").gold).read_text(encoding="utf-8")
    for family in ("pos", "role", "voice"):
        line = next(line for line in parse.splitlines() if line.startswith(f"# {family} on "))
        recall = line.split("recall ")[1].split(",")[0]
        assert f"| {family} | {recall} | " in cards.page()


@pytest.mark.parametrize("name", ["iseer", "organism"])
def test_what_has_no_card_is_named(name: str) -> None:
    with pytest.raises(UsageError, match=f"unknown data set '{name}'.*Known: aipsy"):
        cards.card(name)
