"""The sentences of the page follow from its tables, for every outcome."""

import pandas as pd
import pytest

from emomech.chapters.organism import sentences
from emomech.data.grammar.vignettes import CONFLICT
from emomech.organism import evaluate, records
from emomech.saes import sweep
from emomech.stats.tables import Schema


def table(schema: Schema, *rows: tuple[object, ...]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=list(schema.columns))


def learning(**accuracy: list[float]) -> pd.DataFrame:
    """A curve per kind, a million tokens a row."""
    return table(
        records.LEARNING,
        *(
            (i, CONFLICT if kind == "conflict" else kind, style, "grammar", i * 1_000_000, round(100 * a), 100, a)
            for kind, curve in accuracy.items()
            for i, a in enumerate(curve, 1)
            for style in (("story", "diary") if kind == "conflict" else ("",))
        ),
    )


@pytest.mark.parametrize(
    ("met", "missed", "said"),
    [(12, "", "All 12 gates are met."), (11, "x: 0.2", "11 of 12 gates are met; missed: x: 0.2.")],
)
def test_gates(met: int, missed: str, said: str) -> None:
    one = table(records.ORGANISMS, ("default", 8, 0, "", 0.9, met, 12, missed), ("seed1", 8, 1, "", 0.9, 0, 12, "y"))
    assert sentences.gates(one) == said


def test_many_missed_gates_are_counted() -> None:
    one = table(records.ORGANISMS, ("default", 8, 0, "", 0.9, 7, 12, "; ".join("abcde")))
    assert sentences.gates(one) == "7 of 12 gates are met; missed: a; b; c, and 2 more."


@pytest.mark.parametrize(
    ("solved", "part"), [(True, "430 steps until its drills were solved"), (False, "without solving its drills")]
)
def test_schedule(solved: bool, part: str) -> None:
    phases = table(records.PHASES, ("binding", 430, 0, 9, solved), ("grammar", 3000, 9, 99, False))
    sentence = sentences.schedule(phases)
    assert sentence.startswith("Binding took 430 steps ")
    assert part in sentence
    assert sentence.endswith("grammar took 3,000 steps.")


@pytest.mark.parametrize(
    ("curve", "said"),
    [
        ([0.2, 0.5, 0.95], "Recall began at an accuracy of 0.20 and reached 0.90 after 3.0 million tokens."),
        ([0.2, 0.5], "Recall began at an accuracy of 0.20 and never reached 0.90; it ended at 0.50."),
        ([0.92, 0.99], "Recall was learned by the time it was first measured, at an accuracy of 0.92."),
        ([], "Recall was never asked."),
    ],
)
def test_rise(curve: list[float], said: str) -> None:
    assert sentences.rise(learning(recall=curve), "recall", "Recall") == said


@pytest.mark.parametrize(
    ("recall", "conflict", "said"),
    [
        ([0.95, 0.99], [0.2, 0.95], "Binding was learned first"),
        ([0.2, 0.95], [0.95, 0.95], "not learned first"),
        ([0.2, 0.3], [0.2, 0.95], "not learned first"),
        ([0.95, 0.99], [0.2, 0.3], "The items that need recall were not learned"),
        ([0.1, 0.1], [0.2, 0.3], "Neither was learned"),
    ],
)
def test_order(recall: list[float], conflict: list[float], said: str) -> None:
    assert said in sentences.order(learning(recall=recall, conflict=conflict))


def test_styles_are_taken_together() -> None:
    curve = learning(conflict=[0.2, 0.95])
    curve.loc[curve["style"] == "diary", "right"] = 20
    assert sentences.learned_at(curve, CONFLICT) is None


@pytest.mark.parametrize(
    ("value", "said"), [(0.51, "no better than guessing"), (0.7, "more often"), (0.3, "less often")]
)
def test_bag(value: float, said: str) -> None:
    one = table(records.BASELINES, ("bag of words", evaluate.BAG, CONFLICT, value, 0.5, 900))
    told = sentences.bag(one)
    assert f"in {value:.2f} of 900 texts" in told
    assert said in told
    assert sentences.bag(one[:0]) == "Word counts were not measured."


def test_swept() -> None:
    rows = [("x", d, 8, 0.1, 8.0, 0.0, 0.9, stable, 0.02, 0.6, 0.3) for d, stable in ((256, 0.3), (512, 0.6))]
    told = sentences.swept(table(sweep.SWEEP, *rows))
    assert "2 sizes were trained at 1 hook points" in told
    assert "at most a share of 0.60" in told
    assert "512 features" in told
    assert "No sweep" in sentences.swept(table(sweep.SWEEP))
