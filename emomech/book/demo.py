"""Export the embedded model and its SAEs for the book's live demo, as scripts that a page opened from a disk can load.

A browser does not fetch files for a page opened from a disk, but it does run scripts. Each script sets one part of a
global object, with the half-precision weights of the package in base64. Sphinx writes the scripts when a book has the
page; they are not committed.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emomech.core.hook_points import HookPoint
from emomech.presets import lookup
from emomech.study.identity import hash_of_sources
from emomech.study.spec import StudySpec
from emomech.study.study import Study

if TYPE_CHECKING:
    from torch import Tensor

    from emomech.causal.questions import Questions
    from emomech.data.grammar.vignettes import Vignette
    from emomech.saes.sae import Sae


PAGE = "book/demo"
"""The page, by its path inside the book and without suffix."""
N_OF_EACH = 100
"""Most texts of each emotion from which a feature is described."""
N_PERMUTATIONS = 200
"""Permutations of the labels in the null of a feature's selectivity."""
LONGEST = 30
"""Most words in an example, which should be readable at a glance."""
_SPEC = StudySpec(controls="none")


@dataclass(frozen=True, eq=False)
class FeatureUse:
    """Activity of the features of one SAE at the answer, over the same number of texts for every emotion."""

    peak: "Tensor"
    """Largest value (feature,)."""
    means: "Tensor"
    """Mean value by emotion of the text (label, feature)."""
    selective: tuple[str, ...]
    """Emotion for which each feature is most selective; empty for a feature below its layer's permutation null."""


def demo_study() -> Study:
    """Give the study behind the page: the embedded model with its SAEs, corpus and question."""
    return Study(_SPEC)


def key() -> str:
    """Hash everything that decides the content of the scripts, without computing them."""
    identity = {"study": _SPEC.identity(), "sources": hash_of_sources(__name__)}
    return blake2b(json.dumps(identity, sort_keys=True).encode(), digest_size=8).hexdigest()


def export(folder: Path) -> list[Path]:
    """Write the scripts into a folder and return their files: the model first, then the SAEs in order of depth."""
    folder.mkdir(parents=True, exist_ok=True)
    study = demo_study()
    questions = demo_questions(study)
    scripts = [_write(folder / "demo-model.js", "emomech.model", _model(study, questions))]
    for point, use in feature_uses(study, questions).items():
        depth = point.resid_index()
        content = _sae(study.saes[point], use)
        scripts.append(_write(folder / f"demo-sae-{depth}.js", f"emomech.saes[{depth}]", content))
    return scripts


def _write(file: Path, name: str, content: Mapping[str, Any]) -> Path:
    """Write a script that sets one part of the global object, such as `emomech.model`."""
    value = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    file.write_text(f"window.emomech ??= {{ saes: {{}} }};\n{name} = {value};\n", encoding="utf-8")
    return file


def demo_questions(study: Study) -> "Questions":
    """Ask the question about the texts that describe the features, the same number for every emotion."""
    from emomech.causal.questions import Questions, balanced

    return Questions.of(study, balanced(study, "discover", N_OF_EACH))


def _model(study: Study, questions: "Questions") -> dict[str, Any]:
    """Give the weights and sizes of the model, the words that it knows, and the examples."""
    from emomech.data.grammar.lexicon import persons, written_forms
    from emomech.figures.palette import EMOTION_COLOURS

    lm, tokenizer = study.lm, study.lm.tokenizer
    config: Any = lm.module.config
    words = " ".join(written_forms()).replace(" '", "'")
    seen: Any = tokenizer([words, *(example["text"] for example in examples())], verbose=False)["input_ids"]
    return {
        "layers": config.n_layer,
        "heads": config.n_head,
        "width": config.n_embd,
        "context": lm.context,
        "epsilon": config.layer_norm_epsilon,
        "bos": tokenizer.bos_token_id,
        "vocabulary": tokenizer.convert_ids_to_tokens(list(range(lm.vocab_size))),
        "seen": sorted({token for ids in seen for token in ids}),
        "template": lookup.prompt(lookup.corpus(_SPEC.corpus_name).prompt).template,
        "labels": dict(zip(questions.labels, questions.label_ids[0].tolist(), strict=True)),
        "colours": EMOTION_COLOURS,
        "persons": persons(),
        "examples": examples(),
        "texts": len(questions),
        **_packed(shipped_tensors(lookup.shipped(lookup.model(_SPEC.model).path) / "model.safetensors")),
    }


def _sae(sae: "Sae", use: FeatureUse) -> dict[str, Any]:
    """Give the weights of one SAE and the description of its features."""
    folder = lookup.shipped(lookup.sae(_SPEC.sae_name).path) / str(sae.point)
    described = {"peak": use.peak.half(), "means": use.means.half()}
    return {
        "point": str(sae.point),
        "k": sae.k,
        "selective": use.selective,
        **_packed(shipped_tensors(folder / "sae_weights.safetensors") | described),
    }


def shipped_tensors(file: Path) -> dict[str, "Tensor"]:
    """Read the tensors of a safetensors file in their stored number format."""
    from safetensors.torch import load_file

    return dict(load_file(file))


def _packed(tensors: Mapping[str, "Tensor"]) -> dict[str, Any]:
    """Concatenate half-precision tensors, little-endian and in base64, and list their names and shapes in order."""
    data = b"".join(tensor.contiguous().numpy().astype("<f2").tobytes() for tensor in tensors.values())
    return {
        "tensors": [[name, list(tensor.shape)] for name, tensor in tensors.items()],
        "data": base64.b64encode(data).decode("ascii"),
    }


def feature_uses(study: Study, questions: "Questions") -> dict[HookPoint, FeatureUse]:
    """Describe the features of the SAE at every hook point by their activity at the answer."""
    activations = questions.activations(list(study.saes), "answer")
    return {point: _use(sae, activations[point], questions) for point, sae in study.saes.items()}


def _use(sae: "Sae", activations: "Tensor", questions: "Questions") -> FeatureUse:
    import numpy as np
    import torch

    from emomech.saes.encoding import encode
    from emomech.stats.selectivity import Selectivity, Strata

    fired = encode(sae, activations)
    tested = Selectivity.of(fired, questions.gold, Strata.of(np.full(len(questions), "")))  # one stratum
    statistic, limit = tested.statistic()[0], tested.null(N_PERMUTATIONS, _SPEC.seed).threshold
    selective = [""] * sae.d_sae
    for feature, values in zip(np.unique(fired.nonzero()[1]).tolist(), statistic.T, strict=True):
        if values.max() > limit:
            selective[feature] = questions.labels[int(values.argmax())]
    dense = torch.from_numpy(fired.toarray())
    means = torch.stack([dense[questions.gold == label].mean(0) for label in range(len(questions.labels))])
    return FeatureUse(dense.amax(0), means, tuple(selective))


def examples() -> list[dict[str, Any]]:
    """Choose one short story for each emotion whose two persons can change places, and one text of each other style.

    The texts are the first that fit, in the grammar's order, among texts that the model never saw in training; what the
    model answers plays no part. Each example names the emotion of every person by the rule of the grammar, before and
    after the exchange of the two names.
    """
    from emomech.data.grammar.lexicon import EMOTION_NOUNS
    from emomech.data.grammar.vignettes import PAIR, STYLES, stream

    texts = stream(_SPEC.seed, split="study")
    slots = [*EMOTION_NOUNS, *STYLES[1:]]
    chosen: dict[str, dict[str, Any]] = {}
    while len(chosen) < len(slots):
        vignette = next(texts)
        if vignette.example.item_type == PAIR:
            twin = next(texts)
            slot = vignette.example.label if vignette.example.style == STYLES[0] else vignette.example.style
            if slot not in chosen and len(vignette.example.text.split()) <= LONGEST:
                chosen[slot] = _example(vignette, twin)
    return [chosen[slot] for slot in slots]


def _example(vignette: "Vignette", twin: "Vignette") -> dict[str, Any]:
    return {
        "text": vignette.example.text,
        "person": vignette.example.person,
        "style": vignette.example.style,
        "feels": {event.person: event.emotion for event in vignette.events},
        "exchanged": {"text": twin.example.text, "feels": {event.person: event.emotion for event in twin.events}},
    }
