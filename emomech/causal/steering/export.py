"""Write an edit that was chosen as files that other programs read: safetensors with a loader, or a GGUF control vector.

An edit that depends on features needs their encoder, an edit that adds the same vector at every token does not. In a
TopK SAE all features compete, so that the whole encoder is written. The loader, `outside`, is copied beside the
weights; it needs torch and safetensors only.

llama.cpp reads control vectors from GGUF files of the architecture `controlvector`. Its tensor `direction.N` is added
to the output of block N, counted from 0, at every token; nothing can be added behind block 0 or at the embedding.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from emomech.causal.questions import Edits, Where
from emomech.causal.steering import outside
from emomech.causal.steering.experiment import Experiment
from emomech.causal.steering.fitted_doses import grid
from emomech.causal.steering.operations import Move, Units, best
from emomech.core.errors import UsageError
from emomech.core.files import atomic_folder, temporary_folder, write_atomic
from emomech.core.hook_points import HookPoint
from emomech.models.hooks import module_at
from emomech.models.identity import model_hash
from emomech.models.language_model import LanguageModel
from emomech.models.tokenizers import markers
from emomech.saes.edits import MoveFeatures

FILES = ("edit.json", "edit.safetensors", "steer.py")
FORMAT = 1
"""Version of `edit.json`."""
_GGUF_NAMES = {"gemma3_text": "gemma3", "gpt_neox": "gptneox"}
"""Types of models whose architecture has another name in GGUF files."""


@dataclass(frozen=True, eq=False)
class Export:
    """An edit of a model that is the same for all texts, to be written."""

    lm: LanguageModel = field(repr=False)
    edits: Edits = field(repr=False)
    where: Where
    record: Mapping[str, object]
    """What else `edit.json` says: where the edit comes from."""
    leave_first: bool = False
    """Whether the first token of a text is left alone, because its activation is massive."""

    @classmethod
    def of(cls, experiment: Experiment, constant: bool = False) -> "Export":
        """Take the move that was chosen on the `tune` texts; `constant`: the best vector that is added at all tokens.

        Such a vector begins in the middle of the model. Raises UsageError if no move beats no steering.
        """
        units, move, accuracy = _constant(experiment) if constant else _chosen(experiment)
        if not move.dose:
            what = "vector that is added at all tokens" if constant else "operation that was tried"
            raise UsageError(
                f"steering of {experiment.study.lm.name}: nothing to export, because no {what} is right more often "
                "than no steering on the texts that choose. Take other texts, or more labelled ones."
            )
        doses = units.doses(move)
        features = [{"hook_point": str(f.point), "feature": f.index, "dose": dose} for f, dose in doses.items()]
        record = {"operation": move.operation, "features": features, "labels": experiment.texts.report.labels}
        record |= {"tune_accuracy": accuracy, "study": asdict(experiment.study.spec)}
        texts = experiment.texts.labelled.texts
        leave_first = any(0 in text.sinks for text in texts)
        return cls(experiment.study.lm, units.edits(move), move.where, record, leave_first)

    def write(self, folder: Path) -> None:
        """Write `edit.json`, `edit.safetensors` and the loader `steer.py` to a new folder.

        `starts_with` in `edit.json` names the tokens that every text began with when the edit was chosen.

        Raises UsageError for an edit within a block, and for a folder with other files, which would be removed.
        """
        if folder.is_dir() and (others := sorted({path.name for path in folder.iterdir()} - {*FILES})):
            raise UsageError(f"{folder}: holds other files, such as {others[0]}; expected a new or an empty folder.")
        from safetensors.torch import save_file

        tensors: dict[str, Tensor] = {}
        edits = []
        for number, (point, edit) in enumerate(self.edits.items()):
            record, weights = _weights(point, _features(point, edit))
            edits.append({**self._place(point), **record})
            tensors |= {
                f"{number}.{name}": value.detach().float().cpu().contiguous() for name, value in weights.items()
            }
        model = {"model": self.lm.name, "model_hash": model_hash(self.lm), "blocks": self._blocks()}
        sizes = {"n_layers": self.lm.n_layers, "d_model": self.lm.d_model}
        tokens = {"special": sorted(markers(self.lm.tokenizer)), "leave_first": self.leave_first, "where": self.where}
        tokens["starts_with"] = self.lm.tokenizer.convert_ids_to_tokens(list(self.lm.prefix))
        content = {"format": FORMAT, **model, **sizes, **tokens, "edits": edits, **self.record}
        with atomic_folder(folder) as unfinished:
            write_atomic(unfinished / "edit.json", json.dumps(content, indent=1, ensure_ascii=False, default=str))
            save_file(tensors, unfinished / "edit.safetensors")
            write_atomic(unfinished / "steer.py", Path(outside.__file__).read_text(encoding="utf-8"))

    def write_control_vector(self, file: Path) -> None:
        """Write the edit as a GGUF control vector.

        llama.cpp adds it at every token, also at special ones and at the first. Raises UsageError for an edit that is
        no constant vector at all tokens, and for one at a place where llama.cpp adds nothing.
        """
        from gguf import GGUFWriter

        if self.where != "everywhere":
            raise _refused(f"it moves features at {self.where!r} only, and llama.cpp adds a vector at every token")
        by_layer: dict[int, Tensor] = {}
        for point, edit in self.edits.items():
            if point.site != "resid_post" or not point.layer:
                raise _refused(f"it edits {point}, and llama.cpp adds vectors behind blocks 1 and later only")
            if (vector := _vector(_features(point, edit))) is None:
                raise _refused("what it adds depends on how strongly features fire, so it is no constant vector")
            by_layer[point.layer] = by_layer.get(point.layer, torch.zeros(self.lm.d_model)) + vector.cpu()
        kind = self.lm.module.config.get_text_config().model_type
        with temporary_folder(file.parent) as scratch:
            unfinished = scratch / file.name
            writer = GGUFWriter(unfinished, "controlvector")
            writer.add_string("controlvector.model_hint", _GGUF_NAMES.get(kind, kind))
            writer.add_int32("controlvector.layer_count", len(by_layer))
            for layer, vector in sorted(by_layer.items()):
                writer.add_tensor(f"direction.{layer}", vector.float().numpy())
            writer.write_header_to_file()
            writer.write_kv_data_to_file()
            writer.write_tensors_to_file()
            writer.close()
            unfinished.replace(file)

    def _place(self, point: HookPoint) -> dict[str, object]:
        if point.site not in ("resid_pre", "resid_post"):
            raise UsageError(
                f"{point}: is within a block; only edits of the residual stream between blocks are exported."
            )
        return {"layer": point.layer, "side": module_at(self.lm, point)[1], "hook_point": str(point)}

    def _blocks(self) -> str:
        return next(name for name, module in self.lm.module.named_modules() if module is self.lm.blocks)


def _chosen(experiment: Experiment) -> tuple[Units, Move, float]:
    trial = best([trial for trials in experiment.trials.values() for trial in trials])
    return experiment.units_of(trial.move), trial.move, trial.accuracy


def _constant(experiment: Experiment) -> tuple[Units, Move, float]:
    own = experiment.fits.draws[0]
    fitting = experiment.fits.fitting(own.units, own.labels)
    settings = [s for s in grid(experiment.n_features, ["fitted vector"]) if s.where == "everywhere" and s.first]
    trial = best(fitting.trials(fitting.choose(settings)))
    return own.units, trial.move, trial.accuracy


def _features(point: HookPoint, edit: Any) -> MoveFeatures:
    if not isinstance(edit, MoveFeatures):
        raise UsageError(f"{point}: {type(edit).__name__} cannot be exported, only edits that move features.")
    return edit


def _vector(edit: MoveFeatures) -> Tensor | None:
    """The vector that an edit adds, whatever the activation is (d_in); None if it depends on the activation."""
    sae, n = edit.sae, len(edit.index)
    factor = torch.as_tensor(edit.factor).expand(n)
    if edit.firing or sae.input_transform == "layer_norm" or not bool((factor == 1).all()):
        return None
    return torch.as_tensor(edit.offset).expand(n).to(sae.W_dec) @ sae.W_dec[torch.as_tensor(edit.index)]


def _weights(point: HookPoint, edit: MoveFeatures) -> tuple[dict[str, object], dict[str, Tensor]]:
    """What `edit.json` and `edit.safetensors` hold of an edit at one hook point."""
    if (vector := _vector(edit)) is not None:
        return {"features": []}, {"vector": vector}
    sae, index = edit.sae, torch.as_tensor(edit.index, dtype=torch.long)
    k = sae.k if sae.activation == "topk" else None
    bias = sae.b_enc - (sae.b_dec @ sae.W_enc if sae.apply_b_dec_to_input else 0)
    encoder = {"W_enc": sae.W_enc, "b_enc": bias} if k else {"W_enc": sae.W_enc[:, index], "b_enc": bias[index]}
    if not k:
        encoder["threshold"] = torch.as_tensor(sae.lowest).expand(sae.d_sae)[index]
    amounts = {name: torch.as_tensor(value).expand(len(index)) for name, value in _amounts(edit).items()}
    record = {"features": index.tolist(), "k": k, "firing": edit.firing, "input_transform": sae.input_transform}
    return record, {**encoder, **amounts, "W_dec": sae.W_dec[index]}


def _amounts(edit: MoveFeatures) -> dict[str, float | Tensor]:
    return {"factor": edit.factor, "offset": edit.offset}


def _refused(why: str) -> UsageError:
    return UsageError(
        f"this edit cannot be a control vector: {why}. Export the best vector that can: --constant. Or leave out "
        "--gguf: the folder has a loader for transformers."
    )
