"""The ledger: every claim, the page that tests it, and what came of it on one model or several.

A verdict follows from an analysis whose arguments are those of the page, as the book sets them; so the book's own
verdicts are read back from its runs and never computed twice.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from importlib import import_module
from inspect import signature
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

from emomech.book import build, edition, runner
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
"""The notebook that shows the matrix."""
UNTESTED: Outcome = "cannot be tested here"
MATRIX = Schema(
    keys={"claim": "its number in the ledger", "model": "the model that is studied"},
    values={
        "statement": "what is claimed",
        "page": "the page that tests it",
        "outcome": "what came of it here",
        "reason": "why, by the rule of the claim",
        "estimate": "the deciding estimates with their 95 % intervals",
        "control": "the same in the control, or what had to be beaten",
    },
)


@dataclass(frozen=True)
class Claim:
    """A claim, the page whose analysis speaks about it, and the rule that decides."""

    name: str
    page: str
    """Notebook, analysis and its module."""
    rule: Callable[[Any], Verdict]
    every_model: bool = True
    """Whether it can be asked of any model; if not, it is about the embedded models that its page names."""

    @property
    def analysis(self) -> Callable[..., Any]:
        """The function of the page's name."""
        return getattr(import_module(f"emomech.chapters.{self.page}.analysis"), self.page)

    def run(
        self, model: str = "", profile: Profile = "full", settings: Mapping[str, str] = MappingProxyType({})
    ) -> Run[Any]:
        """Give the run of the page, of another model if one is named, with the SAEs that belong to that."""
        spec, arguments = _asked(self.page, profile, settings)
        if model not in ("", spec.model):
            spec = replace(spec, model=model, sae=spec.sae and AUTO)
        if "state" in signature(self.analysis).parameters:  # it reads the records of models that it names
            arguments |= {"state": records.state()}
        return Run(self.analysis, spec, arguments)

    def verdict(
        self, model: str = "", profile: Profile = "full", settings: Mapping[str, str] = MappingProxyType({})
    ) -> Verdict:
        """Decide the claim. Where the analysis cannot be made of a model, or is of others, the verdict says why."""
        try:
            found = self.rule(self.run(model, profile, settings).result())
        except UsageError as error:
            return Verdict(self.name, "", UNTESTED, str(error), "", "")
        if not self.every_model and model:
            try:
                records.shares(model)
            except UsageError as error:
                return replace(found, outcome=UNTESTED, reason=str(error), estimate="", control="")
        return found


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
"""All claims, in the order of the ledger."""


def _asked(page: str, profile: Profile, settings: Mapping[str, str]) -> tuple[StudySpec, dict[str, object]]:
    """Study and arguments that a page has in the edition of a profile and settings."""
    asked = edition.Edition(profile, settings)
    overrides = next((asked.overrides(entry) for entry in asked.entries if entry.notebook == page), {})
    values = parameters.validate(parameters.read(runner.find(page)), overrides, page)
    of_study = {f.name for f in fields(StudySpec)}
    spec: dict[str, Any] = {"sae": None} | {name: value for name, value in values.items() if name in of_study}
    rest: dict[str, object] = {name: value for name, value in values.items() if name not in of_study}
    return StudySpec(**spec), rest


def chosen(names: str) -> tuple[Claim, ...]:
    """Find claims by name, separated by commas; all of them for `all`. Raises UsageError for an unknown one."""
    known = {claim.name: claim for claim in CLAIMS}
    wanted = list(known) if names == ALL else lookup.listed(names)
    for name in wanted:
        if name not in known:
            raise unknown("claim", name, known, f"Or {ALL}.")
    return tuple(known[name] for name in wanted)


def matrix(
    models: Sequence[str],
    first: Profile = "full",
    others: Profile = "quick",
    claims: Sequence[Claim] = CLAIMS,
    settings: Mapping[str, str] = MappingProxyType({}),
    n_jobs: int = 1,
) -> "pd.DataFrame":
    """Decide every claim on every model: the first in one profile of the book, the others in another.

    `settings` are parameters of the whole book; `n_jobs` are decided side by side. Raises UsageError for a model that
    does not exist.
    """
    import pandas as pd
    from joblib import Parallel, delayed

    if not models:
        raise UsageError("models: none is named; expected names separated by commas, such as organism,organism-seed1.")
    for model in models:
        StudySpec(model=model, sae=None).validate()
    pages = {claim.page: [one for one in claims if one.page == claim.page] for claim in claims}
    asked = [(page, model) for page in pages for model in (models if pages[page][0].every_model else models[:1])]
    jobs = (
        delayed(_decided)(pages[page], model, others if model != models[0] else first, settings)
        for page, model in asked
    )
    decided = cast(list[list[Verdict]], Parallel(n_jobs=n_jobs)(jobs))
    found = {
        (claim.name, model): verdict
        for (page, model), verdicts in zip(asked, decided, strict=True)
        for claim, verdict in zip(pages[page], verdicts, strict=True)
    }
    rows = []
    for claim in claims:
        told = {model: found[claim.name, model] for model in models if (claim.name, model) in found}
        statement = next((verdict.statement for verdict in told.values() if verdict.statement), "")
        rows += [(claim.name, model, statement, claim.page, *_told(verdict)) for model, verdict in told.items()]
    return MATRIX.check(pd.DataFrame(rows, columns=list(MATRIX.columns)), "matrix")


def _decided(claims: Sequence[Claim], model: str, profile: Profile, settings: Mapping[str, str]) -> list[Verdict]:
    """Decide the claims of one page, which share a run."""
    return [claim.verdict(model, profile, settings) for claim in claims]


def _told(found: Verdict) -> tuple[str, str, str, str]:
    return found.outcome, found.reason, found.estimate, found.control


def at_once() -> int:
    """How many verdicts to decide side by side on this machine, each on a core of its own."""
    from joblib import cpu_count

    return min(cpu_count(), build.MOST_AT_ONCE)


def book_models() -> list[str]:
    """Name the models whose verdicts stand in the book: those of its page of verdicts."""
    default = parameters.read(runner.find(PAGE))["models"].default
    return lookup.listed(str(default))


def counts(matrix: "pd.DataFrame") -> str:
    """Say in words how many claims came to which outcome on the first model of a matrix."""
    found = matrix[matrix.model == matrix.model.iloc[0]].outcome.value_counts()
    words = {"replicates": "{} replicate", "partly": "{} partly", "does not replicate": "{} do not"}
    words["cannot be tested here"] = "{} cannot be tested"
    return ", ".join(text.format(found[name]) for name, text in words.items() if name in found)


def provenance(
    models: Sequence[str], first: Profile, others: Profile, claims: Sequence[Claim], settings: Mapping[str, str]
) -> dict[str, object]:
    """Name the runs from which a matrix follows."""
    runs = {claim.name: claim.run(models[0], first, settings).key for claim in claims}
    return {"models": ", ".join(models), "profiles": f"{first}, {others}", "commit": commit(), "runs": runs}
