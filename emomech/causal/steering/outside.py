"""Steer a plain transformers model by the edit that lies in a folder; needs torch and safetensors, nothing else.

model = AutoModelForCausalLM.from_pretrained(...)
remove = steer(model, "the folder of edit.json and edit.safetensors")
...  # model(**tokens) and model.generate(**tokens) are steered
remove()  # and now they are not
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor


def steer(model: Any, folder: str | Path) -> Callable[[], None]:
    """Steer every forward pass of the model until the function that is returned is called."""
    record = json.loads(Path(folder, "edit.json").read_text(encoding="utf-8"))
    weights = load_file(Path(folder, "edit.safetensors"))
    blocks, mask = model.get_submodule(record["blocks"]), {}
    if (len(blocks), model.get_input_embeddings().weight.shape[1]) != (record["n_layers"], record["d_model"]):
        raise ValueError(f"this edit is for {record['model']}, a model of {record['n_layers']} blocks.")

    def look(_: Any, args: tuple, kwargs: dict) -> None:
        mask["moved"] = _moved(record, kwargs["input_ids"] if "input_ids" in kwargs else args[0], kwargs)

    hooks = [model.register_forward_pre_hook(look, with_kwargs=True)]
    for number, edit in enumerate(record["edits"]):
        own = {name.split(".", 1)[1]: value for name, value in weights.items() if name.startswith(f"{number}.")}

        def change(x: Tensor, edit: dict = edit, own: dict = own) -> Tensor:
            here = {name: value.to(x.device) for name, value in own.items()}
            moved = x + _difference(edit, here, x.float()).to(x.dtype)
            return torch.where(mask["moved"].to(x.device)[..., None], moved, x)

        def before(_: Any, args: tuple, change: Callable = change) -> tuple:
            return (change(args[0]), *args[1:])

        def after(_: Any, __: tuple, out: Any, change: Callable = change) -> Any:
            return type(out)((change(out[0]), *out[1:])) if isinstance(out, tuple) else change(out)

        block = blocks[edit["layer"]]
        at_input = edit["side"] == "input"
        hooks.append(block.register_forward_pre_hook(before) if at_input else block.register_forward_hook(after))

    def remove() -> None:
        for hook in hooks:
            hook.remove()

    return remove


def _moved(record: dict, ids: Tensor, kwargs: dict) -> Tensor:
    """Tokens that are moved (batch, pos)."""
    attention = kwargs.get("attention_mask")
    is_whole = attention is None or attention.shape[1] == ids.shape[1]  # no tokens were read before these
    real = torch.ones_like(ids, dtype=torch.bool) if attention is None else attention[:, -ids.shape[1] :].bool()
    last = real & (real.cumsum(1) == real.sum(1, keepdim=True))
    content = real & ~torch.isin(ids, torch.tensor(record["special"], device=ids.device, dtype=ids.dtype))
    if record["leave_first"] and is_whole:
        content = content & (real.cumsum(1) > 1)
    return {"everywhere": content | last, "text": content & ~last, "answer": last}[record["where"]]


def _difference(edit: dict, own: dict, x: Tensor) -> Tensor:
    """What is added to activations x (batch, pos, d_model)."""
    if "vector" in own:
        return own["vector"].expand_as(x)
    scale = x.std(-1, keepdim=True) if edit["input_transform"] == "layer_norm" else torch.ones_like(x[..., :1])
    inside = x if edit["input_transform"] == "none" else x - x.mean(-1, keepdim=True)
    inside = inside / (scale + 1e-5) if edit["input_transform"] == "layer_norm" else inside
    features = inside @ own["W_enc"] + own["b_enc"]
    if edit["k"]:  # only the k largest features of an activation fire
        value, place = features.topk(edit["k"], dim=-1)
        features = torch.zeros_like(features).scatter(-1, place, value.relu())[..., edit["features"]]
    else:
        features = torch.where(features > own["threshold"], features, torch.zeros_like(features))
    moved = features * (own["factor"] - 1) + own["offset"]
    moved = moved * (features > 0) if edit["firing"] else moved
    return moved @ own["W_dec"] * scale
