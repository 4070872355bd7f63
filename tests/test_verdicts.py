"""The door to the rules shows every one of them."""

from pathlib import Path

from emomech import rules, verdicts


def test_every_chapter_has_its_rule_behind_the_door() -> None:
    files = {file.stem for folder in rules.__path__ for file in Path(folder).glob("*.py")}
    assert files - {"__init__", "ruling"} == set(verdicts.__all__) - {"Outcome", "Verdict", "language"}
