"""A public SAE is fetched once and read back unchanged; an SAE that is damaged or cannot be fetched is an error."""

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub.errors import LocalEntryNotFoundError
from random_saes import D_IN, D_SAE, activations, saelens_sae

from emomech.core.errors import EmomechError, UsageError
from emomech.core.hook_points import HookPoint
from emomech.presets import lookup
from emomech.presets.kinds import SaePreset
from emomech.saes import releases
from emomech.saes.releases import cache_folder, check_whole, released

with warnings.catch_warnings(action="ignore"):
    from sae_lens import SAE


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Cache fetched SAEs in a folder of this test."""
    monkeypatch.setenv("EMOMECH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "saes"


TOY = SaePreset(
    summary="x", release="gpt2-small-res-jb", sae_id="blocks.{layer}.hook_resid_pre", site="resid_pre", layers=2
)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Replace SAELens's `from_pretrained` by a function of the test, and record the ids that it is called with."""

    def answer_with(answer: Any) -> list[str]:
        asked: list[str] = []

        def from_pretrained(release: str, sae_id: str, **_: object) -> Any:
            asked.append(sae_id)
            if isinstance(answer, Exception):
                raise answer
            return answer(sae_id)

        monkeypatch.setattr(SAE, "from_pretrained", from_pretrained)
        return asked

    return answer_with


def test_an_sae_is_fetched_once_and_found_as_it_was(hub: Callable[..., list[str]], kept: Path) -> None:
    asked = hub(lambda sae_id: saelens_sae(hook_name=sae_id))
    files = released(TOY)
    assert asked == list(TOY.ids.values()) and [file.point for file in files] == list(TOY.ids)
    assert [(file.name, file.d_in, file.d_sae) for file in files] == [(TOY.release, D_IN, D_SAE)] * 2
    assert sorted(path.name for path in (kept / TOY.release).iterdir()) == sorted(TOY.ids.values())
    hub(ConnectionError("no network"))
    again = released(TOY)
    assert again == files
    theirs = saelens_sae(hook_name=str(files[1].point))
    x = activations(9)
    centred = x - x.mean(-1, keepdim=True)  # the registry says that these were trained so
    sae = again[1].load()
    torch.testing.assert_close(sae.encode(x), theirs.encode(centred))
    assert (sae.expected_l0, sae.expected_explained) == (10.0, 0.999)
    assert sae.link(7) == "https://www.neuronpedia.org/gpt2-small/1-res-jb/7"


def test_what_the_registry_does_not_know_stays_unknown(hub: Callable[..., list[str]]) -> None:
    preset = lookup.sae("pythia-70m-deduped-res-sm")
    hub(lambda sae_id: saelens_sae(hook_name=sae_id))
    first, second = (file.load() for file in released(preset)[:2])
    assert (first.expected_l0, first.expected_explained) == (None, None)
    assert (first.input_transform, first.neuronpedia_id) == ("none", "pythia-70m-deduped/e-res-sm")
    assert second.neuronpedia_id == "pythia-70m-deduped/0-res-sm"


DAMAGE: Mapping[str, Callable[[Path], object]] = {
    "has 3 bytes, expected": lambda folder: (folder / "sae_weights.safetensors").write_bytes(b"abc"),
    "cfg.json: is not what was written": lambda folder: _flip(folder / "cfg.json"),
    "safetensors: is not what was written": lambda folder: _flip(folder / "sae_weights.safetensors"),
    "safetensors: is missing": lambda folder: (folder / "sae_weights.safetensors").unlink(),
    "entry.json: does not list its files": lambda folder: (folder / "entry.json").write_text("{}"),
    "entry.json: does not list": lambda folder: (folder / "entry.json").write_text("{"),
}


def _flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize(("message", "damage"), DAMAGE.items(), ids=DAMAGE)
def test_a_damaged_entry_is_named_with_the_way_out_and_fetched_again_once_deleted(
    message: str, damage: Callable[[Path], object], hub: Callable[..., list[str]], kept: Path
) -> None:
    hub(lambda sae_id: saelens_sae(hook_name=sae_id))
    (first, _) = released(TOY)
    damage(first.folder)
    with pytest.raises(EmomechError, match=f"{message}.*Delete the folder .*{first.folder.name}, and this SAE is"):
        released(TOY)
    for file in first.folder.iterdir():
        file.unlink()
    first.folder.rmdir()
    assert released(TOY)[0] == first


def test_nothing_half_written_remains(
    hub: Callable[..., list[str]], kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub(lambda sae_id: saelens_sae(hook_name=sae_id))

    def fail(*_: object) -> None:
        raise OSError("disk full")

    with (
        monkeypatch.context() as patch,
        pytest.raises(EmomechError, match=r"cannot be kept in .*disk full.*EMOMECH_CACHE"),
    ):
        patch.setattr("os.replace", fail)
        released(TOY)
    assert list((kept / TOY.release).iterdir()) == []
    (kept / TOY.release / TOY.ids[HookPoint(0, "resid_pre")]).mkdir()  # a folder without an entry is no SAE
    assert len(released(TOY)) == 2


FAILURES = {
    "no route": (ConnectionError("no route"), "cannot be fetched .no route.. Connect to the network once"),
    "offline": (LocalEntryNotFoundError("offline mode"), "Connect to the network once, or name a folder of SAEs"),
    "gated": (OSError("401 Client Error: gated repo"), "Accept its licence at https://huggingface.co/jbloom/.*hf auth"),
    "another format": (KeyError("W_enc"), "are not what this version of SAELens reads"),
}


@pytest.mark.parametrize(("failure", "message"), FAILURES.values(), ids=FAILURES)
def test_what_fails_says_the_way_out(failure: Exception, message: str, hub: Callable[..., list[str]]) -> None:
    hub(failure)
    with pytest.raises(EmomechError, match=f"SAE blocks.0.hook_resid_pre of gpt2-small-res-jb: .*{message}"):
        released(TOY)


def test_wrong_names_and_wrong_places_are_named(hub: Callable[..., list[str]], kept: Path) -> None:
    with pytest.raises(UsageError, match="unknown SAE release 'gpt2-small-res-bj'. Did you mean 'gpt2-small-res-jb'"):
        released(TOY.model_copy(update={"release": "gpt2-small-res-bj"}))
    with pytest.raises(UsageError, match="unknown SAE of gpt2-small-res-jb 'layer_0'"):
        released(TOY.model_copy(update={"sae_id": "layer_{layer}"}))
    hub(lambda _: saelens_sae(hook_name="blocks.0.hook_resid_post"))
    with pytest.raises(UsageError, match=r"is at blocks\.0\.hook_resid_post, expected blocks\.0\.hook_resid_pre"):
        released(TOY)
    hub(lambda sae_id: saelens_sae(hook_name=sae_id, normalize_activations="expected_average_only_in"))
    with pytest.raises(EmomechError, match=r"SAE blocks\.0.* of gpt2.*not folded into its weights"):
        released(TOY)
    assert not list(kept.rglob("entry.json"))


def test_the_cache_is_in_the_home_folder_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EMOMECH_CACHE")
    assert cache_folder() == Path.home() / ".cache" / "emomech" / "saes"


def test_the_same_file_is_hashed_once(hub: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    hub(lambda sae_id: saelens_sae(hook_name=sae_id))
    (first, _) = released(TOY)
    before = releases._hash.cache_info().misses
    check_whole(first.folder)
    assert releases._hash.cache_info().misses == before
