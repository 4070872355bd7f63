"""Models of SAELens made from the weights of a case: the families of GPT-2 and of Llama."""

from functools import cache
from typing import Any

import torch
from sae_lens import HookedSAETransformer
from transformer_lens import HookedTransformerConfig
from transformer_lens.pretrained.weight_conversions.gpt2 import convert_gpt2_weights
from transformer_lens.pretrained.weight_conversions.llama import convert_llama_weights

from emomech.bench.inputs import Case


@cache
def hooked(case: Case) -> Any:
    """Make the SAELens model from the weights of the case."""
    lm = case.module.config
    shape, convert = (
        (_gpt2(lm), convert_gpt2_weights) if lm.model_type == "gpt2" else (_llama(lm), convert_llama_weights)
    )
    config = HookedTransformerConfig(
        **shape, d_vocab=lm.vocab_size, n_ctx=lm.max_position_embeddings, init_weights=False, default_prepend_bos=False
    )
    model = HookedSAETransformer(config)
    model.load_state_dict(convert(case.module, config), strict=False)
    torch.nn.init.zeros_(model.unembed.b_U)
    return model.eval().requires_grad_(False)


def _gpt2(lm: Any) -> dict[str, Any]:
    width = {"n_layers": lm.n_layer, "d_model": lm.n_embd, "n_heads": lm.n_head, "d_head": lm.n_embd // lm.n_head}
    norm = {"act_fn": lm.activation_function, "normalization_type": "LN", "eps": lm.layer_norm_epsilon}
    return width | norm | {"d_mlp": 4 * lm.n_embd}


def _llama(lm: Any) -> dict[str, Any]:
    d_head = lm.hidden_size // lm.num_attention_heads
    width = {"n_layers": lm.num_hidden_layers, "d_model": lm.hidden_size, "d_mlp": lm.intermediate_size}
    heads = {"n_heads": lm.num_attention_heads, "n_key_value_heads": lm.num_key_value_heads, "d_head": d_head}
    norm = {"act_fn": lm.hidden_act, "normalization_type": "RMS", "eps": lm.rms_norm_eps, "final_rms": True}
    rotary = {"positional_embedding_type": "rotary", "rotary_adjacent_pairs": False, "rotary_dim": d_head}
    return width | heads | norm | rotary | {"gated_mlp": True}
