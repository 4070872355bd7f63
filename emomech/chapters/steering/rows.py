"""Rows of the tables of steering: what each method gains and costs, and for which texts."""

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from emomech.causal.steering.experiment import BIAS, FEATURES, MATCHED, Experiment, MethodResult
from emomech.causal.steering.operations import best
from emomech.causal.steering.probe import PROBE
from emomech.causal.steering.recognition import ACCURACY, F1, Change, Texts
from emomech.chapters.steering.evidence import NONE
from emomech.data.corpus import Example, breakdowns
from emomech.stats.tables import Row


def methods(texts: Texts, results: Sequence[MethodResult]) -> list[Row]:
    """Scores of each method on the reported texts, and the texts that it puts right and wrong."""
    return [_method(texts, result) for result in results]


def _method(texts: Texts, method: MethodResult) -> Row:
    row = {
        "method": method.name,
        "operation": method.operation,
        "positions": method.positions,
        "dose": method.dose,
        "displacement": method.displacement,
        "put_right": 0,
        "put_wrong": 0,
        "n": len(texts.report),
        "untested": method.untested,
    }
    if method.change is None:
        return row
    right, wrong, p = method.change.flips
    scores = {"balanced_accuracy": method.change.score(ACCURACY), "macro_f1": method.change.score(F1)}
    return {**row, **scores, "put_right": right, "put_wrong": wrong, "p": p, "untested": ""}


def differences(results: Sequence[MethodResult]) -> Iterator[Row]:
    """Compare every method with no steering, and the causal features with every other method."""
    tested = [(result.name, result.change) for result in results if result.change is not None]
    for measure in (ACCURACY, F1):
        for name, change in tested:
            gain = change.gain(measure)
            yield {"method": name, "versus": NONE, "measure": measure, "difference": gain, "n": gain.n}
        for name, change in tested[1:]:
            lead = tested[0][1].beyond(change, measure)
            yield {"method": FEATURES, "versus": name, "measure": measure, "difference": lead, "n": lead.n}


def _broken_down(results: Sequence[MethodResult]) -> list[tuple[str, Change]]:
    """The methods that are broken down by emotion and kind of text."""
    shown = (FEATURES, BIAS, MATCHED)
    return [(result.name, result.change) for result in results if result.name in shown and result.change is not None]


def emotions(results: Sequence[MethodResult], labels: Sequence[str]) -> Iterator[Row]:
    """Recall of each emotion, and how often it is answered, before and after."""
    for name, change in _broken_down(results):
        for i, emotion in enumerate(labels):
            of_emotion = change.take(np.flatnonzero(change.gold == i))
            before, rise = of_emotion.rise()
            yield {
                "method": name,
                "emotion": emotion,
                "recall": before,
                "change": rise,
                "said_before": float((change.before.argmax(1) == i).mean()),
                "said_after": float((change.after.argmax(1) == i).mean()),
                "n": len(of_emotion.gold),
            }


def items(results: Sequence[MethodResult], examples: Sequence[Example]) -> Iterator[Row]:
    """Rise of accuracy on each part of the texts."""
    for name, change in _broken_down(results):
        for breakdown, group, rows in breakdowns(examples):
            of_group = change.take(np.array(rows))
            before, rise = of_group.rise()
            right, wrong, _ = of_group.flips
            keys = {"method": name, "breakdown": breakdown, "group": group}
            flips = {"put_right": right, "put_wrong": wrong}
            yield {**keys, "accuracy": before, "change": rise, **flips, "n": len(rows)}


def trials(experiment: Experiment) -> Iterator[Row]:
    """Everything that was tried with the causal features; the gain only for the best trial of each operation."""
    for operation, trials in experiment.trials.items():
        chosen = best(trials)
        for number, trial in enumerate(trials):
            row = {
                "operation": operation,
                "trial": number,
                "dose": trial.move.dose,
                "displacement": experiment.units_of(trial.move).displacement(trial.move),
                "tune_accuracy": trial.accuracy,
                "chosen": trial is chosen,
            }
            yield {**row, "gain": experiment.by_operation(operation).gain()} if trial is chosen else row


def fitted(experiment: Experiment) -> Iterator[Row]:
    """Doses of the single features in the best trial of each operation that fits them."""
    n_layers, labels = experiment.study.lm.n_layers, experiment.texts.report.labels
    for operation in experiment.settings:
        move = best(experiment.trials[operation]).move
        units = experiment.units_of(move)
        doses = units.doses(move)
        for emotion, features in zip(labels, units.by_label, strict=True):
            for rank, feature in enumerate(features, 1):
                where = {"hook_point": str(feature.point), "depth": feature.point.depth(n_layers)}
                keys = {"operation": operation, "emotion": emotion, "rank": rank}
                yield {**keys, **where, "feature": feature.index, "dose": doses.get(feature, 0.0)}


def turned(results: Sequence[MethodResult], labels: Sequence[str]) -> Iterator[Row]:
    """Count the texts whose answer changes, by emotion and by answer before and after."""
    for result in results:
        if result.name not in (FEATURES, BIAS, PROBE) or result.change is None:
            continue
        change = result.change
        answers = zip(change.gold, change.before.argmax(1), change.after.argmax(1), strict=True)
        counted = Counter((int(gold), int(old), int(new)) for gold, old, new in answers if old != new)
        for (gold, old, new), n in sorted(counted.items()):
            keys = {"method": result.name, "emotion": labels[gold], "before": labels[old], "after": labels[new]}
            turn = "becomes right" if new == gold else "becomes wrong" if old == gold else "stays wrong"
            yield {**keys, "turn": turn, "n": n}


def efficiency(experiment: Experiment) -> Iterator[Row]:
    """Gain by the number of labelled texts, of scaled features and of the logit bias."""
    for method, size, dose, change in experiment.efficiency():
        gain = change.gain()
        yield {"method": method, "n_labelled": size, "dose": dose, "gain": gain, "n": gain.n}


def chosen(experiment: Experiment) -> Iterator[Row]:
    """The causal features of each emotion."""
    labels, stats = experiment.texts.report.labels, experiment.dictionary.stats
    for i, (emotion, features) in enumerate(zip(labels, experiment.units.by_label, strict=True)):
        for rank, feature in enumerate(features, 1):
            yield {
                "emotion": emotion,
                "rank": rank,
                "hook_point": str(feature.point),
                "feature": feature.index,
                "support": float(experiment.own_support[feature.point][i, feature.index]),
                "peak": float(stats[feature.point].peak[feature.index]),
            }
