"""The conditions under which membership is counted: the trained model, and its three controls.

A random dictionary has the size and sparsity of the SAE, so that a result that it shares comes from the model and not
from the SAE. In a network with random weights it comes from neither (Heap et al., 2025, arXiv:2501.17727).
"""

from collections.abc import Mapping, Sequence

import numpy as np

from emomech.causal.questions import balanced
from emomech.chapters.conditions import RANDOM_DICTIONARY, RANDOM_WEIGHTS, SHUFFLED_LABELS, TRAINED, Condition
from emomech.chapters.sharing.membership import AnswerSample
from emomech.core.hook_points import HookPoint
from emomech.data.corpus import Split
from emomech.models.language_model import randomised
from emomech.saes.controls import mean_l0, random_like
from emomech.saes.sae import Sae
from emomech.stats.estimates import Ints
from emomech.study.study import Study


def conditions(
    study: Study, samples: Sequence[AnswerSample]
) -> dict[Condition, tuple[Mapping[HookPoint, Sae], Sequence[AnswerSample]]]:
    """Dictionaries and samples of each condition; the samples are in the order of the splits given."""
    saes, seed = study.saes, study.spec.seed
    untrained = randomised(study.lm, seed)
    on_untrained = [sample.on(untrained) for sample in samples]
    return {
        TRAINED: (saes, samples),
        SHUFFLED_LABELS: (saes, [sample.with_permuted_labels(seed + i) for i, sample in enumerate(samples)]),
        RANDOM_DICTIONARY: (_random(saes, samples[0], samples[0], seed), samples),
        RANDOM_WEIGHTS: (_random(saes, samples[0], on_untrained[0], seed), on_untrained),
    }


def _random(
    saes: Mapping[HookPoint, Sae], trained: AnswerSample, read: AnswerSample, seed: int
) -> dict[HookPoint, Sae]:
    """Random dictionaries for the activations of `read`, with the size and sparsity that the SAEs have on `trained`."""
    return {
        point: random_like(sae, read.activations[point], seed, l0=mean_l0(sae, trained.activations[point]))
        for point, sae in saes.items()
    }


def one_per_cluster(study: Study, split: Split, most: int) -> Ints:
    """Draw one text of each cluster, from at most `most` texts of each label; numbers in increasing order."""
    rows = np.random.default_rng(study.spec.seed).permutation(balanced(study, split, most))
    return np.sort(np.array(list({study.corpus.examples[i].cluster: int(i) for i in rows}.values()), dtype=int))
