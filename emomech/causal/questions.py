"""The questions that a study asks its model, and the log-odds of each text's label, with or without edits.

A label is scored by its first token, so that one forward pass scores all labels; labels that begin with the same token
are refused. The measure of a text is the log-odds of its own label among the labels, in nats:
z_own - log Σ exp(z_other). It is close to linear in the logits, and it falls when a wrong label gains
(Heimersheim and Nanda, 2024, arXiv:2404.15255; Zhang and Nanda, 2024, arXiv:2309.16042).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from torch import Tensor

from emomech.core import progress
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

if TYPE_CHECKING:
    from emomech.models.replay import Replay


Where = Literal["everywhere", "text", "answer"]
"""Tokens at which to read or edit. "everywhere": all tokens except special ones, and always the last token (in a chat
it may be special). "text": the same without the last token. "answer": only the last token, which the label follows."""
Edits = Mapping[HookPoint, MaskedEdit]
"""What to do with the activation at each hook point."""


@dataclass(frozen=True, eq=False)
class Questions:
    """Some texts of a study as prompts, and the first token of each label.

    Example:
        >>> import emomech as em
        >>> from emomech.causal.questions import Questions, balanced
        >>> study = em.Study(limit=400)
        >>> questions = Questions.of(study, balanced(study, "report", 2))
        >>> questions.logits().shape == (len(questions), len(questions.labels))
        True
    """

    lm: LanguageModel = field(repr=False)
    texts: tuple[TokenizedText, ...] = field(repr=False)
    label_ids: Tensor = field(repr=False)
    """First token of each label after each text (text, label)."""
    gold: Ints = field(repr=False)
    """Number of each text's label (text)."""
    examples: tuple[Example, ...] = field(repr=False)
    labels: tuple[str, ...]
    recordings: "list[Replay] | None" = field(default=None, repr=False)
    """Recorded forward passes, once they are made; None: they are not kept. See `causal.recordings`."""

    @classmethod
    def of(cls, study: Study, rows: Sequence[int] | Ints) -> "Questions":
        """Ask about texts of the corpus, by number. Raises UsageError for two labels that begin with the same token."""
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
            recordings=None if self.recordings is None else [],
        )

    def on(self, lm: LanguageModel) -> "Questions":
        """Ask another model of the same tokenizer."""
        return replace(self, lm=lm, recordings=None if self.recordings is None else [])

    def with_gold(self, gold: Ints) -> "Questions":
        """Replace the labels of the texts by `gold` (text)."""
        return replace(self, gold=gold)

    @property
    def clusters(self) -> list[str]:
        """Cluster of each text; texts that are not independent share one."""
        return [example.cluster for example in self.examples]

    def positions(self, where: Where) -> list[list[int]]:
        """Positions of the tokens to read in each text."""
        content = [[i for i, is_content in enumerate(text.content[:-1]) if is_content] for text in self.texts]
        content = [[*tokens, len(text.ids) - 1] for tokens, text in zip(content, self.texts, strict=True)]
        part = {"everywhere": slice(None), "text": slice(-1), "answer": slice(-1, None)}[where]
        return [tokens[part] for tokens in content]

    def activations(self, points: Sequence[HookPoint], where: Where = "everywhere") -> Mapping[HookPoint, Tensor]:
        """Activations at these tokens, text by text (read, d_model)."""
        return collect(self.lm, points, self.texts, self.positions(where))

    def batches(self, where: Where) -> list[tuple[TokenBatch, Tensor]]:
        """Batches padded on the left, each with a mask of the tokens at which an edit applies (batch, pos)."""
        padded = batches(self.texts, pad_id=self.lm.pad_id, padding_side="left", device=self.lm.device)
        return [(batch, places(batch, where)) for batch in padded]

    @torch.inference_mode()
    def logits(self, edits: Edits | None = None, where: Where = "everywhere") -> Floats:
        """Logits of the labels after each prompt (text, label), with activations edited at some of its tokens."""
        of_labels = np.empty(self.label_ids.shape)
        for batch, mask in progress.counted(self.batches(where), "asking", "batch"):
            rows = list(batch.example)
            with intervene(self.lm, masked(edits or {}, mask)):
                logits = self.lm.module(**batch.forward_kwargs(), logits_to_keep=1).logits[:, -1].float()
            of_labels[rows] = logits.gather(1, self.label_ids[rows].to(logits.device)).cpu().numpy()
        return of_labels

    def log_odds(self, edits: Edits | None = None, where: Where = "everywhere") -> Floats:
        """Log-odds of each text's own label, in nats (text)."""
        return log_odds(self.logits(edits, where), self.gold)


def log_odds(logits: Floats, gold: Ints) -> Floats:
    """Log-odds of each text's own label, in nats (text), from the logits of all labels (text, label).

    Example:
        >>> import numpy as np
        >>> from emomech.causal.questions import log_odds
        >>> log_odds(np.array([[2.0, 0.0, 0.0]]), np.array([0])).round(2)
        array([1.31])
    """
    from scipy.special import logsumexp

    is_gold = np.eye(logits.shape[1], dtype=bool)[gold]
    return logits[is_gold] - logsumexp(np.where(is_gold, -np.inf, logits), axis=1)


def places(batch: TokenBatch, where: Where) -> Tensor:
    """Mask of the tokens of a batch at which an edit applies (batch, pos)."""
    last = torch.zeros_like(batch.content_mask)
    last[torch.arange(len(last), device=last.device), batch.last] = True
    return {"everywhere": batch.content_mask | last, "text": batch.content_mask & ~last, "answer": last}[where]


def masked(edits: Edits, mask: Tensor) -> Mapping[HookPoint, Callable[[Tensor], Tensor]]:
    """Limit edits to the positions where the mask (batch, pos) is true."""
    return {point: replace(edit, mask=mask) for point, edit in edits.items()}


def balanced(study: Study, split: Split, most: int = 0) -> Ints:
    """Draw equally many texts of every label from a split: the count of the rarest label, or `most` if that is less.

    Returns numbers of texts in the order of the corpus; empty if a label has no text in the split. `most` = 0 sets no
    limit. The study's seed decides which texts are drawn.
    """
    corpus, seed = study.corpus, study.spec.seed
    rng = np.random.default_rng(seed)
    splits = np.array([corpus.split(example, seed) for example in corpus.examples])
    labels = np.array([corpus.labels.index(example.label) for example in corpus.examples])
    rows = [rng.permutation(np.flatnonzero((splits == split) & (labels == i))) for i in range(len(corpus.labels))]
    n = min(map(len, rows))
    return np.sort(np.concatenate([row[: min(n, most or n)] for row in rows]))
