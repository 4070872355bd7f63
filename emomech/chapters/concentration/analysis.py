"""Claim C3: is one emotion weaker, and spread over more features, than the others?

Features are selected on the `discover` split, and everything is measured on `report`, on equally many texts of every
emotion. Emotions are compared in every specification of a multiverse (`specifications`), and so are the controls
(`controls`). One hook point, chosen on `tune`, is shown in detail. Interference is what ablating, or doubling, the
first features of one emotion does to texts of another.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
import pandas as pd

from emomech.causal.concentration import FeaturesByLabel, SelectedFeatures, measure_features
from emomech.causal.cross_effects import changes, coactivation
from emomech.causal.feature_selection import draw_questions
from emomech.causal.feature_stats import matched
from emomech.causal.sample import Sample
from emomech.chapters.concentration import specifications
from emomech.chapters.concentration.controls import N_TEXTS, controls
from emomech.chapters.concentration.measured import (
    STYLES,
    ablated,
    by_place,
    combined,
    counted,
    place_of,
    summed,
    with_silent,
)
from emomech.chapters.concentration.resplit import resplits
from emomech.chapters.concentration.specifications import (
    ESTIMATORS,
    EVERY,
    ITS,
    MATCHED,
    Comparison,
    Controls,
    Measured,
)
from emomech.chapters.concentration.tables import (
    ABLATED,
    COACTIVATION,
    CONFUSIONS,
    CURVES,
    DEPTHS,
    DOUBLED,
    EMOTIONS,
    INTERFERENCE,
    LOG_ODDS,
    MEDIANS,
    RECALL,
    SETTING,
    SPECIFICATIONS,
)
from emomech.chapters.stability import STABILITY, stability_rows
from emomech.data.grammar.events import VALENCE
from emomech.stats.estimates import from_draws, wilson_interval
from emomech.stats.tables import Row, filled, frame
from emomech.study.study import Study

N_CHOOSE = 20
"""Texts per emotion on which the hook point is chosen."""
N_TOP = 10
"""First features of an emotion that are ablated or doubled to measure interference."""


@dataclass(frozen=True)
class Concentration:
    """How many features each emotion is spread over, with controls, and what one emotion's features do to others."""

    setting: Annotated[pd.DataFrame, SETTING]
    specifications: Annotated[pd.DataFrame, SPECIFICATIONS]
    medians: Annotated[pd.DataFrame, MEDIANS]
    stability: Annotated[pd.DataFrame, STABILITY]
    emotions: Annotated[pd.DataFrame, EMOTIONS]
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
    n_texts: int = 40,
    n_resamples: int = 500,
    n_draws: int = 5,
) -> Concentration:
    """Measure every emotion on at most `n_texts` texts; intervals come from `n_resamples` draws of whole clusters.

    `n_draws` is the number of splits of the texts on which a direction has to hold; 1: only the study's own.
    """
    seed, labels = study.spec.seed, study.corpus.labels
    setting = {"emotion": emotion, "rival": rival, "n_top": N_TOP}
    if emotion not in labels:
        return _untested(setting, f"the texts have no {emotion}")
    questions = draw_questions(study, {"discover": n_texts, "tune": min(N_CHOOSE, n_texts), "report": n_texts})
    if isinstance(questions, str):
        return _untested(setting, questions)
    sample = Sample.of(questions["report"], n_resamples, seed)
    accuracy, chance = sample.accuracy, 1 / len(labels)
    setting |= {"accuracy": accuracy.value, "low": accuracy.low, "high": accuracy.high, "chance": chance, "n": sample.n}
    if not sample.above_chance:
        return _untested(setting, "the model's accuracy on these texts is not above chance")
    if not sample.recognised[labels.index(emotion)]:
        return _untested(
            setting, f"the model does not recognise {emotion} above chance: there are no features to count"
        )

    selected = SelectedFeatures.of(study, questions, sample)
    multiverse = _Multiverse.of(study, selected, emotion)
    first = [ranked[:N_TOP] for ranked in selected.features]
    point = {"hook_point": str(selected.point), "place": place_of(selected.point)}
    sizes = {"depth": selected.point.depth(study.lm.n_layers), "n_control": min(N_TEXTS, sample.n)}
    return Concentration(
        setting=_setting(**setting, **point, **sizes),
        specifications=frame(SPECIFICATIONS, _specifications(multiverse)),
        medians=frame(MEDIANS, _medians(multiverse)),
        stability=frame(STABILITY, _stability(multiverse, selected, n_draws)),
        emotions=frame(EMOTIONS, _emotions(multiverse)),
        depths=frame(DEPTHS, _depths(multiverse, selected)),
        curves=frame(CURVES, _curves(selected, seed)),
        interference=frame(INTERFERENCE, _interference(selected, first, seed)),
        confusions=frame(CONFUSIONS, _confusions(sample)),
        coactivation=frame(COACTIVATION, _coactivation(selected, first)),
    )


@dataclass(frozen=True, eq=False)
class _Multiverse:
    """Every quantity of the emotions' features, of the controls, and of other SAEs; and what is compared."""

    its: Measured
    controls: Controls
    others: Mapping[str, Measured]
    compared: Comparison
    labels: tuple[str, ...]

    @classmethod
    def of(cls, study: Study, selected: SelectedFeatures, emotion: str) -> "_Multiverse":
        sample, dictionary, support = selected.sample, selected.dictionary, selected.support
        found = by_place(selected.screen, list(dictionary.saes))
        sets = with_silent(found, dictionary, selected.discover)
        its = combined(
            ablated(sample, dictionary, sets, tuple(STYLES)),
            summed(sample, support, sets),
            counted(sample, support, sets),
        )
        made, others = controls(study, selected, sets)
        clusters = [sample.questions.clusters[i] for i in sample.rows(sample.labels.index(emotion))]
        sizes = (len(set(clusters)), len(set(clusters[:N_TEXTS])))
        compared = Comparison.of(sample.labels, emotion, VALENCE, sizes)
        return cls(its.recognised(sample.recognised), made, others, compared, sample.labels)


def _specifications(multiverse: _Multiverse) -> Iterator[Row]:
    compared = multiverse.compared
    for part in ESTIMATORS:
        its = multiverse.its.of(part)
        for group, others in compared.groups.items():
            alone = specifications.over_groups(its, replace(compared, groups={group: others}), part)
            for quantity, draws in zip(its.quantities, alone, strict=True):
                keys = {"part": part, **quantity._asdict(), "others": group}
                yield {**keys, "contrast": specifications.estimate(draws, compared.n), "n": compared.n}


def _medians(multiverse: _Multiverse) -> Iterator[Row]:
    compared, labels = multiverse.compared, multiverse.labels
    yield from specifications.summaries(multiverse.its, multiverse.controls, compared, labels)
    for name, measured in multiverse.others.items():
        yield from specifications.effects(measured, compared, name)


def _stability(multiverse: _Multiverse, selected: SelectedFeatures, n_draws: int) -> Iterator[Row]:
    """The median contrasts on the page's own texts, then on other splits of them."""
    values: dict[str, list[float]] = {}
    for measured in (multiverse.its, *resplits(selected, n_draws - 1)):
        for name, value in specifications.median_values(measured, multiverse.compared).items():
            values.setdefault(name, []).append(value)
    yield from stability_rows(values)


def _emotions(multiverse: _Multiverse) -> Iterator[Row]:
    """Median contrast of each emotion in the place of the claim's, for its features, the controls and other SAEs."""
    every = {ITS: [multiverse.its]} | {name: list(members.values()) for name, members in multiverse.controls.items()}
    every |= {name: [measured] for name, measured in multiverse.others.items()}
    for condition, members in every.items():
        n = multiverse.compared.n if condition == ITS else multiverse.compared.n_control
        for part in ESTIMATORS:
            for label, emotion in enumerate(multiverse.labels):
                compared = multiverse.compared.in_place(label, len(multiverse.labels))
                draws = [specifications.median(specifications.over_groups(m.of(part), compared, part)) for m in members]
                contrast = specifications.estimate(np.mean(draws, 0), n)
                yield {"condition": condition, "part": part, "emotion": emotion, "contrast": contrast, "n": n}


def _depths(multiverse: _Multiverse, selected: SelectedFeatures) -> Iterator[Row]:
    depth = {place_of(point): point.depth(selected.discover.lm.n_layers) for point in selected.at}
    n = selected.sample.n
    for quantity, values in zip(multiverse.its.quantities, multiverse.its.values, strict=True):
        if quantity.features == EVERY:
            for label, emotion in enumerate(multiverse.labels):
                keys = {"place": quantity.place, "emotion": emotion, "measure": quantity.estimator}
                value = from_draws(values[:, label], n, "posterior")
                yield {**keys, "depth": depth.get(quantity.place, np.nan), "value": value, "n": n}


def _curves(selected: SelectedFeatures, seed: int) -> Iterator[Row]:
    """Fall of the log-odds when the first features are ablated together, at the hook point that is shown in detail."""
    sample, dictionary = selected.sample, selected.dictionary.at(selected.point)
    matches = [matched(ranked, dictionary.stats, seed) for ranked in selected.features]
    for condition, features in ((ITS, selected.features), (MATCHED, matches)):
        curves = measure_features(sample, dictionary, features, selected.support).curves
        for emotion, known, (sizes, fall) in zip(sample.labels, sample.recognised, curves, strict=True):
            for column, k in enumerate(sizes if known else ()):
                value = from_draws(fall[:, column], sample.n, "posterior")
                yield {"condition": condition, "emotion": emotion, "k": k, "fall": value, "n": sample.n}


def _setting(**cells: object) -> pd.DataFrame:
    return frame(SETTING, [{"hook_point": "", "place": "", "n": 0, "untested": "", **cells}])


def _untested(setting: Row, reason: str) -> Concentration:
    """Make empty tables, with the reason in `setting`."""
    return filled(Concentration, setting=_setting(**setting, untested=reason))


def _interference(selected: SelectedFeatures, first: FeaturesByLabel, seed: int) -> Iterator[Row]:
    sample, dictionary = selected.sample, selected.dictionary.at(selected.point)
    edits = {}
    for acted_on, features in zip(sample.labels, first, strict=True):
        edits[acted_on, ABLATED, ITS] = dictionary.ablate(features)
        edits[acted_on, ABLATED, MATCHED] = dictionary.ablate(matched(features, dictionary.stats, seed))
        edits[acted_on, DOUBLED, ITS] = dictionary.scale(features, 2.0)
    for (acted_on, edit, condition), both in zip(edits, changes(sample, list(edits.values())), strict=True):
        for measure, change in zip((LOG_ODDS, RECALL), both, strict=True):
            for label, affected in enumerate(sample.labels):
                rows = sample.rows(label)
                keys = {"acted_on": acted_on, "edit": edit, "condition": condition, "affected": affected}
                value = from_draws(sample.mean_draws(change[rows], rows), sample.n, "posterior")
                yield {**keys, "measure": measure, "change": value, "n": sample.n}


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
