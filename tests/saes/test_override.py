"""A refusal offers the override, and a page shows that it was used."""

from emomech.notebook import provenance
from emomech.notebook.provenance import banner
from emomech.saes.override import OVERRIDDEN, refusal


def test_a_long_list_of_refusals_is_shortened() -> None:
    lines = refusal(["a", "b", "c", "d", "e"]).split("\n")
    assert lines[:4] == ["a", "b", "c", "and 2 more SAEs of 5 that are refused."]
    assert refusal(["a"]).startswith("a\nTake SAEs of the model")
    assert refusal(["a"]).endswith("--force (EMOMECH_FORCE=1).")


def test_a_banner_names_every_one_and_is_escaped() -> None:
    assert banner([]) == ""
    shown = banner(["SAE <x> at a", "SAE y at b"])
    assert "2 of its SAEs do not fit the model, and the compatibility check was overridden" in shown
    assert "<li>SAE &lt;x&gt; at a</li><li>SAE y at b</li>" in shown


class _Run:
    def __init__(self, provenance: dict[str, object]) -> None:
        self.provenance = provenance


def test_it_stands_before_the_parameters_of_a_page() -> None:
    from emomech.core.paths import CHECKOUT
    from emomech.notebook import parameters

    declared = parameters.read(CHECKOUT / "notebooks" / "fidelity.md").values()
    values = {parameter.name: parameter.default for parameter in declared}
    plain = str(provenance.parameters_table("fidelity", values | {"run": _Run({})}).data)
    assert plain == str(provenance.parameters_table("fidelity", values).data) and "emo-forced" not in plain
    warned = str(provenance.parameters_table("fidelity", values | {"run": _Run({OVERRIDDEN: ["SAE s at p: no"]})}).data)
    assert warned.endswith(plain) and "<li>SAE s at p: no</li>" in warned.removesuffix(plain)
