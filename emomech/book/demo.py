"""What the book's demo needs: the shipped model and its SAEs as scripts, which a page opened from a disk can load.

A browser refuses to fetch files for a page that was opened from a disk, but it runs scripts. Each file therefore sets
one part of a global object, with the weights as they ship: half-precision numbers, in base64. Sphinx writes the files
when a book has the page; none of them is committed.
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
"""At most so many texts of each emotion are read to say what a feature fires for."""
N_PERMUTATIONS = 200
LONGEST = 30
"""Words of an example: what can be taken in at a glance."""
_SPEC = StudySpec(controls="none")


@dataclass(frozen=True, eq=False)
class FeatureUse:
    """When the features of one SAE fire at the answer, over equally many texts of every emotion."""

    peak: "Tensor"
    """Largest value (d_sae)."""
    means: "Tensor"
    """Mean value by emotion of the text (label, d_sae)."""
    selective: tuple[str, ...]
    """Emotion for which each feature ranks highest beyond its layer's permutation null; empty where none (d_sae)."""


def study() -> Study:
    """Give the study that the page shows: the embedded model, its SAEs, its corpus and the question that suits it."""
    return Study(_SPEC)


def key() -> str:
    """Name the content that the files would have, without computing it."""
    identity = {"study": _SPEC.identity(), "sources": hash_of_sources(__name__)}
    return blake2b(json.dumps(identity, sort_keys=True).encode(), digest_size=8).hexdigest()


def export(folder: Path) -> list[Path]:
    """Write the scripts into a folder, and return them: the model's first, then the SAEs' in order of depth."""
    folder.mkdir(parents=True, exist_ok=True)
    shown = study()
    asked = questions(shown)
    written = [_write(folder / "demo-model.js", "emomech.model", _model(shown, asked))]
    for point, use in feature_uses(shown, asked).items():
        depth = point.resid_index()
        content = _sae(shown.saes[point], use)
        written.append(_write(folder / f"demo-sae-{depth}.js", f"emomech.saes[{depth}]", content))
    return written


def _write(file: Path, name: str, content: Mapping[str, Any]) -> Path:
    """Write a script that gives a part of the global object its value."""
    value = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    file.write_text(f"window.emomech ??= {{ saes: {{}} }};\n{name} = {value};\n", encoding="utf-8")
    return file


def questions(shown: Study) -> "Questions":
    """Ask about the texts by which features are described, equally many of every emotion."""
    from emomech.causal.questions import Questions, balanced

    return Questions.of(shown, balanced(shown, "discover", N_OF_EACH))


def _model(shown: Study, asked: "Questions") -> dict[str, Any]:
    """Gather what a forward pass needs, the words that the model knows, and examples."""
    from emomech.data.grammar.lexicon import persons, written_forms
    from emomech.figures.palette import EMOTION_COLOURS

    lm, tokenizer = shown.lm, shown.lm.tokenizer
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
        "template": lookup.prompt(lookup.corpus(_SPEC.corpus).prompt).template,
        "labels": dict(zip(asked.labels, asked.label_ids[0].tolist(), strict=True)),
        "colours": EMOTION_COLOURS,
        "persons": persons(),
        "examples": examples(),
        "texts": len(asked),
        **_packed(shipped_tensors(lookup.shipped(lookup.model(_SPEC.model).path) / "model.safetensors")),
    }


def _sae(sae: "Sae", use: FeatureUse) -> dict[str, Any]:
    """Gather one SAE as it ships, and what its features fire for."""
    folder = lookup.shipped(lookup.sae(_SPEC.sae_name).path) / str(sae.point)
    known = {"peak": use.peak.half(), "means": use.means.half()}
    return {
        "point": str(sae.point),
        "k": sae.k,
        "selective": use.selective,
        **_packed(shipped_tensors(folder / "sae_weights.safetensors") | known),
    }


def shipped_tensors(file: Path) -> dict[str, "Tensor"]:
    """Read the tensors of a safetensors file as they are stored."""
    from safetensors.torch import load_file

    return dict(load_file(file))


def _packed(tensors: Mapping[str, "Tensor"]) -> dict[str, Any]:
    """Put half-precision tensors behind one another, in little-endian order and in base64, and say which is where."""
    data = b"".join(tensor.contiguous().numpy().astype("<f2").tobytes() for tensor in tensors.values())
    return {
        "tensors": [[name, list(tensor.shape)] for name, tensor in tensors.items()],
        "data": base64.b64encode(data).decode("ascii"),
    }


def feature_uses(shown: Study, asked: "Questions") -> dict[HookPoint, FeatureUse]:
    """Find for the SAEs of every hook point what their features fire for at the answer."""
    found = asked.activations(list(shown.saes), "answer")
    return {point: _use(sae, found[point], asked) for point, sae in shown.saes.items()}


def _use(sae: "Sae", activations: "Tensor", asked: "Questions") -> FeatureUse:
    import numpy as np
    import torch

    from emomech.saes.encoding import encode
    from emomech.stats.selectivity import Selectivity, Strata

    fired = encode(sae, activations)
    tested = Selectivity.of(fired, asked.gold, Strata.of(np.full(len(asked), "")))  # one word is read in all
    statistic, limit = tested.statistic()[0], tested.null(N_PERMUTATIONS, _SPEC.seed).threshold
    selective = [""] * sae.d_sae
    for feature, values in zip(np.unique(fired.nonzero()[1]).tolist(), statistic.T, strict=True):
        if values.max() > limit:
            selective[feature] = asked.labels[int(values.argmax())]
    dense = torch.from_numpy(fired.toarray())
    means = torch.stack([dense[asked.gold == label].mean(0) for label in range(len(asked.labels))])
    return FeatureUse(dense.amax(0), means, tuple(selective))


def examples() -> list[dict[str, Any]]:
    """Choose for each emotion the first short story whose two persons can change places, and one of each other style.

    Of texts that the model never saw, in the grammar's order and without a look at what the model says of them. Each
    comes with what every person in it feels by the rule, before and after the exchange of the two names.
    """
    from emomech.data.grammar.lexicon import EMOTION_NOUNS
    from emomech.data.grammar.vignettes import PAIR, STYLES, stream

    texts = stream(_SPEC.seed, split="study")
    wanted = [*EMOTION_NOUNS, *STYLES[1:]]
    found: dict[str, dict[str, Any]] = {}
    while len(found) < len(wanted):
        one = next(texts)
        if one.example.item_type == PAIR:
            twin = next(texts)
            slot = one.example.label if one.example.style == STYLES[0] else one.example.style
            if slot not in found and len(one.example.text.split()) <= LONGEST:
                found[slot] = _example(one, twin)
    return [found[slot] for slot in wanted]


def _example(one: "Vignette", twin: "Vignette") -> dict[str, Any]:
    return {
        "text": one.example.text,
        "person": one.example.person,
        "style": one.example.style,
        "feels": {event.person: event.emotion for event in one.events},
        "exchanged": {"text": twin.example.text, "feels": {event.person: event.emotion for event in twin.events}},
    }
