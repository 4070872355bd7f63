"""What an analysis asks of its model: every pass, recorded while it runs, and a sample for others to repeat.

Passes are of five kinds (`KINDS`). In the plain way each takes one or two forward passes over its texts, or one forward
and one backward pass. Of the edits, those that move features of the study's own SAEs by numbers can be repeated by
others; the edits of controls cost the same, so they count, but they are not in the sample.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import numpy as np
import torch

from emomech.causal import attribution, effects, lm_loss
from emomech.causal.questions import Edits, Questions
from emomech.causal.steering.slopes import N_SCORES
from emomech.causal.steering.slopes import slopes as fitted_slopes
from emomech.models import activations
from emomech.models.language_model import LanguageModel
from emomech.models.replay import Replay
from emomech.models.tokens import TokenBatch, tokenize
from emomech.saes.edits import MaskedEdit, MoveFeatures
from emomech.saes.sae import Sae
from emomech.stats.estimates import Floats
from emomech.study.study import Study

KINDS = ("clean", "one", "several", "read", "slope")
"""Passes without an edit; with edits of one hook point; of several; that read activations; that take gradients."""


@dataclass(frozen=True, eq=False)
class Edited:
    """One edit of the answers to some questions, and the logits of the labels under it (text, label)."""

    questions: Questions = field(repr=False)
    edits: Edits
    where: str
    logits: Floats = field(repr=False)

    @property
    def kind(self) -> str:
        """Kind of its pass."""
        return _kind(self.edits)


def _kind(edits: Edits) -> str:
    return ("clean", "one", "several")[min(2, len(edits))]


@dataclass
class Recorded:
    """Tokens of all passes by kind, and the edits among them."""

    tokens: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    passes: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    edited: list[Edited] = field(default_factory=list)
    inside: bool = False
    """Whether a pass is running that is counted when it has ended."""

    def count(self, kind: str, texts: Sequence[Any]) -> None:
        """Count a pass over texts."""
        self.tokens[kind] += sum(len(text.ids) for text in texts)
        self.passes[kind] += 1

    def edit(self, questions: Questions, edits: Edits | None, where: str, logits: Floats) -> None:
        """Count an edit, and keep it."""
        edited = Edited(questions, edits or {}, where, logits)
        self.count(edited.kind, questions.texts)
        self.edited.append(edited)

    def sample(self, study: Study, n: int) -> list[Edited]:
        """Draw up to n edits of each kind that others can repeat, evenly from first to last."""
        every = [one for one in self.edited if one.questions.lm is study.lm and repeatable(one.edits, study)]
        of_kind = [[one for one in every if one.kind == kind] for kind in KINDS[:3]]
        return [some[i] for some in of_kind if some for i in sorted({int(i) for i in np.linspace(0, len(some) - 1, n)})]


def repeatable(edits: Edits, study: Study) -> bool:
    """Whether the edits move features of the study's SAEs by numbers."""
    return all(_is_by_numbers(edit, study.saes.get(point)) for point, edit in edits.items())


def _is_by_numbers(edit: MaskedEdit, sae: Sae | None) -> bool:
    if not isinstance(edit, MoveFeatures) or edit.firing:
        return False
    return torch.as_tensor(edit.offset).ndim < 2 and edit.sae is sae


@contextmanager
def recording() -> Iterator[Recorded]:
    """Record the passes of everything that runs inside the `with` block."""
    record = Recorded()

    def logits(result: Floats, questions: Questions, edits: Edits | None = None, where: str = "everywhere") -> None:
        record.edit(questions, edits, where, result)

    def of_each(result: Floats, questions: Questions, edits: Sequence[Edits], where: str = "everywhere") -> None:
        for edit, of_edit in zip(edits, result, strict=True):
            record.edit(questions, edit, where, of_edit)

    def shifts(_: object, lm: LanguageModel, texts: Sequence[str], each: Sequence[Edits]) -> None:
        for edits in ({}, *each):
            record.count(_kind(edits), tokenize(lm, texts))

    def collect(_: object, lm: object, points: object, texts: Sequence[Any], *rest: object) -> None:
        record.count("read", texts)

    def slopes(_: object, questions: Questions, batch: TokenBatch | Replay, *rest: object) -> None:
        example = (batch.batch if isinstance(batch, Replay) else batch).example
        record.count("slope", [questions.texts[i] for i in example])

    def fitted(_: object, questions: Questions, every: object, neutral: Sequence[str], *rest: object) -> None:
        for _label in range(questions.label_ids.shape[1]):
            record.count("slope", questions.texts)
        for _score in range(N_SCORES):
            record.count("slope", tokenize(questions.lm, neutral))

    counters = {
        effects.logits_of_each: of_each,
        lm_loss.language_shifts: shifts,
        activations.collect: collect,
        attribution.gradients: slopes,
        fitted_slopes: fitted,
        attribution._at_answer: slopes,  # pyright: ignore[reportPrivateUsage]
    }
    with ExitStack() as stack:
        unedited = staticmethod(_counted(record, Replay.of, lambda *_: None))  # a part of other passes
        stack.enter_context(mock.patch.object(Replay, "of", unedited))
        stack.enter_context(mock.patch.object(Questions, "logits", _counted(record, Questions.logits, logits)))
        for original, count in counters.items():
            wrapped, name = _counted(record, original, count), original.__name__
            for module in [m for m in list(sys.modules.values()) if getattr(m, "__dict__", {}).get(name) is original]:
                stack.enter_context(mock.patch.object(module, name, wrapped))
        yield record


def _counted(record: Recorded, original: Callable[..., Any], count: Callable[..., None]) -> Callable[..., Any]:
    """Call a function, and count what it did; calls inside a counted one are a part of it."""

    def call(*arguments: Any, **named: Any) -> Any:
        if record.inside:
            return original(*arguments, **named)
        record.inside = True
        try:
            result = original(*arguments, **named)
        finally:
            record.inside = False
        count(result, *arguments, **named)
        return result

    return call
