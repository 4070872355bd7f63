"""Each field of a `cfg.json` is read, or has no effect, or is refused by its name; nothing is passed over."""

import dataclasses
import json
import warnings
from pathlib import Path

import pytest
import torch
from random_saes import D_IN, D_SAE, POINT, K, activations, saelens_sae

from emomech.core.errors import EmomechError, UsageError
from emomech.saes.config import SaeConfig, parse, read
from emomech.saes.config_fields import INPUTS, OLD_NAMES, READ, RECIPE, SAME_ACTIVATIONS, TRAINING, UNSET
from emomech.saes.files import scan

NEW = {"architecture": "standard", "d_in": D_IN, "d_sae": D_SAE, "dtype": "float32", "device": "cpu"}
NEW |= {"apply_b_dec_to_input": True, "normalize_activations": "none", "reshape_activations": "none"}
NEW |= {"metadata": {"sae_lens_version": "6.54.12", "model_name": "tiny", "hook_name": str(POINT)}}
"""As SAELens 6 writes it."""
TOPK = NEW | {"architecture": "topk", "k": K, "rescale_acts_by_decoder_norm": True}
OLD = {"d_in": D_IN, "d_sae": D_SAE, "dtype": "torch.float32", "model_name": "tiny", "hook_point": str(POINT)}
OLD |= {"hook_point_layer": 1, "hook_point_head_index": None, "l1_coefficient": 8e-5, "seed": 42}
"""As SAELens 0 to 2 wrote it."""
OLD_TOPK = OLD | {"architecture": "standard", "activation_fn_str": "topk", "activation_fn_kwargs": {"k": K}}
"""As SAELens 3 to 5 wrote it."""


def test_what_saelens_wrote_is_read() -> None:
    standard = SaeConfig("standard", POINT, D_IN, D_SAE, trained_on="tiny")
    assert parse(NEW, "x") == parse(OLD, "x") == standard
    topk = dataclasses.replace(standard, architecture="topk", k=K)
    assert parse(OLD_TOPK, "x") == topk
    assert parse(TOPK, "x") == dataclasses.replace(topk, rescaled=True)


READ_EXACTLY = {
    "normalised": (NEW | {"normalize_activations": "layer_norm"}, {"input_transform": "layer_norm"}),
    "not normalised": (OLD | {"normalize_activations": False}, {"input_transform": "none"}),
    "normalised by null": (OLD | {"normalize_activations": None}, {"input_transform": "none"}),
    "centred": (
        OLD | {"model_from_pretrained_kwargs": {"center_writing_weights": True}},
        {"input_transform": "center"},
    ),
    "not centred": (
        OLD | {"model_from_pretrained_kwargs": {"center_writing_weights": False, "fold_ln": True}},
        {"input_transform": "none"},
    ),
    "bias kept": (NEW | {"apply_b_dec_to_input": False}, {"apply_b_dec_to_input": False}),
    "k in both places": (OLD_TOPK | {"k": K}, {"k": K}),
    "function that fits": (NEW | {"activation_fn": "relu", "activation_fn_kwargs": {}}, {"architecture": "standard"}),
    "published": (OLD | {"l0": 16, "variance_explained": 0.5}, {"expected_l0": 16, "expected_explained": 0.5}),
    "not published": (OLD | {"l0": 0, "variance_explained": None}, {"expected_l0": None, "expected_explained": None}),
    "no name": (OLD | {"model_name": None}, {"trained_on": ""}),
    "same twice": (NEW | {"hook_name": str(POINT), "hook_layer": 1}, {"point": POINT}),
    "training, paths": (OLD | {name: [None, {"a": 1}] for name in TRAINING}, {"d_sae": D_SAE}),
}


@pytest.mark.parametrize(("raw", "expected"), READ_EXACTLY.values(), ids=READ_EXACTLY)
def test_a_field_is_read(raw: dict, expected: dict) -> None:
    config = parse(raw, "x")
    assert {name: getattr(config, name) for name in expected} == expected


def _of(**changes: object) -> dict:
    """Metadata with changes."""
    return NEW | {"metadata": NEW["metadata"] | changes}


REFUSED = {
    "metadata null": (NEW | {"metadata": None}, "metadata null: expected an object"),
    "metadata list": (NEW | {"metadata": []}, r"metadata \[\]: expected an object"),
    "architecture list": (
        NEW | {"architecture": ["topk"]},
        r"kind \['topk'\]; supported are standard, jumprelu, topk, g",
    ),
    "architecture null": (NEW | {"architecture": None}, "kind null; supported"),
    "architecture missing": ({k: v for k, v in NEW.items() if k != "architecture"}, "kind null; supported"),
    "another architecture": (NEW | {"architecture": "batchtopk"}, "kind 'batchtopk'; supported"),
    "d_in text": (NEW | {"d_in": "12"}, "d_in '12': expected a whole number above 0"),
    "d_in null": (NEW | {"d_in": None}, "d_in null: expected a whole number above 0"),
    "d_in true": (NEW | {"d_in": True}, "d_in True: expected a whole number above 0"),
    "d_sae fraction": (NEW | {"d_sae": 40.5}, "d_sae 40.5: expected a whole number"),
    "d_sae list": (NEW | {"d_sae": [40]}, r"d_sae \[40\]: expected a whole number"),
    "d_sae zero": (NEW | {"d_sae": 0}, "d_sae 0: expected a whole number above 0"),
    "d_sae missing": ({k: v for k, v in OLD.items() if k != "d_sae"}, "d_sae null: expected a whole number"),
    "k null": (TOPK | {"k": None}, "k null: expected a whole number"),
    "k text": (TOPK | {"k": "5"}, "k '5': expected a whole number"),
    "k too large": (TOPK | {"k": 41}, r"k \[41\]: expected one whole number, 1 to d_sae, which is 40"),
    "k missing": ({k: v for k, v in TOPK.items() if k != "k"}, "k null: expected a whole number"),
    "k twice": (OLD_TOPK | {"k": 4}, r"k \[4, 5\]: expected one whole number"),
    "k without topk": (NEW | {"k": 5}, "k 5: expected no k and nothing else, as the SAE is standard"),
    "k of relu": (OLD | {"activation_fn_kwargs": {"k": 5}}, r"activation_fn_kwargs \{'k': 5\}: expected no k"),
    "k hidden in metadata": (_of(k=5), "k 5: expected no k"),
    "arguments": (
        OLD_TOPK | {"activation_fn_kwargs": {"k": K, "slope": 2}},
        "activation_fn_kwargs .*: expected only k",
    ),
    "arguments list": (OLD_TOPK | {"activation_fn_kwargs": [K]}, r"activation_fn_kwargs \[5\]: expected an object"),
    "tanh": (
        OLD | {"activation_fn_str": "tanh-relu"},
        "activation_fn 'tanh-relu': expected 'relu', as the SAE is stan",
    ),
    "tanh, older": (OLD | {"activation_fn": "tanh-relu"}, "activation_fn 'tanh-relu': expected 'relu'"),
    "function null": (OLD | {"activation_fn_str": None}, "activation_fn null: expected 'relu'"),
    "topk as standard": (
        NEW | {"activation_fn": "topk"},
        "activation_fn 'topk': expected 'relu', as the SAE is standard",
    ),
    "relu as topk": (TOPK | {"activation_fn_str": "relu"}, "activation_fn 'relu': expected 'topk', as the SAE is topk"),
    "not folded": (NEW | {"normalize_activations": "expected_average_only_in"}, "not folded into its weights"),
    "not folded, older": (OLD | {"normalize_activations": True}, "not folded into its weights"),
    "normalised": (
        NEW | {"normalize_activations": "constant_norm_rescale"},
        "'constant_norm_rescale'; supported are non",
    ),
    "normalised by 0": (NEW | {"normalize_activations": 0}, "normalises by 0; supported are none and layer_norm"),
    "normalised by a list": (NEW | {"normalize_activations": ["none"]}, r"normalises by \['none'\]"),
    "normalised otherwise": (_of(normalize_activations="layer_norm"), "normalize_activations: is given twice"),
    "bias null": (NEW | {"apply_b_dec_to_input": None}, "apply_b_dec_to_input null: expected true or false"),
    "bias text": (NEW | {"apply_b_dec_to_input": "no"}, "apply_b_dec_to_input 'no': expected true or false"),
    "rescaled": (NEW | {"rescale_acts_by_decoder_norm": True}, "rescale_acts_by_decoder_norm True: expected false"),
    "rescaled by text": (TOPK | {"rescale_acts_by_decoder_norm": "yes"}, "rescale_acts_by_decoder_norm 'yes'"),
    "finetuned": (OLD | {"finetuning_scaling_factor": True}, "finetuning_scaling_factor True: expected none"),
    "reshaped": (NEW | {"reshape_activations": "hook_z"}, "reshaped by 'hook_z'"),
    "reshaped by null": (NEW | {"reshape_activations": None}, "reshaped by null"),
    "one head": (
        OLD | {"hook_point_head_index": 3},
        "hook_head_index 3: expected none, as such SAEs are not supported",
    ),
    "one head, newer": (_of(hook_head_index=0), "hook_head_index 0: expected none"),
    "transcoder": (_of(hook_name_out="blocks.1.hook_mlp_out"), "hook_name_out 'blocks.1.hook_mlp_out': expected none"),
    "layer": (OLD | {"hook_point_layer": 2}, "hook_layer 2: expected 1, as hook_name is blocks.1.hook_resid_post"),
    "layers": (OLD | {"hook_point_layer": [1]}, r"hook_layer \[1\]: expected 1"),
    "layer true": (OLD | {"hook_point_layer": True}, "hook_layer True: expected 1"),
    "two points": (
        OLD | {"hook_name": "blocks.0.hook_resid_post"},
        "hook_name: is given twice, as 'blocks.1.*'blocks.0",
    ),
    "two points in new": (NEW | {"hook_name": "blocks.0.hook_mlp_out"}, "hook_name: is given twice"),
    "point null": (_of(hook_name=None), "hook point 'None': expected blocks"),
    "points": (OLD | {"hook_point": [str(POINT)]}, r"hook point .*\['blocks.1.hook_resid_post'\].*: expected blocks"),
    "dtype": (NEW | {"dtype": "int8"}, "dtype 'int8': expected one of float32, float16, bfloat16, float64"),
    "dtype number": (NEW | {"dtype": 32}, "dtype 32: expected text"),
    "name": (_of(model_name=["tiny"]), r"model_name \['tiny'\]: expected text"),
    "centred by text": (
        OLD | {"model_from_pretrained_kwargs": {"center_writing_weights": "yes"}},
        "center_writing_weights 'yes': expected true or false",
    ),
    "loaded otherwise": (
        _of(model_from_pretrained_kwargs={"load_in_4bit": True}),
        "model_from_pretrained_kwargs 'load_in_4bit': expected options that keep the activations",
    ),
    "options list": (_of(model_from_pretrained_kwargs=[]), r"model_from_pretrained_kwargs \[\]: expected an object"),
    "l0": (_of(l0="many"), "l0 'many': expected a number"),
    "l0 not a number": (_of(l0=float("nan")), "l0 nan: expected a number"),
    "explained": (_of(variance_explained=[0.5]), r"variance_explained \[0.5\]: expected a number"),
    "recipe": (_of(**{RECIPE: "best"}), "emomech_recipe 'best': expected an object"),
    "control": (_of(**{RECIPE: {"control": ["frozen"]}}), r"control of emomech_recipe \['frozen'\]: expected one of"),
    "inputs": (_of(**{INPUTS: 3}), "emomech_inputs 3: expected an object"),
    "unknown": (
        NEW | {"jump_relu_threshold": 0.5},
        "jump_relu_threshold 0.5: is an unknown field.*move it to `metadata`",
    ),
    "unknown null": (OLD | {"use_error_term": None}, "use_error_term null: is an unknown field"),
    "no object": ([NEW], "is not a JSON object"),
    "text": ("standard", "is not a JSON object that describes an SAE, but 'standard'"),
}


@pytest.mark.parametrize(("raw", "message"), REFUSED.values(), ids=REFUSED)
def test_a_field_that_cannot_be_read_is_refused_by_its_name(raw: object, message: str, tmp_path: Path) -> None:
    file = tmp_path / "cfg.json"
    file.write_text(json.dumps(raw))
    with pytest.raises(EmomechError, match=message) as caught:
        read(file)
    assert str(caught.value).startswith(f"{file}: ")


def test_metadata_may_hold_anything_else() -> None:
    assert parse(_of(training_architecture="batchtopk", notes=[1], jump_relu_threshold=0.5), "x") == parse(NEW, "x")
    assert parse(_of(d_in=D_IN, architecture="standard"), "x") == parse(NEW, "x")
    with pytest.raises(EmomechError, match="x: d_in: is given twice, as 12 and 13"):
        parse(_of(d_in=13), "x")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"d_in": 12, "d_in": 13}', "it has the field 'd_in' twice"),
        ("{", "is not a JSON object"),
        ("[" * 100_000, "is not a JSON object"),
        ("\xff", "is not a JSON object"),
    ],
)
def test_a_file_that_is_no_object_is_named(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "cfg.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(EmomechError, match=rf"cfg\.json: .*{message}"):
        read(tmp_path / "cfg.json")
    with pytest.raises(EmomechError, match=r"none\.json: cannot be read: No such file"):
        read(tmp_path / "none.json")


def test_a_hook_point_of_another_kind_is_a_users_error() -> None:
    with pytest.raises(UsageError, match=r"^x: hook point 'blocks\.1\.hook_mlp_in': expected blocks"):
        parse(OLD | {"hook_point": "blocks.1.hook_mlp_in"}, "x")


def test_the_lists_hold_every_field_of_saelens() -> None:
    """A new version of SAELens may have new fields, each of which has to be judged."""
    with warnings.catch_warnings(action="ignore"):
        import sae_lens.config
        from sae_lens.registry import SAE_CLASS_REGISTRY, SAE_TRAINING_CLASS_REGISTRY

    kinds = ("standard", "jumprelu", "topk", "gated")
    classes = [registry[kind][1] for registry in (SAE_CLASS_REGISTRY, SAE_TRAINING_CLASS_REGISTRY) for kind in kinds]
    classes += [
        getattr(sae_lens.config, f"{name}Config") for name in ("LanguageModelSAERunner", "Logging", "SAETrainer")
    ]
    fields = {field.name for class_ in classes for field in dataclasses.fields(class_)}
    assert fields - {"metadata", "sae"} <= READ | TRAINING
    assert set(UNSET) | set(OLD_NAMES.values()) <= READ and not READ & TRAINING and not set(OLD_NAMES) & TRAINING


def test_the_options_of_a_model_are_those_of_transformer_lens() -> None:
    import inspect

    with warnings.catch_warnings(action="ignore"):
        from transformer_lens import HookedTransformer

    known = set(inspect.signature(HookedTransformer.from_pretrained).parameters)
    others = {"model_name", "center_writing_weights", "first_n_layers", "from_pretrained_kwargs"}
    passed_on = {"torch_dtype", "revision", "trust_remote_code", "n_ctx"}
    assert known - SAME_ACTIVATIONS <= others and known | passed_on >= SAME_ACTIVATIONS


@pytest.mark.parametrize("kind", ["standard", "topk"])
def test_the_older_form_computes_what_saelens_computes(kind: str, tmp_path: Path) -> None:
    with warnings.catch_warnings(action="ignore"):
        from sae_lens import SAE

    saelens_sae(kind, **({"k": K} if kind == "topk" else {})).save_model(tmp_path)
    (tmp_path / "cfg.json").write_text(json.dumps(OLD_TOPK if kind == "topk" else OLD))
    theirs, x = SAE.load_from_disk(tmp_path), activations(20)
    ours = scan(tmp_path, name="old")[0].load()
    torch.testing.assert_close(ours.encode(x), theirs.encode(x), atol=1e-5, rtol=1e-5)
    assert theirs.cfg.architecture() == kind
