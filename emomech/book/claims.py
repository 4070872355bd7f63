"""The claims of the book: the page that tests each claim, and its verdict on one model or several.

A verdict uses the same analysis with the same arguments as the page, so that the verdicts of the book are read from
its kept runs and not computed twice.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
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
from emomech.chapters.rules import Rule
from emomech.chapters.scarcity.rule import scarcity
from emomech.chapters.sharing.rule import sharing
from emomech.chapters.steering.rule import language, steering
from emomech.chapters.tracing.rule import tracing
from emomech.chapters.transfer.rule import transfer
from emomech.chapters.verdict import Outcome, Verdict
from emomech.core.errors import UsageError, unknown
from emomech.core.machine import MOST_AT_ONCE
from emomech.notebook import checklist, parameters, rule_identity
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
        "rule": "hash of the rule that decides the claim",
        "outcome": "the verdict on the claim for this model",
        "reason": "the reason, by the rule of the claim",
        "estimate": "the estimates of the effects themselves, with their 95 % intervals",
        "control": "the estimates of the comparisons with controls, with their 95 % intervals",
        "checks": "the checklist as JSON, as `checklist.from_json` reads it",
    },
)
CHECKLIST = Schema(
    keys={"claim": "name of the claim", "model": "the studied model", "criterion": "what has to hold"},
    values={
        "role": "whether the criterion decides, lowers the verdict, or is only shown",
        "status": "whether it is met",
        "estimand": "what is estimated, with its units",
        "estimate": "the estimate with its 95 % interval",
        "control": "the control that it is compared with; empty for the effect itself",
    },
)


@dataclass(frozen=True)
class Claim:
    """A claim, the page whose analysis tests it, and the rule that decides it."""

    name: str
    page: str
    """Name of the notebook, of its chapter's folder and of its analysis function."""
    rule: Rule[Any]
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
        """Decide the claim. If the model or the texts cannot be analysed, or if the claim is not about this model, the
        verdict says so.

        Raises UsageError for a name that does not exist, and for a parameter that is unknown or has a wrong value.
        """
        run = self.run(model, profile, settings)
        if reason := _without_saes(run.spec):
            return Verdict(self.name, "", UNTESTED, reason)
        run.spec.validate()
        _ = run.key  # raises for an argument that the analysis does not take
        try:
            result = run.result()
        except UsageError as error:
            if _is_about_a_parameter(str(error), run.arguments):
                raise
            return Verdict(self.name, "", UNTESTED, str(error))
        verdict = self.rule(result)
        if not self.every_model and model:
            try:
                records.shares(model)
            except UsageError as error:
                return replace(verdict, outcome=UNTESTED, reason=str(error), checks=())
        return verdict


def _without_saes(spec: StudySpec) -> str:
    """Say that there are no SAEs for a model that exists; empty if there are some, or if none are needed."""
    if spec.sae != AUTO or spec.resolved.model.sae:
        return ""
    try:
        _ = spec.sae_name
    except UsageError as error:
        return str(error)
    return ""


def _is_about_a_parameter(message: str, arguments: Mapping[str, object]) -> bool:
    """Whether an error of an analysis names something unknown, or begins with a parameter that has a wrong value."""
    return bool(message) and message.split(maxsplit=1)[0].rstrip(":") in {"unknown", *arguments}


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
    values = page_parameters(page, profile, settings)
    of_study = {f.name for f in fields(StudySpec)}
    arguments: dict[str, object] = {name: value for name, value in values.items() if name not in of_study}
    return StudySpec.of(values), arguments


def page_parameters(
    page: str, profile: Profile, settings: Mapping[str, str] = MappingProxyType({})
) -> dict[str, parameters.Value]:
    """Give the parameters of a page in the edition of a profile and settings, by name."""
    book = edition.Edition(profile, settings)
    overrides = next((book.overrides(entry) for entry in book.entries if entry.notebook == page), {})
    values = parameters.validate(parameters.read(runner.find(page)), overrides, page)
    runner.check_lists(values)
    return values


def select(names: str) -> tuple[Claim, ...]:
    """Find claims by names separated by commas, or all for `all`. Raises UsageError for unknown names and for none."""
    known = {claim.name: claim for claim in CLAIMS}
    selected = list(known) if names == ALL else lookup.listed(names) or [names]
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

    `settings` are parameters of the whole book. `n_jobs` pages are decided in parallel, unless every run is kept: then
    starting processes would take longer than reading. Raises as `check` does first.
    """
    import pandas as pd
    from joblib import Parallel, delayed

    profiles = check(models, first, others, claims, settings)
    pages = {claim.page: [other for other in claims if other.page == claim.page] for claim in claims}
    pairs = [(page, model) for page in pages for model in (models if pages[page][0].every_model else models[:1])]
    runs = [pages[page][0].run(model, profiles[model], settings) for page, model in pairs]
    n_jobs = 1 if all(_without_saes(run.spec) or run.folder.exists() for run in runs) else n_jobs
    jobs = (delayed(_decide)(pages[page], model, profiles[model], settings) for page, model in pairs)
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
        named = (statement, claim.page, rule_identity.fixed(claim.name)[0])
        rows += [(claim.name, model, *named, *_cells(verdict)) for model, verdict in by_model.items()]
    return MATRIX.check(pd.DataFrame(rows, columns=list(MATRIX.columns)), "matrix")


def check(
    models: Sequence[str], first: Profile, others: Profile, claims: Sequence[Claim], settings: Mapping[str, str]
) -> dict[str, Profile]:
    """Check all that decides a matrix; give each model's profile. Raises UsageError for what is missing or wrong."""
    if not models:
        raise UsageError("models: found no name; expected names separated by commas, such as organism,organism-seed1.")
    if settings.get("model", models[0]) != models[0]:
        raise UsageError(f"model {settings['model']!r}: is not the first of the models, {models[0]!r}; name one only.")
    edition.Edition(first, settings).check_names()
    profiles: dict[str, Profile] = {model: first if model == models[0] else others for model in models}
    specs = [claim.run(model, profile, settings).spec for model, profile in profiles.items() for claim in claims]
    bare = [StudySpec(model=model, sae=None) for model in models]
    for spec in dict.fromkeys([*bare, *(spec for spec in specs if not _without_saes(spec))]):
        spec.validate()
    return profiles


def _decide(claims: Sequence[Claim], model: str, profile: Profile, settings: Mapping[str, str]) -> list[Verdict]:
    """Decide the claims of one page, which share a run."""
    return [claim.verdict(model, profile, settings) for claim in claims]


def _cells(verdict: Verdict) -> tuple[str, str, str, str, str]:
    return verdict.outcome, verdict.reason, verdict.estimate, verdict.control, checklist.to_json(verdict.checks)


def checks(matrix: "pd.DataFrame") -> "pd.DataFrame":
    """Give the checklists behind a matrix as a table of `CHECKLIST`, a row for each criterion."""
    import pandas as pd

    rows = [
        {"claim": row.claim, "model": row.model, **asdict(check)}
        for row in matrix.itertuples()
        for check in checklist.from_json(str(row.checks))
    ]
    return CHECKLIST.check(pd.DataFrame(rows, columns=list(CHECKLIST.columns)), "checklist")


def as_records(matrix: "pd.DataFrame") -> list[dict[str, Any]]:
    """Give a matrix as plain data, each verdict with its checklist."""
    records = matrix.to_dict("records")
    return [{str(k): json.loads(v) if k == "checks" else v for k, v in record.items()} for record in records]


def parallel_jobs() -> int:
    """Give the number of pages to decide in parallel on this machine, each on one core."""
    from joblib import cpu_count

    return min(cpu_count(), MOST_AT_ONCE)


def book_models() -> list[str]:
    """Give the models whose verdicts the book shows, by the default of its page of verdicts."""
    return lookup.listed(str(parameters.read(runner.find(PAGE))["models"].default))


def counts(matrix: "pd.DataFrame") -> str:
    """Count in words the outcomes on the first model of a matrix, such as "5 replicate, 2 partly"."""
    n_claims = matrix[matrix.model == matrix.model.iloc[0]].outcome.value_counts()
    words: Mapping[Outcome, str] = {
        "replicates": "{} replicate",
        "partly": "{} partly",
        "does not replicate": "{} do not",
        "reversed": "{} reversed",
        "no power here": "{} without power",
        "cannot be tested here": "{} cannot be tested",
    }
    return ", ".join(text.format(n_claims[outcome]) for outcome, text in words.items() if outcome in n_claims)


def provenance(
    models: Sequence[str], first: Profile, others: Profile, claims: Sequence[Claim], settings: Mapping[str, str]
) -> dict[str, object]:
    """Give the runs behind a matrix, for the table that ends its page; claims that need absent SAEs have none."""
    runs = {claim.name: claim.run(models[0], first, settings) for claim in claims}
    keys = {name: run.key for name, run in runs.items() if not _without_saes(run.spec)}
    return {"models": ", ".join(models), "profiles": f"{first}, {others}", "commit": commit(), "runs": keys}
