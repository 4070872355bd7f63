"""The planted study with errors that steering can mend: distracting words sometimes outweigh the emotion.

Two random words at the beginning of each text favour a label each, and the last attention brings them to the answer. If
both favour the same wrong label the model is wrong. Scaling the emotion features corrects it; a bias of the logits
cannot, since every label is favoured equally often. With `prior`, one label is favoured in every text as well, which a
bias corrects.
"""

from dataclasses import replace
from typing import cast

import planted
import torch
from planted_model import PlantedModel

from emomech.models.language_model import LanguageModel
from emomech.study.study import Study

GAIN = 1.6


def language_model(prior: float = 0.0, gain: float = GAIN) -> LanguageModel:
    """Build the planted model with distracting words; `prior` is the advantage of one label, in nats."""
    lm = planted.language_model.__wrapped__()
    d, module = planted.directions(), cast(PlantedModel, lm.module)
    spare = planted.D_MODEL - len(d)
    assert spare >= 5
    used = torch.stack(list(d.values())).sum(0)
    free = torch.eye(planted.D_MODEL)[used == 0]
    labels = [planted.VOCABULARY.index(label) for label in planted.CLASSES["emotion"]]
    with torch.no_grad():
        for words in planted.OPENINGS:
            for i, word in enumerate(words):
                module.tokens.weight[planted.VOCABULARY.index(word)] += planted.AMPLITUDE * free[i % 4]
        last = module.block(planted.N_BLOCKS - 1).attn
        last.look_for(d["key:opening"], d["key:sink"])
        for i, token in enumerate(labels):
            last.move(free[i], free[i], gain)
            module.lm_head.weight[token] += 2 * free[i]
        background = planted.VOCABULARY.index("felt")
        level = module.tokens.weight[background] @ d["background:0"]
        module.lm_head.weight[labels[0]] += prior / level * d["background:0"]
    return replace(lm, name="noisy")


def study(n: int = 480, prior: float = 0.0, gain: float = GAIN) -> Study:
    """Make the study; its SAEs are the planted ones."""
    return planted.study(n).replaced(lm=language_model(prior, gain), controls=[])
