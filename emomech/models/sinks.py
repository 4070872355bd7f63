"""Find massive activations: tokens whose activation is many times as long as that of other tokens of its layer.

Most language models write a very long vector at a few tokens, above all at the first token of a text, and attend to it
where they have nothing to read: an attention sink (Sun et al., 2024, arXiv:2402.17762; Xiao et al., 2024,
arXiv:2309.17453). Such a vector says nothing of the text. An SAE that is trained on it spends features on it, and
its size spoils every scale, peak and mean that it enters.

A model is measured on `SAMPLE` when it is loaded. If a token of the texts themselves is massive at any hook point, the
model gets `Sinks`, and `tokens.tokenize` marks such tokens in every text: they are no content, so they are neither read
nor edited. BOS tokens and other special tokens are no content anyway. A training of SAEs has enough tokens to measure
each hook point anew (`ordinary_rows`).

Example:
    >>> from emomech.models.sinks import find_sinks
    >>> from emomech.study.spec import StudySpec
    >>> from emomech.study.study import Study
    >>> find_sinks(Study(StudySpec(limit=8)).lm) is None  # the embedded model has none
    True
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from emomech.core.hook_points import HookPoint
from emomech.models.hooks import read_at
from emomech.models.language_model import LanguageModel
from emomech.models.reading_check import TEXTS, readable
from emomech.models.tokens import TokenizedText, batches, tokenize

MULTIPLE = 10.0
"""An activation is massive if it is longer than so many times the median of the content tokens of its hook point."""
SAMPLE = (
    *TEXTS,
    "Dear Sir,\n\nI write about the parcel of 12 May. It has not come. Please tell me where it is.\n\nYours, A. Reader",
    "I love it, I love it, I love it! And you? And you? No, no, no. Well, well: that is that.",
    "The train leaves at 7:45 from platform 9. Take the second door on the left, then wait (about ten minutes).",
    "My sister called last night. She had been offered the job, and she did not know what to say to our mother.",
    "1. Wash the rice. 2. Boil the water. 3. Add salt. 4. Wait.",
    "Why would anyone do that? It makes no sense... I can't even begin to explain how wrong this is, honestly.",
)
"""Texts on which a model is measured when it is loaded: prose, dialogue, lists, line ends, repeated words."""
_CHUNK = 65536
"""Activations that are converted to float32 at once."""


@dataclass(frozen=True, eq=False)
class Sinks:
    """Where a model has massive activations at tokens of the texts themselves, and how they are recognised."""

    lm: LanguageModel
    """The model whose activations decide; a model with edited weights has the sinks of the original one."""
    limits: Mapping[HookPoint, float]
    """Hook points that show all massive tokens of the sample, and the largest length of an ordinary activation."""
    _seen: dict[tuple[int, ...], frozenset[int]] = field(default_factory=dict, repr=False)
    """Massive tokens of texts that were measured, by their token numbers."""

    def mark(self, texts: Sequence[TokenizedText]) -> list[TokenizedText]:
        """Return the texts with their massive tokens marked; the model reads each text once, up to the last limit."""
        new = list({text.ids: text for text in texts if text.ids not in self._seen}.values())
        self._measure(new)
        return [replace(text, sinks=self._seen[text.ids]) for text in texts]

    @torch.inference_mode()
    def _measure(self, texts: Sequence[TokenizedText]) -> None:
        for batch in batches(texts, pad_id=self.lm.pad_id, device=self.lm.device):
            lengths = read_at(self.lm, batch, list(self.limits), lambda _, x: x.float().norm(dim=-1).cpu())
            massive = torch.stack([length > self.limits[point] for point, length in lengths.items()]).any(0)
            content = batch.content_mask.cpu()
            for number, row in zip(batch.example, (massive & content).tolist(), strict=True):
                self._seen[texts[number].ids] = frozenset(i for i, is_massive in enumerate(row) if is_massive)


@dataclass(frozen=True, eq=False)
class Lengths:
    """Lengths of the activations of some texts at one hook point."""

    content: Tensor
    """Of content tokens (n)."""
    special: Tensor
    """Of BOS and other special tokens (m)."""
    first: Tensor
    """Whether each content token is the first of its text (n)."""

    @property
    def limit(self) -> float:
        """The largest length of an ordinary activation."""
        return MULTIPLE * float(self.content.median())

    @property
    def massive(self) -> Tensor:
        """Whether each content token is massive (n)."""
        return self.content > self.limit


@torch.inference_mode()
def lengths_at(lm: LanguageModel, texts: Sequence[str]) -> dict[HookPoint, Lengths]:
    """Measure the activations of texts at the embedding and after every block, at all tokens."""
    points = [HookPoint(0, "resid_pre"), *(HookPoint(layer) for layer in range(lm.n_layers))]
    parts: list[dict[HookPoint, Tensor]] = []
    masks: list[Tensor] = []
    plain = lm.unmarked
    for batch in batches(tokenize(plain, texts), pad_id=lm.pad_id, device=lm.device):
        real = batch.attention_mask.bool().cpu()
        content = batch.content_mask.cpu()
        first = content & (content.cumsum(-1) == 1)
        masks.append(torch.stack([content[real], first[real]]))
        parts.append(read_at(plain, batch, points, lambda _, x, real=real: x.float().norm(dim=-1).cpu()[real]))
    is_content, is_first = torch.cat(masks, dim=1)
    lengths = {point: torch.cat([part[point] for part in parts]) for point in points}
    return {point: Lengths(x[is_content], x[~is_content], is_first[is_content]) for point, x in lengths.items()}


def find_sinks(lm: LanguageModel, texts: Sequence[str] = SAMPLE) -> Sinks | None:
    """Measure a model on texts; None if no content token of theirs is massive at any hook point.

    Texts that the model cannot read, such as those with unknown tokens, are left out.
    """
    lengths = lengths_at(lm, list(readable(lm, texts)))
    found = {point: measured for point, measured in lengths.items() if measured.massive.any()}
    missed = torch.stack([measured.massive for measured in found.values()]).any(0) if found else torch.zeros(0)
    limits: dict[HookPoint, float] = {}
    for point, measured in found.items():  # from the shallowest on, until every massive token is seen
        if (missed & measured.massive).any():
            limits[point] = measured.limit
            missed = missed & ~measured.massive
    return Sinks(lm.unmarked, limits) if limits else None


def ordinary_rows(activations: Tensor) -> Tensor:
    """Number the activations (n, d_in) of one hook point that are not massive, in order.

    Example:
        >>> import torch
        >>> from emomech.models.sinks import ordinary_rows
        >>> activations = torch.randn(100, 8, generator=torch.Generator().manual_seed(0))
        >>> activations[3] *= 50
        >>> len(ordinary_rows(activations)), 3 in ordinary_rows(activations)
        (99, False)
    """
    length = torch.cat([chunk.float().norm(dim=-1).cpu() for chunk in activations.split(_CHUNK)])
    return (length <= MULTIPLE * length.median()).nonzero().flatten()
