"""Tracing on a model whose emotion features are known, and on a model without any."""

from dataclasses import replace

import numpy as np
import pandas as pd
import planted
import pytest
import torch

from emomech.causal.ablation import rank_features
from emomech.causal.dictionary import Dictionary
from emomech.causal.questions import Questions, balanced
from emomech.causal.sample import Sample
from emomech.chapters.tracing import rule
from emomech.chapters.tracing.analysis import first_of_each, tracing
from emomech.chapters.tracing.curves import DOSES, whole_of
from emomech.chapters.tracing.evidence import (
    ALL_TEXTS,
    DIMENSIONS,
    FEATURES,
    MATCHED,
    NECESSITY,
    SHUFFLED,
    SILENT,
    SIZE,
    SUFFICIENCY,
    UNTRAINED,
    WHOLE,
)
from emomech.chapters.tracing.kept import at_answer, firing, kept_line
from emomech.chapters.tracing.phases import PHASES, phases
from emomech.chapters.tracing.redrawn import half_of_each
from emomech.chapters.tracing.single_features import by_layer, single_effects
from emomech.chapters.tracing.tables import EVERYWHERE, Tracing
from emomech.core.hook_points import FeatureId, HookPoint
from emomech.data import corpus
from emomech.stats.tables import checked, number

FEW = {"n_discover": 15, "n_report": 8, "n_resamples": 50, "n_draws": 2}
NAMES = planted.feature_names()
CARRIERS = {f"{family}:{name}" for family, classes in planted.CLASSES.items() for name in classes}
JOINT_LOSS = 8.0
"""Log-odds of 8 − log 3 with the emotion's direction at full length, of − log 3 with none."""


@pytest.fixture(scope="module")
def clear() -> Tracing:
    return checked(tracing(planted.study(480), n_single=6, **FEW))


def names(table: pd.DataFrame) -> list[str]:
    return [NAMES[index] for index in table.feature]


def test_what_carries_the_emotion_is_ranked_first(clear: Tracing) -> None:
    assert set(names(clear.first)) <= CARRIERS
    assert (clear.first.estimate.diff().dropna() <= 0).all()
    assert (clear.first.rank_shuffled > clear.first["rank"]).mean() > 0.8


def test_every_carrier_is_needed_and_no_background_is(clear: Tracing) -> None:
    carries = np.isin(names(clear.singles), list(CARRIERS))
    needed = (clear.singles.q < 0.05) & (clear.singles.loss > 0)
    assert needed[carries & (clear.singles.kind == "screened")].mean() > 0.9
    assert not needed[~carries].any()
    assert np.abs(clear.singles.loss[~carries]).max() < 1e-3


def test_the_emotion_features_come_first_in_their_layers(clear: Tracing) -> None:
    for depth in (5, 6):
        rows = clear.singles[np.isclose(clear.singles.depth, depth / planted.N_BLOCKS)].sort_values("rank")
        assert {name.split(":")[0] for name in names(rows)[:4]} == {"emotion"}


def test_few_take_all_and_few_keep_all(clear: Tracing) -> None:
    keys = {"texts": ALL_TEXTS, "condition": FEATURES}
    need, enough = (number(clear.sizes, "value", part=part, measure=SIZE, **keys) for part in (NECESSITY, SUFFICIENCY))
    whole = number(clear.sizes, "value", part=NECESSITY, measure=WHOLE, **keys)
    assert whole.value == pytest.approx(clear.setting.above_guess.iloc[0])
    assert need.value <= 16 and enough.value <= 4
    assert clear.setting.all_ablated.iloc[0] == pytest.approx(JOINT_LOSS, abs=0.05)


def test_what_is_kept_grows_from_guessing_to_all(clear: Tracing) -> None:
    kept = clear.kept.query("ranking == @FEATURES and condition == @FEATURES and measure == 'accuracy'").set_index("k")
    assert kept.value.loc[0] < 0.5 and kept.value.iloc[-1] > 0.95
    assert kept.hook_point.nunique() == 1


def test_keeping_nothing_gives_every_text_the_same_answer() -> None:
    study = planted.study(160)
    questions, point = Questions.of(study, balanced(study, "report", 4)), planted.POINTS[-1]
    dictionary = at_answer(questions, {point: planted.saes()[point]})
    line = kept_line(questions, FEATURES, dictionary, [[[]], [dictionary.alive]], [0, len(dictionary.alive)])
    assert line.at(0).mean() == pytest.approx(1 / len(questions.labels))
    assert line.at(len(dictionary.alive)).mean() > 0.9
    assert set(np.unique(firing(questions, dictionary))) <= {0.0, 1.0}


def test_controls_cost_less_and_dimensions_as_much_since_features_are_dimensions(clear: Tracing) -> None:
    rows = clear.leads.query("texts == @ALL_TEXTS and part == @NECESSITY and condition == @FEATURES")
    lead = rows.set_index("baseline")
    assert lead.low[[MATCHED, SHUFFLED, UNTRAINED]].min() > 0
    assert lead.low[DIMENSIONS] <= 0
    assert (clear.sizes.condition == SILENT).any()


def test_doses_and_other_edits_and_draws_are_there(clear: Tracing) -> None:
    assert len(clear.dose_steps) == len(DOSES) and len(clear.other_edits) == 2 * 3
    assert clear.stability.draw.nunique() == 2


def test_texts_are_chosen_evenly() -> None:
    study = planted.study(160)
    questions = Questions.of(study, balanced(study, "report", 4))
    assert np.bincount(first_of_each(questions, 2).gold).tolist() == [2, 2, 2, 2]
    assert np.bincount(questions.gold[half_of_each(questions.gold, np.random.default_rng(0))]).tolist() == [2, 2, 2, 2]
    sample = Sample.of(questions, 0, 0)
    assert whole_of(sample) == pytest.approx(sample.base + np.log(3))


def test_nodes(clear: Tracing) -> None:
    loss = clear.nodes.set_index(["node", "hook_point"]).loss
    points = [str(point) for point in planted.POINTS]
    assert loss["SAE error"][points[3:]].abs().max() < 1e-3  # in late layers, the SAEs read everything that is left
    assert loss["SAE error"][points[0]] == pytest.approx(JOINT_LOSS, abs=0.05)
    assert loss["all features"][points].min() > 7.9 and loss["whole activation"][[*points, EVERYWHERE]].min() > 7.9


def test_screen_and_ablation_agree(clear: Tracing) -> None:
    rows = clear.layers[clear.layers.hook_point == EVERYWHERE].set_index("kind")
    assert rows.agreement["screened"] > 0.8 and rows.same_sign["screened"] > 0.95 and rows.zero["screened"] > 0.8
    assert rows.n_found["screened"] > 20 and rows.n_needed["audited"] <= rows.n_found["audited"] < rows.n["audited"]
    assert (clear.layers.expected == 0.05 * clear.layers.n).all()


def test_some_of_the_first_write_no_label(clear: Tracing) -> None:
    assert (clear.first.writes == "").sum() >= 8


@pytest.mark.parametrize("layer", [1, 3, 5])
def test_an_exact_effect_is_that_of_a_hook_on_one_text(layer: int) -> None:
    """Independent computation: a plain forward hook on each text, without padding or masks."""
    study = planted.study(160)
    questions = Questions.of(study, balanced(study, "report", 2))
    dictionary = Dictionary.of(questions, planted.saes())
    point, features = HookPoint(layer), [0, 4, 8, 10, 11]
    sample = Sample.of(questions, 0, 0).replayed()
    losses = sample.losses([dictionary.ablate([FeatureId(point, i) for i in features])])[0]
    mean = dictionary.stats[point].features

    def hook(_, __, output):
        for i in features:
            value = output[0] @ planted.saes()[point].W_enc[:, i]
            value = torch.where(value > 1.5, value, 0.0)
            value[0] = mean[i]  # the BOS stays as it is
            output = output + (mean[i] - value)[:, None] * planted.saes()[point].W_dec[i]
        return output

    def odds(row: int) -> float:
        logits = study.lm.module(torch.tensor([questions.texts[row].ids])).logits[0, -1].double()
        z, own = logits[questions.label_ids[row]], int(questions.gold[row])
        return float(z[own] - torch.cat([z[:own], z[own + 1 :]]).logsumexp(0))

    before = [odds(row) for row in range(len(questions))]
    handle = study.lm.blocks[layer].register_forward_hook(hook)
    after = [odds(row) for row in range(len(questions))]
    handle.remove()
    assert losses == pytest.approx(np.subtract(before, after), abs=1e-4)
    assert np.abs(losses).max() > 1


def test_dimensions_are_screened_as_their_two_signs_together() -> None:
    questions = Questions.of(planted.study(160), range(40))
    dimensions = Dictionary.dimensions(questions, planted.POINTS)
    ranking = rank_features(questions, dimensions)
    by_name = dict(zip(ranking.features, ranking.loss, strict=True))
    of_saes = rank_features(questions, Dictionary.of(questions, planted.saes()))
    last = planted.POINTS[-1]
    for i, name in enumerate(NAMES):
        if name.startswith("emotion"):
            axis = FeatureId(last, int(planted.directions()[name].argmax()))
            own = of_saes.loss[of_saes.features.index(FeatureId(last, i))]
            assert by_name[axis] == pytest.approx(own, abs=1e-3)


def test_phases_hold_all_of_the_first_and_their_effect() -> None:
    study = planted.study(480)
    table = checked(phases(study, k=16, starts=[0.0, 0.5, 0.83], n_discover=15, n_report=8, n_resamples=50)).phases
    ours = table[table.condition == FEATURES]
    assert ours.n_first.sum() == 16 and ours.expected.sum() == pytest.approx(16)
    assert (ours.loss[ours.n_first > 2] > 2).all() and (ours.loss[ours.n_first == 0] == 0).all()
    control = table[table.condition == MATCHED]
    assert control.loss.sum() < ours.loss.sum() / 2
    assert len(phases(study, k=4, n_discover=15, n_report=8, n_resamples=50).phases) == 6  # thirds
    assert list(phases(study, k=0).phases.columns) == list(PHASES.columns)


def test_no_verdict_in_favour_where_dimensions_do_as_well(clear: Tracing) -> None:
    verdict = rule.tracing(clear)
    assert verdict.outcome not in ("replicates", "cannot be tested here")
    assert "residual dimensions" in verdict.reason


def test_the_seed_decides_everything(clear: Tracing) -> None:
    again = tracing(planted.study(480), n_single=6, **FEW)
    for table in ("curves", "singles", "first", "sizes"):
        pd.testing.assert_frame_equal(getattr(again, table), getattr(clear, table))


def test_a_model_at_chance_is_not_tested() -> None:
    result = checked(tracing(planted.study(480, null=True), **FEW))
    assert "at chance" in result.setting.untested.iloc[0] and result.curves.empty
    assert rule.tracing(result).outcome == "cannot be tested here"


def test_labels_that_begin_alike_and_too_few_texts_are_not_tested() -> None:
    study = planted.study(160)
    study = study.replaced(answers=[" joy", " joy .", " fear", " anger"])
    assert "begins both with the token" in tracing(study).setting.untested.iloc[0]
    assert "fewer than 5 texts" in tracing(planted.study(32)).setting.untested.iloc[0]


def test_where_nothing_is_carried_no_more_is_found_than_by_chance() -> None:
    """The random openings decide what fires, so that no feature helps the gold label; the null is tested below the gate."""
    study = planted.study(480, null=True)
    discover, questions = (Questions.of(study, balanced(study, split, 15)) for split in ("discover", "report"))
    dictionary = Dictionary.of(discover, planted.saes())
    sample, ranking = Sample.of(questions, 0, 0).replayed(), rank_features(discover, dictionary)
    effects = single_effects(sample, dictionary, ranking, 4, seed=0)
    summary = by_layer(effects, questions.clusters)[0]
    assert summary.kind == "screened" and summary.n_needed <= 0.05 * summary.n


def test_texts_without_annotation_can_be_traced() -> None:
    study = planted.study(240)
    bare = [replace(example, words=(), answer_tags={}) for example in study.corpus.examples]
    study = study.replaced(corpus=corpus.make("mine", bare, study.corpus.labels))
    assert not tracing(study, n_discover=8, n_report=6, n_single=1, n_resamples=20).setting.untested.iloc[0]
