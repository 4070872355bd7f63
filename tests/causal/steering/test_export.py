"""An exported edit gives the logits of the package in plain transformers, and a control vector is what was added."""

import ast
import json
import runpy
from pathlib import Path
from typing import Any

import deficit
import planted
import pytest
import torch
from gguf import GGUFReader

from emomech.causal.dictionary import Dictionary
from emomech.causal.questions import Edits, Questions, Where, balanced
from emomech.causal.steering.experiment import Experiment
from emomech.causal.steering.export import Export
from emomech.causal.steering.recognition import Texts
from emomech.core.errors import UsageError
from emomech.core.hook_points import FeatureId, HookPoint
from emomech.models.hooks import intervene
from emomech.saes.edits import Add, MoveFeatures
from emomech.saes.sae import Sae
from emomech.study.spec import StudySpec
from emomech.study.study import Study

STUDY = Study(StudySpec(limit=300))
QUESTIONS = Questions.of(STUDY, balanced(STUDY, "report", 2))
POINTS = (HookPoint(0, "resid_pre"), HookPoint(3), HookPoint(6))
DICTIONARY = Dictionary.of(QUESTIONS, {point: STUDY.saes[point] for point in POINTS})
FEATURES = [
    FeatureId(point, int(i)) for point in POINTS for i in DICTIONARY.stats[point].features.argsort(descending=True)[:3]
]
LATE = FEATURES[3:]


def other_sae(kind: str) -> MoveFeatures:
    """An edit with an SAE of another kind than those of the study."""
    sae = STUDY.saes[HookPoint(6)]
    weights = (sae.point, sae.W_enc, sae.b_enc, sae.W_dec, sae.b_dec)
    by_kind = {
        "jumprelu": lambda: Sae(*weights, "jumprelu", torch.full((sae.d_sae,), 0.1), apply_b_dec_to_input=False),
        "layer_norm": lambda: Sae(*weights, "relu", input_transform="layer_norm"),
        "center": lambda: Sae(*weights, "relu", input_transform="center"),
    }
    return MoveFeatures(by_kind[kind](), [3, 7, 40], torch.tensor([0.0, 2.0, 1.0]), torch.tensor([0.5, 0.0, 1.0]))


EDITS: dict[str, Edits] = {
    "factors": DICTIONARY.scale(FEATURES, torch.linspace(0, 2, len(FEATURES))),
    "clamped": DICTIONARY.clamp(FEATURES, 0.5, firing=True),
    "vector": DICTIONARY.add(FEATURES, torch.linspace(-0.3, 0.4, len(FEATURES))),
    **{kind: {HookPoint(6): other_sae(kind)} for kind in ("jumprelu", "layer_norm", "center")},
}


def outside(edits: Edits, where: Where, folder: Path) -> torch.Tensor:
    """Logits of the labels in the plain model, steered by the files."""
    Export(STUDY.lm, edits, where, {}).write(folder)
    module: Any = STUDY.lm.module
    remove = runpy.run_path(str(folder / "steer.py"))["steer"](module, folder)
    try:
        return labels_of(module)
    finally:
        remove()


@torch.inference_mode()
def labels_of(module: Any) -> torch.Tensor:
    logits = torch.empty(QUESTIONS.label_ids.shape)
    for batch, _ in QUESTIONS.batches("everywhere"):
        rows = list(batch.example)
        last = module(**batch.forward_kwargs()).logits[:, -1]
        logits[rows] = last.gather(1, QUESTIONS.label_ids[rows])
    return logits


@pytest.mark.parametrize("where", ["everywhere", "text", "answer"])
@pytest.mark.parametrize("name", EDITS)
def test_plain_transformers_give_the_same_logits(name: str, where: Where, tmp_path: Path) -> None:
    expected = torch.from_numpy(QUESTIONS.logits(EDITS[name], where)).float()
    torch.testing.assert_close(outside(EDITS[name], where, tmp_path / "edit"), expected, atol=2e-4, rtol=1e-4)
    unedited = labels_of(STUDY.lm.module)
    torch.testing.assert_close(unedited, torch.from_numpy(QUESTIONS.logits()).float(), atol=2e-4, rtol=1e-4)
    assert (unedited - expected).abs().max() > 1e-3


def test_the_loader_needs_no_package(tmp_path: Path) -> None:
    Export(STUDY.lm, EDITS["vector"], "everywhere", {}).write(tmp_path / "edit")
    assert sorted(path.name for path in (tmp_path / "edit").iterdir()) == ["edit.json", "edit.safetensors", "steer.py"]
    tree = ast.parse((tmp_path / "edit" / "steer.py").read_text())
    imported = {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    imported |= {name.name for n in ast.walk(tree) if isinstance(n, ast.Import) for name in n.names}
    standard = {"json", "pathlib", "typing", "collections.abc"}
    assert imported - standard == {"torch", "safetensors.torch"}


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    export = Export(STUDY.lm, EDITS["vector"], "everywhere", {})
    for _ in range(2):  # an earlier export is replaced
        export.write(tmp_path / "edit")
    (tmp_path / "edit" / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"thesis\.txt"):
        export.write(tmp_path / "edit")
    assert (tmp_path / "edit" / "thesis.txt").read_text() == "mine"


def test_the_file_says_which_tokens_every_text_has_to_begin_with(tmp_path: Path) -> None:
    Export(STUDY.lm, EDITS["vector"], "everywhere", {}).write(tmp_path / "edit")
    record = json.loads((tmp_path / "edit" / "edit.json").read_text())
    assert record["starts_with"] == STUDY.lm.tokenizer.convert_ids_to_tokens(list(STUDY.lm.prefix)) != []


def test_another_model_is_refused_by_the_loader(tmp_path: Path) -> None:
    Export(STUDY.lm, EDITS["vector"], "everywhere", {}).write(tmp_path / "edit")
    record = json.loads((tmp_path / "edit" / "edit.json").read_text())
    (tmp_path / "edit" / "edit.json").write_text(json.dumps(record | {"n_layers": 99}))
    with pytest.raises(ValueError, match="99 blocks"):
        runpy.run_path(str(tmp_path / "edit" / "steer.py"))["steer"](STUDY.lm.module, tmp_path / "edit")


def test_a_first_token_that_is_massive_is_left_alone(tmp_path: Path) -> None:
    Export(STUDY.lm, EDITS["vector"], "everywhere", {}, leave_first=True).write(tmp_path / "edit")
    moved = runpy.run_path(str(tmp_path / "edit" / "steer.py"))["_moved"]
    record = json.loads((tmp_path / "edit" / "edit.json").read_text()) | {"special": [0]}
    ids, attention = torch.tensor([[0, 0, 5, 6], [4, 5, 6, 7]]), torch.tensor([[0, 1, 1, 1], [1, 1, 1, 1]])
    assert moved(record, ids, {"attention_mask": attention}).int().tolist() == [[0, 0, 1, 1], [0, 1, 1, 1]]
    later = torch.ones(2, 9)  # one more token, when others are in a cache
    assert moved(record, ids[:, -1:], {"attention_mask": later}).tolist() == [[True], [True]]


def test_a_control_vector_is_what_is_added(tmp_path: Path) -> None:
    edits = DICTIONARY.add(LATE, torch.linspace(-0.3, 0.4, len(LATE)))
    Export(STUDY.lm, edits, "everywhere", {}).write_control_vector(tmp_path / "v.gguf")
    reader = GGUFReader(tmp_path / "v.gguf")
    fields = {name: field.contents() for name, field in reader.fields.items()}
    assert fields["general.architecture"] == "controlvector"
    assert fields["controlvector.layer_count"] == 2
    assert fields["controlvector.model_hint"] == STUDY.lm.module.config.model_type
    added = {int(t.name.removeprefix("direction.")): torch.tensor(t.data) for t in reader.tensors}
    assert set(added) == {3, 6}  # direction.N is added to the output of block N, counted from 0
    again: Edits = {HookPoint(layer): Add(vector) for layer, vector in added.items()}
    torch.testing.assert_close(QUESTIONS.logits(again), QUESTIONS.logits(edits), atol=1e-4, rtol=1e-4)
    with intervene(STUDY.lm, {}):
        assert not list(tmp_path.glob(".unfinished*"))


@pytest.mark.parametrize(
    ("edits", "where", "why"),
    [
        (DICTIONARY.scale(LATE, 2.0), "everywhere", "depends on how strongly features fire"),
        (DICTIONARY.add(LATE, 0.1), "answer", "at every token"),
        (DICTIONARY.add(FEATURES, 0.1), "everywhere", "behind blocks 1 and later only"),
    ],
)
def test_what_is_no_control_vector_is_refused(edits: Edits, where: Where, why: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=why):
        Export(STUDY.lm, edits, where, {}).write_control_vector(tmp_path / "v.gguf")
    assert not (tmp_path / "v.gguf").exists()


def test_edits_within_blocks_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="within a block"):
        Export(STUDY.lm, {HookPoint(2, "mlp_out"): other_sae("jumprelu")}, "everywhere", {}).write(tmp_path / "edit")
    with pytest.raises(UsageError, match="only edits that move features"):
        Export(STUDY.lm, {HookPoint(2): Add(torch.zeros(128))}, "everywhere", {}).write(tmp_path / "edit")
    assert not (tmp_path / "edit").exists()


def test_what_was_chosen_is_exported_with_its_doses() -> None:
    study = deficit.study(320)
    experiment = Experiment(study, Texts.of(study, 4, 10, 8, 0), n_labelled=4, n_features=2)
    edit = Export.of(experiment)
    assert edit.record["operation"] == experiment.chosen.operation and edit.where == experiment.chosen.where
    assert edit.edits.keys() == experiment.units_of(experiment.chosen).edits(experiment.chosen).keys()
    with pytest.raises(UsageError, match="no vector that is added at all tokens"):
        Export.of(experiment, constant=True)


def test_where_nothing_is_gained_nothing_is_exported() -> None:
    study = planted.study(320).replaced(controls=[])
    experiment = Experiment(study, Texts.of(study, 4, 8, 8, 0), n_labelled=4, n_features=2)
    with pytest.raises(UsageError, match="nothing to export"):
        Export.of(experiment)
