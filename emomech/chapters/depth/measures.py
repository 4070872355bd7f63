"""Five ways to say how much of a task's answer there is at each depth, each on a scale from 0 (chance) to 1 (all).

Two read, one reads as the model itself would, two intervene:

- probe: balanced accuracy of a logistic regression on the activation (Alain and Bengio, 2017);
- best feature: 2 AUROC - 1 of the best single SAE feature of each label, mean over the labels;
- read-out: balanced accuracy of the model's own final norm and unembedding;
- effect of features: log-odds that are lost when the features that matter most by attribution are moved to their means,
  as a share of what the trained model's log-odds lie above those of a guess;
- effect of activation: share of texts whose answer becomes another text's label with that text's activation.

What is fitted or chosen is so on `discover`, and what is scored is of `report`. With labels shuffled, fit and choice
see exchanged labels (Hewitt and Liang, 2019); where nothing is fitted, the labels that score are exchanged.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias, get_args

import numpy as np

from emomech.causal.attribution import attribute
from emomech.causal.effects import logits_of_each
from emomech.causal.feature_stats import references
from emomech.causal.patching import patched, read_out
from emomech.causal.questions import Questions, Where, log_odds
from emomech.chapters.depth.pooling import PLACES, Pooled, pooled
from emomech.core.hook_points import HookPoint
from emomech.models.language_model import LanguageModel, randomised
from emomech.saes.controls import random_sae
from emomech.saes.edits import MoveFeatures
from emomech.saes.sae import Sae
from emomech.stats.auroc import Detector, auroc_draws, members
from emomech.stats.classification import Confusion
from emomech.stats.estimates import Floats, Ints

Measure = Literal["probe", "best feature", "read-out", "effect of features", "effect of activation"]
Condition = Literal["trained", "random weights", "shuffled labels"]
Saes: TypeAlias = Mapping[HookPoint, Sae]
Profiles: TypeAlias = dict[tuple[Condition, Where, Measure], Floats]
"""Each an array (draw, hook point); the first draw is all texts."""
_FIT_TEXTS = 64
"""Texts from which the mean and the sparsity of random dictionaries are taken."""


@dataclass(frozen=True, eq=False)
class Task:
    """The texts of one task, the same number of each label on each side."""

    discover: Questions
    report: Questions
    n_edited: int
    """Texts of each label that are intervened on, and that features are chosen by."""
    n_features: int
    """Features that are moved at once."""
    weights: Floats = field(repr=False)
    """How often each reported text stands in each draw (draw, text); the first is all texts once."""
    seed: int

    @property
    def edited(self) -> Ints:
        """Which of the reported texts are intervened on."""
        return first_of_each(self.report.gold, self.n_edited)


@dataclass(frozen=True, eq=False)
class _Network:
    """A model with its SAEs, and what it has at both places of the texts."""

    discover: Questions
    report: Questions
    saes: Saes
    learnt: Mapping[Where, Mapping[HookPoint, Pooled]]
    scored: Mapping[Where, Mapping[HookPoint, Pooled]]
    edited: Questions
    clean: Floats
    """Logits of the texts that are intervened on, as they are (text, label)."""

    @property
    def above_guess(self) -> Floats:
        """By how much the log-odds of these texts exceed those of a guess (text)."""
        return log_odds(self.clean, self.edited.gold) + np.log(len(self.edited.labels) - 1)


def first_of_each(labels: Ints, n: int) -> Ints:
    """Number of the first n examples of each label, in order."""
    return np.sort(np.concatenate([np.flatnonzero(labels == label)[:n] for label in np.unique(labels)]))


def profiles(task: Task, saes: Saes) -> Profiles:
    """Measure the trained model and both controls at both places."""
    untrained = randomised(task.report.lm, task.seed)
    random = _random(task.discover.on(untrained), task.discover, saes, task.seed)
    networks = [_network(task, task.report.lm, saes), _network(task, untrained, random)]
    found: Profiles = {}
    rng = np.random.default_rng(task.seed)
    seen = rng.permutation(task.discover.gold), rng.permutation(task.report.gold)
    partner = _partners(task.report.gold[task.edited], rng)
    whole = networks[0].above_guess
    answers = [_patched(task, network, partner) for network in networks]
    for condition in get_args(Condition):
        number = int(condition == "random weights")
        network = networks[number]
        shuffled = condition == "shuffled labels"
        fitted, scored = seen if shuffled else (task.discover.gold, task.report.gold)
        for where in PLACES:
            found[condition, where, "probe"] = _probe(task, network, where, fitted)
            found[condition, where, "best feature"] = _best_feature(task, network, where, fitted)
            found[condition, where, "effect of features"] = _features(task, network, where, fitted, whole)
        found[condition, "answer", "read-out"] = _read_out(task, network, scored)
        wanted = scored[task.edited][partner]
        found[condition, "answer", "effect of activation"] = _became(task, *answers[number], wanted)
    return found


def _network(task: Task, lm: LanguageModel, saes: Saes) -> _Network:
    discover, report = task.discover.on(lm), task.report.on(lm)
    edited = report.take(task.edited)
    return _Network(discover, report, saes, pooled(discover, saes), pooled(report, saes), edited, edited.logits())


def _random(questions: Questions, trained: Questions, saes: Saes, seed: int) -> Saes:
    """Draw dictionaries for a model without SAEs of its own, as large and as sparse as those of the trained one."""
    ours, theirs = (q.take(range(min(_FIT_TEXTS, len(q)))).activations(list(saes)) for q in (questions, trained))
    l0 = {point: (sae.encode(theirs[point]) > 0).sum(1).float().mean() for point, sae in saes.items()}
    return {p: random_sae(p, ours[p], sae.d_sae, float(l0[p]), seed) for p, sae in saes.items()}


def _above_chance(accuracy: Floats, n_labels: int) -> Floats:
    return (accuracy - 1 / n_labels) / (1 - 1 / n_labels)


def _accuracy(task: Task, gold: Ints, predicted: Ints) -> Floats:
    """Balanced accuracy of all reported texts, as a share of what there is above chance (draw)."""
    n = len(task.report.labels)
    return _above_chance(Confusion.of(gold, predicted, n, task.weights).balanced_accuracy(), n)


def _probe(task: Task, network: _Network, where: Where, fitted: Ints) -> Floats:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    columns = []
    for point in network.saes:
        probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=500))
        probe.fit(network.learnt[where][point].activation.numpy(), fitted)
        told = probe.predict(network.scored[where][point].activation.numpy())
        columns.append(_accuracy(task, task.report.gold, told))
    return np.stack(columns, 1)


def _best_feature(task: Task, network: _Network, where: Where, fitted: Ints) -> Floats:
    n = len(task.report.labels)
    member = members(task.report.gold, n)
    columns = []
    for point in network.saes:
        detectors = Detector.find(network.learnt[where][point].features.toarray(), members(fitted, n))
        units = network.scored[where][point].features.toarray()
        draws = [auroc_draws(d.scores(units), member[:, i], task.weights) for i, d in enumerate(detectors)]
        columns.append(2 * np.mean(draws, 0) - 1)
    return np.stack(columns, 1)


def _read_out(task: Task, network: _Network, gold: Ints) -> Floats:
    read = network.scored["answer"]
    told = (read_out(network.report, read[point].activation).argmax(1) for point in network.saes)
    return np.stack([_accuracy(task, gold, predicted) for predicted in told], 1)


def _features(task: Task, network: _Network, where: Where, fitted: Ints, whole: Floats) -> Floats:
    """Lost log-odds as a share of the `whole`, the trained model's log-odds above a guess (text)."""
    rows = first_of_each(fitted, task.n_edited)
    chosen_by = replace(network.discover.take(rows), gold=fitted[rows])
    usual = references(chosen_by, network.saes, where, task.seed)
    effects = attribute(chosen_by, network.saes, {p: (u.features, u.error) for p, u in usual.items()}, where)
    edited, weights = network.edited, task.weights[:, task.edited]
    before = log_odds(network.clean, edited.gold)
    edits = []
    for point, sae in network.saes.items():
        index = np.argsort(effects[point].effect.mean(0))[: task.n_features]
        edits.append({point: MoveFeatures(sae, index.tolist(), offset=usual[point].features[index])})
    after = [log_odds(logits, edited.gold) for logits in logits_of_each(edited, edits, where)]
    return np.stack([weights @ (before - one) / (weights @ whole) for one in after], 1)


def _partners(gold: Ints, rng: np.random.Generator) -> Ints:
    """Draw for each text another one of another label, by number (text)."""
    return np.array([rng.choice(np.flatnonzero(gold != label)) for label in gold])


def _patched(task: Task, network: _Network, partner: Ints) -> tuple[Ints, Ints]:
    """Answers before (text) and with another text's activation at each hook point (hook point, text)."""
    given = {p: network.scored["answer"][p].activation[task.edited][partner] for p in network.saes}
    after = [patched(network.edited, point, values).argmax(1) for point, values in given.items()]
    return network.clean.argmax(1), np.stack(after)


def _became(task: Task, before: Ints, after: Ints, wanted: Ints) -> Floats:
    """Share of texts whose answer is the wanted label, less the share in which it was so before (draw, hook point)."""
    weights = task.weights[:, task.edited]
    return weights @ ((after == wanted) * 1.0 - (before == wanted)).T / weights.sum(1, keepdims=True)
