"""Six measures of how much of a task's answer there is at each depth, from 0 (chance) to 1 (the maximum).

Two measures read activations, two apply the model's own output layers, and two intervene:

- probe: balanced accuracy of a logistic regression on the activation (Alain and Bengio, 2017);
- best feature: 2 AUROC - 1 of the best single SAE feature for each label, mean over the labels;
- read-out: balanced accuracy of the model's own final norm and unembedding, applied to the activation;
- J-lens: the same after the model's mean Jacobian carries the activation to the last block (`causal.jacobian`), fitted
  at the answer on other texts than those of either split;
- effect of features: log-odds lost when the features with the largest attribution are moved to their means, as a share
  of the trained model's log-odds above those of a guess, undefined where these are not clearly above `FLOOR`;
- effect of activation: share of texts whose answer becomes the label of another text when the activation is replaced by
  that text's.

Fit and select on `discover`; score on `report`. In the control with shuffled labels, fit and selection use shuffled
labels (Hewitt and Liang, 2019); for measures without a fit, the labels used for scoring are shuffled.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from emomech.causal.attribution import attribute
from emomech.causal.effects import logits_of_each
from emomech.causal.feature_stats import feature_stats
from emomech.causal.jacobian import JacobianLens
from emomech.causal.patching import read_out
from emomech.causal.questions import Edits, Questions, Where, log_odds
from emomech.causal.sample import Sample
from emomech.chapters.conditions import RANDOM_WEIGHTS, SHUFFLED_LABELS, TRAINED, Condition
from emomech.chapters.depth.pooling import PLACES, Pooled, pool
from emomech.chapters.depth.swaps import answers_after
from emomech.core.hook_points import HookPoint
from emomech.models.language_model import LanguageModel, randomised
from emomech.saes.controls import mean_l0, random_like
from emomech.saes.edits import MoveFeatures
from emomech.saes.sae import Sae
from emomech.stats.auroc import Detector, auroc_draws, members
from emomech.stats.classification import Confusion
from emomech.stats.estimates import Floats, Ints
from emomech.stats.floors import floored_ratio, undefined_because
from emomech.stats.testing import permuted

Measure = Literal["probe", "best feature", "read-out", "J-lens", "effect of features", "effect of activation"]
CONDITIONS: tuple[Condition, ...] = (TRAINED, RANDOM_WEIGHTS, SHUFFLED_LABELS)
"""The trained model and its controls, in the order of the table."""
Saes: TypeAlias = Mapping[HookPoint, Sae]
DepthProfiles: TypeAlias = dict[tuple[str, str, str], Floats]
"""Profile (draw, hook point) of each measure in each condition at each place; the first draw is the value itself."""
FLOOR = 0.5
"""Smallest mean log-odds above those of a guess, in nats, of which shares are taken. With it the odds of the right
answer are 1.6 times those of a guess; where they are hardly higher, there is no effect to be shared among depths."""
_FIT_TEXTS = 64
"""Texts on which the mean and the sparsity of random dictionaries are measured."""


@dataclass(frozen=True, eq=False)
class MeasuredTask:
    """The texts of one task on both splits, with the same number of texts of each label."""

    discover: Questions
    report: Sample
    lens: Questions
    """Texts that the J-lens is fitted on."""
    n_edited: int
    """Texts of each label that are intervened on, and texts of each label that attribution selects features on."""
    n_features: int
    """Features that are moved at once."""

    @property
    def edited(self) -> Ints:
        """Numbers of the `report` texts that are intervened on."""
        return first_of_each(self.report.gold, self.n_edited)

    @property
    def edited_weights(self) -> Floats:
        """Weights of these texts (draw, text)."""
        return self.report.weights[:, self.edited]


@dataclass(frozen=True, eq=False)
class Network:
    """A model with its SAEs or random dictionaries, and what they show at both places of the texts."""

    discover: Questions
    report: Questions
    saes: Saes
    fitted: Mapping[Where, Mapping[HookPoint, Pooled]]
    """Pooled `discover` texts."""
    scored: Mapping[Where, Mapping[HookPoint, Pooled]]
    """Pooled `report` texts."""
    edited: Questions
    """The `report` texts that are intervened on."""
    clean: Floats
    """Logits of these texts without an intervention (text, label)."""

    @property
    def above_guess(self) -> Floats:
        """Log-odds of the right label minus those of a guess, for the texts that are intervened on (text)."""
        return log_odds(self.clean, self.edited.gold) + np.log(len(self.edited.labels) - 1)


def first_of_each(labels: Ints, n: int) -> Ints:
    """Numbers of the first n examples of each label, in increasing order."""
    return np.sort(np.concatenate([np.flatnonzero(labels == label)[:n] for label in np.unique(labels)]))


@dataclass(frozen=True, eq=False)
class Effects:
    """Effects of an intervention on each text, and what they are shares of."""

    top: Floats
    """Effect at each hook point (hook point, text)."""
    bottom: Floats
    """What a share of 1 would be (text)."""
    floor: float
    """The mean of `bottom` below which shares are undefined."""

    def shares(self, weights: Floats) -> Floats:
        """Mean effect as a share (draw, hook point), for weights of the texts (draw, text)."""
        n = weights.sum(1, keepdims=True)
        return floored_ratio(weights @ self.top.T / n, (weights @ self.bottom)[:, None] / n, self.floor)


@dataclass(frozen=True, eq=False)
class Measured:
    """All measures of one task."""

    profiles: DepthProfiles
    undefined: str
    """Why the normalised effect of features is undefined; empty if it is not."""
    trained: Network
    """The trained model and its activations."""
    lens: JacobianLens
    """The lens of the trained model."""
    effects: Mapping[tuple[str, str], Effects]
    """Effects of interventions in the trained model."""


def measure(task: MeasuredTask, saes: Saes) -> Measured:
    """Measure the trained model and both controls at the text and at the answer.

    The two lenses and the effect of the activation are defined at the answer only.
    """
    lm, seed = task.discover.lm, task.report.seed
    untrained = randomised(lm, seed)
    random = _random(task.discover.on(untrained), task.discover, saes, seed)
    networks = [_network(task, lm, saes), _network(task, untrained, random)]
    lenses = [JacobianLens.fit(task.lens.on(network.report.lm), list(saes), "answer") for network in networks]
    profiles: DepthProfiles = {}
    effects: dict[tuple[str, str, str], Effects] = {}
    rng = np.random.default_rng(seed)
    shuffled = permuted(task.discover.gold, rng), permuted(task.report.gold, rng)
    partner = _partners(task.report.gold[task.edited], rng)
    above_guess = networks[0].above_guess
    answers = [_patched(task, network, partner) for network in networks]
    for where in PLACES:
        trained, wrong = _lost(task, networks[0], where, [task.discover.gold, shuffled[0]])
        (weights_only,) = _lost(task, networks[1], where, [task.discover.gold])
        for condition, lost in zip(CONDITIONS, (trained, weights_only, wrong), strict=True):
            effects[condition, where, "effect of features"] = Effects(lost, above_guess, FLOOR)
    for condition in CONDITIONS:
        number = int(condition == RANDOM_WEIGHTS)
        network = networks[number]
        fitted, scored = shuffled if condition == SHUFFLED_LABELS else (task.discover.gold, task.report.gold)
        for where in PLACES:
            profiles[condition, where, "probe"] = _probe(task, network, where, fitted)
            profiles[condition, where, "best feature"] = _best_feature(task, network, where, fitted)
        for name, lens in (("read-out", None), ("J-lens", lenses[number])):
            answered = lens_answers(network.report, network.scored["answer"], lens)
            profiles[condition, "answer", name] = _accuracies(task, scored, answered)
        became = _became(*answers[number], scored[task.edited][partner])
        effects[condition, "answer", "effect of activation"] = Effects(became, np.ones(len(partner)), 0.0)
    weights = task.edited_weights
    profiles |= {key: of_texts.shares(weights) for key, of_texts in effects.items()}
    means = weights @ above_guess / weights.sum(1)
    of_trained = {(where, name): of_texts for (c, where, name), of_texts in effects.items() if c == TRAINED}
    return Measured(profiles, undefined_because(means, FLOOR, "nats", len(partner)), networks[0], lenses[0], of_trained)


def _network(task: MeasuredTask, lm: LanguageModel, saes: Saes) -> Network:
    discover, report = task.discover.on(lm), task.report.questions.on(lm)
    edited = report.take(task.edited)
    return Network(discover, report, saes, pool(discover, saes), pool(report, saes), edited, edited.logits())


def _random(questions: Questions, trained: Questions, saes: Saes, seed: int) -> Saes:
    """Random dictionaries for the model of `questions`, with the size and sparsity that the SAEs have on `trained`."""
    x, x_trained = (q.take(range(min(_FIT_TEXTS, len(q)))).activations(list(saes)) for q in (questions, trained))
    return {p: random_like(sae, x[p], seed, l0=mean_l0(sae, x_trained[p])) for p, sae in saes.items()}


def _accuracy(task: MeasuredTask, gold: Ints, predicted: Ints) -> Floats:
    """Balanced accuracy on the `report` texts, rescaled so that chance is 0 and no error is 1 (draw)."""
    n = len(task.report.labels)
    accuracy = Confusion.of(gold, predicted, n, task.report.weights).balanced_accuracy()
    return (accuracy - 1 / n) / (1 - 1 / n)


def _accuracies(task: MeasuredTask, gold: Ints, predicted: Sequence[Ints]) -> Floats:
    """The same for the answers at each hook point (draw, hook point)."""
    return np.stack([_accuracy(task, gold, answers) for answers in predicted], 1)


def probe_answers(fit: Floats, labels: Ints, read: Floats) -> Ints:
    """Labels that a probe, fitted on activations `fit` (text, d_model), predicts for others, `read` (text)."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=500))
    return probe.fit(fit, labels).predict(read)


def feature_draws(fit: Floats, labels: Ints, read: Floats, gold: Ints, weights: Floats) -> Floats:
    """2 AUROC − 1 of the best feature of each label (draw), mean over the labels that a draw has texts of.

    The features are chosen on `fit` (text, d_sae). They are scored on other texts, with features `read` (text, d_sae),
    labels `gold` (text) and `weights` (draw, text).
    """
    n = int(max(labels.max(), gold.max())) + 1
    member = members(gold, n)
    detectors = Detector.find(fit, members(labels, n))
    draws = [auroc_draws(d.scores(read), member[:, i], weights) for i, d in enumerate(detectors)]
    return 2 * np.nanmean(draws, 0) - 1


def lens_answers(questions: Questions, pooled: Mapping[HookPoint, Pooled], lens: JacobianLens | None) -> list[Ints]:
    """Labels that the model's output layers read out at each hook point (text), through a J-lens if there is one."""
    read = ((point, at_point.activation) for point, at_point in pooled.items())
    if lens is None:
        return [read_out(questions, x).argmax(1) for _, x in read]
    return [lens.read(questions, point, x).argmax(1) for point, x in read]


def _probe(task: MeasuredTask, network: Network, where: Where, fitted: Ints) -> Floats:
    fit, read = ([of[where][p].activation.numpy() for p in network.saes] for of in (network.fitted, network.scored))
    predicted = [probe_answers(x, fitted, y) for x, y in zip(fit, read, strict=True)]
    return _accuracies(task, task.report.gold, predicted)


def _best_feature(task: MeasuredTask, network: Network, where: Where, fitted: Ints) -> Floats:
    fit, read = ([of[where][p].features.toarray() for p in network.saes] for of in (network.fitted, network.scored))
    gold, weights = task.report.gold, task.report.weights
    return np.stack([feature_draws(x, fitted, y, gold, weights) for x, y in zip(fit, read, strict=True)], 1)


def _lost(task: MeasuredTask, network: Network, where: Where, fitted: Sequence[Ints]) -> list[Floats]:
    """Log-odds that each text loses by moving features, in nats (hook point, text), for each way to label the texts.

    The features are chosen with the labels `fitted` (text).
    """
    edited = network.edited
    edits = [edit for labels in fitted for edit in _edits(task, network, where, labels)]
    after = np.stack([log_odds(logits, edited.gold) for logits in logits_of_each(edited, edits, where)])
    return list(np.split(log_odds(network.clean, edited.gold) - after, len(fitted)))


def _edits(task: MeasuredTask, network: Network, where: Where, fitted: Ints) -> list[Edits]:
    """Move the features with the largest attribution to their means, at each hook point."""
    rows = first_of_each(fitted, task.n_edited)
    chosen_by = network.discover.take(rows).with_gold(fitted[rows])
    stats = feature_stats(chosen_by, network.saes, where, task.report.seed)
    effects = attribute(chosen_by, network.saes, {p: (s.features, s.error) for p, s in stats.items()}, where)
    edits: list[Edits] = []
    for point, sae in network.saes.items():
        index = np.argsort(effects[point].effect.mean(0))[: task.n_features]
        edits.append({point: MoveFeatures(sae, index.tolist(), offset=stats[point].features[index])})
    return edits


def _partners(gold: Ints, rng: np.random.Generator) -> Ints:
    """Draw for each text the number of a text with another label (text)."""
    return np.array([rng.choice(np.flatnonzero(gold != label)) for label in gold])


def _patched(task: MeasuredTask, network: Network, partner: Ints) -> tuple[Ints, Ints]:
    """Answers before (text) and after taking the activation of the partner text (hook point, text)."""
    activations = {p: network.scored["answer"][p].activation[task.edited][partner] for p in network.saes}
    return network.clean.argmax(1), answers_after(network.edited, activations)


def _became(before: Ints, after: Ints, target: Ints) -> Floats:
    """1 for a text that answers with the target label after patching only, −1 for before only (hook point, text)."""
    return (after == target) * 1.0 - (before == target)
