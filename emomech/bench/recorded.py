"""What an analysis asks of its model: every pass, recorded while it runs, and a sample for others to repeat.

Passes are of five kinds (`KINDS`). In the plain way each takes one or two forward passes over its texts, or one forward
and one backward pass. Of the edits, those that move features of the study's own SAEs by numbers can be repeated by
others; the edits of controls cost the same, so they count, but they are not in the sample.
"""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import numpy as np
import torch

from emomech.causal import attribution, effects, lm_loss
from emomech.causal.questions import Edits, Questions
from emomech.models import activations
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
        return ("clean", "one", "several")[min(2, len(self.edits))]


@dataclass
class Recorded:
    """Tokens of all passes by kind, and the edits among them."""

    tokens: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    passes: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    edited: list[Edited] = field(default_factory=list)

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
    record, inner = Recorded(), _Depth()
    questions_logits = Questions.logits

    def logits(self: Questions, edits: Edits | None = None, where: Any = "everywhere") -> Floats:
        result = questions_logits(self, edits, where)
        if not inner.depth:
            record.edit(self, edits, where, result)
        return result

    def of_each(call: Callable[..., Any], questions: Questions, edits: Any, where: Any = "everywhere") -> Any:
        with inner:
            result = call(questions, edits, where)
        for edit, of_edit in zip(edits, result, strict=True):
            record.edit(questions, edit, where, of_edit)
        return result

    def shift(call: Callable[..., Any], lm: Any, texts: Any, *rest: Any, **named: Any) -> Any:
        with inner:
            result = call(lm, texts, *rest, **named)
        tokens = lm_loss.tokenize(lm, texts)
        for _ in range(2):
            record.count("one", tokens)
        return result

    def collect(call: Callable[..., Any], lm: Any, points: Any, texts: Any, positions: Any) -> Any:
        record.count("read", texts)
        return call(lm, points, texts, positions)

    def gradients(call: Callable[..., Any], questions: Questions, batch: Any, points: Any) -> Any:
        record.count("slope", [questions.texts[i] for i in batch.example])
        return call(questions, batch, points)

    wrapped = {
        effects.logits_of_each: of_each,
        lm_loss.language_shift: shift,
        activations.collect: collect,
        attribution.gradients: gradients,
        attribution._at_answer: gradients,  # pyright: ignore[reportPrivateUsage]
    }
    with ExitStack() as stack, mock.patch.object(Questions, "logits", logits):
        for original, wrapper in wrapped.items():
            for patch in _everywhere(original, wrapper):
                stack.enter_context(patch)
        yield record


def _everywhere(original: Any, wrapper: Callable[..., Any]) -> Iterator[Any]:
    """Patches that put a wrapper around a function in every module that has imported it."""

    def call(*arguments: Any, **named: Any) -> Any:
        return wrapper(original, *arguments, **named)

    for module in list(sys.modules.values()):
        names: Mapping[str, Any] = getattr(module, "__dict__", {})
        if names.get(original.__name__) is original:
            yield mock.patch.object(module, original.__name__, call)


class _Depth:
    """How many recorded calls are running inside each other."""

    depth = 0

    def __enter__(self) -> None:
        self.depth += 1

    def __exit__(self, *_: object) -> None:
        self.depth -= 1
