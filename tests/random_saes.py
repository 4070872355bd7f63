"""SAELens SAEs with random weights, of every architecture that the package reads."""

import warnings

import torch
from torch import Tensor

from emomech.core.hook_points import HookPoint

D_IN, D_SAE, K = 12, 40, 5
POINT = HookPoint(1)


def saelens_sae(architecture: str = "standard", hook_name: str = str(POINT), kwargs: dict | None = None, **options):
    """Make a SAELens SAE with random weights, biases and decoder norms."""
    with warnings.catch_warnings(action="ignore"):
        import sae_lens
        from sae_lens.saes.sae import SAEMetadata

    kinds = {"standard": "Standard", "jumprelu": "JumpReLU", "topk": "TopK", "gated": "Gated"}
    kind = kinds[architecture]
    metadata = SAEMetadata(model_name="tiny", hook_name=hook_name, model_from_pretrained_kwargs=kwargs)
    sizes = {"d_in": D_IN, "d_sae": D_SAE} | options
    config = getattr(sae_lens, f"{kind}SAEConfig")(metadata=metadata, **sizes)
    with warnings.catch_warnings(action="ignore"):
        sae = getattr(sae_lens, f"{kind}SAE")(config)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, weight in sae.named_parameters():
            weight.copy_(torch.randn(weight.shape, generator=generator) * 0.5)
            if name == "threshold":
                weight.abs_()
    return sae


def activations(*shape: int, shift: float = 3.0) -> Tensor:
    """Draw activations (*shape, D_IN), the same in every call."""
    return torch.randn(*shape, D_IN, generator=torch.Generator().manual_seed(1)) * 2 + shift
