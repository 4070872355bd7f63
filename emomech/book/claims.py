"""The claims of the book: the page that tests each claim, and its verdict on one model or several.

A verdict uses the same analysis with the same arguments as the page, so that the verdicts of the book are read from
its kept runs and not computed twice.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

from emomech.book import edition, runner
from emomech.book.edition import Profile
from emomech.chapters.behaviour.rule import behaviour
from emomech.chapters.concentration.rule import concentration
from emomech.chapters.depth.rule import depth
from emomech.chapters.early_layers.rule import early_layers
from emomech.chapters.fidelity.rule import fidelity
from emomech.chapters.flow.rule import flow
from emomech.chapters.scarcity.rule import scarcity
from emomech.chapters.sharing.rule import sharing
from emomech.chapters.steering.rule import language, steering
from emomech.chapters.tracing.rule import tracing
from emomech.chapters.transfer.rule import transfer
from emomech.chapters.verdict import Outcome, Verdict
from emomech.core.errors import UsageError, unknown
from emomech.core.machine import MOST_AT_ONCE
from emomech.notebook import parameters
from emomech.organism import records
from emomech.presets import lookup
from emomech.stats.tables import Schema
from emomech.study.identity import commit
from emomech.study.run import Run
from emomech.study.spec import AUTO, StudySpec

if TYPE_CHECKING:
    import pandas as pd


ALL = "all"
PAGE = "verdicts"
"""The notebook that shows the matrix of claims and models."""
UNTESTED: Outcome = "cannot be tested here"
MATRIX = Schema(
    keys={"claim": "name of the claim", "model": "the studied model"},
    values={
        "statement": "the claim in one sentence",
        "page": "the page that tests the claim",
        "outcome": "the verdict on the claim for this model",
        "reason": "the reason, by the rule of the claim",
        "estimate": "the deciding estimates with their 95 % intervals",
        "control": "the same estimates in the control, or the baselines to beat",
    },
)


@dataclass(frozen=True)
class Claim:
    """A claim, the page whose analysis tests it, and the rule that decides it."""

    name: str
    page: str
    """Name of the notebook, of its chapter's folder and of its analysis function."""
    rule: Callable[[Any], Verdict]
    every_model: bool = True
    """Whether it can be tested on any model; if not, it is about the embedded models that its page names."""

    @property
    def analysis(self) -> Callable[..., Any]:
        """The analysis of the page."""
        return getattr(import_module(f"emomech.chapters.{self.page}.analysis"), self.page)

    def run(
        self, model: str = "", profile: Profile = "full", settings: Mapping[str, str] = MappingProxyType({})
    ) -> Run[Any]:
        """Give the run of the page; for another model, with the SAEs that fit that model."""
        spec, arguments = _arguments(self.page, profile, settings)
        if model not in ("", spec.model):
            spec = replace(spec, model=model, sae=spec.sae and AUTO)
        return Run(self.analysis, spec, arguments)

    def verdict(
        self, model: str = "", profile: Profile = "full", settings: Mapping[str, str] = MappingProxyType({})
    ) -> Verdict:
        """Decide the claim. If the model cannot be analysed or is not one that the claim is about, give the reason."""
        try:
            verdict = self.rule(self.run(model, profile, settings).result())
        except UsageError as error:
            return Verdict(self.name, "", UNTESTED, str(error), "", "")
        if not self.every_model and model:
            try:
                records.shares(model)
            except UsageError as error:
                return replace(verdict, outcome=UNTESTED, reason=str(error), estimate="", control="")
        return verdict


CLAIMS: tuple[Claim, ...] = (
    Claim("premise", "behaviour", behaviour),
    Claim("instrument", "fidelity", fidelity),
    Claim("C1", "flow", flow),
    Claim("C2", "sharing", sharing),
    Claim("C3", "concentration", concentration),
    Claim("C4", "tracing", tracing),
    Claim("C5", "steering", steering),
    Claim("C6", "steering", language),
    Claim("C7", "transfer", transfer),
    Claim("C8", "early_layers", early_layers),
    Claim("C9", "scarcity", scarcity, every_model=False),
    Claim("C10", "depth", depth),
)
"""All claims, in the order in which the matrix lists them."""


def _arguments(page: str, profile: Profile, settings: Mapping[str, str]) -> tuple[StudySpec, dict[str, object]]:
    """Give the study of a page and the other arguments of its analysis, in the edition of a profile and settings."""
    book = edition.Edition(profile, settings)
    overrides = next((book.overrides(entry) for entry in book.entries if entry.notebook == page), {})
    values = parameters.validate(parameters.read(runner.find(page)), overrides, page)
    of_study = {f.name for f in fields(StudySpec)}
    spec: dict[str, Any] = {"sae": None} | {name: value for name, value in values.items() if name in of_study}
    arguments: dict[str, object] = {name: value for name, value in values.items() if name not in of_study}
    return StudySpec(**spec), arguments


def select(names: str) -> tuple[Claim, ...]:
    """Find claims by names separated by commas, or all claims for `all`. Raises UsageError for an unknown name."""
    known = {claim.name: claim for claim in CLAIMS}
    selected = list(known) if names == ALL else lookup.listed(names)
    for name in selected:
        if name not in known:
            raise unknown("claim", name, known, f"Or {ALL}.")
    return tuple(known[name] for name in selected)


def matrix(
    models: Sequence[str],
    first: Profile = "full",
    others: Profile = "quick",
    claims: Sequence[Claim] = CLAIMS,
    settings: Mapping[str, str] = MappingProxyType({}),
    n_jobs: int = 1,
) -> "pd.DataFrame":
    """Decide every claim on every model: the first model in the profile `first`, the others in the profile `others`.

    `settings` are parameters of the whole book; `n_jobs` pages are decided in parallel. Raises UsageError for a model
    that does not exist.
    """
    import pandas as pd
    from joblib import Parallel, delayed

    if not models:
        raise UsageError("models: found no name; expected names separated by commas, such as organism,organism-seed1.")
    for model in models:
        StudySpec(model=model, sae=None).validate()
    pages = {claim.page: [other for other in claims if other.page == claim.page] for claim in claims}
    pairs = [(page, model) for page in pages for model in (models if pages[page][0].every_model else models[:1])]
    jobs = (
        delayed(_decide)(pages[page], model, first if model == models[0] else others, settings) for page, model in pairs
    )
    decided = cast(list[list[Verdict]], Parallel(n_jobs=n_jobs)(jobs))
    verdicts = {
        (claim.name, model): verdict
        for (page, model), of_page in zip(pairs, decided, strict=True)
        for claim, verdict in zip(pages[page], of_page, strict=True)
    }
    rows = []
    for claim in claims:
        by_model = {model: verdicts[claim.name, model] for model in models if (claim.name, model) in verdicts}
        statement = next((verdict.statement for verdict in by_model.values() if verdict.statement), "")
        rows += [(claim.name, model, statement, claim.page, *_cells(verdict)) for model, verdict in by_model.items()]
    return MATRIX.check(pd.DataFrame(rows, columns=list(MATRIX.columns)), "matrix")


def _decide(claims: Sequence[Claim], model: str, profile: Profile, settings: Mapping[str, str]) -> list[Verdict]:
    """Decide the claims of one page, which share a run."""
    return [claim.verdict(model, profile, settings) for claim in claims]


def _cells(verdict: Verdict) -> tuple[str, str, str, str]:
    return verdict.outcome, verdict.reason, verdict.estimate, verdict.control


def parallel_jobs() -> int:
    """Give the number of pages to decide in parallel on this machine, each on one core."""
    from joblib import cpu_count

    return min(cpu_count(), MOST_AT_ONCE)


def book_models() -> list[str]:
    """Give the models whose verdicts the book shows, by the default of its page of verdicts."""
    default = parameters.read(runner.find(PAGE))["models"].default
    return lookup.listed(str(default))


def counts(matrix: "pd.DataFrame") -> str:
    """Count in words the outcomes on the first model of a matrix, such as "5 replicate, 2 partly"."""
    n_claims = matrix[matrix.model == matrix.model.iloc[0]].outcome.value_counts()
    words = {"replicates": "{} replicate", "partly": "{} partly", "does not replicate": "{} do not"}
    words["cannot be tested here"] = "{} cannot be tested"
    return ", ".join(text.format(n_claims[outcome]) for outcome, text in words.items() if outcome in n_claims)


def provenance(
    models: Sequence[str], first: Profile, others: Profile, claims: Sequence[Claim], settings: Mapping[str, str]
) -> dict[str, object]:
    """Give the runs behind a matrix, for the table that ends its page."""
    runs = {claim.name: claim.run(models[0], first, settings).key for claim in claims}
    return {"models": ", ".join(models), "profiles": f"{first}, {others}", "commit": commit(), "runs": runs}
