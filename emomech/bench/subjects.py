"""What is measured: a random model of GPT-2's shape, and the embedded one, each with SAEs and questions.

Speed does not depend on what the weights are, but on how often features fire: thresholds are set so that as many do as
in public SAEs. The vocabulary is small, so that nothing gains by leaving the unembedding out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from emomech.models import LanguageModel, wrap
from emomech.questions import Questions, balanced
from emomech.reference import references
from emomech.saes import Sae, random_sae
from emomech.stats import Ints
from emomech.study import Study, StudySpec
from emomech.tokens import TokenizedText
from emomech.vocab import HookPoint

L0, D_SAE, N_LABELS, VOCABULARY, CONTEXT = 64, 24576, 6, 512, 64
GPT2, EMBEDDED = "GPT-2's shape", "embedded model"


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

    def alive(self, point: HookPoint, n: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Draw features that fire, the more often the likelier, and give their means (feature)."""
        usual = references(self.questions, {point: self.saes[point]})[point]
        n = min(n, int((usual.fires > 0).sum()))
        drawn = usual.fires.multinomial(n, generator=torch.Generator().manual_seed(0))
        return drawn, usual.features[drawn]


def gpt2_shaped(n_texts: int, n_layers: int = 12, d_model: int = 768, d_sae: int = D_SAE) -> Subject:
    """Draw a model of GPT-2's shape; all hook points share one SAE's weights."""
    from transformers import GPT2Config, GPT2LMHeadModel

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        sizes: dict[str, Any] = {
            "n_layer": n_layers,
            "n_embd": d_model,
            "n_head": d_model // 64,
            "n_positions": CONTEXT,
        }
        marks: dict[str, Any] = {"bos_token_id": 0, "eos_token_id": 0}
        module = GPT2LMHeadModel(GPT2Config(vocab_size=VOCABULARY, **sizes, **marks))
    lm = wrap(GPT2, module, _words(), True)
    rng = np.random.default_rng(0)
    texts = tuple(_text(rng, int(n)) for n in rng.integers(CONTEXT // 2, CONTEXT * 3 // 4, n_texts))
    labels = torch.arange(1, N_LABELS + 1).expand(n_texts, -1)
    questions = Questions(lm, texts, labels, rng.integers(0, N_LABELS, n_texts), (), tuple("abcdef"))
    points = [HookPoint(layer) for layer in range(n_layers)]
    read = questions.activations([points[n_layers // 2]])[points[n_layers // 2]]
    sae = _firing(random_sae(points[0], read, d_sae, L0, seed=0), read)
    return Subject(GPT2, lm, {point: replace(sae, point=point) for point in points}, questions)


def embedded(n_texts: int) -> Subject:
    """Load the embedded model."""
    study = Study(StudySpec())
    rows: Ints = balanced(study, "discover", max(1, n_texts // len(study.corpus.labels)))
    return Subject(EMBEDDED, study.lm, study.saes, Questions.of(study, rows))


def _firing(sae: Sae, x: torch.Tensor) -> Sae:
    """Let as many features fire at a token as public SAEs have, by a threshold alike for all."""
    before = sae.before(x[:64])
    threshold = before.flatten().kthvalue(before.numel() - L0 * len(before)).values
    return replace(sae, activation="jumprelu", threshold=threshold.expand(sae.d_sae).contiguous(), k=None)


def _text(rng: np.random.Generator, n: int) -> TokenizedText:
    ids = (0, *rng.integers(N_LABELS + 1, VOCABULARY, n - 1).tolist())
    return TokenizedText(ids, tuple((i, i + 1) for i in range(n)), (True, *[False] * (n - 1)))


def _words():  # noqa: ANN202
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from transformers import PreTrainedTokenizerFast

    words = {"<bos>": 0} | {f"w{i}": i for i in range(1, VOCABULARY)}
    tokenizer = Tokenizer(WordLevel(words, unk_token="w1"))
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<bos>", pad_token="<bos>")
