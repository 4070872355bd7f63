"""Presets of releases agree with SAELens's registry, and every format is converted correctly."""

import json
import re
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from huggingface_hub.errors import EntryNotFoundError
from random_saes import D_IN, D_SAE, activations
from safetensors.torch import save_file

from emomech.core.errors import EmomechError
from emomech.core.hook_points import HookPoint
from emomech.presets import lookup
from emomech.presets.kinds import SaePreset
from emomech.saes.releases import released

with warnings.catch_warnings(action="ignore"):
    from sae_lens import SAE
    from sae_lens.loading import pretrained_sae_loaders as loaders
    from sae_lens.loading.pretrained_saes_directory import get_pretrained_saes_directory

pytestmark = pytest.mark.oracle
SUITES: Mapping[str, tuple[int, int]] = {
    "gpt2-small-res-jb": (12, 13),
    "gpt2-small-resid-post-v5-32k": (12, 12),
    "pythia-70m-deduped-res-sm": (6, 7),
    "gemma-scope-2b-res-16k": (26, 26),
    "gemma-scope-9b-res-16k": (42, 42),
    "gemma-scope-2-270m-pt-res-16k": (18, 18),
    "gemma-scope-2-270m-it-res-16k": (18, 18),
    "gemma-scope-2-1b-pt-res-16k": (26, 26),
    "gemma-scope-2-1b-it-res-16k": (26, 26),
    "gemma-scope-2-4b-pt-res-16k": (34, 34),
    "gemma-scope-2-4b-it-res-16k": (34, 34),
    "llama-scope-8x": (32, 32),
    "qwen-scope-3-1.7b-base-w32k-l50": (28, 28),
    "qwen-scope-3-8b-base-w64k-l50": (36, 36),
}
"""Blocks of each model, and SAEs of its release."""


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Cache fetched SAEs in a folder of this test."""
    monkeypatch.setenv("EMOMECH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "saes"


def suites() -> dict[str, SaePreset]:
    presets = {name: lookup.table("saes")[name] for name in lookup.table("saes")}
    return {name: preset for name, preset in presets.items() if isinstance(preset, SaePreset) and preset.release}


def test_the_suites_are_those_that_are_promised_and_complete_in_depth() -> None:
    assert {name: len(preset.ids) for name, preset in suites().items()} == {name: n for name, (_, n) in SUITES.items()}
    for name, preset in suites().items():
        depths = [point.resid_index() for point in preset.ids]
        n_blocks = SUITES[name][0]
        assert depths in (list(range(n_blocks + 1)), list(range(1, n_blocks + 1)))


def _hook_of(release: str, sae_id: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Hook point that SAELens gives an SAE: from its code if that needs no network, else from the names of its files."""
    known = get_pretrained_saes_directory()[release]
    path = known.saes_map[sae_id]
    if known.conversion_func is None:  # its cfg.json is on the hub; the id is the hook
        return sae_id
    if known.conversion_func == "llama_scope":
        layer = re.search(r"-L(\d+)R-8x$", path)
        assert layer
        return f"blocks.{layer[1]}.hook_resid_post"
    with monkeypatch.context() as patch:
        patch.setattr(loaders, "hf_hub_download", _missing)
        patch.setattr(loaders, "get_safetensors_tensor_shapes", lambda *_: {"w_enc": [640, 16384]})
        cfg = loaders.load_sae_config_from_huggingface(release, sae_id)
    return cfg["metadata"]["hook_name"]


def _missing(*_: object, **__: object) -> str:
    raise EntryNotFoundError("no such file")


@pytest.mark.parametrize("name", SUITES)
def test_every_id_is_in_the_registry_at_the_hook_point_that_the_preset_says(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    preset = suites()[name]
    known = get_pretrained_saes_directory()[preset.release]
    for point, sae_id in preset.ids.items():
        assert sae_id in known.saes_map
        assert _hook_of(preset.release, sae_id, monkeypatch) == str(point)


@pytest.mark.parametrize("name", SUITES)
def test_every_neuronpedia_id_is_of_the_residual_stream_at_that_depth(name: str) -> None:
    """Neuronpedia numbers `res-jb` by depth: its 12 is the output of block 11."""
    preset = suites()[name]
    known = get_pretrained_saes_directory()[preset.release]
    for point, sae_id in preset.ids.items():
        listed = known.neuronpedia_id[sae_id]
        neuronpedia_id = preset.neuronpedia.get(str(point), listed)
        if neuronpedia_id is None:
            assert known.conversion_func in ("gemma_3", "qwen_scope")
            continue
        source = neuronpedia_id.split("/")[1]
        place = point.resid_index() if source.endswith("-res-jb") else point.layer
        expected = "e" if name.startswith("pythia") and point.site == "resid_pre" else str(place)
        assert source.split("-")[0] == expected and "res" in source
    assert set(preset.neuronpedia) <= {str(point) for point in preset.ids}
    for point, right in preset.neuronpedia.items():
        assert known.neuronpedia_id[preset.ids[HookPoint.parse(point)]] != right  # else it is no longer needed


def test_whoever_needs_a_scale_has_one_in_the_registry() -> None:
    preset = suites()["llama-scope-8x"]
    factors = get_pretrained_saes_directory()[preset.release].norm_scaling_factor
    assert all(factors[sae_id] > 0 for sae_id in preset.ids.values())


def _numbers(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) * 0.5


WEIGHTS = {"W_enc": _numbers(D_IN, D_SAE, seed=2), "W_dec": _numbers(D_SAE, D_IN, seed=3)}
WEIGHTS |= {"b_enc": _numbers(D_SAE, seed=4), "b_dec": _numbers(D_IN, seed=5)}
THRESHOLD = _numbers(D_SAE, seed=6).abs() + 0.1


def _files(release: str, folder: Path) -> dict[str, Path]:
    """Write one SAE in the format of its release; return the files by their name on the hub."""
    known = get_pretrained_saes_directory()[release]
    if known.conversion_func is None:
        save_file(WEIGHTS, folder / "sae_weights.safetensors")
        layer_norm = release.endswith("v5-32k")
        cfg = {"d_in": D_IN, "d_sae": D_SAE, "dtype": "torch.float32", "model_name": "gpt2-small", "device": "cpu"}
        cfg |= {"hook_point": "blocks.0.hook_resid_post" if layer_norm else "blocks.0.hook_resid_pre"}
        if layer_norm:
            cfg |= {
                "activation_fn_str": "topk",
                "activation_fn_kwargs": {"k": 4},
                "normalize_activations": "layer_norm",
            }
        (folder / "cfg.json").write_text(json.dumps(cfg))
        return {"cfg.json": folder / "cfg.json", "sae_weights.safetensors": folder / "sae_weights.safetensors"}
    if known.conversion_func == "gemma_2":
        renamed = {key.replace("W_", "w_"): value.numpy() for key, value in WEIGHTS.items()}
        np.savez(folder / "params.npz", **renamed, threshold=THRESHOLD.numpy())
        return {"params.npz": folder / "params.npz"}
    if known.conversion_func == "gemma_3":
        renamed = {key.replace("W_", "w_"): value for key, value in WEIGHTS.items()}
        save_file({**renamed, "threshold": THRESHOLD}, folder / "params.safetensors")
        return {"params.safetensors": folder / "params.safetensors"}
    if known.conversion_func == "llama_scope":
        names = {"encoder.weight": WEIGHTS["W_enc"].T, "encoder.bias": WEIGHTS["b_enc"]}
        names |= {"decoder.weight": WEIGHTS["W_dec"].T, "decoder.bias": WEIGHTS["b_dec"]}
        save_file({key: value.contiguous() for key, value in names.items()}, folder / "final.safetensors")
        norm = D_IN**0.5 / known.norm_scaling_factor["l0r_8x"]
        cfg = {"d_model": D_IN, "d_sae": D_SAE, "jump_relu_threshold": 0.4, "hook_point_in": "blocks.0.hook_resid_post"}
        cfg |= {"dataset_average_activation_norm": {"in": norm}}
        (folder / "hyperparams.json").write_text(json.dumps(cfg))
        return {name: folder / name for name in ("final.safetensors", "hyperparams.json")}
    assert known.conversion_func == "qwen_scope"
    wide = {"W_enc": _numbers(32768, D_IN, seed=7), "W_dec": _numbers(D_IN, 32768, seed=8)}
    torch.save({**wide, "b_enc": _numbers(32768, seed=9), "b_dec": WEIGHTS["b_dec"]}, folder / "layer0.sae.pt")
    return {"layer0.sae.pt": folder / "layer0.sae.pt"}


_ONE = {"pythia-70m-deduped-res-sm": {"layers": 0}}
CONVERTED = {
    "gpt2-small-res-jb": ("relu", "center", True),
    "gpt2-small-resid-post-v5-32k": ("topk", "layer_norm", True),
    "pythia-70m-deduped-res-sm": ("relu", "none", True),
    "gemma-scope-2b-res-16k": ("jumprelu", "none", False),
    "gemma-scope-2-1b-it-res-16k": ("jumprelu", "none", False),
    "llama-scope-8x": ("jumprelu", "none", False),
    "qwen-scope-3-1.7b-base-w32k-l50": ("topk", "none", False),
}


@pytest.mark.parametrize("name", CONVERTED)
def test_every_format_is_converted_and_answers_as_saelens_does(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    preset = suites()[name]
    point, sae_id = next(iter(preset.ids.items()))
    files = _files(preset.release, tmp_path)

    def download(repo_id: str, filename: str, **_: object) -> str:
        assert repo_id == get_pretrained_saes_directory()[preset.release].repo_id
        base = filename.split("/")[-1]
        return str(files[base]) if base in files else _missing()

    def small(*arguments: Any, **options: Any) -> dict[str, Any]:
        return config_of_gemma_2(*arguments, **options) | {"d_in": D_IN, "d_sae": D_SAE}

    config_of_gemma_2 = loaders.get_gemma_2_config_from_hf
    monkeypatch.setattr(loaders, "hf_hub_download", download)
    monkeypatch.setattr(loaders, "get_gemma_2_config_from_hf", small)
    monkeypatch.setattr(loaders, "get_safetensors_tensor_shapes", lambda *_: {"w_enc": [D_IN, D_SAE]})
    monkeypatch.setattr(loaders, "QWEN_SCOPE_MODEL_INFO", {"Qwen3-1.7B-Base": ("Qwen/Qwen3-1.7B-Base", D_IN)})
    with warnings.catch_warnings(action="ignore"):
        theirs = SAE.from_pretrained(preset.release, sae_id)
    (file,) = released(preset.model_copy(update=_ONE.get(name, {"layers": 1, "also": {}})))
    ours = file.load()
    assert (ours.point, ours.activation, ours.input_transform) == (point, *CONVERTED[name][:2])
    assert ours.apply_b_dec_to_input == CONVERTED[name][2]
    x = activations(30)
    mean = x.mean(-1, keepdim=True) if ours.input_transform == "center" else 0
    features = theirs.encode(x - mean)
    assert 0 < int((features > 0).sum()) < features.numel()
    torch.testing.assert_close(ours.encode(x), features, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(ours.decode(ours.encode(x), x), theirs.decode(features) + mean, atol=1e-4, rtol=1e-5)


def test_a_scale_is_folded_by_the_factor_of_the_registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    preset = suites()["llama-scope-8x"].model_copy(update={"layers": 1})
    files = _files(preset.release, tmp_path)
    monkeypatch.setattr(loaders, "hf_hub_download", lambda repo_id, filename, **_: str(files[filename.split("/")[-1]]))
    sae = released(preset)[0].load()
    factor = get_pretrained_saes_directory()[preset.release].norm_scaling_factor["l0r_8x"]
    x = activations(20)
    before = (x * factor) @ WEIGHTS["W_enc"] + WEIGHTS["b_enc"]
    features = before.relu() * (before > 0.4 * factor)
    torch.testing.assert_close(sae.encode(x), features, rtol=1e-4, atol=1e-3)
    rebuilt = (features @ WEIGHTS["W_dec"] + WEIGHTS["b_dec"]) / factor
    torch.testing.assert_close(sae.decode(features, x), rebuilt, rtol=1e-4, atol=1e-3)
    known = get_pretrained_saes_directory()[preset.release]
    monkeypatch.setenv("EMOMECH_CACHE", str(tmp_path / "another"))
    monkeypatch.setitem(get_pretrained_saes_directory(), preset.release, replace(known, norm_scaling_factor={}))
    with pytest.raises(EmomechError, match=r"SAE l0r_8x of llama_scope_lxr_8x: .*not folded into its weights"):
        released(preset)
