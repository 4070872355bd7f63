"""What editing one label's features does to texts of other labels, and whether two labels' features co-activate."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import torch

from emomech.causal.concentration import FeaturesByLabel
from emomech.causal.dictionary import Dictionary
from emomech.causal.effects import logits_of_each
from emomech.causal.questions import Edits, Questions, log_odds
from emomech.causal.sample import Sample
from emomech.core.hook_points import FeatureId, by_point
from emomech.stats.estimates import Floats, Ints

_CHUNK = 2048
"""Activations that are encoded at once."""


def changes(sample: Sample, edits: Sequence[Edits]) -> list[tuple[Floats, Floats]]:
    """Change of the log-odds of each text's own label under each edit, in nats, and of its recognition: -1, 0 or 1."""
    both = []
    for edited in logits_of_each(sample.questions, edits) if edits else ():
        right = (edited.argmax(1) == sample.gold).astype(float) - sample.right
        both.append((log_odds(edited, sample.gold) - sample.base, right))
    return both


@torch.inference_mode()
def strengths(questions: Questions, dictionary: Dictionary, features: Sequence[FeatureId]) -> Floats:
    """Mean activation of each feature over each text's tokens, as a share of its peak (text, feature)."""
    text, _ = tokens(questions)
    peak = torch.stack([dictionary.stats[feature.point].peak[feature.index] for feature in features]).clamp(min=1e-6)
    total = np.zeros((len(questions), len(features)))
    np.add.at(total, text, feature_values(questions, dictionary, features) / peak.double().numpy())
    return total / np.bincount(text, minlength=len(questions))[:, None]


def tokens(questions: Questions) -> tuple[Ints, Ints]:
    """Number of the text and of the token that each row of `feature_values` reads (read)."""
    positions = questions.positions("everywhere")
    text = np.repeat(np.arange(len(questions)), [len(of_text) for of_text in positions])
    return text, np.concatenate([np.asarray(of_text) for of_text in positions])


@torch.inference_mode()
def feature_values(questions: Questions, dictionary: Dictionary, features: Sequence[FeatureId]) -> Floats:
    """Activation of each feature at every token except special ones (read, feature)."""
    columns: list[Floats] = [np.empty(0)] * len(features)
    for point, x in questions.activations(list(by_point(features))).items():
        numbers = [i for i, feature in enumerate(features) if feature.point == point]
        index = [features[i].index for i in numbers]
        values = torch.cat([dictionary.saes[point].encode(chunk)[:, index].cpu() for chunk in x.split(_CHUNK)])
        for i, column in zip(numbers, values.double().numpy().T, strict=True):
            columns[i] = column
    return np.stack(columns, 1)


def correlation(x: Floats, y: Floats, weights: Floats) -> Floats:
    """Pearson's correlation of two values (text) in each row of the weights (draw, text); NaN if one does not vary."""
    n = weights.sum(1)
    mean_x, mean_y = (weights @ x) / n, (weights @ y) / n
    covariance = (weights @ (x * y)) / n - mean_x * mean_y
    variances = ((weights @ x**2) / n - mean_x**2) * ((weights @ y**2) / n - mean_y**2)
    return np.where(variances > 1e-18, covariance / np.sqrt(np.where(variances > 1e-18, variances, 1)), np.nan)


def coactivation(
    sample: Sample, dictionary: Dictionary, features: FeaturesByLabel
) -> dict[tuple[int, int], tuple[Floats, int]]:
    """For each pair of labels: correlation of the features that they do not share (draw), and how many they share."""
    every = list(dict.fromkeys(feature for of_label in features for feature in of_label))
    column = {feature: i for i, feature in enumerate(every)}
    strength = strengths(sample.questions, dictionary, every)
    pairs = {}
    for a, b in combinations(range(len(features)), 2):
        shared = set(features[a]) & set(features[b])
        x, y = (strength[:, [column[f] for f in features[label] if f not in shared]].sum(1) for label in (a, b))
        pairs[a, b] = (correlation(x, y, sample.weights), len(shared))
    return pairs
