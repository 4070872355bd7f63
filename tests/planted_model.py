"""A decoder whose weights are written by hand: attention that looks for a key, and MLPs that combine and erase.

It has no normalisation, so the next block reads a direction exactly as the previous one wrote it.
"""

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from transformers import GPT2Config, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutput


class Attention(nn.Module):
    """One head whose attention depends only on the keys: it averages the content of the tokens that it looks for."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.key = nn.Linear(d_model, 1, bias=False)
        self.value = nn.Linear(d_model, d_model, bias=False)

    def forward(self, x: Tensor, visible: Tensor) -> Tensor:
        scores = self.key(x).transpose(1, 2).masked_fill(~visible, -torch.inf)
        return scores.softmax(-1) @ self.value(x)

    def look_for(self, key: Tensor, sink: Tensor) -> None:
        """Attend to the tokens with a key; without such tokens, to the sink, whose coordinate is half as large."""
        self.key.weight += 10 * (key + sink)

    def move(self, source: Tensor, target: Tensor, gain: float) -> None:
        """Write the average of one direction into another."""
        self.value.weight += gain * torch.outer(target, source)


class Mlp(nn.Module):
    """Hidden units that are on if all their directions are, and pairs of units that erase a direction."""

    def __init__(self, d_model: int, width: int) -> None:
        super().__init__()
        self.up = nn.Linear(d_model, width)
        self.down = nn.Linear(width, d_model, bias=False)
        self.used = 0

    def forward(self, x: Tensor) -> Tensor:
        return self.down(self.up(x).relu())

    def combine(self, sources: Sequence[Tensor], target: Tensor, amplitude: float) -> None:
        """Write `target` at full amplitude where all sources have full amplitude, else nothing."""
        self._add(torch.stack(list(sources)).sum(0), target, -amplitude * (len(sources) - 1))

    def erase(self, source: Tensor) -> None:
        """Remove a direction from the stream."""
        self._add(source, -source)
        self._add(-source, source)

    def _add(self, read: Tensor, write: Tensor, bias: float = 0.0) -> None:
        self.up.weight[self.used], self.up.bias[self.used], self.down.weight[:, self.used] = read, bias, write
        self.used += 1


class Block(nn.Module):
    """Attention, then MLP, both added to the stream."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.attn, self.mlp = Attention(d_model), Mlp(d_model, 48)

    def forward(self, x: Tensor, visible: Tensor) -> Tensor:
        x = x + self.attn(x, visible)
        return x + self.mlp(x)


class PlantedModel(PreTrainedModel):
    """Token and position embeddings, blocks, and an unembedding; all weights are zero until they are planted."""

    config_class = GPT2Config

    def __init__(self, config: GPT2Config) -> None:
        super().__init__(config)
        size, width = config.vocab_size, config.n_embd
        self.tokens, self.positions = nn.Embedding(size, width), nn.Embedding(config.n_positions, width)
        self.blocks = nn.ModuleList(Block(width) for _ in range(config.n_layer))
        self.ln_f = nn.Identity()
        self.lm_head = nn.Linear(width, size, bias=False)
        self.post_init()
        for weight in self.parameters():
            nn.init.zeros_(weight)

    def get_output_embeddings(self) -> nn.Linear:
        """The unembedding."""
        return self.lm_head

    def block(self, layer: int) -> Block:
        """The block of a layer."""
        return cast(Block, self.blocks[layer])

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        use_cache: bool = False,
        logits_to_keep: int = 0,
    ) -> CausalLMOutput:
        """Logits of the last `logits_to_keep` positions, or of all."""
        n = input_ids.shape[1]
        mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        earlier, itself = torch.ones(n, n, dtype=torch.bool).tril(), torch.eye(n, dtype=torch.bool)
        visible = earlier & mask[:, None].bool() | itself
        x = self.tokens(input_ids) + self.positions(torch.arange(n) if position_ids is None else position_ids)
        for block in self.blocks:
            x = block(x, visible)
        return CausalLMOutput(logits=self.lm_head(self.ln_f(x[:, -logits_to_keep:])))
