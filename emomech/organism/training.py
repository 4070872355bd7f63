"""The language model of the embedded organism, from nothing: tokenizer, initialisation, three phases, checkpoints.

A GPT-2 of unusual initialisation: with unit-variance embeddings and linear weights of variance 1/fan_in, attention
heads that recall what followed a name form within a few hundred steps, which they do not under the usual small
initialisation with tied embeddings. Everything that is drawn hangs on the seed and the number of the step alone.
"""

import math
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from emomech.errors import UsageError
from emomech.models import LanguageModel, wrap
from emomech.organism.curriculum import OTHER_WEIGHT, PHASES, Lesson, Phase, lesson, lessons
from emomech.organism.lexicon import EMOTION_NOUNS

if TYPE_CHECKING:
    from transformers import GPT2LMHeadModel, PreTrainedTokenizerFast

Say = Callable[[str], None]

_WINDOW = 8
"""Batches whose lessons are sorted by length together, so that little of a batch is padding."""


@dataclass(frozen=True)
class Recipe:
    """All numbers of the training."""

    d_model: int = 128
    n_layers: int = 8
    n_heads: int = 4
    context: int = 128
    batch: int = 64
    """Lessons per step."""
    binding: int = 400
    """Steps of the first phase."""
    appraisal: int = 400
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


def train_language_model(
    partial: Path, recipe: Recipe, seed: int, device: str, say: Say, *, save_every: int = 250
) -> tuple[LanguageModel, list[dict[str, Any]]]:
    """Train, or go on from the checkpoint in the folder `partial`; return the model and its loss by step.

    Raises UsageError for a checkpoint of another recipe or seed.
    """
    torch.manual_seed(seed)
    tokenizer = make_tokenizer(recipe, seed)
    module = make_model(recipe, tokenizer).to(device)
    optimizer = torch.optim.AdamW(module.parameters(), lr=recipe.learning_rate, betas=(0.9, 0.98))
    checkpoint = partial / "checkpoint.pt"
    start, losses = _resume(checkpoint, module, optimizer, recipe, seed)
    schedule = recipe.schedule()
    module.train()
    for number in range(start, len(schedule)):
        phase, step = schedule[number]
        loss = _step(module, optimizer, tokenizer, recipe, seed, schedule[number], _rate(recipe, number))
        if number % 50 == 0 or number == len(schedule) - 1:
            losses.append({"step": number, "phase": phase, "loss": round(loss, 4)})
            say(f"step {number} of {len(schedule)}, {phase} {step}: loss {loss:.3f}")
        if (number + 1) % save_every == 0 or number == len(schedule) - 1:
            _save(checkpoint, module, optimizer, recipe, seed, number + 1, losses)
    return wrap("organism", module.cpu(), tokenizer, True), losses


def make_tokenizer(recipe: Recipe, seed: int) -> "PreTrainedTokenizerFast":
    """Make a byte-level BPE in which every word of the grammar is one token, and a BOS begins each text."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)  # pyright: ignore[reportAttributeAccessIssue]
    bpe.decoder = decoders.ByteLevel()  # pyright: ignore[reportAttributeAccessIssue]
    special = ["<bos>", "<pad>"]
    trainer = trainers.BpeTrainer(vocab_size=8000, special_tokens=special, show_progress=False)  # pyright: ignore[reportCallIssue]
    bpe.train_from_iterator(_sample(seed), trainer)
    template = processors.TemplateProcessing(single="<bos> $A", special_tokens=[("<bos>", 0)])  # pyright: ignore[reportCallIssue]
    bpe.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=True), template])  # pyright: ignore[reportAttributeAccessIssue]
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe, bos_token="<bos>", eos_token="<bos>", pad_token="<pad>", model_max_length=recipe.context
    )


def _sample(seed: int) -> Iterator[str]:
    """Texts in which every word occurs."""
    for phase in PHASES:
        yield from (one.text for one in lessons(phase, seed, 6000))
    yield from (f"felt {word}" for word in EMOTION_NOUNS)


def make_model(recipe: Recipe, tokenizer: "PreTrainedTokenizerFast") -> "GPT2LMHeadModel":
    """Make the untrained network."""
    from transformers import GPT2Config, GPT2LMHeadModel

    module = GPT2LMHeadModel(
        GPT2Config(
            vocab_size=len(tokenizer),
            n_positions=recipe.context,
            n_embd=recipe.d_model,
            n_layer=recipe.n_layers,
            n_head=recipe.n_heads,
            resid_pdrop=0.0,
            embd_pdrop=0.0,
            attn_pdrop=0.0,
            tie_word_embeddings=False,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
    with torch.no_grad():
        for name, weight in module.named_parameters():
            if weight.ndim == 2:
                fan_in = weight.shape[1] if name.startswith("lm_head") else weight.shape[0]  # Conv1D is (in, out)
                torch.nn.init.normal_(weight, std=1.0 if ".wte" in name or ".wpe" in name else fan_in**-0.5)
    return module


def _step(
    module: "GPT2LMHeadModel",
    optimizer: torch.optim.Optimizer,
    tokenizer: "PreTrainedTokenizerFast",
    recipe: Recipe,
    seed: int,
    at: tuple[Phase, int],
    rate: float,
) -> float:
    input_ids, attention_mask, weight = _batch(tokenizer, recipe, seed, *at)
    device = module.device
    for group in optimizer.param_groups:
        group["lr"] = rate
    logits = module(input_ids=input_ids.to(device), attention_mask=attention_mask.to(device)).logits[:, :-1]
    told, weight = input_ids[:, 1:].to(device), weight[:, 1:].to(device)
    each = torch.nn.functional.cross_entropy(logits.transpose(1, 2), told, reduction="none")
    loss = (each * weight).sum() / weight.sum()
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(module.parameters(), 1.0)
    optimizer.step()
    return float(loss.detach())


def _rate(recipe: Recipe, number: int) -> float:
    """Learning rate of a step, counted over all phases."""
    fresh = recipe.binding + recipe.appraisal
    rise = min(1.0, (number + 1) / recipe.warm_up)
    done = max(0.0, (number - fresh) / max(1, recipe.grammar))
    return recipe.learning_rate * rise * (0.55 + 0.45 * math.cos(math.pi * done))


def _batch(
    tokenizer: "PreTrainedTokenizerFast", recipe: Recipe, seed: int, phase: Phase, step: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Token numbers, attention mask and loss weights of one step (batch, pos)."""
    window, place = divmod(step, _WINDOW)
    found = _window(tokenizer, recipe, seed, phase, window)
    rank = Random(f"{seed}/{phase}/{window}").sample(range(_WINDOW), _WINDOW)[place]
    rows = found[rank * recipe.batch : (rank + 1) * recipe.batch]
    width = max(len(ids) for ids, _ in rows)
    input_ids = torch.full((len(rows), width), int(tokenizer.pad_token_id or 0))
    attention_mask, weight = torch.zeros_like(input_ids), torch.zeros(len(rows), width)
    for row, (ids, answer) in enumerate(rows):
        input_ids[row, : len(ids)] = torch.tensor(ids)
        attention_mask[row, : len(ids)] = 1
        weight[row, : len(ids)] = torch.where(torch.tensor(answer), 1.0, OTHER_WEIGHT[phase])
    return input_ids, attention_mask, weight


@lru_cache(maxsize=1)
def _window(
    tokenizer: "PreTrainedTokenizerFast", recipe: Recipe, seed: int, phase: Phase, window: int
) -> list[tuple[list[int], list[bool]]]:
    """The lessons of some steps, the shortest first."""
    size = _WINDOW * recipe.batch
    n = recipe.batch * recipe.steps(phase)
    drawn = [lesson(phase, seed, i, i / n) for i in range(window * size, (window + 1) * size)]
    return sorted(_encoded(tokenizer, drawn), key=lambda one: len(one[0]))


def _encoded(tokenizer: "PreTrainedTokenizerFast", drawn: Sequence[Lesson]) -> list[tuple[list[int], list[bool]]]:
    """Token numbers of each lesson, and which of them belong to an answer."""
    found = tokenizer([one.text for one in drawn], return_offsets_mapping=True)
    return [
        (ids, [any(a < end and b > start for a, b in one.answers) for start, end in spans])
        for ids, spans, one in zip(found["input_ids"], found["offset_mapping"], drawn, strict=True)
    ]


def _signature(recipe: Recipe, seed: int) -> dict[str, Any]:
    return asdict(recipe) | {"seed": seed}


def _save(
    checkpoint: Path,
    module: "GPT2LMHeadModel",
    optimizer: torch.optim.Optimizer,
    recipe: Recipe,
    seed: int,
    done: int,
    losses: list[dict[str, Any]],
) -> None:
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    unfinished = checkpoint.with_suffix(".unfinished")
    state = {"module": module.state_dict(), "optimizer": optimizer.state_dict(), "done": done, "losses": losses}
    torch.save(state | {"signature": _signature(recipe, seed)}, unfinished)
    os.replace(unfinished, checkpoint)


def _resume(
    checkpoint: Path, module: "GPT2LMHeadModel", optimizer: torch.optim.Optimizer, recipe: Recipe, seed: int
) -> tuple[int, list[dict[str, Any]]]:
    if not checkpoint.exists():
        return 0, []
    kept = torch.load(checkpoint, map_location="cpu", weights_only=True)
    wanted = _signature(recipe, seed)
    if kept["signature"] != wanted:
        changed = ", ".join(
            f"{key} {kept['signature'].get(key)}" for key in wanted if kept["signature"].get(key) != wanted[key]
        )
        raise UsageError(f"{checkpoint}: was begun with {changed}. Delete {checkpoint.parent}, or take another folder.")
    module.load_state_dict(kept["module"])
    optimizer.load_state_dict(kept["optimizer"])
    return kept["done"], kept["losses"]
