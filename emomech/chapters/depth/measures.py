"""Five measures of how much of a task's answer there is at each depth, from 0 (chance) to 1 (the maximum).

Two measures read activations, one applies the model's own output layers, and two intervene:

- probe: balanced accuracy of a logistic regression on the activation (Alain and Bengio, 2017);
- best feature: 2 AUROC - 1 of the best single SAE feature for each label, mean over the labels;
- read-out: balanced accuracy of the model's own final norm and unembedding, applied to the activation;
- effect of features: log-odds lost when the features with the largest attribution are moved to their means, as a share
  of the trained model's log-odds above those of a guess;
- effect of activation: share of texts whose answer becomes the label of another text when the activation is replaced by
  that text's.

Fit and select on `discover`; score on `report`. In the control with shuffled labels, fit and selection use shuffled
labels (Hewitt and Liang, 2019); for measures without a fit, the labels used for scoring are shuffled.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from emomech.causal.attribution import attribute
from emomech.causal.effects import logits_of_each
from emomech.causal.feature_stats import feature_stats
from emomech.causal.patching import patched, read_out
from emomech.causal.questions import Questions, Where, log_odds
from emomech.causal.sample import Sample
from emomech.chapters.conditions import RANDOM_WEIGHTS, SHUFFLED_LABELS, TRAINED, Condition
from emomech.chapters.depth.pooling import PLACES, Pooled, pool
from emomech.core.hook_points import HookPoint
from emomech.models.language_model import LanguageModel, randomised
from emomech.saes.controls import mean_l0, random_like
from emomech.saes.edits import MoveFeatures
from emomech.saes.sae import Sae
from emomech.stats.auroc import Detector, auroc_draws, members
from emomech.stats.classification import Confusion
from emomech.stats.estimates import Floats, Ints
from emomech.stats.testing import permuted

Measure = Literal["probe", "best feature", "read-out", "effect of features", "effect of activation"]
CONDITIONS: tuple[Condition, ...] = (TRAINED, RANDOM_WEIGHTS, SHUFFLED_LABELS)
"""The trained model and its controls, in the order of the table."""
Saes: TypeAlias = Mapping[HookPoint, Sae]
DepthProfiles: TypeAlias = dict[tuple[Condition, Where, Measure], Floats]
"""Profile (draw, hook point) of each measure in each condition at each place; the first draw is the value itself."""
_FIT_TEXTS = 64
"""Texts on which the mean and the sparsity of random dictionaries are measured."""


@dataclass(frozen=True, eq=False)
class MeasuredTask:
    """The texts of one task on both splits, with the same number of texts of each label."""

    discover: Questions
    report: Sample
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
class _Network:
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


def profiles(task: MeasuredTask, saes: Saes) -> DepthProfiles:
    """Measure the trained model and both controls at the text and at the answer.

    The read-out and the effect of the activation are defined at the answer only.
    """
    lm, seed = task.discover.lm, task.report.seed
    untrained = randomised(lm, seed)
    random = _random(task.discover.on(untrained), task.discover, saes, seed)
    networks = [_network(task, lm, saes), _network(task, untrained, random)]
    measured: DepthProfiles = {}
    rng = np.random.default_rng(seed)
    shuffled = permuted(task.discover.gold, rng), permuted(task.report.gold, rng)
    partner = _partners(task.report.gold[task.edited], rng)
    above_guess = networks[0].above_guess
    answers = [_patched(task, network, partner) for network in networks]
    for condition in CONDITIONS:
        number = int(condition == RANDOM_WEIGHTS)
        network = networks[number]
        fitted, scored = shuffled if condition == SHUFFLED_LABELS else (task.discover.gold, task.report.gold)
        for where in PLACES:
            measured[condition, where, "probe"] = _probe(task, network, where, fitted)
            measured[condition, where, "best feature"] = _best_feature(task, network, where, fitted)
            measured[condition, where, "effect of features"] = _features(task, network, where, fitted, above_guess)
        measured[condition, "answer", "read-out"] = _read_out(task, network, scored)
        target = scored[task.edited][partner]
        measured[condition, "answer", "effect of activation"] = _became(task, *answers[number], target)
    return measured


def _network(task: MeasuredTask, lm: LanguageModel, saes: Saes) -> _Network:
    discover, report = task.discover.on(lm), task.report.questions.on(lm)
    edited = report.take(task.edited)
    return _Network(discover, report, saes, pool(discover, saes), pool(report, saes), edited, edited.logits())


def _random(questions: Questions, trained: Questions, saes: Saes, seed: int) -> Saes:
    """Random dictionaries for the model of `questions`, with the size and sparsity that the SAEs have on `trained`."""
    x, x_trained = (q.take(range(min(_FIT_TEXTS, len(q)))).activations(list(saes)) for q in (questions, trained))
    return {p: random_like(sae, x[p], seed, l0=mean_l0(sae, x_trained[p])) for p, sae in saes.items()}


def _accuracy(task: MeasuredTask, gold: Ints, predicted: Ints) -> Floats:
    """Balanced accuracy on the `report` texts, rescaled so that chance is 0 and no error is 1 (draw)."""
    n = len(task.report.labels)
    accuracy = Confusion.of(gold, predicted, n, task.report.weights).balanced_accuracy()
    return (accuracy - 1 / n) / (1 - 1 / n)


def _probe(task: MeasuredTask, network: _Network, where: Where, fitted: Ints) -> Floats:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    columns = []
    for point in network.saes:
        probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=500))
        probe.fit(network.fitted[where][point].activation.numpy(), fitted)
        predicted = probe.predict(network.scored[where][point].activation.numpy())
        columns.append(_accuracy(task, task.report.gold, predicted))
    return np.stack(columns, 1)


def _best_feature(task: MeasuredTask, network: _Network, where: Where, fitted: Ints) -> Floats:
    n = len(task.report.labels)
    member = members(task.report.gold, n)
    columns = []
    for point in network.saes:
        detectors = Detector.find(network.fitted[where][point].features.toarray(), members(fitted, n))
        units = network.scored[where][point].features.toarray()
        draws = [auroc_draws(d.scores(units), member[:, i], task.report.weights) for i, d in enumerate(detectors)]
        columns.append(2 * np.mean(draws, 0) - 1)
    return np.stack(columns, 1)


def _read_out(task: MeasuredTask, network: _Network, gold: Ints) -> Floats:
    pooled = network.scored["answer"]
    answers = (read_out(network.report, pooled[point].activation).argmax(1) for point in network.saes)
    return np.stack([_accuracy(task, gold, predicted) for predicted in answers], 1)


def _features(task: MeasuredTask, network: _Network, where: Where, fitted: Ints, above_guess: Floats) -> Floats:
    """Log-odds lost by moving features (draw, hook point), as a share of `above_guess` (text) of the trained model."""
    rows = first_of_each(fitted, task.n_edited)
    chosen_by = network.discover.take(rows).with_gold(fitted[rows])
    stats = feature_stats(chosen_by, network.saes, where, task.report.seed)
    effects = attribute(chosen_by, network.saes, {p: (s.features, s.error) for p, s in stats.items()}, where)
    edited, weights = network.edited, task.edited_weights
    before = log_odds(network.clean, edited.gold)
    edits = []
    for point, sae in network.saes.items():
        index = np.argsort(effects[point].effect.mean(0))[: task.n_features]
        edits.append({point: MoveFeatures(sae, index.tolist(), offset=stats[point].features[index])})
    after = [log_odds(logits, edited.gold) for logits in logits_of_each(edited, edits, where)]
    return np.stack([weights @ (before - edited_odds) / (weights @ above_guess) for edited_odds in after], 1)


def _partners(gold: Ints, rng: np.random.Generator) -> Ints:
    """Draw for each text the number of a text with another label (text)."""
    return np.array([rng.choice(np.flatnonzero(gold != label)) for label in gold])


def _patched(task: MeasuredTask, network: _Network, partner: Ints) -> tuple[Ints, Ints]:
    """Answers before (text) and after taking the activation of the partner text (hook point, text)."""
    activations = {p: network.scored["answer"][p].activation[task.edited][partner] for p in network.saes}
    after = [patched(network.edited, point, values).argmax(1) for point, values in activations.items()]
    return network.clean.argmax(1), np.stack(after)


def _became(task: MeasuredTask, before: Ints, after: Ints, target: Ints) -> Floats:
    """Share of texts that answer with the target label after patching, minus the share before (draw, hook point)."""
    weights = task.edited_weights
    return weights @ ((after == target) * 1.0 - (before == target)).T / weights.sum(1, keepdims=True)
