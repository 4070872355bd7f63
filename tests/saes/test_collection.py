"""A set of SAEs knows its hook points without reading weights, and keeps no more in memory than its limit."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from random_saes import D_IN, D_SAE, saelens_sae

from emomech.core.errors import EmomechError, UsageError
from emomech.core.hook_points import HookPoint
from emomech.saes import files as sae_files
from emomech.saes.collection import SaeSet, load_saes, portions
from emomech.saes.files import SaeFile, scan
from emomech.saes.sae import Sae

POINTS = [HookPoint(0, "resid_pre"), HookPoint(0), HookPoint(1), HookPoint(2)]
ONE = 2 * D_IN * D_SAE * 4
"""Bytes of one SAE."""


@pytest.fixture
def files(tmp_path: Path) -> list[SaeFile]:
    for point in POINTS:
        saelens_sae(hook_name=str(point)).save_model(tmp_path / str(point))
    return scan(tmp_path, name="set")


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[HookPoint]:
    """Record which SAEs are read, in order."""
    found: list[HookPoint] = []
    load: Callable[[SaeFile], Sae] = SaeFile.load

    def counted(file: SaeFile) -> Sae:
        found.append(file.point)
        return load(file)

    monkeypatch.setattr(sae_files.SaeFile, "load", counted)
    return found


def test_nothing_is_read_before_it_is_asked_for(files: list[SaeFile], read: list[HookPoint]) -> None:
    saes = SaeSet(files)
    assert list(saes) == list(saes.keys()) == POINTS and len(saes) == 4
    assert POINTS[2] in saes and HookPoint(9) not in saes
    assert saes.d_sae(POINTS[1]) == D_SAE
    assert read == []
    with pytest.raises(KeyError):
        saes[HookPoint(9)]


def test_what_fits_stays(files: list[SaeFile], read: list[HookPoint]) -> None:
    saes = SaeSet(files)
    assert [point for point, _ in saes.items()] == POINTS
    assert all(sae is saes[sae.point] for sae in saes.values())
    assert read == POINTS


def test_only_one_is_held_where_no_more_fit(files: list[SaeFile], read: list[HookPoint]) -> None:
    saes = SaeSet(files, held_bytes=1)
    for point, sae in saes.items():
        assert sae.point == point and saes[point] is sae
        assert len(saes._held) == 1
    assert read == POINTS


def test_going_through_all_again_finds_those_that_were_kept(files: list[SaeFile], read: list[HookPoint]) -> None:
    saes = SaeSet(files, held_bytes=3 * ONE)
    for _ in range(2):
        assert all(sae.point in saes for sae in saes.values())
        assert len(saes._held) == 3
    assert read == [*POINTS, POINTS[2], POINTS[3]]


def test_several_can_be_used_together_whatever_is_held(files: list[SaeFile]) -> None:
    few, all_ = SaeSet(files, held_bytes=1), dict(SaeSet(files))
    together = {point: few[point] for point in POINTS}
    x = torch.randn(5, D_IN)
    for point, sae in together.items():
        assert torch.equal(sae.encode(x), all_[point].encode(x))


def test_a_damaged_file_is_named_when_it_is_read(files: list[SaeFile]) -> None:
    saes = SaeSet(files)
    (files[3].folder / "sae_weights.safetensors").write_bytes(b"no weights")
    assert saes[POINTS[0]].point == POINTS[0]
    with pytest.raises(EmomechError, match=r"blocks\.2\..*safetensors: is damaged"):
        saes[POINTS[3]]


def test_portions_keep_the_order_and_fill_the_limit() -> None:
    assert list(portions([3, 1, 4, 1, 5], lambda n: n, limit=4)) == [[3, 1], [4], [1, 5]]
    assert list(portions([3, 1], lambda n: n, limit=100)) == [[3, 1]]
    assert list(portions([], len)) == []


def test_saes_are_loaded_by_preset_and_by_folder(files: list[SaeFile], monkeypatch: pytest.MonkeyPatch) -> None:
    folder = files[0].folder.parent
    saes = load_saes(folder)
    assert list(saes) == list(load_saes(str(folder))) == POINTS
    assert (saes[POINTS[2]].d_sae, saes[POINTS[2]].name) == (D_SAE, str(folder))
    monkeypatch.chdir(folder.parent)
    assert list(load_saes(Path(folder.name))) == POINTS
    assert len(load_saes("organism")) == 9
    with pytest.raises(UsageError, match="unknown preset in saes 'gpt3'"):
        load_saes("gpt3")
    with pytest.raises(UsageError, match="there is nothing at"):
        load_saes(folder / "elsewhere")


def test_a_set_that_cannot_stand_in_a_model_is_refused(files: list[SaeFile]) -> None:
    class Small:
        name, d_model, n_layers = "small", D_IN, 2

    SaeSet(files[:3]).check_fits(Small())
    with pytest.raises(UsageError, match=r"blocks\.2\..*small has blocks 0\.\.1"):
        SaeSet(files).check_fits(Small())
