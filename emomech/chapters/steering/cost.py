"""What steering costs: the loss on neutral text, and the accuracy of the control tasks, at every dose."""

from collections.abc import Iterator

from emomech.causal.lm_loss import LanguageShift, language_shifts
from emomech.causal.questions import Questions, balanced
from emomech.causal.sample import Sample
from emomech.causal.steering.experiment import FEATURES, MATCHED, Experiment, doses_shown
from emomech.causal.steering.operations import Move, Units
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
    other = study.controls[0] if study.controls else study
    corpus, seed = other.corpus, study.spec.seed
    prompts = [q for q, e in zip(other.prompts, corpus.examples, strict=True) if corpus.split(e, seed) == "report"]
    texts = prompts[:N_LANGUAGE]
    weights = bootstrap_weights([str(i) for i in range(len(texts))], len(experiment.texts.report.resamples), seed)
    rows = []
    for name, units in ((FEATURES, experiment.units), (MATCHED, experiment.matched)):
        doses = doses_shown(experiment.chosen)
        moves = [experiment.chosen.at(dose) for dose in doses]
        shifts = language_shifts(study.lm, texts, [units.edits(move) for move in moves])
        for dose, move, shift in zip(doses, moves, shifts, strict=True):
            row = {"units": name, "dose": dose, "chosen": bool(dose == experiment.chosen.dose), "n": len(texts)}
            rows.append(row | _cost_and_gain(experiment, units, move, shift, weights))
    return f"{corpus.name}, the question included" if study.controls else f"{corpus.name}, the reported texts", rows


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
            edits = experiment.units.edits(experiment.chosen.at(dose))
            right = sample.questions.logits(edits).argmax(1) == sample.gold
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
