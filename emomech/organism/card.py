"""The model card of the embedded model, written from its recipe, its training and what was measured of it."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from emomech.organism.curriculum import PHASES
from emomech.organism.evaluate import gated
from emomech.organism.lexicon import EMOTION_NOUNS, parts_of_speech
from emomech.organism.training import Recipe

if TYPE_CHECKING:
    import pandas as pd

_CARD = """\
---
language: en
license: mit
library_name: transformers
pipeline_tag: text-generation
---

# The embedded model

A causal language model small enough to be taken apart on a laptop, and sparse autoencoders for its residual stream.
It was trained from nothing on short generated vignettes in which one or two persons feel something that no single
word gives away: it follows from what happens to whom, whether it is certain, and who meant it.

| | |
|---|---|
| architecture | GPT-2: {n_layers} blocks, width {d_model}, {n_heads} heads, {context} positions, untied output |
| tokenizer | byte-level BPE; every word of the grammar is one token |
| training | {steps} steps of {batch} lessons: {phases} |
| last loss | {loss} nats per token, answers weighted more than other tokens |
| SAEs | TopK, {d_sae} features, {k} at once, at the embedding and after every block; {sae_tokens} activations each |
| seed | {seed} |
| files | safetensors in half precision; Hugging Face's format for the model, SAELens's for the SAEs |

## Intended use

To study and to teach how a network infers, with ground truth at every word. It knows {n_words} words and nothing of the
world; it says nothing about the emotions of people.

## Measured

On vocabularies kept from training. Chance is {chance:.3f} for every accuracy and recall.

{measured}

## Gates

{n_met} of {n_gates} gates are met. Missed: {missed}.

A feature that never fires on the texts measured counts as dead, rare ones included; at the embedding there are
{n_words} words to tell apart and {d_sae} features to do it.

## Known limits

One seed. The grammar is English in form only, and its emotions follow one rule, that of appraisal theory as
`emomech/organism/events.py` states it. Where the table above is low, the model has not learned that part of the rule.

`emomech organism train` makes these files from nothing, and `emomech organism evaluate` repeats the measurement.
"""


def card(recipe: Recipe, seed: int, losses: Sequence[Mapping[str, Any]], measured: "pd.DataFrame") -> str:
    """Write the card, in Markdown."""
    lines = ["| measure | of | value | n |", "|---|---|--:|--:|"]
    for row in measured.itertuples(index=False):
        lines.append(f"| {row.measure} | {row.group} | {row.value:.3g} | {row.n} |")
    gates = gated(measured)
    missed = [f"{row.measure} at {row.group} ({row.value:.3g}, {row.bound})" for row in gates[~gates.met].itertuples()]
    return _CARD.format(
        **vars(recipe),
        steps=len(recipe.schedule()),
        phases=", ".join(f"{recipe.steps(phase)} of {phase}" for phase in PHASES),
        loss=f"{losses[-1]['loss']:.2f}",
        seed=seed,
        chance=1 / len(EMOTION_NOUNS),
        n_words=len(parts_of_speech()),
        n_met=int(gates.met.sum()),
        n_gates=len(gates),
        missed=", ".join(missed) or "none",
        measured="\n".join(lines),
    )
