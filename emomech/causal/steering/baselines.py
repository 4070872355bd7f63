"""Baselines of steering that use the same labelled texts: a logit bias, class means, worked examples.

If a bias per label gives the same gain, steering only changes how often each label is answered, and infers no better.
Raw dimensions and the directions of class means take the form of an SAE, so that the same code selects and moves them:
dimensions as an encoder [I, -I], class means as projections on the space that they span, which can be amplified
without knowing a text's label (difference of means: Wu et al., 2025, arXiv:2501.17148).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from emomech.causal.dictionary import Dictionary
from emomech.causal.feature_selection import LabelSupport
from emomech.causal.questions import Questions
from emomech.causal.steering.operations import Units
from emomech.core.errors import UsageError
from emomech.core.hook_points import FeatureId, HookPoint
from emomech.models.scoring import label_tokens
from emomech.models.tokens import tokenize
from emomech.saes.controls import signed_directions
from emomech.stats.estimates import Floats, Ints
from emomech.study.study import Study

_RIDGE = 0.01
"""Weight of the penalty that keeps a bias finite if the model is right on all labelled texts."""
_UNSUPPORTIVE = 0.1
"""Support, as a share of the weakest selected support, up to which a feature counts as having no causal effect."""


def class_means(
    dictionary: Dictionary, activations: Mapping[HookPoint, Tensor], gold: Ints, chooses: Ints, held_out: Ints
) -> Units:
    """Take the span of the labels' mean activations, at the hook point where the nearest mean is most often right.

    `activations` are those at the answer (text, d_in), and `gold` is the number of each text's label (text). The hook
    point is chosen with the means of the texts numbered `chooses`, on those numbered `held_out`; the means are then
    those of all these texts.
    """
    means = {point: _means(x[chooses], gold[chooses]) for point, x in activations.items()}
    right = {point: (_nearest(activations[point][held_out], m) == gold[held_out]).mean() for point, m in means.items()}
    point = max(right, key=lambda p: float(right[p]))
    every = np.concatenate([chooses, held_out])
    of_all = _means(activations[point][every], gold[every])
    centre = of_all.mean(0)
    span = torch.linalg.svd(of_all - centre, full_matrices=False)[2][: len(of_all) - 1]
    sae = signed_directions(point, span, centre)
    stats = replace(dictionary.stats[point], peak=torch.ones(sae.d_sae))
    features = tuple(FeatureId(point, i) for i in range(sae.d_sae))
    return Units(Dictionary({point: sae}, {point: stats}), (features,) * len(of_all))


def _means(x: Tensor, gold: Ints) -> Tensor:
    return torch.stack([x[torch.from_numpy(gold == label)].mean(0) for label in np.unique(gold)])


def _nearest(x: Tensor, means: Tensor) -> Ints:
    return torch.cdist(x, means).argmin(1).numpy()


def selective(units: Units, support: LabelSupport, labelled: Questions, n_features: int) -> Units:
    """Select the features that separate each label best at the answer, but do not support it.

    The score is the mean over the label's texts minus that over the others, as a share of the feature's peak.
    """
    dictionary = units.dictionary
    activations = labelled.activations(list(dictionary.saes), "answer")
    values = {point: dictionary.saes[point].encode(x).numpy() for point, x in activations.items()}
    causal, by_label = set(units.all), []
    for label in range(len(labelled.labels)):
        of_label = labelled.gold == label
        least = min((support[feature.point][label, feature.index] for feature in units.by_label[label]), default=0)
        ranked = []
        for point, x in values.items():
            lead = (x[of_label].mean(0) - x[~of_label].mean(0)) / dictionary.stats[point].peak.clamp(min=1e-6).numpy()
            idle = np.abs(support[point][label]) <= _UNSUPPORTIVE * least
            order = np.argsort(-np.where(idle, lead, -np.inf), kind="stable")[: n_features + len(causal)]
            ranked += [(float(lead[i]), FeatureId(point, int(i))) for i in order if idle[i] and lead[i] > 0]
        ranked.sort(key=lambda candidate: -candidate[0])
        by_label.append(tuple([feature for _, feature in ranked if feature not in causal][:n_features]))
    return replace(units, by_label=tuple(by_label))


def logit_bias(logits: Floats, gold: Ints) -> Floats:
    """Fit a bias to add to each label's logit (label), from logits (text, label) and the texts' labels.

    It minimises the mean cross-entropy over bias and temperature, with a small quadratic penalty.
    """
    from scipy.optimize import minimize
    from scipy.special import logsumexp

    def loss(theta: Floats) -> float:
        z = np.exp(theta[0]) * logits + theta[1:]
        return float((logsumexp(z, axis=1) - z[np.arange(len(z)), gold]).mean() + _RIDGE * (theta**2).sum())

    theta = minimize(loss, np.zeros(logits.shape[1] + 1), method="L-BFGS-B").x
    return theta[1:] / np.exp(theta[0])


def few_shot(study: Study, rows: Sequence[int] | Ints, labelled: Sequence[int] | Ints) -> Questions:
    """Put two worked examples before each text: the shortest labelled texts of two labels.

    Raises UsageError if that is longer than the model can read, or if there is no labelled text.
    """
    examples = study.corpus.examples
    chosen: dict[str, int] = {}
    for i in sorted(map(int, labelled), key=lambda i: len(study.prompts[i])):
        if len(chosen) < 2:
            chosen.setdefault(examples[i].label, i)
    if not chosen:
        raise UsageError("few-shot prompt: no labelled text to show; give at least one of each label.")
    index = {label: i for i, label in enumerate(study.corpus.labels)}
    shown = "".join(f"{study.prompts[i]}{study.answers[index[label]]}{study.answer_end}" for label, i in chosen.items())
    prompts = [f"{shown}{study.prompts[i]}" for i in rows]
    texts = tuple(tokenize(study.lm, prompts))
    label_ids = torch.from_numpy(label_tokens(study.lm, prompts, study.answers))
    return replace(Questions.of(study, rows), texts=texts, label_ids=label_ids)
