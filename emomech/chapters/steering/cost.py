"""What steering costs: the loss on neutral text, and the accuracy of the control tasks, at every dose."""

from collections.abc import Iterator

from emomech.causal.lm_loss import LanguageShift, language_shifts
from emomech.causal.questions import Questions, balanced
from emomech.causal.sample import Sample
from emomech.causal.steering.experiment import FEATURES, MATCHED, PLACES, Experiment, doses_shown
from emomech.causal.steering.fits import neutral_texts
from emomech.causal.steering.operations import Move, Units, best
from emomech.chapters.tasks import EMOTION, tasks_of
from emomech.core.errors import UsageError
from emomech.stats.estimates import Bools, Estimate, Floats, Ints, bootstrap_weights, interval
from emomech.stats.paired_answers import rise
from emomech.stats.tables import Row
from emomech.study.study import Study

N_LANGUAGE = 80
"""Texts on which language modelling is measured, at most."""
N_TASK = 200
"""Texts of each control task, at most. With so many, no flip bounds the loss of accuracy below one point."""


def language(study: Study, experiment: Experiment) -> tuple[str, list[dict[str, object]]]:
    """Measure what the chosen move costs and gains at every dose; the name of the texts, and the rows."""
    corpus = (study.controls[0] if study.controls else study).corpus
    texts, weights = _neutral(study, experiment)
    rows = []
    for name, units in ((FEATURES, experiment.units_of(experiment.chosen)), (MATCHED, experiment.matched)):
        doses = doses_shown(experiment.chosen)
        moves = [experiment.chosen.at(dose) for dose in doses]
        shifts = language_shifts(study.lm, texts, [units.edits(move) for move in moves])
        for dose, move, shift in zip(doses, moves, shifts, strict=True):
            row = {"units": name, "dose": dose, "chosen": bool(dose == experiment.chosen.dose), "n": len(texts)}
            rows.append(row | _cost_and_gain(experiment, units, move, shift, weights))
    return f"{corpus.name}, the question included" if study.controls else f"{corpus.name}, the reported texts", rows


def _neutral(study: Study, experiment: Experiment) -> tuple[list[str], Floats]:
    """Neutral texts, and how often each is drawn (resample, text)."""
    texts, n_resamples = neutral_texts(study, "report", N_LANGUAGE), len(experiment.texts.report.resamples)
    return texts, bootstrap_weights([str(i) for i in range(len(texts))], n_resamples, study.spec.seed)


def fits(study: Study, experiment: Experiment) -> list[Row]:
    """What the grid chooses for each operation whose doses are fitted, and what its best trial gains and costs."""
    texts, weights = _neutral(study, experiment)
    own = experiment.fits.draws[0]
    fitting = experiment.fits.fitting(own.units, own.labels)
    trials = [best(experiment.trials[operation]) for operation in experiment.settings]
    shifts = language_shifts(study.lm, texts, [own.units.edits(trial.move) for trial in trials])
    rows = []
    for (operation, setting), trial, shift in zip(experiment.settings.items(), trials, shifts, strict=True):
        move = trial.move
        known = {"operation": operation, "chosen": move == experiment.chosen, "positions": PLACES[move.where]}
        chosen = {"first": setting.first, "n_features": setting.n_features, "penalty": setting.penalty}
        reached = {"dose": move.dose, "tune_accuracy": trial.accuracy, "expected_kl": fitting.divergence(setting, move)}
        rows.append(known | chosen | reached | _cost_and_gain(experiment, own.units, move, shift, weights))
    return rows


def _cost_and_gain(
    experiment: Experiment, units: Units, move: Move, shift: LanguageShift, weights: Floats
) -> dict[str, object]:
    means = shift.means()
    return {
        "displacement": units.displacement(move),
        "loss": loss_rise(shift, weights),
        "kl": float(means["kl"][0]),
        "agreement": float(means["agreement"][0]),
        "gain": experiment.change(units, move).gain(),
    }


def loss_rise(shift: LanguageShift, weights: Floats) -> Estimate:
    """Relative rise of the next-token loss, with its interval over texts; `weights` is (resample, text)."""
    return interval(float(shift.means()["loss"][0]), shift.means(weights)["loss"], weights.shape[1])


def control_tasks(study: Study, experiment: Experiment) -> Iterator[Row]:
    """Measure the accuracy of each control task at every dose; a task on which the model is at chance says nothing."""
    for task, control in tasks_of(study).items():
        if task == EMOTION or (sample := _sample(control, experiment)) is None:
            continue
        for dose in doses_shown(experiment.chosen):
            move = experiment.chosen.at(dose)
            edits = experiment.units_of(move).edits(move)
            right = sample.questions.logits(edits, move.where).argmax(1) == sample.gold
            keys = {"task": task, "dose": dose, "chosen": bool(dose == experiment.chosen.dose)}
            yield keys | accuracy_lost(sample.gold, sample.right, right, sample.resamples)


def _sample(control: Study, experiment: Experiment) -> Sample | None:
    """Texts of a control task; None if they cannot be asked or the model is at chance."""
    most = max(1, N_TASK // len(control.corpus.labels))
    try:
        questions = Questions.of(control, balanced(control, "report", most))
    except UsageError:
        return None
    sample = Sample.of(questions, len(experiment.texts.report.resamples), experiment.texts.seed)
    return sample if len(sample) and sample.above_chance else None


def accuracy_lost(gold: Ints, before: Bools, after: Bools, weights: Floats) -> dict[str, object]:
    """Accuracy without steering, and what is lost with it, from which texts are right (text)."""
    lost = rise(gold, before[None], after[None], weights)
    return {"accuracy": float(before.mean()), "lost": lost, "n": lost.n}
