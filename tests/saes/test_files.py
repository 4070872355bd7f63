"""The SAEs of a folder are described before any weight is read; a file that cannot be read is an error."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from random_saes import D_IN, D_SAE, POINT, saelens_sae

from emomech.core.errors import EmomechError, UsageError
from emomech.core.hook_points import HookPoint
from emomech.saes.files import SaeFile, scan


def test_what_a_folder_holds_is_known_without_its_weights(tmp_path: Path) -> None:
    saelens_sae().save_model(tmp_path)
    (tmp_path / "sae_weights.safetensors").write_bytes(b"")
    assert scan(tmp_path, name="set") == [SaeFile(tmp_path, "set", POINT, D_IN, D_SAE, "tiny")]
    assert scan(tmp_path, name="set")[0].n_bytes == 2 * D_IN * D_SAE * 4


def test_the_older_form_of_a_config_is_read_too(tmp_path: Path) -> None:
    saelens_sae().save_model(tmp_path)
    flat = {"d_in": D_IN, "d_sae": D_SAE, "hook_point": str(POINT), "model_name": "old", "dtype": "float32"}
    (tmp_path / "cfg.json").write_text(json.dumps(flat | {"activation_fn_str": "relu", "normalize_activations": False}))
    (file,) = scan(tmp_path, name="set")
    sae = file.load()
    assert (file.point, file.trained_on) == (sae.point, sae.trained_on) == (POINT, "old")


def test_saes_come_in_order_of_depth(tmp_path: Path) -> None:
    points = [HookPoint(0, "resid_pre"), HookPoint(0), HookPoint(2), HookPoint(10)]
    for point in reversed(points):
        saelens_sae(hook_name=str(point)).save_model(tmp_path / str(point))
    assert [file.point for file in scan(tmp_path, name="all")] == points
    assert scan(tmp_path / str(points[2]), name="the folder itself")[0].point == points[2]


def test_empty_folder_says_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"holds no SAE; expected cfg\.json and sae_weights\.safetensors"):
        scan(tmp_path, name="none")


def test_two_saes_for_one_point_are_named(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        saelens_sae().save_model(tmp_path / folder)
    with pytest.raises(UsageError, match=r"b: is a second SAE for blocks\.1\.hook_resid_post; the first is .*a\."):
        scan(tmp_path, name="two")


def _edit(config: Path, **changes: object) -> None:
    content = json.loads(config.read_text())
    config.write_text(json.dumps(content | changes))


NO_NAME = {"sae_lens_version": "6.54.0"}
DAMAGE = {
    r"cfg\.json: is not a JSON object": lambda cfg, _: cfg.write_text("{"),
    r"cfg\.json: is not a JSON": lambda cfg, _: cfg.write_text("[]"),
    r"kind 'unheard'; supported are standard, jumprelu, topk, gated": lambda cfg, _: _edit(cfg, architecture="unheard"),
    r"safetensors: is missing": lambda _, weights: weights.unlink(),
    r"safetensors: is damaged": lambda _, weights: weights.write_bytes(b"not weights at all"),
    r"safetensors: .*: has no weight threshold, expected one, as it is jumprelu": lambda cfg, _: _edit(
        cfg, architecture="jumprelu"
    ),
    r"W_enc has shape \(12, 40\), expected \(13, 40\), as d_in is 13": lambda cfg, _: _edit(cfg, d_in=D_IN + 1),
    r"cfg\.json: cannot be read: Is a directory": lambda cfg, _: (cfg.unlink(), cfg.mkdir()),
    r"point 'h\.1': expected blocks": lambda cfg, _: _edit(cfg, metadata=NO_NAME | {"hook_name": "h.1"}),
    r"hook point 'None'": lambda cfg, _: _edit(cfg, metadata=NO_NAME),
}


@pytest.mark.parametrize(("message", "damage"), DAMAGE.items(), ids=range(len(DAMAGE)))
def test_damage_is_told_with_the_file(message: str, damage, tmp_path: Path) -> None:
    saelens_sae().save_model(tmp_path / "one")
    damage(tmp_path / "one" / "cfg.json", tmp_path / "one" / "sae_weights.safetensors")
    with pytest.raises(EmomechError, match=message) as caught:
        scan(tmp_path, name="damaged")[0].load()
    assert str(tmp_path / "one") in str(caught.value)


@dataclass(frozen=True)
class _Model:
    name: str = "small"
    d_model: int = D_IN
    n_layers: int = 2


def test_an_sae_that_cannot_stand_in_the_model_is_refused(tmp_path: Path) -> None:
    saelens_sae().save_model(tmp_path)
    (sae,) = scan(tmp_path, name="set")
    sae.check_fits(_Model())
    sae.check_fits(_Model(name="another name of the same model"))
    with pytest.raises(UsageError, match=r"SAE set at blocks\.1.*reads 12 numbers, but .* small has 64.*on tiny"):
        sae.check_fits(_Model(d_model=64))
    with pytest.raises(UsageError, match=r"SAE set at blocks\.1\.hook_resid_post: small has blocks 0\.\.0"):
        sae.check_fits(_Model(n_layers=1))
