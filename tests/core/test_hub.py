"""A file is fetched once and completely; each obstacle is an error with a way out."""

import copy
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import tiny
import torch
from huggingface_hub import file_download
from standin_hub import StandIn, point
from transformers.utils import logging as messages

from emomech.core import hub
from emomech.core.errors import EmomechError, UsageError
from emomech.models.loading import load_model
from emomech.models.scoring import label_log_probs
from emomech.presets import lookup
from emomech.presets.kinds import ModelPreset
from emomech.study.spec import StudySpec
from emomech.study.study import Study

pytestmark = pytest.mark.hub

NAME = "owner/tiny-gpt2"
GPT2 = tiny.language_model("gpt2")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model in several shards, as large models have, with files that no loader needs."""
    folder_of_model = tmp_path_factory.mktemp("model")
    messages.disable_progress_bar()
    GPT2.module.save_pretrained(folder_of_model, max_shard_size="50KB")
    GPT2.tokenizer.save_pretrained(folder_of_model)
    (folder_of_model / "pytorch_model.bin").write_bytes(b"the same weights once more")
    (folder_of_model / "onnx").mkdir()
    (folder_of_model / "onnx" / "config.json").write_text("{}")
    return folder_of_model


@pytest.fixture
def standin(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    with StandIn() as standin_hub:
        standin_hub.add(NAME, folder)
        standin_hub.use(monkeypatch, tmp_path / "cache")
        monkeypatch.setattr(file_download.time, "sleep", lambda seconds: None)
        yield standin_hub


def test_a_model_is_fetched_and_is_what_was_saved(standin: StandIn) -> None:
    loaded = load_model("m", NAME, prepend_bos=True)
    for name, weight in GPT2.module.state_dict().items():
        assert torch.equal(loaded.module.state_dict()[name], weight)
    assert {"config.json", "tokenizer.json", "model.safetensors.index.json"} < set(standin.fetched())
    assert sum(name.endswith(".safetensors") for name in standin.fetched()) > 2


def test_what_nothing_needs_is_not_fetched(standin: StandIn) -> None:
    hub.fetch(NAME)
    assert not {"pytorch_model.bin", "onnx/config.json"} & set(standin.fetched())


def test_a_pinned_revision_is_asked_for_once(standin: StandIn) -> None:
    commit = standin.repositories["model", NAME].commit
    first = hub.fetch(NAME, commit)
    assert first.name == commit
    standin.requests.clear()
    assert hub.fetch(NAME, commit) == first
    assert standin.requests == []


def test_what_is_in_the_cache_needs_no_network(
    standin: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = hub.fetch(NAME)
    point(monkeypatch, "http://127.0.0.1:9", tmp_path / "cache")
    assert hub.fetch(NAME) == first
    point(monkeypatch, standin.url, tmp_path / "cache", offline=True)
    standin.requests.clear()
    assert hub.fetch(NAME) == first
    assert load_model("m", NAME).n_layers == tiny.N_BLOCKS
    assert standin.requests == []


def test_an_interrupted_file_goes_on_where_it_ended(standin: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_download.constants, "DOWNLOAD_CHUNK_SIZE", 500)  # what has come is kept in such steps
    repository = standin.repositories["model", NAME]
    shard = next(name for name in repository.files if name.endswith(".safetensors"))
    repository.cut[shard] = 1000
    folder = hub.fetch(NAME)
    assert (folder / shard).read_bytes() == repository.files[shard]
    assert [part for _, path, part in standin.requests if path.endswith(shard) and part] == ["bytes=1000-"]


def test_files_that_are_whole_are_kept_when_another_fails(
    standin: StandIn, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = standin.repositories["model", NAME].commit
    hub.fetch(NAME, commit, files=["config.json"])
    with pytest.raises(EmomechError, match=f"{NAME} at {commit}: is not complete in the cache.* HF_HUB_OFFLINE"):
        point(monkeypatch, standin.url, hub.cache_folder(), offline=True)
        hub.fetch(NAME, commit)
    standin.use(monkeypatch, hub.cache_folder())
    standin.requests.clear()
    hub.fetch(NAME, commit)
    assert "config.json" not in standin.fetched()


def test_a_garbled_file_is_refused_and_removed(standin: StandIn) -> None:
    repository = standin.repositories["model", NAME]
    shard = next(name for name in repository.files if name.endswith(".safetensors"))
    repository.garbled.add(shard)
    with pytest.raises(EmomechError, match=r"arrived damaged \(SHA-256 .* was removed\. Run the command again"):
        hub.fetch(NAME)
    repository.garbled.clear()
    assert (hub.fetch(NAME) / shard).read_bytes() == repository.files[shard]


def test_a_file_damaged_in_the_cache_is_named(standin: StandIn) -> None:
    folder = hub.fetch(NAME)
    shard = sorted(folder.glob("*.safetensors"))[0].resolve()
    shard.write_bytes(shard.read_bytes()[:50])
    with pytest.raises(EmomechError, match=r"model 'm': .*safetensors is damaged .*Delete .* and run again"):
        load_model("m", NAME)


def test_a_repository_that_lacks_a_file_is_told(standin: StandIn, tmp_path: Path) -> None:
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "config.json").write_text("{}")
    standin.add("owner/bare", tmp_path / "bare")
    with pytest.raises(EmomechError, match="model 'm': .*has no weights; expected model.safetensors"):
        load_model("m", "owner/bare")
    (tmp_path / "bare" / "config.json").unlink()
    (tmp_path / "bare" / "readme.md").write_text("")
    with pytest.raises(UsageError, match="no config.json"):
        load_model("m", "owner/bare")


@pytest.mark.parametrize("token", ["", "hf_stranger", "hf_reader"])
def test_a_gated_repository_says_what_to_accept_and_where(
    token: str, standin: StandIn, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    standin.add("owner/gated", folder, gated=True, readers=("hf_reader",))
    standin.use(monkeypatch, tmp_path / "cache", token)
    if token == "hf_reader":
        assert load_model("m", "owner/gated").n_layers == tiny.N_BLOCKS
        return
    page = f"{standin.url}/owner/gated"
    ways = {"": f"Accept its licence at {page}, and log in with `hf auth login`"}
    ways["hf_stranger"] = (
        f"Your account may not read it yet: accept its licence at {page} with the account of your token"
    )
    with pytest.raises(EmomechError, match=f"model 'm': owner/gated is gated. {ways[token]}"):
        load_model("m", "owner/gated")


@pytest.mark.parametrize("revision", ["nosuch", "0" * 40])
def test_a_revision_that_does_not_exist_is_named(revision: str, standin: StandIn) -> None:
    with pytest.raises(UsageError, match=f"{NAME} has no revision '{revision}'"):
        load_model("m", NAME, revision=revision)


def test_a_repository_that_does_not_exist_is_named(standin: StandIn) -> None:
    for name in ("owner/nosuch", "no//name"):
        with pytest.raises(UsageError, match=f"{name}: the hub has no such repository"):
            load_model("m", name)


def test_without_a_network_the_way_out_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    point(monkeypatch, "http://127.0.0.1:9", tmp_path)
    with pytest.raises(
        EmomechError, match=r"127.0.0.1:9 does not answer as expected \(.*\)\. Connect to the network once"
    ):
        load_model("m", NAME)


def test_a_hub_that_fails_is_told_and_the_cache_goes_on(standin: StandIn) -> None:
    repository = standin.repositories["model", NAME]
    repository.down = True
    with pytest.raises(EmomechError, match="does not answer as expected .*503"):
        hub.fetch(NAME)
    repository.down = False
    folder = hub.fetch(NAME)
    repository.down = True
    assert hub.fetch(NAME) == folder


def test_a_data_set_is_fetched_with_its_folders(standin: StandIn, tmp_path: Path) -> None:
    (tmp_path / "data" / "split").mkdir(parents=True)
    (tmp_path / "data" / "split" / "test.parquet").write_bytes(b"rows")
    standin.add("owner/texts", tmp_path / "data", kind="dataset")
    folder = hub.fetch("owner/texts", kind="dataset", files=["split/*.parquet"])
    assert (folder / "split" / "test.parquet").read_bytes() == b"rows"
    with pytest.raises(UsageError, match="the dataset owner/none: the hub has no such repository"):
        hub.fetch("owner/none", kind="dataset")


def test_bytes_in_the_cache_are_counted(standin: StandIn) -> None:
    assert hub.cached_bytes(NAME) == 0 and hub.cached_file(NAME, "config.json") is None
    folder = hub.fetch(NAME)
    assert hub.cached_file(NAME, "config.json") == folder / "config.json"
    assert hub.cached_bytes(NAME) == sum(file.stat().st_size for file in folder.iterdir())


def test_a_new_interpreter_finds_the_hub_by_its_variables(standin: StandIn, tmp_path: Path) -> None:
    program = f"from emomech.core.hub import fetch\nprint(sorted(file.name for file in fetch({NAME!r}, files=['config.json']).iterdir()))"
    env = {**os.environ, **standin.environment(tmp_path / "other")}
    done = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.returncode) == ("['config.json']", 0), done.stderr


def test_a_public_model_is_studied_by_its_name(
    standin: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the preset's name to the probability of each label, in the chat template, and again without a network."""
    module = tiny.random_module("llama", **tiny.WIDE)
    tokenizer = copy.deepcopy(tiny.byte_level(True))
    tokenizer.chat_template = (
        "{{ bos_token }}{% for m in messages %}{{ m['role'] + ':\n' + m['content'] + '\n' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ 'assistant:\n' }}{% endif %}"
    )
    module.save_pretrained(tmp_path / "talker")
    tokenizer.save_pretrained(tmp_path / "talker")
    commit = standin.add("owner/talker", tmp_path / "talker").commit
    public = ModelPreset(summary="", repository="owner/talker", revision=commit, prepend_bos=True, chat=True)
    monkeypatch.setattr(lookup, "model", lambda name: public)
    spec = StudySpec(model="talker", sae=None, limit=12, controls="none")
    study = Study(spec)
    scores = label_log_probs(study.lm, study.prompts, study.answers)
    assert study.prompts[0].startswith("user:\n") and study.prompts[0].endswith("\nassistant:\n")
    assert set(study.answers) <= set(study.emotions)  # without a space, at the start of a turn
    assert study.tokens[0].ids.count(tokenizer.bos_token_id) == 1
    for weight, saved in zip(study.lm.module.parameters(), module.parameters(), strict=True):
        assert torch.equal(weight, saved)
    point(monkeypatch, "http://127.0.0.1:9", tmp_path / "cache")
    again = Study(spec)
    assert (label_log_probs(again.lm, again.prompts, again.answers) == scores).all()


def test_the_commit_in_the_cache_is_told_without_asking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    repository_folder, pinned = tmp_path / "datasets--a--b", "0123456789abcdef0123456789abcdef01234567"
    assert hub.commit("a/b", pinned, ["d/x.csv"]) == ""
    file = repository_folder / "snapshots" / pinned / "d" / "x.csv"
    file.parent.mkdir(parents=True)
    file.touch()
    (repository_folder / "refs").mkdir()
    (repository_folder / "refs" / "main").write_text(pinned)
    assert hub.commit("a/b", pinned, ["d/x.csv"]) == hub.commit("a/b", "main", ["d/x.csv"]) == pinned
    assert hub.commit("a/b", pinned, ["d/x.csv", "y.csv"]) == hub.commit("a/b", pinned, []) == ""


@pytest.mark.parametrize(("revision", "pinned"), [("a" * 40, True), ("a" * 7, False), ("main", False)])
def test_a_commit_is_pinned_and_a_branch_is_not(revision: str, pinned: bool) -> None:
    assert hub.pinned(revision) is pinned
