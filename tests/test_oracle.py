"""Residuals, features and the effect of an ablation equal those of SAELens and TransformerLens, for every family.

Their objects do the same on the same random model: SAELens SAEs are added to its `SAETransformerBridge`, with the error
term, and one feature is set to zero.
"""

import copy
import warnings
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
import tiny
import torch
from random_saes import activations, saelens_sae
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from emomech.core.hook_points import HookPoint
from emomech.models.hooks import capture, intervene
from emomech.models.language_model import LanguageModel
from emomech.models.tokens import batches, tokenize
from emomech.saes.edits import MoveFeatures
from emomech.saes.saelens import from_saelens

pytestmark = pytest.mark.oracle

KINDS: dict[str, dict[str, Any]] = {
    f"{name}, b_dec {'taken off' if taken else 'kept'}": options | {"apply_b_dec_to_input": taken}
    for taken in (True, False)
    for name, options in {
        "standard": {"architecture": "standard"},
        "gated": {"architecture": "gated"},
        "jumprelu": {"architecture": "jumprelu"},
        "topk": {"architecture": "topk", "k": 5},
        "topk by decoder norm": {"architecture": "topk", "k": 5, "rescale_acts_by_decoder_norm": True},
        "standard, layer norm": {"architecture": "standard", "normalize_activations": "layer_norm"},
        "topk, layer norm": {"architecture": "topk", "k": 5, "normalize_activations": "layer_norm"},
    }.items()
}
SITES = ("resid_pre", "resid_post")
EXACT = {"atol": 1e-5, "rtol": 1e-5}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@cache
def bridge(family: str, folder: Path) -> Any:
    """Load the random model of a family into TransformerLens from a folder, since it rebuilds any model object."""
    with warnings.catch_warnings(action="ignore"):
        from sae_lens.analysis.sae_transformer_bridge import SAETransformerBridge

        lm = tiny.language_model(family)
        place = folder / family
        lm.module.save_pretrained(place)
        lm.tokenizer.save_pretrained(place)
        tokenizer = PreTrainedTokenizerFast.from_pretrained(place)
        options = {"hf_model": copy.deepcopy(lm.module), "tokenizer": tokenizer, "dtype": torch.float32}
        return SAETransformerBridge.boot_transformers(str(place), device="cpu", **options)


def ids_of(lm: LanguageModel) -> Tensor:
    """Tokens of the longest text only: libraries differ in padding."""
    (batch,) = batches(tokenize(lm, [tiny.TEXTS[2]]), pad_id=lm.pad_id)
    return batch.input_ids


def captured(lm: LanguageModel, point: HookPoint) -> Tensor:
    with capture(lm, [point]) as seen, torch.no_grad():
        lm.module(input_ids=ids_of(lm), use_cache=False)
    return seen[point]


@pytest.mark.parametrize("site", SITES)
def test_a_residual_is_transformer_lens_s(lm: LanguageModel, site: Any, folder: Path) -> None:
    family = lm.name.removeprefix("tiny ")
    theirs = bridge(family, folder)
    with warnings.catch_warnings(action="ignore"), torch.no_grad():
        _, cache_ = theirs.run_with_cache(ids_of(lm))
    for layer in range(lm.n_layers):
        point = HookPoint(layer, site)
        torch.testing.assert_close(captured(lm, point), cache_[theirs._resolve_hook_name(str(point))], **EXACT)


@pytest.mark.parametrize("site", SITES)
@pytest.mark.parametrize("options", KINDS.values(), ids=KINDS)
def test_features_and_ablations_are_those_of_saelens(
    lm: LanguageModel, options: dict[str, Any], site: Any, folder: Path
) -> None:
    point = HookPoint(1, site)
    theirs = saelens_sae(hook_name=str(point), d_in=lm.d_model, **options)
    ours, x = from_saelens(theirs), captured(lm, point)
    with torch.no_grad():
        features = theirs.encode(x)
        rebuilt = theirs.decode(features)
    torch.testing.assert_close(ours.encode(x), features, **EXACT)
    torch.testing.assert_close(ours.decode(ours.encode(x), x), rebuilt, **EXACT)
    feature = int(features.sum((0, 1)).argmax())

    expected = _ablated_by_saelens(lm, theirs, feature, folder)
    with intervene(lm, {point: MoveFeatures(ours, [feature])}), torch.no_grad():
        found = lm.module(input_ids=ids_of(lm), use_cache=False).logits.log_softmax(-1)
    with torch.no_grad():
        before = lm.module(input_ids=ids_of(lm), use_cache=False).logits.log_softmax(-1)
    assert (found - before).abs().max() > 0.01
    torch.testing.assert_close(found - before, expected - before, **EXACT)


def _ablated_by_saelens(lm: LanguageModel, sae: Any, feature: int, folder: Path) -> Tensor:
    """Set a feature to zero at every position, with the error kept: log-probabilities (1, pos, vocabulary)."""
    model = bridge(lm.name.removeprefix("tiny "), folder)

    def zero(value: Tensor, hook: Any, index: int) -> Tensor:
        value = value.clone()
        value[..., index] = 0
        return value

    edit = partial(zero, index=feature)
    with warnings.catch_warnings(action="ignore"), torch.no_grad(), model.saes([sae], use_error_term=True):
        logits = model.run_with_hooks(ids_of(lm), fwd_hooks=[(model.get_sae_hook_name(sae), edit)])
    return logits.log_softmax(-1)


def test_a_centred_sae_answers_as_on_a_model_with_centred_writing_weights() -> None:
    """The residual of a model with LayerNorm, once its writing weights are centred, is the raw one less its mean."""
    lm = tiny.language_model("gpt2")
    centred = copy.deepcopy(lm.module)
    centred.lm_head.weight = torch.nn.Parameter(centred.lm_head.weight.detach().clone())  # tied to what is centred
    with torch.no_grad():
        for name, weight in centred.transformer.named_parameters():
            if name in ("wte.weight", "wpe.weight") or "c_proj" in name:
                weight -= weight.mean(-1, keepdim=True)
    theirs = saelens_sae(hook_name="blocks.1.hook_resid_pre", d_in=lm.d_model)
    with_mean = saelens_sae(
        hook_name="blocks.1.hook_resid_pre", d_in=lm.d_model, kwargs={"center_writing_weights": True}
    )
    ours, point = from_saelens(with_mean), HookPoint(1, "resid_pre")
    with capture(_with(lm, centred), [point]) as seen, torch.no_grad():
        logits = centred(input_ids=ids_of(lm), use_cache=False).logits
    torch.testing.assert_close(logits, lm.module(input_ids=ids_of(lm), use_cache=False).logits, **EXACT)
    features = theirs.encode(seen[point])
    torch.testing.assert_close(ours.encode(captured(lm, point)), features, **EXACT)


def _with(lm: LanguageModel, module: Any) -> LanguageModel:
    from emomech.models.language_model import wrap

    return wrap("centred", module, lm.tokenizer, True)


def test_batch_topk_is_saved_as_a_jumprelu_that_answers_the_same(tmp_path: Path) -> None:
    from emomech.saes.files import scan

    with warnings.catch_warnings(action="ignore"):
        from sae_lens import SAE, BatchTopKTrainingSAE, BatchTopKTrainingSAEConfig
        from sae_lens.saes.sae import SAEMetadata

        metadata = SAEMetadata(model_name="tiny", hook_name="blocks.0.hook_resid_post")
        training = BatchTopKTrainingSAE(BatchTopKTrainingSAEConfig(d_in=12, d_sae=40, k=5, metadata=metadata))
        with torch.no_grad():
            for weight in training.parameters():
                weight.copy_(torch.randn_like(weight) * 0.5)
            training.topk_threshold.fill_(0.8)
        training.save_inference_model(tmp_path)
        theirs = SAE.load_from_disk(tmp_path, device="cpu")
    (file,) = scan(tmp_path, name="batch")
    ours, x = file.load(), activations(20)
    assert ours.activation == "jumprelu" and 0 < int((ours.encode(x) > 0).sum()) < 20 * 40
    torch.testing.assert_close(ours.encode(x), theirs.encode(x), **EXACT)
