"""Trains the language model of the embedded organism, from nothing, in the three phases of the curriculum.

Everything that is drawn hangs on the seed and the number of the step alone, so that a training that was interrupted
goes on from its checkpoint as if nothing had happened.
"""

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from emomech.errors import UsageError
from emomech.organism.curriculum import OTHER_WEIGHT, PHASES, Lesson, Phase, lesson
from emomech.organism.network import PAD_ID, make_network, make_tokenizer

if TYPE_CHECKING:
    from transformers import GPT2LMHeadModel, PreTrainedTokenizerFast

Say = Callable[[str], None]
Loss = dict[str, Any]
"""`step`, `phase` and `loss` (nats per token, weighted as the phase weighs) of one step."""

_WINDOW = 8
"""Batches whose lessons are sorted by length together, so that little of a batch is padding."""
_SAVE_EVERY = 250
_SAY_EVERY = 50


@dataclass(frozen=True)
class Recipe:
    """All numbers of the training of model and SAEs."""

    d_model: int = 128
    n_layers: int = 8
    n_heads: int = 4
    context: int = 128
    batch: int = 64
    """Lessons per step."""
    binding: int = 250
    """Steps of the first phase."""
    appraisal: int = 250
    grammar: int = 3000
    learning_rate: float = 1e-3
    warm_up: int = 50
    """Steps over which the learning rate rises at the beginning; in the last phase it falls to a tenth by a cosine."""
    d_sae: int = 512
    k: int = 16
    sae_tokens: int = 1_500_000
    """Activations from which each SAE learns."""

    def steps(self, phase: Phase) -> int:
        """Steps of a phase."""
        return {"binding": self.binding, "appraisal": self.appraisal, "grammar": self.grammar}[phase]

    def schedule(self) -> list[tuple[Phase, int]]:
        """List every step as its phase and its number in it."""
        return [(phase, step) for phase in PHASES for step in range(self.steps(phase))]

    def rate(self, number: int) -> float:
        """Learning rate of a step, counted over all phases."""
        rise = min(1.0, (number + 1) / self.warm_up)
        fallen = max(0.0, (number - self.binding - self.appraisal) / max(1, self.grammar))
        return self.learning_rate * rise * (0.55 + 0.45 * math.cos(math.pi * fallen))


class Training:
    """A network, and how far its training has come."""

    def __init__(self, recipe: Recipe, seed: int, device: str = "cpu") -> None:
        torch.manual_seed(seed)
        self.recipe, self.seed = recipe, seed
        self.tokenizer: PreTrainedTokenizerFast = make_tokenizer(recipe.context, seed)
        network = make_network(self.tokenizer, d_model=recipe.d_model, n_layers=recipe.n_layers, n_heads=recipe.n_heads)
        self.network: GPT2LMHeadModel = network.to(torch.device(device)).train()  # pyright: ignore[reportArgumentType]
        self.optimizer = torch.optim.AdamW(self.network.parameters(), lr=recipe.learning_rate, betas=(0.9, 0.98))
        self.done = 0
        """Steps done."""
        self.losses: list[Loss] = []
        self._window: tuple[Phase, int] | None = None
        self._sorted: list[tuple[list[int], list[bool]]] = []

    def run(self, checkpoint: Path, say: Say) -> None:
        """Do all steps that are left, those of the checkpoint apart; it is replaced as the training goes on.

        Raises UsageError for a checkpoint of another recipe or seed.
        """
        self._resume(checkpoint)
        schedule = self.recipe.schedule()
        while self.done < len(schedule):
            phase, step = schedule[self.done]
            loss = self.step(phase, step)
            self.done += 1
            last = self.done == len(schedule)
            if self.done % _SAY_EVERY == 0 or last:
                self.losses.append({"step": self.done, "phase": phase, "loss": round(loss, 4)})
                say(f"step {self.done} of {len(schedule)}, {phase}: loss {loss:.3f}")
            if self.done % _SAVE_EVERY == 0 or last:
                self._save(checkpoint)

    def step(self, phase: Phase, step: int) -> float:
        """Learn from one batch, and return its loss."""
        input_ids, attention_mask, weight = (part.to(self.network.device) for part in self.batch(phase, step))
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe.rate(self.done)
        logits = self.network(input_ids=input_ids, attention_mask=attention_mask).logits[:, :-1]
        each = torch.nn.functional.cross_entropy(logits.transpose(1, 2), input_ids[:, 1:], reduction="none")
        loss = (each * weight[:, 1:]).sum() / weight[:, 1:].sum()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()
        return float(loss.detach())

    def batch(self, phase: Phase, step: int) -> tuple[Tensor, Tensor, Tensor]:
        """Token numbers, attention mask and loss weights of one step (batch, pos)."""
        window, place = divmod(step, _WINDOW)
        if self._window != (phase, window):
            self._window, self._sorted = (phase, window), self._lessons(phase, window)
        size = self.recipe.batch
        rank = Random(f"{self.seed}/{phase}/{window}").sample(range(_WINDOW), _WINDOW)[place]
        rows = self._sorted[rank * size : (rank + 1) * size]
        width = max(len(ids) for ids, _ in rows)
        input_ids = torch.full((size, width), PAD_ID)
        attention_mask, weight = torch.zeros_like(input_ids), torch.zeros(size, width)
        for row, (ids, answer) in enumerate(rows):
            input_ids[row, : len(ids)] = torch.tensor(ids)
            attention_mask[row, : len(ids)] = 1
            weight[row, : len(ids)] = torch.where(torch.tensor(answer), 1.0, OTHER_WEIGHT[phase])
        return input_ids, attention_mask, weight

    def _lessons(self, phase: Phase, window: int) -> list[tuple[list[int], list[bool]]]:
        """The lessons of some steps, the shortest first."""
        size = _WINDOW * self.recipe.batch
        total = self.recipe.batch * self.recipe.steps(phase)
        drawn = [lesson(phase, self.seed, i, i / total) for i in range(window * size, (window + 1) * size)]
        return sorted(encoded(self.tokenizer, drawn), key=lambda one: len(one[0]))

    def _signature(self) -> dict[str, Any]:
        return asdict(self.recipe) | {"seed": self.seed}

    def _save(self, checkpoint: Path) -> None:
        checkpoint.parent.mkdir(parents=True, exist_ok=True)
        unfinished = checkpoint.with_suffix(".unfinished")
        state = {"network": self.network.state_dict(), "optimizer": self.optimizer.state_dict(), "done": self.done}
        torch.save(state | {"losses": self.losses, "signature": self._signature()}, unfinished)
        os.replace(unfinished, checkpoint)

    def _resume(self, checkpoint: Path) -> None:
        if not checkpoint.exists():
            return
        kept = torch.load(checkpoint, map_location="cpu", weights_only=True)
        begun, wanted = kept["signature"], self._signature()
        if begun != wanted:
            changed = ", ".join(f"{key} {begun.get(key)}" for key in wanted if begun.get(key) != wanted[key])
            folder = checkpoint.parent
            raise UsageError(f"{checkpoint}: was begun with {changed}. Delete {folder}, or take another folder.")
        self.network.load_state_dict(kept["network"])
        self.optimizer.load_state_dict(kept["optimizer"])
        self.done, self.losses = kept["done"], kept["losses"]


def encoded(tokenizer: "PreTrainedTokenizerFast", drawn: Sequence[Lesson]) -> list[tuple[list[int], list[bool]]]:
    """Token numbers of each lesson, and which of them belong to an answer."""
    found = tokenizer([one.text for one in drawn], return_offsets_mapping=True)
    return [
        (ids, [any(a < end and b > start for a, b in one.answers) for start, end in spans])
        for ids, spans, one in zip(found["input_ids"], found["offset_mapping"], drawn, strict=True)
    ]
