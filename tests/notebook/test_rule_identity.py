"""The hash of a rule follows its code and criteria, and nothing else."""

import datetime
from dataclasses import replace
from pathlib import Path

import planted_rules
import pytest

from emomech.core.errors import EmomechError
from emomech.notebook import rule_identity
from emomech.notebook.rule_identity import Entry

RULE = planted_rules.RULE


def test_comments_layout_and_docstrings_do_not_count() -> None:
    one = '"""One."""\nx: int = 1  # one\n"""Of x."""\n\n\ndef f(a):\n    """Doc."""\n    return a\n'
    assert rule_identity.normalised(one) == rule_identity.normalised("x: int = 1\ndef f(a): return a")
    assert rule_identity.normalised(one) != rule_identity.normalised(one.replace("return a", "return -a"))
    assert rule_identity.normalised(one) != rule_identity.normalised(one.replace("= 1", "= 1.0"))


def test_a_margin_a_role_and_a_described_control_count() -> None:
    first, *others = RULE.criteria
    changed = [
        replace(RULE, criteria=(replace(first, margin=1), *others)),
        replace(RULE, criteria=(replace(first, role="lowers"), *others)),
        replace(RULE, criteria=RULE.criteria[::-1]),
        replace(RULE, described={}),
        replace(RULE, statement="Other."),
        replace(RULE, own=frozenset()),
        replace(RULE, read=Path.cwd),  # code of another file
    ]
    hashes = {rule_identity.rule_hash(rule) for rule in [RULE, *changed]}
    assert len(hashes) == 1 + len(changed)
    assert rule_identity.rule_hash(replace(RULE)) == rule_identity.rule_hash(RULE)


def test_the_files_of_a_chapter_that_its_analysis_does_not_use_are_code_of_the_rule(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "steps"
    folder.mkdir()
    for name, source in {
        "rule": "from emomech.chapters.steps.analysis import a\nfrom emomech.chapters.steps import words, shared",
        "analysis": "from emomech.chapters.steps.shared import b",
        "words": "import numpy",
        "shared": "b = 1",
    }.items():
        (folder / f"{name}.py").write_text(source)
    found = rule_identity.imported(folder / "rule.py") - rule_identity.imported(folder / "analysis.py")
    assert sorted(file.stem for file in found) == ["rule", "words"]


def test_a_rule_is_found_by_its_claim() -> None:
    assert rule_identity.find("C77") is None and rule_identity.fixed("C77") == ("", None)


def test_a_rule_is_fixed_if_the_last_entry_has_its_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rule_identity, "find", lambda claim: RULE)
    hash_, file = rule_identity.rule_hash(RULE), tmp_path / "rules.lock"
    assert rule_identity.fixed("C1", file) == (hash_, None)
    entry = '[[C1]]\nhash = "{}"\ndate = 2026-01-0{}\nseen = ""\nreason = ""\n'
    file.write_text(entry.format("old", 1) + entry.format(hash_, 2))
    assert rule_identity.fixed("C1", file) == (hash_, datetime.date(2026, 1, 2))
    assert rule_identity.read(file)["C1"][0] == Entry(hash="old", date=datetime.date(2026, 1, 1), seen="", reason="")
    file.write_text(entry.format(hash_, 2) + entry.format("new", 3))
    assert rule_identity.fixed("C1", file) == (hash_, None)


@pytest.mark.parametrize(
    ("text", "match"), [("[[C1]]\nhash = 1", "rules.lock: C1.0.hash"), ("=", "cannot be read"), ("C1 = 1", "C1")]
)
def test_a_wrong_lock_is_named(tmp_path: Path, text: str, match: str) -> None:
    (tmp_path / "rules.lock").write_text(text)
    with pytest.raises(EmomechError, match=match):
        rule_identity.read(tmp_path / "rules.lock")
