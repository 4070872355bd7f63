"""What a user would take instead: SAELens on TransformerLens's model, and scikit-learn in a loop.

Where one of them is not installed, there is nothing to compare with, and the table says so.
"""

import warnings
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch

from emomech.bench.subjects import Subject
from emomech.ranks import Bools
from emomech.vocab import HookPoint

SAELENS, SKLEARN = "SAELens", "scikit-learn"
_MODULES = {SAELENS: "sae_lens", SKLEARN: "sklearn"}


def installed(name: str) -> bool:
    """Say whether a peer is there."""
    return find_spec(_MODULES[name]) is not None


class SaeLens:
    """A HookedSAETransformer of the subject's shape, of random weights, with SAEs of the subject's weights."""

    def __init__(self, subject: Subject) -> None:
        with warnings.catch_warnings(action="ignore"):
            from sae_lens import HookedSAETransformer
            from transformer_lens import HookedTransformerConfig

            lm: Any = subject.lm.module.config
            shape: dict[str, Any] = {
                "n_layers": lm.n_layer,
                "d_model": lm.n_embd,
                "n_ctx": lm.n_positions,
                "n_heads": lm.n_head,
            }
            rest: dict[str, Any] = {"d_head": lm.n_embd // lm.n_head, "d_mlp": 4 * lm.n_embd, "d_vocab": lm.vocab_size}
            kind: dict[str, Any] = {"act_fn": "gelu_new", "normalization_type": "LN", "seed": 0}
            self.model: Any = HookedSAETransformer(HookedTransformerConfig(**shape, **rest, **kind))
        self.saes = {point: _sae(subject, point) for point in subject.saes}
        self.tokens = [batch.input_ids for batch, _ in subject.questions.batches("answer")]

    @torch.no_grad()
    def ablate(self, point: HookPoint, features: list[int]) -> None:
        """Run the model once for each feature, and set it to zero at the last token."""

        def without(feature: int) -> Callable[..., torch.Tensor]:
            def edit(features: torch.Tensor, hook: object) -> torch.Tensor:
                features[:, -1, feature] = 0
                return features

            return edit

        self.model.add_sae(self.saes[point], use_error_term=True)
        for feature in features:
            for tokens in self.tokens:
                hooks = [(f"{point}.hook_sae_acts_post", without(feature))]
                self.model.run_with_hooks(tokens, fwd_hooks=hooks)
        self.model.reset_saes()

    @torch.no_grad()
    def encode(self) -> None:
        """Run the model with all SAEs, and keep their features."""
        for tokens in self.tokens:
            self.model.run_with_cache_with_saes(
                tokens,
                saes=list(self.saes.values()),
                use_error_term=True,
                names_filter=lambda name: name.endswith("hook_sae_acts_post"),
            )


def _sae(subject: Subject, point: HookPoint):  # noqa: ANN202
    from sae_lens import JumpReLUSAE, JumpReLUSAEConfig
    from sae_lens.saes.sae import SAEMetadata

    own = subject.saes[point]
    with torch.device("meta"):
        config = JumpReLUSAEConfig(own.d_in, own.d_sae, metadata=SAEMetadata(hook_name=str(point)), device="meta")
        found = JumpReLUSAE(config)
    for name in ("W_enc", "W_dec", "b_enc", "b_dec", "threshold"):
        setattr(found, name, torch.nn.Parameter(getattr(own, name), requires_grad=False))
    return found


def auroc_loop(features: sp.csr_array, member: Bools, columns: list[int]) -> list[float]:
    """AUROC of some features for every class, one call of scikit-learn for each."""
    from sklearn.metrics import roc_auc_score

    dense = np.asarray(features[:, columns].todense())
    return [float(roc_auc_score(inside, values)) for values in dense.T for inside in member.T]
