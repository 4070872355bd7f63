"""Every chapter declares its calls, without a model, and so do the steps that most chapters begin with."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from emomech.book import edition
from emomech.causal.calls import Asked
from emomech.chapters import declared
from emomech.chapters.declared import calls_of, checked, loaded, quality
from emomech.study.calls import EXAMPLE

CHAPTERS = [file.parent.name for file in Path(declared.__file__).parent.glob("*/analysis.py")]


def test_every_chapter_is_declared_and_no_other_page() -> None:
    assert all(calls_of(chapter) for chapter in CHAPTERS)
    assert {entry.notebook for entry in edition.runs() if calls_of(entry.notebook)} == set(CHAPTERS)


def test_declaring_loads_no_torch() -> None:
    code = f"from emomech.chapters.declared import calls_of; import sys; [calls_of(c) for c in {CHAPTERS}]"
    done = subprocess.run([sys.executable, "-c", f"{code}; assert 'torch' not in sys.modules"], check=False)
    assert done.returncode == 0


def test_control_tasks_are_read_with_the_study_where_they_are_asked() -> None:
    controlled = replace(EXAMPLE, controls=(EXAMPLE.task,))
    assert loaded(controlled).prepared == EXAMPLE.task.texts
    assert loaded(controlled, tasks=True).prepared == 2 * EXAMPLE.task.texts


@pytest.mark.parametrize("sets", [1, 4])
def test_each_set_of_saes_is_checked(sets: int) -> None:
    assert checked(EXAMPLE, sets).encoded == sets * declared.FIT_TOKENS * EXAMPLE.points


def test_quality_runs_the_blocks_behind_each_hook_point() -> None:
    once = Asked(EXAMPLE, 100, EXAMPLE.task.text_lengths).once().forward
    assert quality(EXAMPLE, 100).forward == 2 * once + sum(range(9)) / 8 * once
