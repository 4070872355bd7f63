"""The door to the rules shows every one of them."""

from pathlib import Path

from emomech import chapters
from emomech.book import claims


def test_every_chapter_has_its_rule_behind_the_door() -> None:
    files = {file.stem for folder in chapters.__path__ for file in Path(folder).glob("*.py")}
    assert files - {"__init__", "ruling"} == set(claims.__all__) - {"Outcome", "Verdict", "language"}
