"""Controls and SAEs of another seed are found beside a folder of SAEs, by their names."""

from pathlib import Path

import pytest

from emomech.chapters import conditions
from emomech.core.errors import UsageError
from emomech.saes import beside


def test_the_names_are_those_of_the_tables() -> None:
    assert (beside.SOFT_FROZEN, beside.FROZEN) == tuple(beside.CONDITIONS.values()) == conditions.BARELY_TRAINED
    assert set(beside.CONDITIONS) == set(beside.CONTROLS)


def test_only_what_is_there_is_found(tmp_path: Path) -> None:
    saes = tmp_path / "saes"
    assert beside.folders(tmp_path / "nothing" / "saes") == beside.folders(saes) == []
    for name in ("saes-frozen", "saes-seed10", "saes-seed2", "saes-seed2-frozen", "other-seed1", "saes-seedling"):
        (tmp_path / name).mkdir()
    (tmp_path / "saes-soft-frozen").touch()
    assert beside.control_folders(saes) == {"frozen": tmp_path / "saes-frozen"}
    assert beside.other_folder(saes) == beside.folder_of_seed(saes, 2) == tmp_path / "saes-seed2"
    assert beside.folders(saes) == [tmp_path / "saes-frozen", tmp_path / "saes-seed2"]


def test_a_control_has_a_name() -> None:
    assert beside.named("soft-frozen") == "soft-frozen"
    with pytest.raises(UsageError, match="unknown control of an SAE 'softfrozen'. Did you mean 'soft-frozen'"):
        beside.named("softfrozen")
