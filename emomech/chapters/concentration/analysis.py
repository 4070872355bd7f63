"""Claim C3: is one emotion weaker and spread over more features than the others, and overshadowed by a rival?

Each emotion's features are chosen on the `discover` split, the hook point on `tune`, and all is measured on `report`,
on equally many texts of every emotion, by the measures of `spread`. The controls: features matched by how often and how
strongly they fire; features chosen for shuffled labels; and random directions in a network with random weights.
Interference is what ablating, or doubling, the first features of one emotion does to texts of another.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, get_args

import numpy as np
import pandas as pd

from emomech.causal.concentration import EFFECTIVE, RECALL, TOTAL, Features, Spread, Traced, spread
from emomech.causal.cross_effects import changes, coactivation
from emomech.causal.dictionary import Dictionary
from emomech.causal.feature_selection import Chosen, asked, with_labels_shuffled
from emomech.causal.feature_stats import matched, references
from emomech.causal.sample import Sample, estimate
from emomech.models.language_model import randomised
from emomech.saes.controls import random_sae
from emomech.stats.tables import DEPTH, INTERVAL, Schema, filled, frame
from emomech.stats.testing import false_discovery_rates
from emomech.study.study import Study

Condition = Literal["its features", "matched features", "shuffled labels", "random weights"]
ITS, MATCHED, SHUFFLED, RANDOM = get_args(Condition)
ONE, ALL = "one hook point", "all hook points"
ABLATED, DOUBLED = "ablated", "doubled"
LOG_ODDS = "log-odds"
N_CHOOSE = 20
"""Texts per emotion on which the hook point is chosen."""
_MEASURED = {
    "condition": "whose features: the emotion's, or a control's",
    "place": "the hook point that was chosen, or all together",
    "emotion": "whose texts",
    "measure": "effective number of features; how many reach half and nine tenths of the total effect; total effect, "
    "in nats of the log-odds; recall",
}
SETTING = Schema(
    keys={"emotion": "the emotion that the claim is about"},
    values={
        "rival": "the emotion that is said to overshadow it",
        "hook_point": "where the features are counted, as chosen on other texts",
        "depth": DEPTH,
        "accuracy": "balanced accuracy of the model",
        **INTERVAL,
        "chance": "balanced accuracy of guessing",
        "n": "texts of each emotion",
        "n_top": "first features that are ablated or doubled to see interference",
        "untested": "why these texts cannot speak about the claim; empty if they can",
    },
)
EMOTIONS = Schema(keys=_MEASURED, values={"value": "the measure's value", **INTERVAL, "n": "texts"})
CONTRASTS = Schema(
    keys=_MEASURED,
    values={
        "difference": "the emotion's value less the mean of the others'",
        **INTERVAL,
        "q": "false discovery rate at which it would count, among the emotions of this measure",
        "n": "texts of the emotion",
    },
)
DEPTHS = Schema(
    keys={"hook_point": "where in the model", "emotion": _MEASURED["emotion"], "measure": _MEASURED["measure"]},
    values={"depth": DEPTH, "value": "the measure's value", **INTERVAL, "n": "texts"},
)
CURVES = Schema(
    keys={"condition": _MEASURED["condition"], "emotion": "whose texts", "k": "first features ablated together"},
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
    keys={"gold": "emotion of the text", "predicted": "emotion that the model chooses"},
    values={"share": "share of the texts", **INTERVAL, "n": "texts"},
)
COACTIVATION = Schema(
    keys={"emotion": "whose first features", "other": "and whose"},
    values={
        "correlation": "over all texts, of the strength of the features that the two do not share",
        **INTERVAL,
        "shared": "features among the first of both, left out",
        "n": "texts",
    },
)


@dataclass(frozen=True)
class Concentration:
    """Over how many features each emotion is spread, against controls, and what one emotion's features do to others."""

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
    """Measure every emotion on at most `n_texts` texts; intervals are of `n_resamples` draws of whole clusters."""
    seed, labels = study.spec.seed, study.corpus.labels
    setting = {"emotion": emotion, "rival": rival, "n_top": n_top}
    if emotion not in labels:
        return _untested(setting, f"the texts have no {emotion}")
    questions = asked(study, {"discover": n_texts, "tune": min(N_CHOOSE, n_texts), "report": n_texts})
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

    traced = Traced.of(study, questions, sample)
    found = _conditions(traced, n_resamples, seed)
    tops = [chosen[:n_top] for chosen in traced.features]
    depth = traced.point.depth(study.lm.n_layers)
    return Concentration(
        setting=_setting(**setting, hook_point=str(traced.point), depth=depth),
        emotions=frame(EMOTIONS, _emotions(sample, found)),
        contrasts=frame(CONTRASTS, _contrasts(sample, found)),
        depths=frame(DEPTHS, _depths(traced, found[ITS, ONE])),
        curves=frame(CURVES, _curves(sample, found)),
        interference=frame(INTERFERENCE, _interference(traced, tops, seed)),
        confusions=frame(CONFUSIONS, _confusions(sample)),
        coactivation=frame(COACTIVATION, _coactivation(traced, tops)),
    )


def _conditions(m: Traced, n_resamples: int, seed: int) -> dict[tuple[str, str], Spread]:
    """Measure the emotions' features and the controls."""
    here = m.dictionary.at(m.point)
    shuffled = with_labels_shuffled(m.discover, seed)
    for_shuffled = Chosen.of(here, shuffled).by_label()
    random_sample, random, for_random = _random(m, n_resamples, seed)
    others = [matched(chosen, m.dictionary.usual, seed) for chosen in m.features]
    known = m.sample.recognised
    return {
        (ITS, ONE): m.measured(m.point),
        (MATCHED, ONE): spread(m.sample, here, others, m.support).of(known),
        (SHUFFLED, ONE): spread(m.sample, here, for_shuffled, m.support, curve=False).of(known),
        (RANDOM, ONE): spread(random_sample, random, for_random, random.support(random_sample.questions), curve=False),
        (ITS, ALL): spread(m.sample, m.dictionary, m.chosen.by_label(), m.support).of(known),
    }


def _random(m: Traced, n_resamples: int, seed: int) -> tuple[Sample, Dictionary, Features]:
    """Put random directions, as many and as sparse, into the same network with random weights."""
    lm, usual = randomised(m.sample.questions.lm, seed), m.dictionary.usual[m.point]
    discover = m.discover.on(lm)
    drawn = references(discover, {m.point: m.dictionary.saes[m.point]}, seed=seed)[m.point].drawn
    sae = random_sae(m.point, drawn, m.dictionary.saes[m.point].d_sae, float(usual.fires.sum()), seed)
    dictionary = Dictionary({m.point: sae}, references(discover, {m.point: sae}, seed=seed))
    features = Chosen.of(dictionary, discover).by_label()
    return Sample.of(m.sample.questions.on(lm), n_resamples, seed), dictionary, features


def _setting(**found: object) -> pd.DataFrame:
    blank = {"hook_point": "", "depth": np.nan, "accuracy": np.nan, "low": np.nan, "high": np.nan, "chance": np.nan}
    return pd.DataFrame([{**blank, "n": 0, "untested": "", **found}])[list(SETTING.columns)]


def _untested(setting: Mapping[str, object], reason: str) -> Concentration:
    """Say why nothing can be said."""
    return filled(Concentration, setting=_setting(**setting, untested=reason))


def _emotions(sample: Sample, found: Mapping[tuple[str, str], Spread]) -> Iterator[tuple[object, ...]]:
    for (condition, place), one in found.items():
        for measure, values in one.values.items():
            for label, name in enumerate(sample.labels):
                yield condition, place, name, measure, estimate(values[:, label], sample.n), sample.n


def _contrasts(sample: Sample, found: Mapping[tuple[str, str], Spread]) -> Iterator[tuple[object, ...]]:
    for (condition, place), one in found.items():
        for measure in one.values:
            differences = [one.contrast(measure, label) for label in range(len(sample.labels))]
            rates = false_discovery_rates(differences)
            for name, draws, q in zip(sample.labels, differences, rates, strict=True):
                yield condition, place, name, measure, estimate(draws, sample.n), q, sample.n


def _depths(m: Traced, chosen: Spread) -> Iterator[tuple[object, ...]]:
    for point in m.at:
        one = chosen if point == m.point else m.measured(point, curve=False)
        depth = point.depth(m.discover.lm.n_layers)
        for measure in (EFFECTIVE, TOTAL):
            for label, name in enumerate(m.sample.labels):
                draws = one.values[measure][:, label]
                yield str(point), name, measure, depth, estimate(draws, m.sample.n), m.sample.n


def _curves(sample: Sample, found: Mapping[tuple[str, str], Spread]) -> Iterator[tuple[object, ...]]:
    for condition in (ITS, MATCHED):
        for name, (sizes, fall) in zip(sample.labels, found[condition, ONE].curves, strict=True):
            for column, k in enumerate(sizes):
                yield condition, name, k, estimate(fall[:, column], sample.n), sample.n


def _interference(m: Traced, tops: Features, seed: int) -> Iterator[tuple[object, ...]]:
    here = m.dictionary.at(m.point)
    for name, top in zip(m.sample.labels, tops, strict=True):
        other = matched(top, here.usual, seed)
        done = {
            (ABLATED, ITS): here.ablated(top),
            (ABLATED, MATCHED): here.ablated(other),
            (DOUBLED, ITS): here.doubled(top),
        }
        for (edit, condition), edits in done.items():
            for measure, change in zip((LOG_ODDS, RECALL), changes(m.sample, edits), strict=True):
                for label, affected in enumerate(m.sample.labels):
                    rows = m.sample.rows(label)
                    value = estimate(m.sample.mean(change[rows], rows), m.sample.n)
                    yield name, edit, condition, affected, measure, value, m.sample.n


def _confusions(sample: Sample) -> Iterator[tuple[object, ...]]:
    from scipy.stats import binomtest

    predicted = sample.logits.argmax(1)
    for label, gold in enumerate(sample.labels):
        rows = sample.rows(label)
        for other, name in enumerate(sample.labels):
            n = int((predicted[rows] == other).sum())
            wilson = binomtest(n, len(rows)).proportion_ci(method="wilson")
            yield gold, name, n / len(rows), wilson.low, wilson.high, len(rows)


def _coactivation(m: Traced, tops: Features) -> Iterator[tuple[object, ...]]:
    names, n = m.sample.labels, len(m.sample.questions)
    for (a, b), (draws, shared) in coactivation(m.sample, m.dictionary, tops).items():
        for one, other in ((a, b), (b, a)):
            yield names[one], names[other], estimate(draws, n), shared, n
