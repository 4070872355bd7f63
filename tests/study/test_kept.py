"""Kept results are read in place of computing, if they answer what is asked, and runs copy theirs on request."""

from pathlib import Path

import pytest

from emomech.chapters.behaviour import analysis
from emomech.chapters.tracing import phases
from emomech.core.errors import EmomechError
from emomech.study import kept
from emomech.study.run import Run
from emomech.study.spec import StudySpec

FEW = {"n_resamples": 20, "n_draws": 1}
SPEC = StudySpec(limit=120, sae=None)


def test_an_analysis_has_a_place_in_an_edition_and_back() -> None:
    for function, place in ((analysis.behaviour, Path("behaviour")), (phases.phases, Path("tracing", "phases"))):
        assert kept.place(function) == place
        assert kept.module(place) == function.__module__


def test_a_run_copies_its_tables_and_reads_them_without_a_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMOMECH_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv(kept.KEEP, str(tmp_path / "edition"))
    (tmp_path / "edition" / "behaviour" / "parts").mkdir(parents=True)
    computed = Run(analysis.behaviour, SPEC, FEW).result()
    assert (tmp_path / "edition" / "behaviour" / "parts").is_dir()
    monkeypatch.delenv(kept.KEEP)
    monkeypatch.setenv(kept.KEPT, str(tmp_path / "edition"))
    monkeypatch.setattr("emomech.study.run.Study", lambda *_: pytest.fail("loads the study"))
    monkeypatch.setattr(StudySpec, "identity", lambda *_: pytest.fail("looks for the model"))
    run = Run(analysis.behaviour, SPEC, FEW)
    assert run.result().accuracy.equals(computed.accuracy)
    assert run.folder == tmp_path / "edition" / "behaviour" and run.provenance["arguments"] == FEW
    with pytest.raises(EmomechError, match=r"n_draws 2: is asked of kept tables that were computed with 1"):
        Run(analysis.behaviour, SPEC, {**FEW, "n_draws": 2}).result()


def test_names_and_numbers_that_both_have_must_agree() -> None:
    was = {"study": {"model": "a", "seed": 0}, "arguments": {"starts": [1, 2], "n": 3}}
    kept.check(was, {"model": "a", "seed": 0, "gold": "new"}, {"starts": (1, 2), "n": 3, "more": 1})
    with pytest.raises(EmomechError, match="model 'b': is asked of kept tables that were computed with 'a'"):
        kept.check(was, {"model": "b"}, {})


def test_without_the_variables_results_are_computed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in (kept.KEPT, kept.KEEP):
        monkeypatch.delenv(name, raising=False)
    assert kept.folder(analysis.behaviour) is None
    kept.collect(tmp_path / "missing", analysis.behaviour)
