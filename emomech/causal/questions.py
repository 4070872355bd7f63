"""The questions that a study asks its model, and how sure it is of each label, whatever is done inside of it.

A label is scored by the token with which it begins, so that one forward pass scores all; labels that begin alike cannot
be told apart so. What is measured of a text is the log-odds of its own label among the labels: z_own less the
log of the sum of exp(z) of the others, in nats. It is close to linear in the logits, and says when a wrong label gains
(Heimersheim and Nanda, 2024; Zhang and Nanda, 2024).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from emomech.core.hook_points import HookPoint
from emomech.data.corpus import Example, Split
from emomech.models.activations import collect
from emomech.models.hooks import intervene
from emomech.models.language_model import LanguageModel
from emomech.models.scoring import label_tokens
from emomech.models.tokens import TokenBatch, TokenizedText, batches, tokenize
from emomech.saes.edits import MaskedEdit
from emomech.stats.estimates import Floats, Ints
from emomech.study.study import Study

Where = Literal["everywhere", "text", "answer"]
"""At which tokens: all but special ones, though a chat's last may be one; all of these but the last; the last alone,
after which the label follows."""
Edits = Mapping[HookPoint, MaskedEdit]


@dataclass(frozen=True, eq=False)
class Questions:
    """Some texts of a study as prompts, and the tokens with which the labels begin."""

    lm: LanguageModel = field(repr=False)
    texts: tuple[TokenizedText, ...] = field(repr=False)
    label_ids: Tensor = field(repr=False)
    """Token of each label (text, label)."""
    gold: Ints = field(repr=False)
    """Number of each text's label (text)."""
    examples: tuple[Example, ...] = field(repr=False)
    labels: tuple[str, ...]

    @classmethod
    def of(cls, study: Study, rows: Sequence[int] | Ints) -> "Questions":
        """Ask about some texts of the corpus, by number. Raises UsageError where two labels begin with one token."""
        prompts = [study.prompts[i] for i in rows]
        examples = tuple(study.corpus.examples[i] for i in rows)
        gold = np.array([study.corpus.labels.index(example.label) for example in examples], dtype=int)
        ids = torch.from_numpy(label_tokens(study.lm, prompts, study.answers))
        return cls(study.lm, tuple(tokenize(study.lm, prompts)), ids, gold, examples, study.corpus.labels)

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, rows: Sequence[int] | Ints) -> "Questions":
        """Keep some of the questions, by number."""
        kept = [int(i) for i in rows]
        return replace(
            self,
            texts=tuple(self.texts[i] for i in kept),
            label_ids=self.label_ids[kept],
            gold=self.gold[kept],
            examples=tuple(self.examples[i] for i in kept),
        )

    def on(self, lm: LanguageModel) -> "Questions":
        """Ask another model of the same tokenizer."""
        return replace(self, lm=lm)

    @property
    def clusters(self) -> list[str]:
        """Texts that are not independent share a name."""
        return [example.cluster for example in self.examples]

    def positions(self, where: Where) -> list[list[int]]:
        """Numbers of the tokens that are meant, of each text."""
        content = [[i for i, special in enumerate(text.special[:-1]) if not special] for text in self.texts]
        content = [[*here, len(text.ids) - 1] for here, text in zip(content, self.texts, strict=True)]
        part = {"everywhere": slice(None), "text": slice(-1), "answer": slice(-1, None)}[where]
        return [here[part] for here in content]

    def activations(self, points: Sequence[HookPoint], where: Where = "everywhere") -> Mapping[HookPoint, Tensor]:
        """Activations at the tokens that are meant, text by text (read, d_model)."""
        return collect(self.lm, points, self.texts, self.positions(where))

    def batches(self, where: Where) -> list[tuple[TokenBatch, Tensor]]:
        """Batches whose rows end together, and where in them an edit applies (batch, pos)."""
        device = self.lm.device
        found = batches(self.texts, pad_id=self.lm.pad_id, padding_side="left", device=device)
        return [(batch, places(batch, where)) for batch in found]

    @torch.inference_mode()
    def logits(self, edits: Edits | None = None, where: Where = "everywhere") -> Floats:
        """Logits of the labels (text, label) after each prompt, with activations edited at some of its tokens."""
        found = np.empty(self.label_ids.shape)
        for batch, mask in self.batches(where):
            rows = list(batch.example)
            with intervene(self.lm, masked(edits or {}, mask)):
                logits = self.lm.module(**batch.forward_kwargs(), logits_to_keep=1).logits[:, -1].float()
            found[rows] = logits.gather(1, self.label_ids[rows].to(logits.device)).cpu().numpy()
        return found

    def log_odds(self, edits: Edits | None = None, where: Where = "everywhere") -> Floats:
        """Log-odds of each text's own label (text)."""
        return log_odds(self.logits(edits, where), self.gold)


def log_odds(logits: Floats, gold: Ints) -> Floats:
    """Logit of each text's label less the log-sum-exp of the others' (text), from logits (text, label), in nats."""
    from scipy.special import logsumexp

    own = np.eye(logits.shape[1], dtype=bool)[gold]
    return logits[own] - logsumexp(np.where(own, -np.inf, logits), axis=1)


def places(batch: TokenBatch, where: Where) -> Tensor:
    """Where in a batch an edit applies: true at content tokens, of the kind that is asked for (batch, pos)."""
    last = torch.zeros_like(batch.content_mask)
    last[torch.arange(len(last), device=last.device), batch.last] = True
    return {"everywhere": batch.content_mask | last, "text": batch.content_mask & ~last, "answer": last}[where]


def masked(edits: Edits, mask: Tensor) -> Mapping[HookPoint, Callable[[Tensor], Tensor]]:
    """Limit edits to some positions."""
    return {point: replace(edit, mask=mask) for point, edit in edits.items()}


def balanced(study: Study, split: Split, most: int = 0) -> Ints:
    """Draw equally many texts of every label from a split: as many as the rarest has, or at most so many of each.

    Which ones, the study's seed decides; in the corpus's order. Empty where a label has none.
    """
    corpus, seed = study.corpus, study.spec.seed
    rng = np.random.default_rng(seed)
    sides = np.array([corpus.split(example, seed) for example in corpus.examples])
    labels = np.array([corpus.labels.index(example.label) for example in corpus.examples])
    rows = [rng.permutation(np.flatnonzero((sides == split) & (labels == i))) for i in range(len(corpus.labels))]
    n = min(map(len, rows))
    return np.sort(np.concatenate([row[: min(n, most or n)] for row in rows]))
