"""What moving one label's features does to texts of another, and whether the features of two labels go together."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import torch

from emomech.causal.concentration import Features
from emomech.causal.dictionary import Dictionary
from emomech.causal.questions import Edits, Questions, log_odds
from emomech.causal.sample import Sample
from emomech.core.hook_points import FeatureId, by_point
from emomech.stats.estimates import Floats, Ints

_CHUNK = 2048
"""Activations that are encoded at once."""


def changes(sample: Sample, edits: Edits) -> tuple[Floats, Floats]:
    """Change of the log-odds of each text's own label, in nats, and of its being recognised: -1, 0 or 1 (text)."""
    questions = sample.questions
    edited, gold = questions.logits(edits), questions.gold
    right = (edited.argmax(1) == gold).astype(float) - (sample.logits.argmax(1) == gold)
    return log_odds(edited, gold) - log_odds(sample.logits, gold), right


@torch.inference_mode()
def strengths(questions: Questions, dictionary: Dictionary, features: Sequence[FeatureId]) -> Floats:
    """How strongly each feature fires on each text (text, feature): mean over its tokens, as a share of its peak."""
    text, _ = tokens(questions)
    peak = torch.stack([dictionary.usual[one.point].peak[one.index] for one in features]).clamp(min=1e-6)
    total = np.zeros((len(questions), len(features)))
    np.add.at(total, text, fired(questions, dictionary, features) / peak.double().numpy())
    return total / np.bincount(text, minlength=len(questions))[:, None]


def tokens(questions: Questions) -> tuple[Ints, Ints]:
    """Say of which text, and of which of its tokens, each read of `fired` is (read)."""
    places = questions.positions("everywhere")
    text = np.repeat(np.arange(len(questions)), [len(place) for place in places])
    return text, np.concatenate([np.asarray(place) for place in places])


@torch.inference_mode()
def fired(questions: Questions, dictionary: Dictionary, features: Sequence[FeatureId]) -> Floats:
    """How strongly each feature fires at every token but special ones (read, feature)."""
    found: list[Floats] = [np.empty(0)] * len(features)
    for point, x in questions.activations(list(by_point(features))).items():
        here = [i for i, one in enumerate(features) if one.point == point]
        index = [features[i].index for i in here]
        read = torch.cat([dictionary.saes[point].encode(chunk)[:, index].cpu() for chunk in x.split(_CHUNK)])
        for i, column in zip(here, read.double().numpy().T, strict=True):
            found[i] = column
    return np.stack(found, 1)


def correlation(x: Floats, y: Floats, weights: Floats) -> Floats:
    """Pearson's correlation of two values (text) in each resample (resample, text); NaN where one does not vary."""
    n = weights.sum(1)
    mean_x, mean_y = (weights @ x) / n, (weights @ y) / n
    both = (weights @ (x * y)) / n - mean_x * mean_y
    size = ((weights @ x**2) / n - mean_x**2) * ((weights @ y**2) / n - mean_y**2)
    return np.where(size > 1e-18, both / np.sqrt(np.where(size > 1e-18, size, 1)), np.nan)


def coactivation(
    sample: Sample, dictionary: Dictionary, features: Features
) -> dict[tuple[int, int], tuple[Floats, int]]:
    """Correlate how strongly the features fire that two labels do not share (draw), and count those that they do."""
    every = list(dict.fromkeys(one for chosen in features for one in chosen))
    column = {one: i for i, one in enumerate(every)}
    fired = strengths(sample.questions, dictionary, every)
    found = {}
    for a, b in combinations(range(len(features)), 2):
        shared = set(features[a]) & set(features[b])
        x, y = (fired[:, [column[f] for f in features[label] if f not in shared]].sum(1) for label in (a, b))
        found[a, b] = (correlation(x, y, sample.weights), len(shared))
    return found
