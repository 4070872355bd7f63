"""A kept chapter is what its model gives: computed again from the package index, its numbers are the kept ones.

Intervals are left out, because they need a thousand resamples of each number; they follow from the same answers. So is
the predictor with random weights, which takes as long as the model.
"""

from dataclasses import fields

import numpy as np
import pandas as pd
import pytest

from emomech.book.kept import declared, record
from emomech.chapters.behaviour import analysis
from emomech.core.errors import EmomechError
from emomech.study.run import RUNS, Run, read
from emomech.study.spec import StudySpec

CHAPTER = "behaviour"
RESAMPLING = {"n_resamples": 20, "n_draws": 1}
"""Parameters that decide intervals alone."""
ROUNDING = 0.01
"""An answer that turns by rounding, of the hundred and more texts of an emotion."""
COLUMNS = {
    "accuracy": ["balanced_accuracy", "macro_f1", "n"],
    "confusion": ["share"],
    "emotions": ["recall", "precision"],
}
"""Columns that follow from the answers alone."""


@pytest.mark.slow
@pytest.mark.wheel
def test_the_numbers_of_a_kept_chapter_come_out_again(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    edition = declared.find("smollm2-goemotions")
    if CHAPTER not in edition.kept_chapters:
        pytest.skip(f"{edition.name}/{CHAPTER} is not kept yet: {edition.command(CHAPTER)}")
    kept = record.read(edition.folder / CHAPTER)
    if changes := record.changes(edition, CHAPTER, kept):
        pytest.skip(f"{edition.name}/{CHAPTER} is stale: {', '.join(changes)}")
    score = analysis.label_log_probs

    def scored(lm: object, questions: list[str], answers: list[str]) -> np.ndarray:
        return np.zeros((len(questions), len(answers))) if lm is None else score(lm, questions, answers)  # pyright: ignore

    monkeypatch.setattr(analysis, "label_log_probs", scored)
    monkeypatch.setattr(analysis, "randomised", lambda lm, seed: None)
    monkeypatch.setenv(RUNS, str(tmp_path_factory.mktemp("runs")))
    try:
        again = Run(analysis.behaviour, StudySpec.of(kept.parameters), RESAMPLING).result()
    except EmomechError as error:
        if "index" not in str(error):
            raise
        pytest.skip(f"the package index cannot be reached: {error}")
    was = read(analysis.behaviour, edition.folder / CHAPTER)
    for name, columns in COLUMNS.items():
        new, old = (
            table[table.predictor != "random weights"] if "predictor" in table else table
            for table in (getattr(again, name), getattr(was, name))
        )
        pd.testing.assert_frame_equal(new[columns], old[columns], rtol=0, atol=ROUNDING)


def test_the_compared_columns_exist() -> None:
    known = {field.name: field for field in fields(analysis.Behaviour)}
    for name, columns in COLUMNS.items():
        schema = {"accuracy": analysis.ACCURACY, "confusion": analysis.CONFUSION, "emotions": analysis.EMOTIONS}[name]
        assert name in known and set(columns) <= set(schema.columns)
