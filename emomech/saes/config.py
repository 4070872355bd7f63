"""Read `cfg.json`, which describes an SAE in SAELens's format: a field counts, or it is known not to.

SAELens drops fields that it does not know, and fills in defaults. A dropped field may be the scale or the activation
function of an SAE, which then computes something else without an error. So each field is read, or is known to be an
option of the training, or is refused by its name. `metadata`, which SAELens writes since version 6, may hold anything
else, but nothing that contradicts a field. SAELens 5 and older writes all fields at the top level.

Example:
    >>> from emomech.saes.config import parse
    >>> fields = {"d_in": 64, "d_sae": 512, "hook_point": "blocks.3.hook_resid_post", "l1_coefficient": 8e-5}
    >>> config = parse(fields | {"activation_fn_str": "topk", "activation_fn_kwargs": {"k": 8}}, "cfg.json")
    >>> config.architecture, config.k, config.point
    ('topk', 8, HookPoint(layer=3, site='resid_post'))
    >>> parse(fields | {"activation_fn_str": "tanh-relu"}, "cfg.json")
    Traceback (most recent call last):
        ...
    emomech.core.errors.EmomechError: cfg.json: activation_fn 'tanh-relu': expected 'relu', as the SAE is standard.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from emomech.core import strict_json
from emomech.core.errors import EmomechError, UsageError
from emomech.core.hook_points import HookPoint
from emomech.saes.beside import CONTROLS
from emomech.saes.config_fields import DEAD, DTYPES, INPUTS, OLD_NAMES, READ, RECIPE, SAME_ACTIVATIONS, TRAINING, UNSET
from emomech.saes.sae import InputTransform

Architecture = Literal["standard", "jumprelu", "topk", "gated"]
_HUGE = 1e30
"""Larger numbers are no measures, and neither is NaN."""


@dataclass(frozen=True)
class SaeConfig:
    """What an SAE computes and where, apart from its weights."""

    architecture: Architecture
    point: HookPoint
    d_in: int
    d_sae: int
    k: int | None = None
    """Largest number of features that fire at once; None if it is not a TopK SAE."""
    input_transform: InputTransform = "none"
    apply_b_dec_to_input: bool = True
    rescaled: bool = False
    """Whether a TopK SAE ranks features by value times length of the decoder row."""
    trained_on: str = ""
    """The model, as recorded with the SAE; empty if unknown."""
    neuronpedia_id: str = ""
    expected_l0: float | None = None
    expected_explained: float | None = None
    dead: int | None = None
    """Features that were dead at the end of the training; None if it is not recorded."""
    recipe: Mapping[str, Any] = field(default_factory=dict)
    """As recorded under `RECIPE`; empty if nothing is."""
    inputs: Mapping[str, Any] = field(default_factory=dict)
    """As recorded under `INPUTS`; empty if nothing is."""


def read(file: Path) -> SaeConfig:
    """Read a `cfg.json`. Raises EmomechError that names the file, and the field that is damaged or not supported."""
    try:
        raw = strict_json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise EmomechError(f"{file}: cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise EmomechError(f"{file}: is not a JSON object that describes an SAE: {error}.") from error
    return parse(raw, str(file))


def parse(raw: object, where: str) -> SaeConfig:
    """Read the fields of an SAE; messages begin with `where`.

    Raises EmomechError that names the field for a wrong type, a contradiction, an unknown field, and for a kind of SAE
    that `Sae` cannot represent; UsageError for a hook point of another kind.
    """
    if not isinstance(raw, dict):
        raise EmomechError(f"{where}: is not a JSON object that describes an SAE, but {_shown(raw)}.")
    fields = _Fields(where, _merged(raw, where), old="metadata" not in raw)
    architecture = _architecture(fields)
    for name, unset in UNSET.items():
        if (value := fields.values.get(name)) not in unset:
            raise fields.refused(name, value, "none, as such SAEs are not supported")
    _check_reshaping(fields)
    d_in, d_sae = fields.whole("d_in"), fields.whole("d_sae")
    rescaled = fields.flag("rescale_acts_by_decoder_norm", default=False)
    if rescaled and architecture != "topk":
        raise fields.refused("rescale_acts_by_decoder_norm", True, f"false, as the SAE is {architecture}")
    if (dtype := fields.text("dtype").removeprefix("torch.")) not in ("", *DTYPES):
        raise fields.refused("dtype", dtype, f"one of {', '.join(DTYPES)}")
    return SaeConfig(
        architecture=architecture,
        point=_point(fields),
        d_in=d_in,
        d_sae=d_sae,
        k=_k(fields, architecture, d_sae),
        input_transform=_input_transform(fields),
        apply_b_dec_to_input=fields.flag("apply_b_dec_to_input", default=True),
        rescaled=rescaled,
        trained_on=fields.text("model_name"),
        neuronpedia_id=fields.text("neuronpedia_id"),
        expected_l0=fields.number("l0") or None,
        expected_explained=fields.number("variance_explained") or None,
        dead=_dead(fields, d_sae),
        recipe=_recipe(fields),
        inputs=fields.mapping(INPUTS),
    )


def _dead(fields: "_Fields", d_sae: int) -> int | None:
    """Read the number of dead features; it says nothing of an SAE that was not trained to the end."""
    number = fields.number(DEAD)
    if number is None:
        return None
    if not 0 <= number <= d_sae:
        raise fields.refused(DEAD, number, f"0 to {d_sae}, the number of features")
    return int(number)


def _merged(raw: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Collect the fields that are read from the top level and from `metadata`, by present name."""
    metadata = raw.get("metadata", {})
    if not isinstance(metadata, dict):
        raise EmomechError(f"{where}: metadata {_shown(metadata)}: expected an object.")
    values: dict[str, Any] = {}
    for name, value in [*((name, raw[name]) for name in raw if name != "metadata"), *metadata.items()]:
        present = OLD_NAMES.get(name, name)
        if present in READ:
            if present in values and values[present] != value:
                both = f"{_shown(values[present])} and {_shown(value)}"
                raise EmomechError(f"{where}: {name}: is given twice, as {both}. Keep the one that is right.")
            values[present] = value
        elif name in raw and name not in TRAINING:
            way_out = "Remove it if it has no effect on what the SAE computes, or move it to `metadata`."
            raise EmomechError(f"{where}: {name} {_shown(value)}: is an unknown field, so it may count. {way_out}")
    return values


@dataclass(frozen=True)
class _Fields:
    """Fields by name, which are read with their type."""

    where: str
    values: Mapping[str, Any]
    old: bool
    """Whether SAELens 5 or older wrote them."""

    def refused(self, name: str, value: object, expected: str) -> EmomechError:
        """Error for a value that cannot be read."""
        return EmomechError(f"{self.where}: {name} {_shown(value)}: expected {expected}.")

    def whole(self, name: str) -> int:
        """Read a whole number above 0, which has to be there."""
        value = self.values.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise self.refused(name, value, "a whole number above 0")
        return value

    def flag(self, name: str, *, default: bool) -> bool:
        """Read true or false."""
        if not isinstance(value := self.values.get(name, default), bool):
            raise self.refused(name, value, "true or false")
        return value

    def text(self, name: str) -> str:
        """Read text; empty for null and for a field that is not there."""
        if not isinstance(value := self.values.get(name), str | None):
            raise self.refused(name, value, "text")
        return value or ""

    def number(self, name: str) -> float | None:
        """Read a finite number; None for null and for a field that is not there."""
        value = self.values.get(name)
        if value is not None and (
            isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _HUGE
        ):
            raise self.refused(name, value, "a number")
        return value

    def mapping(self, name: str) -> dict[str, Any]:
        """Read an object; empty for null and for a field that is not there."""
        if not isinstance(value := self.values.get(name), dict | None):
            raise self.refused(name, value, "an object")
        return value or {}


def _shown(value: object) -> str:
    """Show a value of any type in a message, shortened."""
    text = "null" if value is None else repr(value)
    return text if len(text) <= 80 else f"{text[:80]}…"


def _architecture(fields: _Fields) -> Architecture:
    """Read the kind of SAE, and check it against the activation function that older files give."""
    given = fields.values.get("architecture", "standard" if fields.old else None)
    architecture = next((known for known in get_args(Architecture) if known == given), None)
    if architecture is None:
        known = ", ".join(get_args(Architecture))
        raise EmomechError(f"{fields.where}: is of the kind {_shown(given)}; supported are {known}.")
    function = fields.values.get("activation_fn")
    if fields.old and architecture == "standard" and function == "topk":
        architecture = "topk"  # as SAELens 3 to 5 writes it
    expected = "topk" if architecture == "topk" else "relu"
    if "activation_fn" in fields.values and function != expected:
        raise fields.refused("activation_fn", function, f"{expected!r}, as the SAE is {architecture}")
    return architecture


def _k(fields: _Fields, architecture: Architecture, d_sae: int) -> int | None:
    """Read k, which older files give among the arguments of the activation function."""
    arguments = fields.mapping("activation_fn_kwargs")
    given = [value for value in (fields.values.get("k"), arguments.get("k")) if value is not None]
    if set(arguments) - {"k"} or (given and architecture != "topk"):
        expected = "only k" if architecture == "topk" else f"no k and nothing else, as the SAE is {architecture}"
        raise fields.refused("activation_fn_kwargs" if arguments else "k", arguments or given[0], expected)
    if architecture != "topk":
        return None
    k = _Fields(fields.where, {"k": given[0] if given else None}, fields.old).whole("k")
    if k > d_sae or given != [k] * len(given):
        raise fields.refused("k", given, f"one whole number, 1 to d_sae, which is {d_sae}")
    return k


def _point(fields: _Fields) -> HookPoint:
    try:
        point = HookPoint.parse(str(fields.values.get("hook_name")))
    except UsageError as error:
        raise UsageError(f"{fields.where}: {error}") from error
    layer = fields.values.get("hook_layer")
    if layer is not None and (layer != point.layer or isinstance(layer, bool)):
        raise fields.refused("hook_layer", layer, f"{point.layer}, as hook_name is {point}")
    return point


def _check_reshaping(fields: _Fields) -> None:
    """Raise EmomechError for activations of attention heads, which are reshaped before they are encoded."""
    if (reshaping := fields.values.get("reshape_activations", "none")) != "none":
        raise EmomechError(
            f"{fields.where}: reads activations reshaped by {_shown(reshaping)}; supported are SAEs of the residual "
            "stream and of what attention and MLP add to it."
        )


def _input_transform(fields: _Fields) -> InputTransform:
    """Read how activations are normalised. Raises EmomechError for a way that `Sae` cannot represent."""
    given = fields.values.get("normalize_activations")
    if given is True or given == "expected_average_only_in":
        raise EmomechError(
            f"{fields.where}: its normalisation (expected_average_only_in) is not folded into its weights. "
            "Call SAELens's fold_activation_norm_scaling_factor with the model's factor, and save it again."
        )
    if given is not None and given is not False and given not in ("none", "layer_norm"):
        raise EmomechError(f"{fields.where}: normalises by {_shown(given)}; supported are none and layer_norm.")
    options = fields.mapping("model_from_pretrained_kwargs")
    if unknown := set(options) - SAME_ACTIVATIONS - {"center_writing_weights"}:
        raise fields.refused("model_from_pretrained_kwargs", min(unknown), "options that keep the activations")
    centred = _Fields(fields.where, options, fields.old).flag("center_writing_weights", default=False)
    return "layer_norm" if given == "layer_norm" else "center" if centred else "none"


def _recipe(fields: _Fields) -> dict[str, Any]:
    recipe = fields.mapping(RECIPE)
    if (control := recipe.get("control", "")) not in ("", *CONTROLS):
        raise fields.refused(f"control of {RECIPE}", control, f"one of {', '.join(CONTROLS)}, or empty text")
    return recipe
