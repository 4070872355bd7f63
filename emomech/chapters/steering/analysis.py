"""Does moving causal features make the model better at inferring emotions, and at what cost to its language?

Features are chosen on a few labelled texts of the `discover` split, operation and dose on `tune`, and all that is said
is of `report`. No text's own label decides what is done to it. What steering gains may be a shift of what the model
says most often; a bias of the logits, fitted on the same labelled texts, gives such a gain without any steering,
and is what has to be beaten.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pandas as pd

from emomech.causal.lm_loss import LanguageShift, language_shift
from emomech.causal.steering.experiment import BIAS, FEATURES, MATCHED, SIZES, Experiment, Method, doses_shown
from emomech.causal.steering.operations import best
from emomech.causal.steering.recognition import ACCURACY, F1, Change, Texts
from emomech.core.errors import UsageError
from emomech.data.corpus import Example, divisions
from emomech.stats.estimates import Estimate, Floats, bootstrap_weights, interval
from emomech.stats.tables import INTERVAL, Schema, filled, frame, schemas
from emomech.study.study import Study

NONE = "no steering"
N_LANGUAGE = 80
"""Texts on which the language model is measured."""
RECOGNITION, LANGUAGE_MODELLING = "recognition", "language modelling"
_FLIPS = {
    "put_right": "texts that were wrong and are now right",
    "put_wrong": "texts that were right and are now wrong",
}
_DISPLACED = "how far activations are moved, as a share of their usual norm: mean over tokens and hook points"
SETTING = Schema(
    keys={"part": "what is asked"},
    values={
        "texts": "on which texts",
        "balanced_accuracy": "of the model as it is",
        **INTERVAL,
        "chance": "balanced accuracy of guessing",
        "n": "texts",
        "untested": "why it cannot be tested here; empty where it can",
    },
)
METHODS = Schema(
    keys={"method": "what is done"},
    values={
        "operation": "how",
        "positions": "at which tokens",
        "dose": "as chosen on the tune split",
        "displacement": _DISPLACED,
        "balanced_accuracy": "with it",
        **INTERVAL,
        "macro_f1": "with it",
        "f1_low": "lower end of its 95 % interval",
        "f1_high": "upper end of its 95 % interval",
        **_FLIPS,
        "p": "exact McNemar test that as many are put right as wrong",
        "n": "texts",
        "untested": "why it cannot be tested here; empty where it can",
    },
)
DIFFERENCES = Schema(
    keys={"method": "what is done", "versus": "what it is compared with", "measure": "balanced accuracy or macro-F1"},
    values={"difference": "of the gains, same texts", **INTERVAL, "n": "texts"},
)
EMOTIONS = Schema(
    keys={"method": "what is done", "emotion": "gold emotion"},
    values={
        "recall": "of the model as it is",
        "change": "rise of recall",
        **INTERVAL,
        "said_before": "share of all texts that are said to be of this emotion",
        "said_after": "the same with it",
        "n": "texts",
    },
)
ITEMS = Schema(
    keys={"method": "what is done", "breakdown": "how the texts are divided", "group": "which part of them"},
    values={
        "accuracy": "of the model as it is",
        "change": "rise of accuracy",
        **INTERVAL,
        **_FLIPS,
        "n": "texts",
    },
)
TRIALS = Schema(
    keys={"operation": "how the features are moved", "trial": "number of the trial"},
    values={
        "dose": "largest dose of any emotion's features, in peaks",
        "displacement": _DISPLACED,
        "tune_accuracy": "balanced accuracy where the dose is chosen, so no result",
        "chosen": "whether it is the best of its operation",
        "gain": "of the chosen: rise of balanced accuracy on the reported texts",
        **INTERVAL,
    },
)
LANGUAGE = Schema(
    keys={"units": "what is moved", "dose": "in peaks"},
    values={
        "displacement": _DISPLACED,
        "loss": "rise of the next-token loss on neutral text, relative",
        **INTERVAL,
        "kl": "divergence of the predictions from the unsteered model's, nats per token",
        "agreement": "share of tokens with the same likeliest next token",
        "gain": "rise of balanced accuracy on the reported texts",
        "gain_low": "lower end of its 95 % interval",
        "gain_high": "upper end of its 95 % interval",
        "chosen": "whether it is the dose that was chosen",
        "n": "neutral texts",
    },
)
EFFICIENCY = Schema(
    keys={"method": "what is done", "n_labelled": "labelled texts of each emotion"},
    values={"dose": "as chosen on the tune split", "gain": "rise of balanced accuracy", **INTERVAL, "n": "texts"},
)
CHOSEN = Schema(
    keys={"emotion": "which it supports", "rank": "by its support"},
    values={
        "hook_point": "where it stands",
        "feature": "its number",
        "support": "estimated loss of log-odds without it, in nats",
        "peak": "its largest value",
    },
)


@dataclass(frozen=True)
class Steering:
    """What steering gains, what the same labelled texts gain without it, and what it costs."""

    setting: Annotated[pd.DataFrame, SETTING]
    methods: Annotated[pd.DataFrame, METHODS]
    differences: Annotated[pd.DataFrame, DIFFERENCES]
    emotions: Annotated[pd.DataFrame, EMOTIONS]
    items: Annotated[pd.DataFrame, ITEMS]
    trials: Annotated[pd.DataFrame, TRIALS]
    language: Annotated[pd.DataFrame, LANGUAGE]
    efficiency: Annotated[pd.DataFrame, EFFICIENCY]
    chosen: Annotated[pd.DataFrame, CHOSEN]


def steering(
    study: Study,
    *,
    n_labelled: int = 5,
    n_features: int = 5,
    n_tune: int = 20,
    n_report: int = 40,
    n_resamples: int = 1000,
) -> Steering:
    """Steer with `n_features` features of each emotion, chosen on `n_labelled` texts of each.

    Doses are chosen on `n_tune` texts of each emotion, and `n_report` of each are reported on. Where a gain could not
    be shown, all tables but `setting` are empty.
    """
    try:
        texts = Texts.of(study, max(*SIZES, n_labelled), n_tune, n_report, n_resamples)
    except UsageError as error:
        return _tables([_setting(study, str(error))])
    if reason := texts.untested():
        return _tables([_setting(study, reason, texts)])
    found = Experiment(study, texts, n_labelled, n_features)
    source, language = _language(study, found)
    unsteered = "" if found.chosen.dose else "no dose but none was chosen: every one that was tried costs accuracy"
    asked = (LANGUAGE_MODELLING, source, *(np.nan,) * 4, len(language) and language[0][-1], unsteered)
    methods = found.methods()
    return _tables(
        [_setting(study, "", texts), asked],
        methods=[_method(texts, one) for one in methods],
        differences=list(_differences(methods)),
        emotions=list(_emotions(methods, texts.report.labels)),
        items=list(_items(methods, texts.report.examples)),
        trials=list(_trials(found)),
        language=language,
        efficiency=list(_efficiency(found)),
        chosen=list(_chosen(found)),
    )


def _tables(setting: Sequence[tuple], **rows: Sequence[tuple]) -> Steering:
    """Make the tables from their rows; those without are empty."""
    known = schemas(Steering)
    return filled(Steering, **{name: frame(known[name], found) for name, found in {"setting": setting, **rows}.items()})


def _setting(study: Study, untested: str, texts: Texts | None = None) -> tuple:
    if texts is None or not len(texts.report):
        return (RECOGNITION, study.corpus.name, *(np.nan,) * 4, 0, untested)
    standing = texts.standing()
    return (RECOGNITION, study.corpus.name, standing, 1 / len(texts.report.labels), standing.n, untested)


def _method(texts: Texts, method: Method) -> tuple:
    what = (method.name, method.operation, method.positions, method.dose, method.displacement)
    if method.change is None:
        return (*what, *(np.nan,) * 6, 0, 0, np.nan, len(texts.report), method.untested)
    scores = [method.change.score(measure) for measure in (ACCURACY, F1)]
    return (*what, *scores, *method.change.flips, len(texts.report), "")


def _differences(methods: Sequence[Method]) -> Iterator[tuple]:
    """Compare every method with no steering, and the causal features with every other."""
    done = [(one.name, one.change) for one in methods if one.change is not None]
    for measure in (ACCURACY, F1):
        for name, change in done:
            gain = change.gain(measure)
            yield (name, NONE, measure, gain, gain.n)
        for name, change in done[1:]:
            lead = done[0][1].beyond(change, measure)
            yield (FEATURES, name, measure, lead, lead.n)


def _shown(methods: Sequence[Method]) -> list[tuple[str, Change]]:
    """Methods of which it is shown for which texts they do what."""
    return [(m.name, m.change) for m in methods if m.name in (FEATURES, BIAS, MATCHED) and m.change is not None]


def _emotions(methods: Sequence[Method], labels: Sequence[str]) -> Iterator[tuple]:
    for name, change in _shown(methods):
        for i, emotion in enumerate(labels):
            here = change.take(np.flatnonzero(change.gold == i))
            before, rise = here.rise()
            said = [float((logits.argmax(1) == i).mean()) for logits in (change.before, change.after)]
            yield (name, emotion, before, rise, *said, len(here.gold))


def _items(methods: Sequence[Method], examples: Sequence[Example]) -> Iterator[tuple]:
    for name, change in _shown(methods):
        for breakdown, group, rows in divisions(examples):
            here = change.take(np.array(rows))
            before, rise = here.rise()
            yield (name, breakdown, group, before, rise, *here.flips[:2], len(rows))


def _trials(found: Experiment) -> Iterator[tuple]:
    for operation, trials in found.trials.items():
        taken = best(trials)
        for number, one in enumerate(trials):
            what = (operation, number, one.move.dose, found.units.displacement(one.move), one.accuracy, one is taken)
            gain = [found.by_operation(operation).gain()] if one is taken else [np.nan] * 3
            yield (*what, *gain)


def _language(study: Study, found: Experiment) -> tuple[str, list[tuple]]:
    """Measure, at every dose, what the chosen move costs and what it gains; of which texts, and the rows."""
    other = study.controls[0] if study.controls else study
    corpus, seed = other.corpus, study.spec.seed
    prompts = [q for q, e in zip(other.prompts, corpus.examples, strict=True) if corpus.split(e, seed) == "report"]
    texts = prompts[:N_LANGUAGE]
    weights = bootstrap_weights([str(i) for i in range(len(texts))], found.texts.n_resamples, seed)
    rows = []
    for name, units in ((FEATURES, found.units), (MATCHED, found.matched)):
        for dose in doses_shown(found.chosen):
            move = found.chosen.at(dose)
            shift = language_shift(study.lm, texts, units.edits(move))
            gain = found.change(units, move).gain()
            told = (*_cost(shift, weights), gain, bool(dose == found.chosen.dose), len(texts))
            rows.append((name, dose, units.displacement(move), *told))
    return f"{corpus.name}, the question included" if study.controls else f"{corpus.name}, the reported texts", rows


def _cost(shift: LanguageShift, weights: Floats) -> tuple[Estimate, float, float]:
    here, drawn = shift.means(), shift.means(weights)
    loss = interval(float(here["loss"][0]), drawn["loss"], weights.shape[1])
    return (loss, float(here["kl"][0]), float(here["agreement"][0]))


def _efficiency(found: Experiment) -> Iterator[tuple]:
    curves = [(FEATURES, *one) for one in found.efficiency()]
    curves += [(BIAS, size, *found.bias(size)) for size in found.sizes]
    for name, size, dose, change in curves:
        gain = change.gain()
        yield (name, size, dose, gain, gain.n)


def _chosen(found: Experiment) -> Iterator[tuple]:
    for i, (emotion, features) in enumerate(zip(found.texts.tune.labels, found.units.of, strict=True)):
        for rank, one in enumerate(features, 1):
            peak = float(found.units.usual[one.point].peak[one.index])
            yield (emotion, rank, str(one.point), one.index, float(found.own_support[one.point][i, one.index]), peak)
