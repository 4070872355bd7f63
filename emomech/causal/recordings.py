"""Forward passes over questions, recorded for `models.replay`, and kept where the same questions are asked again.

Recording costs a forward pass. An analysis that measures many edits on the same texts asks for `kept` questions, so
that this pass is made once and not for every call. Only recordings of small models and few texts are kept; others are
made again.
"""

from collections.abc import Iterator
from dataclasses import replace

from torch import Tensor

from emomech.causal.questions import Questions, Where, places
from emomech.models.architectures import OutputHead
from emomech.models.replay import Replay

MOST_BYTES = 384 * 2**20
"""Largest size of the recordings of some questions that are kept."""


def kept(questions: Questions) -> Questions:
    """Return the same questions, whose recordings are kept as long as they are."""
    return replace(questions, recordings=[])


def recorded(questions: Questions, head: OutputHead, where: Where) -> Iterator[tuple[Replay, Tensor]]:
    """Yield a recording of each batch, with a mask of the tokens at which an edit applies (batch, pos)."""
    if questions.recordings:
        yield from ((run, places(run.batch, where)) for run in questions.recordings)
        return
    keep = questions.recordings is not None and n_bytes(questions) <= MOST_BYTES
    runs: list[Replay] = []
    for batch, mask in questions.batches(where):
        run = Replay.of(questions.lm, head, batch, questions.label_ids[list(batch.example)])
        runs += [run] * keep
        yield run, mask
    if keep and questions.recordings is not None:
        questions.recordings[:] = runs


def n_bytes(questions: Questions) -> int:
    """Estimate the size of the recordings of some questions: the streams of all blocks."""
    n_tokens = sum(len(text.ids) for text in questions.texts)
    width = questions.lm.module.dtype.itemsize
    return n_tokens * questions.lm.d_model * (questions.lm.n_layers + 1) * width
