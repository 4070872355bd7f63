"""A run is computed once, read back as it was, and stale exactly if something that decides its values changes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pandas as pd
import pytest

from emomech.core import files
from emomech.core.errors import EmomechError, UsageError
from emomech.core.paths import PACKAGE
from emomech.core.settings import FORCE, Settings
from emomech.saes import compatibility
from emomech.saes.override import OVERRIDDEN
from emomech.stats.tables import Schema
from emomech.study import identity
from emomech.study.run import PROVENANCE, Run
from emomech.study.spec import StudySpec
from emomech.study.study import Study

SCHEMA = Schema(keys={"name": "who"}, values={"share": "how much", "n": "how many", "note": "a word"})
CALLS: list[int] = []


@dataclass(frozen=True)
class Made:
    table: Annotated[pd.DataFrame, SCHEMA]


def made(study: Study, *, n: int = 3, fail: bool = False) -> Made:
    CALLS.append(n)
    if fail:
        raise EmomechError("it cannot be done")
    rows = [("a", 0.1 + 0.2, n, ""), ("NA", float("nan"), 2, "nan")]
    return Made(pd.DataFrame(rows, columns=list(SCHEMA.columns)))


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMOMECH_RUNS", str(tmp_path / "runs"))
    monkeypatch.setattr(StudySpec, "identity", lambda spec, settings: {"model": spec.model, "seed": spec.seed})
    CALLS.clear()


def test_what_is_read_back_is_what_was_computed() -> None:
    first = Run(made, StudySpec()).result().table
    second = Run(made, StudySpec()).result().table
    assert len(CALLS) == 1
    pd.testing.assert_frame_equal(first, second)
    assert second.share[0] == 0.1 + 0.2
    assert second.name.tolist() == ["a", "NA"]
    assert second.note.tolist() == ["", "nan"]


def test_provenance_says_where_it_came_from() -> None:
    run = Run(made, StudySpec(seed=4), {"n": 5})
    run.result()
    found = run.provenance
    assert (found["study"]["seed"], found["arguments"], found["key"]) == (4, {"n": 5, "fail": False}, run.key)
    assert found["commit"]
    assert found["seconds"] >= 0
    assert set(found["versions"]) >= {"torch", "transformers", "sae-lens"}


def reading(study: Study) -> Made:
    return made(study, n=len(study.corpus.examples))


def test_texts_that_were_left_out_are_counted_where_the_corpus_was_read(tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    file.write_text("text,label\nIt rained.,sad\nIt shone.,glad\nit rained,sad\n")
    run = Run(reading, StudySpec(corpus=str(file), sae=None))
    assert run.result().table.n[0] == 2
    left_out = {"text occurs more than once": 1}
    assert run.provenance["texts"] == {"rows": 3, "kept": 2, "not drawn": 0, "left out": left_out}
    untouched = Run(made, StudySpec(corpus=str(file), sae=None))
    untouched.result()
    assert "texts" not in untouched.provenance


def test_a_default_that_is_spelled_out_is_the_same_run() -> None:
    assert Run(made, StudySpec()).key == Run(made, StudySpec(), {"n": 3}).key


def test_what_decides_the_values_is_in_the_key() -> None:
    keys = {Run(made, StudySpec()).key, Run(made, StudySpec(seed=1)).key, Run(made, StudySpec(), {"n": 4}).key}
    assert len(keys) == 3


def test_the_source_of_what_an_analysis_imports_is_in_its_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    sources = {str(file.relative_to(PACKAGE)) for file in identity.sources_of("emomech.chapters.flow.analysis")}
    imported = {"chapters/flow/analysis.py", "stats/selectivity.py", "models/hooks.py", "study/study.py"}
    assert imported | {"data/grammar/vignettes.py", "data/grammar/lexicon.toml"} <= sources
    assert not any(name.startswith(("figures/", "notebook/", "cli/")) for name in sources)
    assert not sources & {"chapters/flow/rule.py", "chapters/flow/charts.py", "chapters/verdict.py"}


def test_an_unknown_argument_lists_those_there_are() -> None:
    with pytest.raises(UsageError, match="unknown argument of made 'm'. .*Known: fail, n"):
        Run(made, StudySpec(), {"m": 1}).result()


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("table.csv", b"name,share,n,note\na,9,9,\n"),
        ("table.csv", None),
        *(
            (PROVENANCE, damage)
            for damage in (b"", b"{", b"\xff", b"[]", b"{}", b'{"tables": 3}', b'{"tables": {}}', None)
        ),
    ],
)
def test_a_damaged_result_is_computed_again(name: str, damage: bytes | None) -> None:
    run = Run(made, StudySpec())
    first = run.result().table
    (run.folder / name).unlink() if damage is None else (run.folder / name).write_bytes(damage)
    pd.testing.assert_frame_equal(run.result().table, first)
    assert len(CALLS) == 2 and run.provenance["key"] == run.key
    run.result()
    assert len(CALLS) == 2


def test_the_result_of_another_run_is_not_taken() -> None:
    run, other = Run(made, StudySpec()), Run(made, StudySpec(), {"n": 4})
    other.result()
    other.folder.rename(run.folder)
    assert run.result().table.n[0] == 3


def test_nothing_is_computed_if_it_cannot_be_kept(tmp_path: Path) -> None:
    (tmp_path / "runs").touch()
    with pytest.raises(UsageError, match="EMOMECH_RUNS: .*/runs is a file, expected a folder"):
        Run(made, StudySpec()).result()
    assert CALLS == []


def test_nothing_is_left_of_an_analysis_that_fails(tmp_path: Path) -> None:
    with pytest.raises(EmomechError, match="cannot be done"):
        Run(made, StudySpec(), {"fail": True}).result()
    assert not [file for file in tmp_path.rglob("*") if file.is_file()]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_nothing_is_left_when_writing_is_cut_short(
    error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(*_: object, **__: object) -> None:
        raise error

    run = Run(made, StudySpec())
    monkeypatch.setattr(files.os, "replace", cut)
    with pytest.raises(type(error)):
        run.result()
    assert not [file for file in tmp_path.rglob("*") if file.is_file()]
    monkeypatch.undo()


def overriding(study: Study) -> Made:
    """Read SAEs that do not fit, as analyses of several models do."""
    other = study.companion(study.spec)
    assert len(other.saes) == 9 and study.warnings == other.warnings
    return made(study)


def test_an_override_is_recorded_and_a_result_counts_only_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compatibility, "misfits", lambda *_: ["SAE s at p: leaves 0.99"])
    monkeypatch.setenv(FORCE, "1")
    run = Run(overriding, StudySpec())
    run.result()
    assert run.provenance[OVERRIDDEN] == ["SAE s at p: leaves 0.99"]
    monkeypatch.delenv(FORCE)
    with pytest.raises(UsageError, match=r"SAE s at p: leaves 0\.99\nTake SAEs of .*--force"):
        Run(overriding, StudySpec()).result()
    Run(overriding, StudySpec(), settings=Settings(device="cpu", force=True)).result()
    plain = Run(made, StudySpec())
    plain.result()
    assert OVERRIDDEN not in plain.provenance


WEATHER = {"now": "sunny"}


@identity.depends_on(weather=lambda: WEATHER["now"])
def dependent(study: Study, *, n: int = 3) -> Made:
    return made(study, n=n)


def test_a_run_becomes_stale_when_something_changes_that_its_analysis_depends_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, late = Run(dependent, StudySpec()), Run(dependent, StudySpec(), {"n": 4})
    first.result()
    assert first.provenance["arguments"] == {"n": 3, "weather": "sunny"} and late.key
    monkeypatch.setitem(WEATHER, "now", "rainy")
    assert Run(dependent, StudySpec()).key != first.key
    with pytest.raises(UsageError, match="weather 'sunny': has changed to 'rainy'"):
        late.result()
    assert CALLS == [3]
    with pytest.raises(UsageError, match="unknown argument of dependent 'weather'"):
        Run(dependent, StudySpec(), {"weather": "rainy"}).result()
