"""Claim C3: is one emotion weaker and spread over more features than the others, and overshadowed by a rival?

Features are selected on the `discover` split, the hook point is chosen on `tune`, and everything is measured on
`report`, on equally many texts of every emotion (`causal.concentration`). The controls are features matched by how
often and how strongly they fire, features selected for deranged labels, and random directions in a network with random
weights. Interference is what ablating, or doubling, the first features of one emotion does to texts of another.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated

import pandas as pd

from emomech.causal.concentration import (
    EFFECTIVE,
    RECALL,
    TOTAL,
    FeaturesByLabel,
    LabelMeasures,
    SelectedFeatures,
    measure_features,
)
from emomech.causal.cross_effects import changes, coactivation
from emomech.causal.dictionary import Dictionary
from emomech.causal.feature_selection import FeatureScreen, draw_questions, text_support, with_deranged_labels
from emomech.causal.feature_stats import feature_stats, matched
from emomech.causal.sample import Sample
from emomech.models.language_model import randomised
from emomech.saes.controls import random_like
from emomech.stats.estimates import from_draws, wilson_interval
from emomech.stats.tables import DEPTH, INTERVAL, Row, Schema, filled, frame
from emomech.stats.testing import false_discovery_rates
from emomech.study.study import Study

ITS, MATCHED, SHUFFLED, RANDOM = "its features", "matched features", "shuffled labels", "random weights"
ONE, ALL = "one hook point", "all hook points"
ABLATED, DOUBLED = "ablated", "doubled"
LOG_ODDS = "log-odds"
N_CHOOSE = 20
"""Texts per emotion on which the hook point is chosen."""
_MEASURED = {
    "condition": "whose features: the emotion's, or a control's",
    "place": "the chosen hook point, or all hook points together",
    "emotion": "emotion of the texts",
    "measure": "effective number of features; number that reach half and nine tenths of the total effect; total "
    "effect, in nats of the log-odds; recall",
}
SETTING = Schema(
    keys={"emotion": "the emotion that the claim is about"},
    values={
        "rival": "the emotion that overshadows it, according to the claim",
        "hook_point": "hook point at which the features are counted, chosen on other texts",
        "depth": DEPTH,
        "accuracy": "balanced accuracy of the model",
        **INTERVAL,
        "chance": "balanced accuracy of guessing",
        "n": "texts of each emotion",
        "n_top": "number of first features that are ablated or doubled to measure interference",
        "untested": "why these texts cannot test the claim; empty if they can",
    },
)
EMOTIONS = Schema(keys=_MEASURED, values={"value": "the measure's value", **INTERVAL, "n": "texts"})
CONTRASTS = Schema(
    keys=_MEASURED,
    values={
        "difference": "the emotion's value minus the mean of the others' values",
        **INTERVAL,
        "q": "smallest false discovery rate at which it is significant, among the emotions of this measure",
        "n": "texts of the emotion",
    },
)
DEPTHS = Schema(
    keys={"hook_point": "hook point of the SAE", "emotion": _MEASURED["emotion"], "measure": _MEASURED["measure"]},
    values={"depth": DEPTH, "value": "the measure's value", **INTERVAL, "n": "texts"},
)
CURVES = Schema(
    keys={
        "condition": _MEASURED["condition"],
        "emotion": "emotion of the texts",
        "k": "number of first features ablated together",
    },
    values={"fall": "fall of the log-odds, in nats", **INTERVAL, "n": "texts"},
)
INTERFERENCE = Schema(
    keys={
        "acted_on": "emotion whose first features are edited",
        "edit": "ablated to their means, or doubled",
        "condition": "these features, or matched ones",
        "affected": "emotion of the texts",
        "measure": "log-odds of their emotion in nats, or its recall",
    },
    values={"change": "change of the measure by the edit", **INTERVAL, "n": "texts"},
)
CONFUSIONS = Schema(
    keys={"gold": "emotion of the text", "predicted": "emotion that the model answers"},
    values={"share": "share of the texts", **INTERVAL, "n": "texts"},
)
COACTIVATION = Schema(
    keys={"emotion": "emotion whose first features are compared", "other": "the other emotion"},
    values={
        "correlation": "correlation over all texts of the strength of the features that the two do not share",
        **INTERVAL,
        "shared": "number of features among the first of both emotions; they are left out",
        "n": "texts",
    },
)


@dataclass(frozen=True)
class Concentration:
    """How many features each emotion is spread over, with controls, and what one emotion's features do to others."""

    setting: Annotated[pd.DataFrame, SETTING]
    emotions: Annotated[pd.DataFrame, EMOTIONS]
    contrasts: Annotated[pd.DataFrame, CONTRASTS]
    depths: Annotated[pd.DataFrame, DEPTHS]
    curves: Annotated[pd.DataFrame, CURVES]
    interference: Annotated[pd.DataFrame, INTERFERENCE]
    confusions: Annotated[pd.DataFrame, CONFUSIONS]
    coactivation: Annotated[pd.DataFrame, COACTIVATION]


def concentration(
    study: Study,
    *,
    emotion: str = "disgust",
    rival: str = "anger",
    n_texts: int = 50,
    n_top: int = 10,
    n_resamples: int = 1000,
) -> Concentration:
    """Measure every emotion on at most `n_texts` texts; intervals come from `n_resamples` draws of whole clusters."""
    seed, labels = study.spec.seed, study.corpus.labels
    setting = {"emotion": emotion, "rival": rival, "n_top": n_top}
    if emotion not in labels:
        return _untested(setting, f"the texts have no {emotion}")
    questions = draw_questions(study, {"discover": n_texts, "tune": min(N_CHOOSE, n_texts), "report": n_texts})
    if isinstance(questions, str):
        return _untested(setting, questions)
    sample = Sample.of(questions["report"], n_resamples, seed)
    accuracy, chance = sample.accuracy, 1 / len(labels)
    setting |= {"accuracy": accuracy.value, "low": accuracy.low, "high": accuracy.high, "chance": chance, "n": sample.n}
    if accuracy.low <= chance:
        return _untested(setting, "the model's accuracy on these texts is not above chance")
    if not sample.recognised[labels.index(emotion)]:
        return _untested(
            setting, f"the model does not recognise {emotion} above chance: there are no features to count"
        )

    selected = SelectedFeatures.of(study, questions, sample)
    measures = _conditions(selected, n_resamples, seed)
    first = [ranked[:n_top] for ranked in selected.features]
    depth = selected.point.depth(study.lm.n_layers)
    return Concentration(
        setting=_setting(**setting, hook_point=str(selected.point), depth=depth),
        emotions=frame(EMOTIONS, _emotions(sample, measures)),
        contrasts=frame(CONTRASTS, _contrasts(sample, measures)),
        depths=frame(DEPTHS, _depths(selected, measures[ITS, ONE])),
        curves=frame(CURVES, _curves(sample, measures)),
        interference=frame(INTERFERENCE, _interference(selected, first, seed)),
        confusions=frame(CONFUSIONS, _confusions(sample)),
        coactivation=frame(COACTIVATION, _coactivation(selected, first)),
    )


_Measures = Mapping[tuple[str, str], LabelMeasures]
"""Measures by condition and place."""


def _conditions(selected: SelectedFeatures, n_resamples: int, seed: int) -> _Measures:
    """Measure the emotions' features and the controls."""
    sample, dictionary, support = selected.sample, selected.dictionary, selected.support
    at_point = dictionary.at(selected.point)
    deranged = FeatureScreen.of(at_point, with_deranged_labels(selected.discover, seed)).by_label()
    random_sample, random, by_chance = _random(selected, n_resamples, seed)
    matches = [matched(ranked, dictionary.stats, seed) for ranked in selected.features]
    measures = {
        (ITS, ONE): selected.measured(selected.point),
        (MATCHED, ONE): measure_features(sample, at_point, matches, support),
        (SHUFFLED, ONE): measure_features(sample, at_point, deranged, support, curve=False),
    }
    random_support = text_support(random, random_sample.questions)
    measures[RANDOM, ONE] = measure_features(random_sample, random, by_chance, random_support, curve=False)
    measures[ITS, ALL] = measure_features(sample, dictionary, selected.screen.by_label(), support)
    of_model = [(MATCHED, ONE), (SHUFFLED, ONE), (ITS, ALL)]
    return measures | {key: measures[key].where_recognised(sample.recognised) for key in of_model}


def _random(selected: SelectedFeatures, n_resamples: int, seed: int) -> tuple[Sample, Dictionary, FeaturesByLabel]:
    """Sample, random directions and their features in a network with random weights; size and sparsity stay equal."""
    point, questions = selected.point, selected.sample.questions
    lm, sae = randomised(questions.lm, seed), selected.dictionary.saes[selected.point]
    discover = selected.discover.on(lm)
    drawn = feature_stats(discover, {point: sae}, seed=seed)[point].drawn
    random = random_like(sae, drawn, seed, l0=float(selected.dictionary.stats[point].fires.sum()))
    dictionary = Dictionary.of(discover, {point: random}, seed)
    features = FeatureScreen.of(dictionary, discover).by_label()
    return Sample.of(questions.on(lm), n_resamples, seed), dictionary, features


def _setting(**cells: object) -> pd.DataFrame:
    return frame(SETTING, [{"hook_point": "", "n": 0, "untested": "", **cells}])


def _untested(setting: Row, reason: str) -> Concentration:
    """Make empty tables, with the reason in `setting`."""
    return filled(Concentration, setting=_setting(**setting, untested=reason))


def _emotions(sample: Sample, measures: _Measures) -> Iterator[Row]:
    for (condition, place), of_condition in measures.items():
        for measure, values in of_condition.values.items():
            for label, emotion in enumerate(sample.labels):
                keys = {"condition": condition, "place": place, "emotion": emotion, "measure": measure}
                yield {**keys, "value": from_draws(values[:, label], sample.n, "posterior"), "n": sample.n}


def _contrasts(sample: Sample, measures: _Measures) -> Iterator[Row]:
    for (condition, place), of_condition in measures.items():
        for measure in of_condition.values:
            differences = [of_condition.contrast(measure, label) for label in range(len(sample.labels))]
            rates = false_discovery_rates(differences)
            for emotion, draws, q in zip(sample.labels, differences, rates, strict=True):
                keys = {"condition": condition, "place": place, "emotion": emotion, "measure": measure}
                yield {**keys, "difference": from_draws(draws, sample.n, "posterior"), "q": q, "n": sample.n}


def _depths(selected: SelectedFeatures, chosen: LabelMeasures) -> Iterator[Row]:
    n = selected.sample.n
    for point in selected.at:
        measures = chosen if point == selected.point else selected.measured(point, curve=False)
        depth = point.depth(selected.discover.lm.n_layers)
        for measure in (EFFECTIVE, TOTAL):
            for label, emotion in enumerate(selected.sample.labels):
                value = from_draws(measures.values[measure][:, label], n, "posterior")
                keys = {"hook_point": str(point), "emotion": emotion, "measure": measure}
                yield {**keys, "depth": depth, "value": value, "n": n}


def _curves(sample: Sample, measures: _Measures) -> Iterator[Row]:
    for condition in (ITS, MATCHED):
        for emotion, (sizes, fall) in zip(sample.labels, measures[condition, ONE].curves, strict=True):
            for column, k in enumerate(sizes):
                value = from_draws(fall[:, column], sample.n, "posterior")
                yield {"condition": condition, "emotion": emotion, "k": k, "fall": value, "n": sample.n}


def _interference(selected: SelectedFeatures, first: FeaturesByLabel, seed: int) -> Iterator[Row]:
    sample, dictionary = selected.sample, selected.dictionary.at(selected.point)
    for acted_on, features in zip(sample.labels, first, strict=True):
        matches = matched(features, dictionary.stats, seed)
        conditions = {
            (ABLATED, ITS): dictionary.ablate(features),
            (ABLATED, MATCHED): dictionary.ablate(matches),
            (DOUBLED, ITS): dictionary.scale(features, 2.0),
        }
        for (edit, condition), edits in conditions.items():
            for measure, change in zip((LOG_ODDS, RECALL), changes(sample, edits), strict=True):
                for label, affected in enumerate(sample.labels):
                    rows = sample.rows(label)
                    yield {
                        "acted_on": acted_on,
                        "edit": edit,
                        "condition": condition,
                        "affected": affected,
                        "measure": measure,
                        "change": from_draws(sample.mean_draws(change[rows], rows), sample.n, "posterior"),
                        "n": sample.n,
                    }


def _confusions(sample: Sample) -> Iterator[Row]:
    predicted = sample.logits.argmax(1)
    for label, gold in enumerate(sample.labels):
        rows = sample.rows(label)
        for other, name in enumerate(sample.labels):
            n = int((predicted[rows] == other).sum())
            share = wilson_interval(n, len(rows))
            ends = {"low": share.low, "high": share.high}  # not rounded as a cell with an estimate
            yield {"gold": gold, "predicted": name, "share": share.value, **ends, "n": len(rows)}


def _coactivation(selected: SelectedFeatures, first: FeaturesByLabel) -> Iterator[Row]:
    sample = selected.sample
    names, n = sample.labels, len(sample)
    for pair, (draws, shared) in coactivation(sample, selected.dictionary, first).items():
        for a, b in (pair, pair[::-1]):
            correlation = from_draws(draws, n, "posterior")
            yield {"emotion": names[a], "other": names[b], "correlation": correlation, "shared": shared, "n": n}
