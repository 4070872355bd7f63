"""What steering by features has to beat, with the same labelled texts: a bias of the logits, class means, examples.

A gain that a bias per label gives as well is a shift of what the model says most often, and no better inference. Raw
dimensions and the directions of class means are put into the form of an SAE, so that the same code chooses and moves
them: dimensions as an encoder [I, -I], class means as the projections on the space that they span, which to amplify
needs no label of the text (difference of means: Wu et al., 2025, arXiv:2501.17148).
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from emomech.causal.questions import Questions
from emomech.causal.steering.operations import Support, Units
from emomech.core.errors import UsageError
from emomech.core.hook_points import FeatureId
from emomech.models.scoring import label_tokens
from emomech.models.tokens import tokenize
from emomech.saes.controls import signed_directions
from emomech.stats.estimates import Floats, Ints
from emomech.study.study import Study

_RIDGE = 0.01
"""Keeps a bias finite where the labelled texts are all right."""
_UNSUPPORTIVE = 0.1
"""Share of the weakest chosen support up to which a selective feature counts as one without a causal effect."""


def class_means(units: Units, labelled: Questions, tune: Questions) -> Units:
    """Take the space that the labels' mean activations span, where the nearest mean tells most `tune` texts right."""
    known, asked = (questions.activations(list(units.saes), "answer") for questions in (labelled, tune))
    means = {point: _means(x, labelled.gold) for point, x in known.items()}
    point = max(means, key=lambda p: float((_nearest(asked[p], means[p]) == tune.gold).mean()))
    centre = means[point].mean(0)
    span = torch.linalg.svd(means[point] - centre, full_matrices=False)[2][: len(means[point]) - 1]
    sae = signed_directions(point, span, centre)
    usual = replace(units.usual[point], peak=torch.ones(sae.d_sae))
    every = tuple(FeatureId(point, i) for i in range(sae.d_sae))
    return Units({point: sae}, {point: usual}, (every,) * len(tune.labels))


def _means(x: Tensor, gold: Ints) -> Tensor:
    return torch.stack([x[torch.from_numpy(gold == label)].mean(0) for label in np.unique(gold)])


def _nearest(x: Tensor, means: Tensor) -> Ints:
    return torch.cdist(x, means).argmin(1).numpy()


def selective(units: Units, support: Support, labelled: Questions, n_features: int) -> Units:
    """Choose the features that tell each label best at the answer, but that do not support it.

    Best: the mean over its texts exceeds that over the others by the largest share of the feature's peak.
    """
    read = labelled.activations(list(units.saes), "answer")
    values = {point: units.saes[point].encode(x).numpy() for point, x in read.items()}
    taken, of = set(units.all), []
    for label in range(len(labelled.labels)):
        own = labelled.gold == label
        least = min((support[one.point][label, one.index] for one in units.of[label]), default=0)
        ranked = []
        for point, x in values.items():
            lead = (x[own].mean(0) - x[~own].mean(0)) / units.usual[point].peak.clamp(min=1e-6).numpy()
            idle = np.abs(support[point][label]) <= _UNSUPPORTIVE * least
            order = np.argsort(-np.where(idle, lead, -np.inf), kind="stable")[: n_features + len(taken)]
            ranked += [(float(lead[i]), FeatureId(point, int(i))) for i in order if idle[i] and lead[i] > 0]
        ranked.sort(key=lambda one: -one[0])
        of.append(tuple([feature for _, feature in ranked if feature not in taken][:n_features]))
    return replace(units, of=tuple(of))


def logit_bias(logits: Floats, gold: Ints) -> Floats:
    """Fit what has to be added to each label's logit (label) so that the labels of some texts become likeliest.

    Least mean cross-entropy over bias and temperature, with a slight pull to none.
    """
    from scipy.optimize import minimize
    from scipy.special import logsumexp

    def loss(theta: Floats) -> float:
        z = np.exp(theta[0]) * logits + theta[1:]
        return float((logsumexp(z, axis=1) - z[np.arange(len(z)), gold]).mean() + _RIDGE * (theta**2).sum())

    found = minimize(loss, np.zeros(logits.shape[1] + 1), method="L-BFGS-B").x
    return found[1:] / np.exp(found[0])


def few_shot(study: Study, rows: Sequence[int] | Ints, labelled: Sequence[int] | Ints) -> Questions:
    """Put two worked examples before each text: the shortest labelled texts of two labels.

    Raises UsageError where that is longer than the model can read.
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
    asked = Questions.of(study, rows)
    return replace(asked, texts=texts, label_ids=torch.from_numpy(label_tokens(study.lm, prompts, study.answers)))
