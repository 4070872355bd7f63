"""The conditions under which membership is counted: the trained model with its SAEs, its controls, and second SAEs.

A random dictionary has the size and sparsity of the SAE, so that a result that it shares comes from the model and not
from the SAE. In a network with random weights it comes from neither (Heap et al., 2025, arXiv:2501.17727). SAEs with a
decoder that stays at its random start, or near it, are as selective as those that learn (Korznikov et al., 2026,
arXiv:2602.14111). Second SAEs are no control: they are trained like the first, with another seed.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from emomech.causal.questions import balanced
from emomech.chapters.conditions import (
    BARELY_TRAINED,
    RANDOM_DICTIONARY,
    RANDOM_WEIGHTS,
    SECOND_SAES,
    SHUFFLED_LABELS,
    TRAINED,
    Condition,
)
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
    """Dictionaries and samples of each condition; the samples are in the order of the splits given.

    SAEs that hardly learn, and second SAEs, are there only if the model has them.
    """
    saes, seed = study.saes, study.spec.seed
    untrained = randomised(study.lm, seed)
    on_untrained = [sample.on(untrained) for sample in samples]
    others: dict[Condition, Mapping[HookPoint, Sae]] = {
        name: study.control_saes.get(name, {}) for name in BARELY_TRAINED
    }
    others[SECOND_SAES] = study.other_saes
    by_condition: dict[Condition, tuple[Mapping[HookPoint, Sae], Sequence[AnswerSample]]] = {
        TRAINED: (saes, samples),
        SHUFFLED_LABELS: (saes, [sample.with_permuted_labels(seed + i) for i, sample in enumerate(samples)]),
        RANDOM_DICTIONARY: (_random(saes, samples[0], samples[0], seed), samples),
        RANDOM_WEIGHTS: (_random(saes, samples[0], on_untrained[0], seed), on_untrained),
    }
    by_condition.update({name: (read, samples) for name, read in others.items() if read})
    return by_condition


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
