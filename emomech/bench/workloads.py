"""Workloads: random models of the shape of GPT-2 and Gemma 2, and the embedded model, with SAEs and questions.

Speed does not depend on the values of the weights, but on how often features fire: thresholds are set so that the mean
L0 is that of public SAEs. The vocabulary is small, so that an implementation gains nothing by skipping the unembedding.
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
from emomech.causal.feature_stats import FeatureStats, feature_stats
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
class Workload:
    """A model, its SAEs, and questions."""

    name: str
    lm: LanguageModel = field(repr=False)
    saes: Mapping[HookPoint, Sae] = field(repr=False)
    questions: Questions = field(repr=False)

    @property
    def middle(self) -> HookPoint:
        """The hook point with half of the blocks behind it."""
        return HookPoint(self.lm.n_layers // 2 - 1)

    @property
    def last(self) -> HookPoint:
        """The hook point after the last block."""
        return HookPoint(self.lm.n_layers - 1)

    def feature_stats(self, points: list[HookPoint]) -> dict[HookPoint, FeatureStats]:
        """Measure the means and firing rates of the features of some SAEs."""
        return feature_stats(self.questions, {point: self.saes[point] for point in points})

    def draw_features(self, stats: FeatureStats, n: int) -> list[int]:
        """Draw up to n features, with probabilities proportional to how often they fire."""
        n = min(n, len(stats.alive))
        return stats.fires.multinomial(n, generator=torch.Generator().manual_seed(0)).tolist()

    def first(self, n_texts: int | None = None, n_layers: int | None = None) -> "Workload":
        """Keep the first texts, and the first blocks with their SAEs; the weights are shared, not copied."""
        every, part = self.questions, slice(n_texts)
        questions = replace(every, texts=every.texts[part], label_ids=every.label_ids[part], gold=every.gold[part])
        if n_layers is None or n_layers == self.lm.n_layers:
            return replace(self, questions=questions)
        lm = _cut(self.lm, n_layers)
        saes = {point: sae for point, sae in self.saes.items() if point.layer < n_layers}
        return Workload(self.name, lm, saes, questions.on(lm))


def gpt2_shaped(n_texts: int, n_layers: int = 12, d_model: int = 768, d_sae: int = D_SAE) -> Workload:
    """Draw a random model of the shape of GPT-2; all hook points share the weights of one SAE."""
    from transformers import GPT2Config, GPT2LMHeadModel

    sizes: dict[str, Any] = {"n_layer": n_layers, "n_embd": d_model, "n_head": d_model // 64, "n_positions": CONTEXT}
    config = GPT2Config(vocab_size=VOCABULARY, **sizes, bos_token_id=0, eos_token_id=0)
    return _drawn(GPT2, lambda: GPT2LMHeadModel(config), n_texts, d_sae)


def gemma2_shaped(
    n_texts: int, device: torch.device, dtype: torch.dtype, n_layers: int = 26, d_model: int = 2304
) -> Workload:
    """Draw a random model of the shape of the smallest Gemma 2, with float32 SAEs of Gemma Scope's smallest width."""
    from transformers import Gemma2Config, Gemma2ForCausalLM

    heads: dict[str, Any] = {"num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": d_model // 9}
    sizes: dict[str, Any] = {"num_hidden_layers": n_layers, "hidden_size": d_model, "intermediate_size": 4 * d_model}
    special: dict[str, Any] = {"bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0}
    config = Gemma2Config(vocab_size=VOCABULARY, max_position_embeddings=CONTEXT, **heads, **sizes, **special)
    name = f"{GEMMA2}, {str(dtype).removeprefix('torch.')}"
    return _drawn(name, lambda: Gemma2ForCausalLM(config), n_texts, 64 * d_model // 9, device, dtype)


def _drawn(
    name: str,
    make: Callable[[], Any],
    n_texts: int,
    d_sae: int,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> Workload:
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
    x = questions.activations([points[len(points) // 2]])[points[len(points) // 2]]
    sae = to_device(_with_l0(random_sae(points[0], x, d_sae, L0, seed=0), x), device)
    return Workload(name, lm, {point: replace(sae, point=point) for point in points}, questions)


def to_device(sae: Sae, device: torch.device | str) -> Sae:
    """Copy the weights of an SAE to a device."""
    names = ("W_enc", "b_enc", "W_dec", "b_dec", "threshold")
    moved = {name: x.to(device) for name in names if (x := getattr(sae, name)) is not None}
    return replace(sae, **moved)


def embedded(n_texts: int) -> Workload:
    """Load the embedded model with texts of its corpus."""
    study = Study(StudySpec())
    rows: Ints = balanced(study, "discover", max(1, n_texts // len(study.corpus.labels)))
    saes = {point: study.saes[point] for point in study.saes if point.site == "resid_post"}
    return Workload(EMBEDDED, study.lm, saes, replace(Questions.of(study, rows), examples=()))


def save(workload: Workload, folder: Path) -> Path:
    """Write a workload as a case, and return its folder; its model is of the GPT-2 family.

    SAEs that share weights are written once. The mean of each feature is written to a file per hook point.
    """
    questions, module = workload.questions, workload.lm.module
    tensors = inputs.model_tensors(module)
    numbers: dict[int, int] = {}
    saes = {}
    for point, sae in workload.saes.items():
        number = numbers.setdefault(sae.W_enc.data_ptr(), len(numbers))
        saes[str(point)] = {"number": number, "k": sae.k}
        weights = {name: getattr(sae, name) for name in ("W_enc", "b_enc", "W_dec", "b_dec", "threshold")}
        tensors |= {f"sae{number}.{name}": x for name, x in weights.items() if x is not None}
    rows = []
    for i, (batch, content) in enumerate(questions.batches("everywhere")):
        parts = {"input_ids": batch.input_ids, "attention_mask": batch.attention_mask}
        parts |= {"position_ids": batch.position_ids, "content": content}
        tensors |= {f"batch{i}.{name}": x for name, x in parts.items()}
        rows.append(list(batch.example))
    facts = {
        "name": workload.name,
        "config": inputs.model_config(module),
        "saes": saes,
        "rows": rows,
        "label_ids": questions.label_ids.tolist(),
        "gold": questions.gold.tolist(),
        "texts": [[text.ids, text.special] for text in questions.texts],
    }
    folder.mkdir(parents=True, exist_ok=True)
    for point, stats in workload.feature_stats(list(workload.saes)).items():
        np.save(folder / f"{point}.npy", stats.features.numpy())
    return inputs.write(folder, facts, tensors)


@cache
def load(folder: Path) -> Workload:
    """Read a case into the objects of the package; once per process."""
    case = inputs.read(folder)
    lm = wrap(case.facts["name"], case.module, inputs.words(case.module.config.vocab_size), True)
    texts = tuple(
        TokenizedText(tuple(ids), tuple((i, i + 1) for i in range(len(ids))), tuple(special))
        for ids, special in case.facts["texts"]
    )
    labels = tuple(str(i) for i in range(case.label_ids.shape[1]))
    questions = Questions(lm, texts, case.label_ids, case.gold.numpy(), (), labels)
    saes = {HookPoint.parse(name): _sae(name, parts) for name, parts in case.saes.items()}
    return Workload(lm.name, lm, saes, questions)


def _sae(name: str, parts: Mapping[str, Any]) -> Sae:
    return Sae(HookPoint.parse(name), activation="topk" if parts["k"] else "jumprelu", **parts)


def _cut(lm: LanguageModel, n_layers: int) -> LanguageModel:
    """Keep the first blocks of a model of the GPT-2 family; the weights are shared."""
    module: Any = copy.copy(lm.module)
    module._modules = dict(lm.module._modules)
    stack: Any = copy.copy(module.transformer)
    module.transformer = stack
    stack._modules = dict(stack._modules)
    stack.h = stack.h[:n_layers]
    module.config = stack.config = copy.deepcopy(lm.module.config)
    module.config.n_layer = n_layers
    return replace(lm, module=module, blocks=stack.h)


def _with_l0(sae: Sae, x: torch.Tensor) -> Sae:
    """Set one threshold for all features, at which the mean L0 on the activations x is `L0`."""
    before = sae.before(x[:64])
    threshold = before.flatten().kthvalue(before.numel() - L0 * len(before)).values
    return replace(sae, activation="jumprelu", threshold=threshold.expand(sae.d_sae).contiguous(), k=None)


def _text(rng: np.random.Generator, n: int) -> TokenizedText:
    ids = (0, *rng.integers(N_LABELS + 1, VOCABULARY, n - 1).tolist())
    return TokenizedText(ids, tuple((i, i + 1) for i in range(n)), (True, *[False] * (n - 1)))
