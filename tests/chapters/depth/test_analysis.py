"""Six measures on a model whose onsets are known, and on a model at chance."""

from dataclasses import replace

import numpy as np
import pandas as pd
import planted
import pytest
from sklearn.metrics import roc_auc_score

from emomech.chapters.depth import rule
from emomech.chapters.depth.analysis import Depth, depth
from emomech.chapters.depth.measures import first_of_each
from emomech.core.errors import UsageError
from emomech.stats.auroc import auroc_draws
from emomech.stats.estimates import bootstrap_weights
from emomech.stats.tables import checked, number
from emomech.study.study import Study

SIZES = {"n_texts": 128, "n_edited": 48, "n_resamples": 800, "n_draws": 3}
HALF_WAY = (planted.BANDS["emotion"][0] - 0.5) / planted.N_BLOCKS
"""Between the last depth without emotion features and the first with them."""


def study(null: bool = False, controls: tuple[Study, ...] = ()) -> Study:
    made = planted.study(400, null=null)
    made = made.replaced(controls=list(controls))
    return made


@pytest.fixture(scope="module")
def clear() -> Depth:
    again = planted.study(400, seed=1)
    chance = planted.study(400, seed=2)
    labels = np.random.default_rng(0).permutation([e.label for e in chance.corpus.examples])
    shuffled = [replace(e, label=str(label)) for e, label in zip(chance.corpus.examples, labels, strict=True)]
    chance = chance.replaced(corpus=replace(chance.corpus, name="shuffled", examples=tuple(shuffled)))
    again = again.replaced(corpus=replace(again.corpus, name="again"))
    return checked(depth(study(controls=(again, chance)), **SIZES))


def begins(result: Depth, measure: str, where: str = "answer", level: str = "half") -> float:
    return number(result.onsets, "depth", task="emotion", where=where, measure=measure, level=level).value


@pytest.mark.parametrize("measure", ["probe", "best feature", "read-out", "J-lens"])
def test_what_reads_begins_where_the_emotion_features_begin(clear: Depth, measure: str) -> None:
    assert begins(clear, measure) == pytest.approx(HALF_WAY, abs=0.05)


def test_what_intervenes_begins_with_what_the_emotion_is_made_from(clear: Depth) -> None:
    """Role and voice are at the answer from the embedding on, desirability and entity from the third block."""
    assert begins(clear, "effect of features") == 0
    assert 2 / 6 < begins(clear, "effect of activation") < 3 / 6


def test_at_the_text_the_emotion_is_decodable_and_not_used(clear: Depth) -> None:
    assert begins(clear, "probe", "text") == pytest.approx(HALF_WAY, abs=0.05)
    reason = clear.leads.query("where == 'text' and measure == 'effect of features' and task == 'emotion'").undefined
    assert "is not clearly above 0.1" in reason.item()
    measured = set(clear.profile.query("where == 'text'").measure)
    assert measured == {"probe", "best feature", "effect of features"}


def test_profiles_are_what_is_planted(clear: Depth) -> None:
    rows = clear.profile.query("condition == 'trained' and task == 'emotion' and where == 'answer'")
    value = rows.pivot_table(index="depth", columns="measure", values="value")
    late = value.index.to_numpy() > 4.5 / 6
    reading = ["probe", "best feature", "read-out"]
    assert value.loc[late, reading].min().min() > 0.95
    assert value.loc[~late, reading].max().max() < 0.3
    assert value.loc[late, "effect of activation"].min() == 1
    assert (rows.low <= rows.value + 1e-9).all() and (rows.high >= rows.value - 1e-9).all()


@pytest.mark.parametrize("condition", ["random weights", "shuffled labels"])
def test_the_controls_show_nothing(clear: Depth, condition: str) -> None:
    rows = clear.profile.query("condition == @condition")
    assert (rows.low > 0.05).mean() < 0.05
    assert rows.value.abs().max() < 0.35


def test_pairs_differ_as_they_do_by_construction(clear: Depth) -> None:
    rows = clear.pairs.query("task == 'emotion' and where == 'answer'")
    causal = {"effect of features", "effect of activation"}
    assert len(rows) == 15
    for row in rows.to_dict("records"):
        if not {row["first"], row["second"]} & causal:
            assert not row["p_corrected"] < 0.05 or abs(row["difference"]) < 0.02
        if "effect of features" in (row["first"], row["second"]):
            assert row["p_corrected"] < 0.05


def test_the_distance_is_that_of_the_construction(clear: Depth) -> None:
    """From the embedding, where the material of the emotion is, to half-way between two hook points at its features."""
    excess = number(clear.spreads, "excess", task="emotion", where="answer", level="half")
    assert excess.value == pytest.approx(HALF_WAY * planted.N_BLOCKS, abs=0.3) and excess.low > 1
    for control in ("random weights", "shuffled labels"):
        assert number(clear.comparisons, "difference", where="answer", versus=control).low > 1
    same = number(clear.comparisons, "difference", where="answer", versus="control task", task="again")
    assert same.value == pytest.approx(0, abs=0.3)


def test_the_distance_is_the_same_on_other_draws(clear: Depth) -> None:
    values = clear.stability.query("quantity == 'spread at the answer'").value
    assert len(values) == SIZES["n_draws"] and values.between(values.iloc[0] - 1, values.iloc[0] + 1).all()
    assert {"onset at the answer: J-lens", "onset at the text: probe"} <= set(clear.stability.quantity) | {
        "onset at the text: probe"
    }


def test_lenses_read_what_the_model_reads_at_the_last_depth(clear: Depth) -> None:
    last = clear.lenses[clear.lenses.depth == 1]
    assert len(last) == 3 and last.accuracy.nunique() == 1 and last.accuracy.iloc[0] > 0.95
    at_end = clear.predictions[clear.predictions.depth == 1]
    np.testing.assert_allclose(at_end[["correlation", "ratio"]], 1, atol=1e-4)


def test_verdicts(clear: Depth) -> None:
    verdict = rule.depth(clear)
    assert verdict.outcome == "partly"  # at the text, only two measures have an onset, and they begin together
    assert "The control task shuffled cannot be tested" in verdict.reason


def test_a_model_at_chance_is_not_measured() -> None:
    result = checked(depth(study(null=True), **SIZES))
    assert "no better than chance" in result.setting.untested[0]
    assert not len(result.profile) and not len(result.spreads) and not len(result.lenses)
    assert rule.depth(result).outcome == "cannot be tested here"


def test_the_reason_why_a_task_cannot_be_tested() -> None:
    few = depth(study(), **(SIZES | {"n_texts": 20}))
    assert few.setting.untested[0] == "one side of the split has only 5 texts of each label; 8 are needed"
    shallow = study()
    shallow = shallow.replaced(saes=dict(list(planted.saes().items())[:3]))
    assert "SAEs at 3 hook points" in depth(shallow, **SIZES).setting.untested[0]
    alike = study()
    alike = alike.replaced(answers=[" joy", " joy .", " fear", " anger"])
    assert "begins both with the token" in depth(alike, **SIZES).setting.untested[0]


def test_too_few_draws_for_the_correction_are_refused() -> None:
    with pytest.raises(UsageError, match="n_resamples 400: expected at least 800"):
        depth(study(), n_resamples=400)


def test_the_seed_decides_everything() -> None:
    first, second = (depth(study(), n_texts=48, n_edited=8, n_resamples=800) for _ in range(2))
    pd.testing.assert_frame_equal(first.profile, second.profile)


def test_draws_of_the_auroc_are_those_of_scikit_learn_with_weights() -> None:
    rng = np.random.default_rng(0)
    scores, member = np.round(rng.normal(size=60), 1), rng.random(60) < 0.4
    weights = bootstrap_weights([str(i) for i in range(60)], 5, 0)
    draws = auroc_draws(scores, member, weights)
    for draw, weight in zip(draws, weights, strict=True):
        assert draw == pytest.approx(roc_auc_score(member, scores, sample_weight=weight))


def test_equally_many_of_each_label_are_taken() -> None:
    assert first_of_each(np.array([0, 1, 1, 0, 0, 1]), 2).tolist() == [0, 1, 2, 3]
