"""Train the language model of the embedded organism from scratch, in the three phases of the curriculum.

The two phases of drills end when their drills are solved; the last phase has a fixed length. All random draws depend on
the seed and the number of the step only, so an interrupted training that resumes from its checkpoint gives the same
model as one without an interruption.
"""

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from emomech.core.errors import UsageError
from emomech.core.files import write_atomic
from emomech.organism.curriculum import OTHER_WEIGHT, PHASES, RECALL, WORTH, Lesson, Phase, lesson
from emomech.organism.learning_curve import CurveRow
from emomech.organism.network import PAD_ID, has_fast_bf16, make_network, make_tokenizer
from emomech.organism.recipe import Recipe

if TYPE_CHECKING:
    from transformers import GPT2LMHeadModel, PreTrainedTokenizerFast


Say = Callable[[str], None]
RightCounts = dict[str, list[int]]
"""Kind of answer -> number of right answers and number of all answers."""
Transition = dict[str, Any]
"""End of a phase: `phase`, its number of `steps`, and whether its drills were `solved`."""
SOLVED = 0.98
"""Share of right answers in drills at which a phase of drills ends."""
SOLVED_STEPS = 20
"""Number of latest steps over which this share is measured."""
_WINDOW = 16
"""Batches whose lessons are sorted by length together, to keep padding small."""
_SAVE_EVERY = 250
"""Steps between two checkpoints."""
_ROW_EVERY = 100
"""Steps between two rows of the learning curve."""


@dataclass(frozen=True)
class EncodedLesson:
    """A lesson as tokens."""

    ids: list[int]
    """Token numbers (pos)."""
    answers: list[tuple[int, int, str]]
    """First token, token after the last, and kind of each answer."""


@dataclass(frozen=True)
class LessonBatch:
    """The lessons of one step, padded at their ends."""

    input_ids: Tensor
    """Token numbers (batch, pos)."""
    weight: Tensor
    """Weights in the loss (batch, pos); 0 for padding and for first tokens."""
    answer: Tensor
    """Number of the answer that a token belongs to, or -1 (batch, pos)."""
    kinds: tuple[str, ...]
    """Kind of each answer."""


@dataclass
class Progress:
    """State of a training: steps done, learning curve, and counts since its last row."""

    done: int = 0
    """Steps over all phases."""
    tokens: int = 0
    """Tokens seen, without padding."""
    curve: list[CurveRow] = field(default_factory=list)
    transitions: list[Transition] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    """Loss of each step since the last row."""
    right: RightCounts = field(default_factory=dict)
    """Answers since the last row."""
    drills: list[list[int]] = field(default_factory=list)
    """Right answers and all answers of drills, for each of the latest steps of the phase."""

    @property
    def phase(self) -> Phase | None:
        """Current phase; None after the last."""
        return PHASES[len(self.transitions)] if len(self.transitions) < len(PHASES) else None

    @property
    def step(self) -> int:
        """Steps done in the current phase."""
        return self.done - sum(transition["steps"] for transition in self.transitions)

    def count(self, loss: float, right: RightCounts) -> None:
        """Add the loss and the answers of a step."""
        self.done += 1
        self.losses.append(loss)
        for kind, counts in right.items():
            total = self.right.get(kind, [0, 0])
            self.right[kind] = [total[0] + counts[0], total[1] + counts[1]]
        drills = [right.get(kind, [0, 0]) for kind in (RECALL, WORTH)]
        self.drills = [*self.drills, [sum(counts) for counts in zip(*drills)]][-SOLVED_STEPS:]

    def solved(self) -> bool:
        """Whether the latest drills are answered well enough to end the phase."""
        n_right, n = (sum(counts) for counts in zip(*self.drills, strict=True))
        return len(self.drills) == SOLVED_STEPS and n_right >= SOLVED * n > 0

    def add_row(self, phase: Phase, rate: float) -> CurveRow:
        """Add a row to the curve with the counts since the last row."""
        loss = sum(self.losses) / len(self.losses)
        row = {"step": self.done, "phase": phase, "loss": round(loss, 4), "rate": float(f"{rate:.3g}")}
        self.curve.append(row | {"tokens": self.tokens, "right": dict(sorted(self.right.items()))})
        self.losses, self.right = [], {}
        return self.curve[-1]


class Training:
    """A network and the state of its training.

    Matrix products are in bfloat16 on a device that is fast at it; weights and everything else are in single precision.
    """

    def __init__(self, recipe: Recipe, seed: int, device: str = "cpu") -> None:
        torch.manual_seed(seed)
        self.recipe, self.seed = recipe, seed
        self.tokenizer: PreTrainedTokenizerFast = make_tokenizer(recipe.context)
        network = make_network(self.tokenizer, d_model=recipe.d_model, n_layers=recipe.n_layers, n_heads=recipe.n_heads)
        self.network: GPT2LMHeadModel = network.to(torch.device(device)).train()  # pyright: ignore[reportArgumentType]
        self._bf16 = has_fast_bf16(device)
        if self._bf16 and device == "cpu":  # the backward pass of torch's fused attention is slow there
            self.network.set_attn_implementation("eager")
        parameters = self.network.parameters()
        self.optimizer = torch.optim.AdamW(parameters, lr=recipe.learning_rate, betas=(0.9, 0.98), fused=True)
        self.progress = Progress()
        self._window: tuple[Phase, int] | None = None
        self._sorted: list[EncodedLesson] = []

    def run(self, checkpoint: Path, say: Say) -> None:
        """Do all steps that remain after the checkpoint, which is updated on the way; progress goes to `say`.

        Raises UsageError for a checkpoint of another recipe or seed.
        """
        self._resume(checkpoint)
        progress = self.progress
        while (phase := progress.phase) is not None:
            step, most = progress.step, self.recipe.steps(phase)
            if step < most:
                progress.count(*self.step(phase, step))
            solved = phase != PHASES[-1] and bool(progress.drills) and progress.solved()
            over = solved or progress.step >= most
            if progress.losses and (over or progress.done % _ROW_EVERY == 0):
                row = progress.add_row(phase, self.recipe.rate(phase, step))
                say(_line(row, progress.step, most))
            if over:
                progress.transitions.append({"phase": phase, "steps": progress.step, "solved": solved})
                progress.drills = []
            if progress.done % _SAVE_EVERY == 0 or progress.phase is None:
                self._save(checkpoint)

    def step(self, phase: Phase, step: int) -> tuple[float, RightCounts]:
        """Train on one batch; return its loss in nats per token, and its answers before the update.

        An answer is right if each of its tokens is the most probable of the whole vocabulary.
        """
        batch, device = self.batch(phase, step), self.network.device
        mask = batch.weight[:, 1:] > 0
        targets, weight = batch.input_ids[:, 1:][mask].to(device), batch.weight[:, 1:][mask].to(device)
        answer = batch.answer[:, 1:][mask]
        logits = self._logits(batch.input_ids.to(device), mask.to(device))
        loss = (torch.nn.functional.cross_entropy(logits, targets, reduction="none") * weight).sum() / weight.sum()
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe.rate(phase, step)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0, foreach=True)
        self.optimizer.step()
        self.progress.tokens += int(mask.sum()) + len(mask)
        is_answer = answer >= 0
        missed = (logits.detach()[is_answer.to(device)].argmax(1) != targets[is_answer.to(device)]).cpu()
        return float(loss.detach()), _right(batch.kinds, answer[is_answer][missed].tolist())

    def _logits(self, input_ids: Tensor, mask: Tensor) -> Tensor:
        """Logits of the next token (token, vocabulary) at the positions that `mask` (batch, pos - 1) selects."""
        stem = self.network.transformer
        with torch.autocast(input_ids.device.type, dtype=torch.bfloat16, enabled=self._bf16):
            # Attention is causal and padding comes last, so no mask is needed; given token numbers, GPT-2 wants one.
            states = stem(inputs_embeds=stem.wte(input_ids), use_cache=False).last_hidden_state
            return self.network.lm_head(states[:, :-1][mask]).float()

    def batch(self, phase: Phase, step: int) -> LessonBatch:
        """Lessons of one step of a phase."""
        window, place = divmod(step, _WINDOW)
        if self._window != (phase, window):
            self._window, self._sorted = (phase, window), self._lessons(phase, window)
        size = self.recipe.batch
        rank = Random(f"{self.seed}/{phase}/{window}").sample(range(_WINDOW), _WINDOW)[place]
        return collated(self._sorted[rank * size : (rank + 1) * size], OTHER_WEIGHT[phase])

    def _lessons(self, phase: Phase, window: int) -> list[EncodedLesson]:
        """Lessons of the steps of a window, the shortest first."""
        size = _WINDOW * self.recipe.batch
        total = self.recipe.batch * self.recipe.steps(phase)
        numbers = range(window * size, (window + 1) * size)
        drawn = [lesson(phase, self.seed, i, i / total, self.recipe.shares) for i in numbers]
        return sorted(encoded(self.tokenizer, drawn), key=lambda encoded_lesson: len(encoded_lesson.ids))

    def _signature(self) -> dict[str, Any]:
        return asdict(self.recipe) | {"seed": self.seed}

    def _save(self, checkpoint: Path) -> None:
        state = {"network": self.network.state_dict(), "optimizer": self.optimizer.state_dict()}
        content = io.BytesIO()
        torch.save(state | {"progress": asdict(self.progress), "signature": self._signature()}, content)
        write_atomic(checkpoint, content.getvalue())

    def _resume(self, checkpoint: Path) -> None:
        if not checkpoint.exists():
            return
        state = torch.load(checkpoint, map_location="cpu", weights_only=True)
        saved, expected = state["signature"], self._signature()
        if saved != expected:
            changed = ", ".join(f"{key} {saved.get(key)}" for key in expected if saved.get(key) != expected[key])
            raise UsageError(f"{checkpoint}: was begun with {changed}. Delete its folder, or name another folder.")
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.progress = Progress(**state["progress"])


def encoded(tokenizer: "PreTrainedTokenizerFast", lessons: Sequence[Lesson]) -> list[EncodedLesson]:
    """Tokens of each lesson, and which of them are answers."""
    texts = [original.text for original in lessons]
    tokens_of = tokenizer(texts, return_offsets_mapping=True, return_attention_mask=False)
    encoded_lessons = []
    for ids, spans, original in zip(tokens_of["input_ids"], tokens_of["offset_mapping"], lessons, strict=True):
        answers = []
        for start, end, kind in original.answers:
            tokens = [i for i, (a, b) in enumerate(spans) if a < end and b > start]
            answers.append((tokens[0], tokens[-1] + 1, kind))
        encoded_lessons.append(EncodedLesson(ids, answers))
    return encoded_lessons


def collated(rows: Sequence[EncodedLesson], other_weight: float) -> LessonBatch:
    """One batch of the lessons; tokens of answers have weight 1 and all others `other_weight`."""
    input_ids = torch.full((len(rows), max(len(row.ids) for row in rows)), PAD_ID)
    weight, answer = torch.zeros(input_ids.shape), torch.full_like(input_ids, -1)
    kinds: list[str] = []
    for i, row in enumerate(rows):
        input_ids[i, : len(row.ids)] = torch.tensor(row.ids)
        weight[i, 1 : len(row.ids)] = other_weight
        for start, end, kind in row.answers:
            weight[i, start:end], answer[i, start:end] = 1.0, len(kinds)
            kinds.append(kind)
    return LessonBatch(input_ids, weight, answer, tuple(kinds))


def _right(kinds: Sequence[str], wrong: Sequence[int]) -> RightCounts:
    """Right answers and all answers of each kind; `wrong` holds the number of an answer for each missed token."""
    missed, right = set(wrong), {kind: [0, 0] for kind in kinds}
    for number, kind in enumerate(kinds):
        right[kind][0] += number not in missed
        right[kind][1] += 1
    return right


def _line(row: Mapping[str, Any], step: int, most: int) -> str:
    n_right, n = (sum(counts) for counts in zip(*row["right"].values(), strict=True)) if row["right"] else (0, 0)
    return f"{row['phase']}, step {step} of {most}: loss {row['loss']:.3f}, {n_right} of {n} answers right"
