"""What a finding about features is compared with: shuffled labels, random directions, random weights.

Directions drawn at random are as many as the SAE's features and as sparse, so that what they show is owed to the model
and not to the SAE; in a network whose weights are drawn again it is owed to neither (Heap et al., 2025,
arXiv:2501.17727).
"""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from emomech.causal.questions import balanced
from emomech.chapters.sharing.membership import Side
from emomech.core.hook_points import HookPoint
from emomech.data.corpus import Split
from emomech.models.language_model import randomised
from emomech.saes.controls import random_sae
from emomech.saes.sae import Sae
from emomech.stats.estimates import Ints
from emomech.study.study import Study

Condition = Literal["trained", "shuffled labels", "random dictionary", "random weights"]
"""What is read: the model through its SAEs; the same with the labels exchanged; the model through random directions;
and these in the same network with its weights drawn again."""
TRAINED: Condition = "trained"


def conditions(study: Study, sides: Sequence[Side]) -> dict[Condition, tuple[Mapping[HookPoint, Sae], Sequence[Side]]]:
    """Pair each condition's dictionaries with the sides that they read, which stay in their order."""
    saes, seed = study.saes, study.spec.seed
    untrained = randomised(study.lm, seed)
    other = [side.on(untrained) for side in sides]
    return {
        TRAINED: (saes, sides),
        "shuffled labels": (saes, [side.with_labels_shuffled(seed + i) for i, side in enumerate(sides)]),
        "random dictionary": (_random(saes, sides[0], sides[0], seed), sides),
        "random weights": (_random(saes, sides[0], other[0], seed), other),
    }


def _random(saes: Mapping[HookPoint, Sae], trained: Side, read: Side, seed: int) -> dict[HookPoint, Sae]:
    """Draw a dictionary for what is read at each hook point, of the SAE's size and sparsity."""
    found = {}
    for point, sae in saes.items():
        l0 = float((sae.encode(trained.activations[point]) > 0).sum(-1).float().mean())
        found[point] = random_sae(point, read.activations[point], sae.d_sae, l0, seed)
    return found


def one_per_cluster(study: Study, split: Split, most: int) -> Ints:
    """Draw texts that are independent of one another, about equally many of each label and at most `most`."""
    rows = np.random.default_rng(study.spec.seed).permutation(balanced(study, split, most))
    return np.sort(np.array(list({study.corpus.examples[i].cluster: int(i) for i in rows}.values()), dtype=int))
