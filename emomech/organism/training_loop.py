"""Trains the language model of the embedded organism, from nothing, in the three phases of the curriculum.

The two phases of drills end when their drills are solved, the last has a fixed length. Everything that is drawn hangs
on the seed and the number of the step alone, so that a training that was interrupted goes on from its checkpoint as if
nothing had happened.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from emomech.core.errors import UsageError
from emomech.organism.curriculum import OTHER_WEIGHT, PHASES, RECALL, WORTH, Lesson, Phase, lesson
from emomech.organism.learning_curve import Row
from emomech.organism.network import PAD_ID, has_fast_bf16, make_network, make_tokenizer
from emomech.organism.recipe import Recipe

if TYPE_CHECKING:
    from transformers import GPT2LMHeadModel, PreTrainedTokenizerFast


Say = Callable[[str], None]
Right = dict[str, list[int]]
"""For each kind of answer, how many were right and how many there were."""
Transition = dict[str, Any]
"""The end of a phase: `phase`, its `steps`, and whether its drills were `solved`."""
SOLVED = 0.98
"""Share of right answers of drills at which a phase of drills ends."""
SOLVED_STEPS = 20
"""Steps, the latest, over which that share is taken."""
_WINDOW = 16
"""Batches whose lessons are sorted by length together, so that little of a batch is padding."""
_SAVE_EVERY = 250
_ROW_EVERY = 100


@dataclass(frozen=True)
class Encoded:
    """A lesson as token numbers, and its answers as (first token, token after the last, kind)."""

    ids: list[int]
    answers: list[tuple[int, int, str]]


@dataclass(frozen=True)
class Batch:
    """The lessons of one step, padded at their ends."""

    input_ids: Tensor
    weight: Tensor
    """Weights in the loss (batch, pos), as the token numbers; those of paddings and of the first tokens are 0."""
    answer: Tensor
    """Number of the answer that a token belongs to, or -1 (batch, pos)."""
    kinds: tuple[str, ...]
    """What each answer asks for."""


@dataclass
class Progress:
    """How far a training has come (`done` steps over all phases), and what was counted on the way."""

    done: int = 0
    tokens: int = 0
    """Tokens seen, paddings apart."""
    curve: list[Row] = field(default_factory=list)
    transitions: list[Transition] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    right: Right = field(default_factory=dict)
    """Losses and answers since the last row."""
    drills: list[list[int]] = field(default_factory=list)
    """Right answers and answers of drills, of each of the latest steps of the phase."""

    @property
    def phase(self) -> Phase | None:
        """The phase at hand; None after the last."""
        return PHASES[len(self.transitions)] if len(self.transitions) < len(PHASES) else None

    @property
    def step(self) -> int:
        """Steps done in the phase at hand."""
        return self.done - sum(one["steps"] for one in self.transitions)

    def count(self, loss: float, right: Right) -> None:
        """Note the loss of a step and its answers."""
        self.done += 1
        self.losses.append(loss)
        for kind, counts in right.items():
            known = self.right.get(kind, [0, 0])
            self.right[kind] = [known[0] + counts[0], known[1] + counts[1]]
        drilled = [right.get(kind, [0, 0]) for kind in (RECALL, WORTH)]
        self.drills = [*self.drills, [sum(counts) for counts in zip(*drilled)]][-SOLVED_STEPS:]

    def solved(self) -> bool:
        """Whether the latest drills show that the phase has taught what it is for."""
        n_right, n = (sum(counts) for counts in zip(*self.drills, strict=True))
        return len(self.drills) == SOLVED_STEPS and n_right >= SOLVED * n > 0

    def add_row(self, phase: Phase, rate: float) -> Row:
        """Add to the curve what was counted since the last row."""
        loss = sum(self.losses) / len(self.losses)
        row = {"step": self.done, "phase": phase, "loss": round(loss, 4), "rate": float(f"{rate:.3g}")}
        self.curve.append(row | {"tokens": self.tokens, "right": dict(sorted(self.right.items()))})
        self.losses, self.right = [], {}
        return self.curve[-1]


class Training:
    """A network, and how far its training has come.

    Matrix products are in bfloat16 where the device is fast at it, weights and all else in single precision.
    """

    def __init__(self, recipe: Recipe, seed: int, device: str = "cpu") -> None:
        torch.manual_seed(seed)
        self.recipe, self.seed = recipe, seed
        self.tokenizer: PreTrainedTokenizerFast = make_tokenizer(recipe.context)
        network = make_network(self.tokenizer, d_model=recipe.d_model, n_layers=recipe.n_layers, n_heads=recipe.n_heads)
        self.network: GPT2LMHeadModel = network.to(torch.device(device)).train()  # pyright: ignore[reportArgumentType]
        self._bf16 = has_fast_bf16(device)
        if self._bf16 and device == "cpu":  # torch's fused attention has a backward pass that is slow there
            self.network.set_attn_implementation("eager")
        parameters = self.network.parameters()
        self.optimizer = torch.optim.AdamW(parameters, lr=recipe.learning_rate, betas=(0.9, 0.98), fused=True)
        self.progress = Progress()
        self._window: tuple[Phase, int] | None = None
        self._sorted: list[Encoded] = []

    def run(self, checkpoint: Path, say: Say) -> None:
        """Do all steps that are left, those of the checkpoint apart; it is replaced as the training goes on.

        Raises UsageError for a checkpoint of another recipe or seed.
        """
        self._resume(checkpoint)
        at = self.progress
        while (phase := at.phase) is not None:
            step, most = at.step, self.recipe.steps(phase)
            if step < most:
                at.count(*self.step(phase, step))
            solved = phase != PHASES[-1] and bool(at.drills) and at.solved()
            over = solved or at.step >= most
            if at.losses and (over or at.done % _ROW_EVERY == 0):
                say(_told(at.add_row(phase, self.recipe.rate(phase, step)), at.step, most))
            if over:
                at.transitions.append({"phase": phase, "steps": at.step, "solved": solved})
                at.drills = []
            if at.done % _SAVE_EVERY == 0 or at.phase is None:
                self._save(checkpoint)

    def step(self, phase: Phase, step: int) -> tuple[float, Right]:
        """Learn from one batch; its loss, and its answers before the update.

        An answer is right if each of its tokens is the likeliest of the whole vocabulary.
        """
        batch, device = self.batch(phase, step), self.network.device
        here = batch.weight[:, 1:] > 0
        targets, weight = batch.input_ids[:, 1:][here].to(device), batch.weight[:, 1:][here].to(device)
        answer = batch.answer[:, 1:][here]
        logits = self._logits(batch.input_ids.to(device), here.to(device))
        loss = (torch.nn.functional.cross_entropy(logits, targets, reduction="none") * weight).sum() / weight.sum()
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe.rate(phase, step)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0, foreach=True)
        self.optimizer.step()
        self.progress.tokens += int(here.sum()) + len(here)
        asked = answer >= 0
        missed = (logits.detach()[asked.to(device)].argmax(1) != targets[asked.to(device)]).cpu()
        return float(loss.detach()), _right(batch.kinds, answer[asked][missed].tolist())

    def _logits(self, input_ids: Tensor, here: Tensor) -> Tensor:
        """Logits (token, vocabulary) of what follows, where `here` (batch, pos - 1) says so."""
        stem = self.network.transformer
        with torch.autocast(input_ids.device.type, dtype=torch.bfloat16, enabled=self._bf16):
            # attention is causal and paddings stand last, so no mask is needed; given numbers, GPT-2 asks for one
            states = stem(inputs_embeds=stem.wte(input_ids), use_cache=False).last_hidden_state
            return self.network.lm_head(states[:, :-1][here]).float()

    def batch(self, phase: Phase, step: int) -> Batch:
        """The lessons of one step of a phase."""
        window, place = divmod(step, _WINDOW)
        if self._window != (phase, window):
            self._window, self._sorted = (phase, window), self._lessons(phase, window)
        size = self.recipe.batch
        rank = Random(f"{self.seed}/{phase}/{window}").sample(range(_WINDOW), _WINDOW)[place]
        return collated(self._sorted[rank * size : (rank + 1) * size], OTHER_WEIGHT[phase])

    def _lessons(self, phase: Phase, window: int) -> list[Encoded]:
        """The lessons of some steps, the shortest first."""
        size = _WINDOW * self.recipe.batch
        total = self.recipe.batch * self.recipe.steps(phase)
        numbers = range(window * size, (window + 1) * size)
        drawn = [lesson(phase, self.seed, i, i / total, self.recipe.shares) for i in numbers]
        return sorted(encoded(self.tokenizer, drawn), key=lambda one: len(one.ids))

    def _signature(self) -> dict[str, Any]:
        return asdict(self.recipe) | {"seed": self.seed}

    def _save(self, checkpoint: Path) -> None:
        checkpoint.parent.mkdir(parents=True, exist_ok=True)
        unfinished = checkpoint.with_suffix(".unfinished")
        state = {"network": self.network.state_dict(), "optimizer": self.optimizer.state_dict()}
        torch.save(state | {"progress": asdict(self.progress), "signature": self._signature()}, unfinished)
        os.replace(unfinished, checkpoint)

    def _resume(self, checkpoint: Path) -> None:
        if not checkpoint.exists():
            return
        kept = torch.load(checkpoint, map_location="cpu", weights_only=True)
        begun, wanted = kept["signature"], self._signature()
        if begun != wanted:
            changed = ", ".join(f"{key} {begun.get(key)}" for key in wanted if begun.get(key) != wanted[key])
            raise UsageError(f"{checkpoint}: was begun with {changed}. Delete its folder, or take another.")
        self.network.load_state_dict(kept["network"])
        self.optimizer.load_state_dict(kept["optimizer"])
        self.progress = Progress(**kept["progress"])


def encoded(tokenizer: "PreTrainedTokenizerFast", drawn: Sequence[Lesson]) -> list[Encoded]:
    """Token numbers of each lesson, and where its answers stand."""
    found = tokenizer([one.text for one in drawn], return_offsets_mapping=True, return_attention_mask=False)
    lessons = []
    for ids, spans, one in zip(found["input_ids"], found["offset_mapping"], drawn, strict=True):
        answers = []
        for start, end, kind in one.answers:
            tokens = [i for i, (a, b) in enumerate(spans) if a < end and b > start]
            answers.append((tokens[0], tokens[-1] + 1, kind))
        lessons.append(Encoded(ids, answers))
    return lessons


def collated(rows: Sequence[Encoded], other_weight: float) -> Batch:
    """One batch of the lessons; a token that is no answer weighs `other_weight`, an answer 1."""
    input_ids = torch.full((len(rows), max(len(row.ids) for row in rows)), PAD_ID)
    weight, answer = torch.zeros(input_ids.shape), torch.full_like(input_ids, -1)
    kinds: list[str] = []
    for i, row in enumerate(rows):
        input_ids[i, : len(row.ids)] = torch.tensor(row.ids)
        weight[i, 1 : len(row.ids)] = other_weight
        for start, end, kind in row.answers:
            weight[i, start:end], answer[i, start:end] = 1.0, len(kinds)
            kinds.append(kind)
    return Batch(input_ids, weight, answer, tuple(kinds))


def _right(kinds: Sequence[str], wrong: Sequence[int]) -> Right:
    """Right answers and answers of each kind; `wrong` lists the number of an answer for each of its missed tokens."""
    missed, right = set(wrong), {kind: [0, 0] for kind in kinds}
    for number, kind in enumerate(kinds):
        right[kind][0] += number not in missed
        right[kind][1] += 1
    return right


def _told(row: Mapping[str, Any], step: int, most: int) -> str:
    n_right, n = (sum(counts) for counts in zip(*row["right"].values(), strict=True)) if row["right"] else (0, 0)
    return f"{row['phase']}, step {step} of {most}: loss {row['loss']:.3f}, {n_right} of {n} answers right"
