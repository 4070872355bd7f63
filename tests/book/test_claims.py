"""Verdicts use the runs of the book's pages, and the matrix has every claim and every model."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import pytest

from emomech.book import claims
from emomech.book.claims import CLAIMS, Claim
from emomech.chapters.verdict import OUTCOMES, Check, Verdict
from emomech.cli import main as cli
from emomech.core.errors import UsageError, unknown
from emomech.notebook import verdicts
from emomech.stats.tables import Schema
from emomech.study.run import Run
from emomech.study.spec import StudySpec
from emomech.study.study import Study

SCHEMA = Schema(keys={"model": "which"}, values={"n": "how many texts"})


@dataclass(frozen=True)
class Made:
    table: Annotated[pd.DataFrame, SCHEMA]


ASKED: list[tuple[StudySpec, int]] = []


def behaviour(study: Study, *, n_resamples: int, n_draws: int = 1) -> Made:
    ASKED.append((study.spec, n_resamples))
    if study.spec.model.endswith("seed2"):
        raise UsageError("corpus: two texts only.")
    if n_resamples < 30:
        raise UsageError(f"n_resamples {n_resamples}: expected at least 30.")
    if study.spec.limit == 77:
        raise unknown("emotion", "joi", ["joy"])
    return Made(pd.DataFrame([(study.spec.model, study.spec.limit)], columns=list(SCHEMA.columns)))


def rule(result: Made) -> Verdict:
    outcome = "replicates" if result.table.n[0] == 0 else "partly"
    check = Check("It <is> so.", "decides", "met", "share", "1.00 [0.90, 1.10]", "nothing")
    return Verdict("C0", "It is so & so.", outcome, "Because.", (check,))


class Faked(Claim):
    @property
    def analysis(self):
        return behaviour


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EMOMECH_RUNS", str(tmp_path))
    monkeypatch.setattr(StudySpec, "identity", lambda spec, settings=None: {"model": spec.model, "limit": spec.limit})
    ASKED.clear()


CLAIM = Faked("C0", "behaviour", rule)
MODELS = ["organism", "organism-seed1", "organism-seed2"]


def test_every_claim_has_a_page_an_analysis_and_a_rule() -> None:
    assert len({claim.name for claim in CLAIMS}) == len(CLAIMS)
    for claim in CLAIMS:
        assert claim.analysis.__name__ == claim.page
        run = claim.run(profile="quick")
        assert run.key  # every parameter of the page is one of the study or of the analysis


def test_the_book_and_the_claims_use_the_same_run() -> None:
    """Otherwise the matrix would compute everything again."""
    for claim in CLAIMS:
        assert claim.run("organism").key == claim.run().key


def test_the_first_model_is_studied_as_on_its_page_and_the_others_quickly() -> None:
    matrix = claims.matrix(MODELS, claims=[CLAIM])
    assert [(spec.model, spec.limit, n) for spec, n in ASKED] == [
        ("organism", 0, 1000),
        ("organism-seed1", 400, 100),
        ("organism-seed2", 400, 100),
    ]
    assert matrix.outcome.tolist() == ["replicates", "partly", "cannot be tested here"]
    assert matrix.reason.iloc[2] == "corpus: two texts only."
    assert set(matrix.statement) == {"It is so & so."}


def test_settings_of_the_whole_book_reach_every_model() -> None:
    claims.matrix(MODELS[:2], claims=[CLAIM], settings={"limit": "30", "n_edited": "8"})  # the latter is another page's
    assert [(spec.model, spec.limit) for spec, _ in ASKED] == [("organism", 30), ("organism-seed1", 30)]


def test_a_claim_about_certain_models_is_not_asked_of_others() -> None:
    matrix = claims.matrix(MODELS, claims=[Faked("C0", "behaviour", rule, every_model=False)])
    assert matrix.model.tolist() == ["organism"]


def test_what_was_computed_is_read_back() -> None:
    for _ in range(2):
        claims.matrix(MODELS[:1], claims=[CLAIM])
    assert len(ASKED) == 1


def test_a_name_that_no_page_has_is_refused_before_anything_is_computed() -> None:
    with pytest.raises(UsageError, match="unknown parameter of the book 'sed'. Did you mean 'seed'"):
        claims.matrix(MODELS, claims=[CLAIM], settings={"sed": "1"})
    with pytest.raises(UsageError, match="model 'gpt2-small': is not the first of the models, 'organism'"):
        claims.matrix(MODELS, claims=[CLAIM], settings={"model": "gpt2-small"})
    assert not ASKED


def test_a_page_without_the_saes_of_its_claims_can_be_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = ("organism",), "quick", "quick"
    assert set(claims.provenance(*asked, (CLAIM,), {})["runs"]) == {"C0"}  # pyright: ignore[reportArgumentType]
    monkeypatch.setattr(claims, "_without_saes", lambda spec: "sae: no SAEs are known.")
    assert claims.provenance(*asked, (CLAIM,), {})["runs"] == {}


@pytest.mark.parametrize(("models", "match"), [([], "models: found no name"), (["gpt3"], "gpt3.*gpt2")])
def test_models_that_do_not_exist_are_named_before_anything_is_computed(models: list[str], match: str) -> None:
    with pytest.raises(UsageError, match=match):
        claims.matrix(models, claims=[CLAIM])
    assert not ASKED


def test_the_table_shows_every_cell_with_its_reason_in_words() -> None:
    shown = verdicts.table(claims.matrix(MODELS, claims=[CLAIM]), pages="results/").data
    assert shown is not None
    assert '<a href="results/behaviour.html">It is so &amp; so.</a>' in shown
    assert shown.count("<details>") == 3 and shown.count("Against: <b>nothing</b>") == 2
    assert shown.count("It &lt;is&gt; so.") == 2
    for outcome in ("replicates", "partly", "cannot be tested here"):
        assert f"{outcome}</summary>" in shown and f"emo-{outcome.replace(' ', '-')}" in shown
    once = pd.concat([claims.matrix(MODELS, claims=[CLAIM]), other_claim()])
    assert str(verdicts.table(once).data).count("not tested on this model") == 2


@pytest.mark.parametrize("outcome", ["does not replicate", "reversed"])
def test_what_fails_is_listed_with_its_reason_and_checklist(outcome: str) -> None:
    matrix = claims.matrix(MODELS[:1], claims=[CLAIM])
    assert "no claim fails to replicate" in str(verdicts.negative(matrix).data)
    listed = str(verdicts.negative(matrix.assign(outcome=outcome), pages="../results/").data)
    assert f"It is so &amp; so.</a> <strong>{outcome}</strong>: Because." in listed and "<b>nothing</b>" in listed
    assert '<a href="../results/behaviour.html">' in listed and "nothing is known" not in listed


def test_what_has_no_power_is_listed_apart() -> None:
    listed = str(verdicts.negative(claims.matrix(MODELS[:1], claims=[CLAIM]).assign(outcome="no power here")).data)
    assert listed.index("no claim fails") < listed.index("nothing is known") < listed.index("Because.")


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"n_resamples": "25"}, "n_resamples 25: expected at least 30"),
        ({"limit": "77"}, "unknown emotion 'joi'"),
        ({"corpus": "organisn"}, "organisn"),
        ({"prompt": "nosuch"}, "nosuch"),
        ({"limit": "many"}, "many"),
    ],
)
def test_a_typing_error_never_reads_as_an_outcome(settings: dict[str, str], match: str) -> None:
    with pytest.raises(UsageError, match=match):
        CLAIM.verdict("organism", settings=settings)


def test_a_model_without_saes_cannot_be_tested(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = StudySpec(model="pythia-70m")
    monkeypatch.setattr(Faked, "run", lambda *_: Run(behaviour, spec, {"n_resamples": 10}))
    monkeypatch.setattr(claims, "_without_saes", lambda spec: "sae: no SAEs are known.")
    assert CLAIM.verdict("pythia-70m").reason == "sae: no SAEs are known."
    monkeypatch.undo()
    assert claims._without_saes(StudySpec()) == "" == claims._without_saes(StudySpec(sae=None))


def test_the_checklists_are_a_table() -> None:
    table = claims.checks(claims.matrix(MODELS, claims=[CLAIM]))
    assert table.model.tolist() == MODELS[:2] and table.control.tolist() == ["nothing", "nothing"]


def test_a_claim_about_embedded_models_cannot_be_tested_on_another() -> None:
    claim = Faked("C9", "behaviour", rule, every_model=False)
    assert claim.verdict("organism").outcome == "replicates"
    other = claim.verdict("gpt2-small")
    assert (other.outcome, other.estimate, other.control) == ("cannot be tested here", "", "")
    assert "is not an embedded model" in other.reason and other.statement


def other_claim() -> pd.DataFrame:
    one = claims.matrix(MODELS, claims=[Faked("C0", "behaviour", rule, every_model=False)])
    return one.assign(claim="C9")


def test_counts_are_of_the_first_model_in_words() -> None:
    assert claims.counts(claims.matrix(MODELS, claims=[CLAIM])) == "1 replicate"
    assert claims.counts(claims.matrix(MODELS[::-1], claims=[CLAIM])) == "1 cannot be tested"
    every = pd.DataFrame({"model": "one", "outcome": list(OUTCOMES)})
    assert claims.counts(every).count("1 ") == len(OUTCOMES)


def test_the_command_prints_what_the_page_shows(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.setattr(claims, "CLAIMS", (CLAIM,))
    monkeypatch.setattr(claims.matrix, "__defaults__", ("full", "quick", (CLAIM,), {}, 1))
    monkeypatch.setattr(claims, "parallel_jobs", lambda: 1)
    with pytest.raises(SystemExit) as ended:
        cli.main(["verdicts", "--format", "json", "--model", "organism", "--model", "organism-seed1"])
    assert not ended.value.code
    rows = json.loads(capsys.readouterr().out)
    expected = claims.matrix(MODELS[:2], claims=[CLAIM])
    assert rows == claims.as_records(expected) and rows[0]["checks"][0]["criterion"] == "It <is> so."
    with pytest.raises(SystemExit):
        cli.main(["verdicts", "--model", "organism"])
    assert "C0: It is so & so.\n  organism  replicates. Because." in capsys.readouterr().out


def test_the_models_of_the_book_are_those_of_its_page() -> None:
    assert claims.book_models() == MODELS[:2]


def test_claims_are_chosen_by_name() -> None:
    assert claims.select("all") == CLAIMS
    assert [claim.name for claim in claims.select("C1, premise")] == ["C1", "premise"]
    for name in ("C77", ",", ""):
        with pytest.raises(UsageError, match=f"unknown claim '{name}'"):
            claims.select(name)


def test_processes_are_started_for_runs_that_are_not_kept_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    import joblib

    used: list[int] = []

    def parallel(n_jobs: int) -> Callable[[Iterable[Any]], list[Any]]:
        used.append(n_jobs)
        return lambda jobs: [call(*arguments) for call, arguments, _ in jobs]

    monkeypatch.setattr(joblib, "Parallel", parallel)
    for _ in range(2):
        claims.matrix(MODELS[:2], claims=[CLAIM], n_jobs=2)
    assert used == [2, 1]
