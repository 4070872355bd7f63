"""The model card of an embedded model, written from its recipe, its training record and its measures."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from emomech.data.grammar.lexicon import EMOTION_NOUNS, parts_of_speech
from emomech.organism.evaluate import RIGHT, gated
from emomech.saes.beside import LEAST_COSINE

if TYPE_CHECKING:
    import pandas as pd


_CARD = """\
---
language: en
license: mit
library_name: transformers
pipeline_tag: text-generation
---

# An embedded model

A causal language model that is small enough to be taken apart on a laptop, and sparse autoencoders for its residual
stream. It was trained from scratch on short generated texts in which one or two persons feel an emotion that no single
word reveals. The emotion follows from what happens to whom, whether it is certain, and whether somebody caused it.

| | |
|---|---|
| architecture | GPT-2: {n_layers} blocks, width {d_model}, {n_heads} heads, {context} positions, untied output |
| tokenizer | byte-level; every word of the grammar is one token |
| training | {phases}; {batch} lessons per step, {tokens:,} tokens, {seconds:,.0f} seconds on {device} |
| emotions | {shares} |
| last loss | {loss:.2f} nats per token, with a larger weight on answers than on other tokens |
| SAEs | TopK, {d_sae} features, {k} active; at the embedding and after every block; {sae_tokens:,} activations each |
| seed | {seed} |
| files | safetensors in half precision; Hugging Face's format for the model, SAELens's for the SAEs |

## Intended use

To study and to teach how a network infers, with ground truth for every word. The model knows {n_words} words and
nothing about the world. It says nothing about the emotions of people.

## Measured

Measured on texts whose bags of words never occur in training. Chance is {chance:.3f} for every accuracy and recall.

{measured}

## Gates

{n_met} of {n_gates} gates are met. {missed}

A feature that never fires on the measured texts counts as dead, even if it is only rare. At the embedding, {d_sae}
features have to separate {n_words} words.
{beside}
## Known limits

The grammar only looks like English, and its emotions follow one rule of appraisal theory, which is stated in
`emomech/data/grammar/events.py`. A low value in the table above means that the model has not learned that part of the
rule. In stories of two persons who feel differently,
{by_name:.0%} of its answers are right where the person is named in the deciding sentence, and
{by_pronoun:.0%} where a pronoun has to be resolved. Guessing between the two emotions is right in half of the cases.

`emomech organism train` makes these files from scratch, and `emomech organism evaluate` repeats the measurement.
"""
_BESIDE = """
## Controls and other seeds

Further SAEs of the same size, trained on the same activations in the same way, except for what is named. With a
soft-frozen decoder, each decoder row stays within a cosine of {cosine} of its random start; a frozen decoder stays at
its random start (Korznikov et al., 2026, arXiv:2602.14111). A result that such SAEs show as well does not depend on
learned features. They are measured on the same texts as the SAEs above;
`emomech organism train --preset NAME --controls --second-seed` trains what is missing.

| folder | decoder | seed | activations | SAE | L0 | FVU | dead | loss recovered |
|---|---|--:|--:|---|--:|--:|--:|--:|
{rows}
"""


def card(learned: Mapping[str, Any], measured: "pd.DataFrame", beside: Sequence[Mapping[str, Any]] = ()) -> str:
    """Markdown of the card, from the record of a training and the table `evaluate.EVALUATION` of the model.

    `beside` is the record of further SAEs, see `records.beside`.
    """
    recipe = learned["recipe"]
    lines = ["| measure | group | value | n |", "|---|---|--:|--:|"]
    lines += [f"| {row.measure} | {row.group} | {row.value:.3g} | {row.n} |" for row in measured.itertuples()]
    gates = gated(measured)
    right = measured[measured.measure == RIGHT].set_index("group").value
    missed = [f"{row.measure} of {row.group} ({row.value:.3g}, {row.bound})" for row in gates[~gates.met].itertuples()]
    return _CARD.format(
        **{key: value for key, value in recipe.items() if key != "shares"},
        phases=", ".join(f"{end['steps']} steps of {end['phase']}" for end in learned["transitions"]),
        tokens=learned["curve"][-1]["tokens"],
        seconds=learned["seconds"],
        device=learned["device"].replace("cpu", "CPU").replace("cuda", "a GPU"),
        shares=_shares(recipe["shares"]),
        loss=learned["curve"][-1]["loss"],
        seed=learned["seed"],
        chance=1 / len(EMOTION_NOUNS),
        n_words=len(parts_of_speech()),
        n_met=int(gates.met.sum()),
        n_gates=len(gates),
        missed=f"Missed: {'; '.join(missed)}." if missed else "None is missed.",
        measured="\n".join(lines),
        beside=_beside(beside),
        by_name=right["one of two in a story, by name"],
        by_pronoun=right["one of two in a story, by pronoun"],
    )


def _beside(sets: Sequence[Mapping[str, Any]]) -> str:
    """Write the section on further SAEs; empty if there are none."""
    rows = []
    for part in sets:
        recipe = part["recipe"]
        start = f"| {part['folder']} | {recipe['control'] or 'trained'} | {recipe['seed']} | {recipe['n_tokens']:,} |"
        for sae in part["measured"]:
            numbers = " | ".join(f"{sae[name]:.3g}" for name in ("l0", "fvu", "dead", "loss_recovered"))
            rows.append(f"{start} {sae['hook_point']} | {numbers} |")
    return _BESIDE.format(cosine=LEAST_COSINE, rows="\n".join(rows)) if rows else ""


def _shares(shares: Mapping[str, float]) -> str:
    if not shares:
        return "every emotion is the answer equally often"
    parts = [f"{emotion} is the answer in {share:.0%} of the questions" for emotion, share in shares.items()]
    return f"{', '.join(parts)}, the other emotions share the rest equally"
