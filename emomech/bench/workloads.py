"""What is measured: random models of the shape of GPT-2 and of Gemma 2, and the embedded one, with SAEs and questions.

Speed does not depend on what the weights are, but on how often features fire: thresholds are set so that as many do as
in public SAEs. The vocabulary is small, so that nothing gains by leaving the unembedding out.
"""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from emomech.bench import inputs
from emomech.causal.feature_stats import Reference, references
from emomech.causal.questions import Questions, balanced
from emomech.core.hook_points import HookPoint
from emomech.models.language_model import LanguageModel, wrap
from emomech.models.tokens import TokenizedText
from emomech.saes.controls import random_sae
from emomech.saes.sae import Sae
from emomech.stats.estimates import Ints
from emomech.study.spec import StudySpec
from emomech.study.study import Study

L0, D_SAE, N_LABELS, VOCABULARY, CONTEXT = 64, 24576, 6, 512, 64
GPT2, GEMMA2, EMBEDDED = "GPT-2's shape", "Gemma 2's shape", "embedded model"


@dataclass(frozen=True, eq=False)
class Subject:
    """A model, its SAEs, and texts."""

    name: str
    lm: LanguageModel = field(repr=False)
    saes: Mapping[HookPoint, Sae] = field(repr=False)
    questions: Questions = field(repr=False)

    @property
    def middle(self) -> HookPoint:
        """Where half of the blocks are behind."""
        return HookPoint(self.lm.n_layers // 2 - 1)

    @property
    def last(self) -> HookPoint:
        """After the last block."""
        return HookPoint(self.lm.n_layers - 1)

    def usual(self, points: list[HookPoint]) -> dict[HookPoint, Reference]:
        """Measure what features usually are."""
        return references(self.questions, {point: self.saes[point] for point in points})

    def alive(self, usual: Reference, n: int) -> list[int]:
        """Draw features that fire, the more often the likelier."""
        n = min(n, len(usual.alive))
        return usual.fires.multinomial(n, generator=torch.Generator().manual_seed(0)).tolist()

    def first(self, n_texts: int | None = None, n_layers: int | None = None) -> "Subject":
        """Keep the first texts, and the first blocks with their SAEs; weights are shared."""
        own, part = self.questions, slice(n_texts)
        questions = replace(own, texts=own.texts[part], label_ids=own.label_ids[part], gold=own.gold[part])
        if n_layers is None or n_layers == self.lm.n_layers:
            return replace(self, questions=questions)
        lm = _cut(self.lm, n_layers)
        saes = {point: sae for point, sae in self.saes.items() if point.layer < n_layers}
        return Subject(self.name, lm, saes, questions.on(lm))


def gpt2_shaped(n_texts: int, n_layers: int = 12, d_model: int = 768, d_sae: int = D_SAE) -> Subject:
    """Draw a model of GPT-2's shape; all hook points share one SAE's weights."""
    from transformers import GPT2Config, GPT2LMHeadModel

    sizes: dict[str, Any] = {"n_layer": n_layers, "n_embd": d_model, "n_head": d_model // 64, "n_positions": CONTEXT}
    config = GPT2Config(vocab_size=VOCABULARY, **sizes, bos_token_id=0, eos_token_id=0)
    return _drawn(GPT2, lambda: GPT2LMHeadModel(config), n_texts, d_sae)


def gemma2_shaped(
    n_texts: int, device: torch.device, dtype: torch.dtype, n_layers: int = 26, d_model: int = 2304
) -> Subject:
    """Draw a model of the shape of Gemma 2's smallest, with SAEs of Gemma Scope's smallest width in float32."""
    from transformers import Gemma2Config, Gemma2ForCausalLM

    heads: dict[str, Any] = {"num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": d_model // 9}
    sizes: dict[str, Any] = {"num_hidden_layers": n_layers, "hidden_size": d_model, "intermediate_size": 4 * d_model}
    marks: dict[str, Any] = {"bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0}
    config = Gemma2Config(vocab_size=VOCABULARY, max_position_embeddings=CONTEXT, **heads, **sizes, **marks)
    name = f"{GEMMA2}, {str(dtype).removeprefix('torch.')}"
    return _drawn(name, lambda: Gemma2ForCausalLM(config), n_texts, 64 * d_model // 9, device, dtype)


def _drawn(
    name: str,
    make: Callable[[], Any],
    n_texts: int,
    d_sae: int,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> Subject:
    """Draw weights, texts, and one SAE for all hook points."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = make().to(device, dtype)
    lm = wrap(name, module, inputs.words(VOCABULARY), True)
    rng = np.random.default_rng(0)
    texts = tuple(_text(rng, int(n)) for n in rng.integers(CONTEXT // 2, CONTEXT * 3 // 4, n_texts))
    labels = torch.arange(1, N_LABELS + 1).expand(n_texts, -1)
    questions = Questions(lm, texts, labels, rng.integers(0, N_LABELS, n_texts), (), tuple("abcdef"))
    points = [HookPoint(layer) for layer in range(lm.n_layers)]
    read = questions.activations([points[len(points) // 2]])[points[len(points) // 2]]
    sae = on(_firing(random_sae(points[0], read, d_sae, L0, seed=0), read), device)
    return Subject(name, lm, {point: replace(sae, point=point) for point in points}, questions)


def on(sae: Sae, device: torch.device | str) -> Sae:
    """Put an SAE's weights on a device."""
    names = ("W_enc", "b_enc", "W_dec", "b_dec", "threshold")
    moved = {name: x.to(device) for name in names if (x := getattr(sae, name)) is not None}
    return replace(sae, **moved)


def embedded(n_texts: int) -> Subject:
    """Load the embedded model."""
    study = Study(StudySpec())
    rows: Ints = balanced(study, "discover", max(1, n_texts // len(study.corpus.labels)))
    saes = {point: study.saes[point] for point in study.saes if point.site == "resid_post"}
    return Subject(EMBEDDED, study.lm, saes, replace(Questions.of(study, rows), examples=()))


def handed(subject: Subject, folder: Path) -> Path:
    """Write a subject of GPT-2's family as a case; SAEs that share weights are written once."""
    questions, module = subject.questions, subject.lm.module
    state = module.state_dict()
    if module.config.tie_word_embeddings:
        del state["lm_head.weight"]
    tensors = {f"model.{name}": x for name, x in state.items()}
    numbers: dict[int, int] = {}
    saes = {}
    for point, sae in subject.saes.items():
        number = numbers.setdefault(sae.W_enc.data_ptr(), len(numbers))
        saes[str(point)] = {"number": number, "k": sae.k}
        weights = {name: getattr(sae, name) for name in ("W_enc", "b_enc", "W_dec", "b_dec", "threshold")}
        tensors |= {f"sae{number}.{name}": x for name, x in weights.items() if x is not None}
    rows = []
    for i, (batch, content) in enumerate(questions.batches("everywhere")):
        own = {"input_ids": batch.input_ids, "attention_mask": batch.attention_mask}
        own |= {"position_ids": batch.position_ids, "content": content}
        tensors |= {f"batch{i}.{name}": x for name, x in own.items()}
        rows.append(list(batch.example))
    facts = {
        "name": subject.name,
        "config": {k: v for k, v in module.config.to_dict().items() if k not in ("architectures", "dtype")},
        "saes": saes,
        "rows": rows,
        "label_ids": questions.label_ids.tolist(),
        "gold": questions.gold.tolist(),
        "texts": [[text.ids, text.special] for text in questions.texts],
    }
    for point, usual in subject.usual(list(subject.saes)).items():
        folder.mkdir(parents=True, exist_ok=True)
        np.save(folder / f"{point}.npy", usual.features.numpy())
    return inputs.write(folder, facts, tensors)


@cache
def taken(folder: Path) -> Subject:
    """Read a case once, as the package itself has it."""
    read = inputs.read(folder)
    lm = wrap(read.facts["name"], read.module, inputs.words(read.module.config.vocab_size), True)
    texts = tuple(
        TokenizedText(tuple(ids), tuple((i, i + 1) for i in range(len(ids))), tuple(special))
        for ids, special in read.facts["texts"]
    )
    labels = tuple(str(i) for i in range(read.label_ids.shape[1]))
    questions = Questions(lm, texts, read.label_ids, read.gold.numpy(), (), labels)
    return Subject(lm.name, lm, {HookPoint.parse(name): _sae(name, own) for name, own in read.saes.items()}, questions)


def _sae(name: str, own: Mapping[str, Any]) -> Sae:
    return Sae(HookPoint.parse(name), activation="topk" if own["k"] else "jumprelu", **own)


def _cut(lm: LanguageModel, n_layers: int) -> LanguageModel:
    """Make a model of GPT-2's family of another's first blocks."""
    module: Any = copy.copy(lm.module)
    module._modules = dict(lm.module._modules)
    stack: Any = copy.copy(module.transformer)
    module.transformer = stack
    stack._modules = dict(stack._modules)
    stack.h = stack.h[:n_layers]
    module.config = stack.config = copy.deepcopy(lm.module.config)
    module.config.n_layer = n_layers
    return replace(lm, module=module, blocks=stack.h)


def _firing(sae: Sae, x: torch.Tensor) -> Sae:
    """Let as many features fire at a token as public SAEs have, by a threshold alike for all."""
    before = sae.before(x[:64])
    threshold = before.flatten().kthvalue(before.numel() - L0 * len(before)).values
    return replace(sae, activation="jumprelu", threshold=threshold.expand(sae.d_sae).contiguous(), k=None)


def _text(rng: np.random.Generator, n: int) -> TokenizedText:
    ids = (0, *rng.integers(N_LABELS + 1, VOCABULARY, n - 1).tolist())
    return TokenizedText(ids, tuple((i, i + 1) for i in range(n)), (True, *[False] * (n - 1)))
