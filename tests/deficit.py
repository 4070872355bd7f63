"""The planted study with one weak emotion that its own features repair, and that a bias cannot.

One random word at the beginning of each text speaks against fear or for it. Against it, texts of fear are wrong; for it,
the other texts are just right. A bias that puts the first right puts the second wrong. Scaling the features of fear
raises it only where it is.
"""

from dataclasses import replace
from typing import cast

import planted
import torch
from planted_model import PlantedModel

from emomech.models.language_model import LanguageModel
from emomech.study.study import Study

AGAINST, FOR = 10.0, 7.0
"""Logits that a word takes from fear, or gives to it; the planted emotion itself has 8."""


def language_model() -> LanguageModel:
    """Build the planted model with words against and for fear."""
    lm = planted.language_model.__wrapped__()
    d, module = planted.directions(), cast(PlantedModel, lm.module)
    free = torch.eye(planted.D_MODEL)[torch.stack(list(d.values())).sum(0) == 0]
    fear = planted.VOCABULARY.index("fear")
    with torch.no_grad():
        for i, word in enumerate(planted.OPENINGS[0]):
            module.tokens.weight[planted.VOCABULARY.index(word)] += planted.AMPLITUDE * free[i % 2]
        last = module.block(planted.N_BLOCKS - 1).attn
        last.look_for(d["key:opening"], d["key:sink"])
        reached = planted.AMPLITUDE / 2  # attention averages over both opening words
        for side, logits in enumerate((-AGAINST, FOR)):
            last.move(free[side], free[side], 1.0)
            module.lm_head.weight[fear] += logits / reached * free[side]
    return replace(lm, name="deficit")


def study(n: int = 480) -> Study:
    """Make the study; its SAEs are the planted ones."""
    return planted.study(n).replaced(lm=language_model(), controls=[])
