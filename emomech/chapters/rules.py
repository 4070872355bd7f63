"""The grammar of rules, and the engine that decides a claim by one.

A rule is data: the criteria of a claim, each with what is estimated, the claimed sign, the smallest effect that
matters, the control it is compared with, and its role. `read` takes the estimates from the tables of the chapter's
analysis. Everything else is the same for all claims and happens here:

- A claim may have several parts. A part holds if all of its criteria that decide are met (`criteria.judge`).
- All parts hold: *replicates*, or *partly* if a criterion that lowers is not met. Some parts hold: *partly*.
- The more parts a rule may choose from, the wider the intervals that decide.
- No part holds: *reversed* if the effect of a part has the other sign, with an interval that excludes zero and a value
  that reaches the margin. *No power here* if the sample is too small for every part. Else *does not replicate*.
- A criterion that is met on one draw of the texts but not on others leaves *partly* at most.
- Every control that a table shows has to be named by the rule, with its role.

Example:
    >>> from emomech.chapters.criteria import Criterion
    >>> from emomech.chapters.rules import Reading, Rule
    >>> from emomech.stats.estimates import Estimate
    >>> effect = Criterion("loss", "Accuracy falls.", estimand="points of accuracy lost", margin=2)
    >>> control = Criterion("beyond", "It falls by more.", estimand="points", control="matched features")
    >>> rule = Rule("C0", "The features matter.", (effect, control), read=lambda estimates: Reading(estimates))
    >>> verdict = rule({"loss": Estimate(9, 6, 12, 40), "beyond": Estimate(8, 4, 12, 40)})
    >>> verdict.outcome, [check.status for check in verdict.checks]
    ('replicates', ['met', 'met'])
    >>> rule({"loss": Estimate(9, 6, 12, 40)}).outcome
    'does not replicate'
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Generic, TypeVar

from emomech.chapters.criteria import Criterion, Family, judge, stable
from emomech.chapters.verdict import Check, Outcome, Role, Status, Verdict
from emomech.core.errors import EmomechError
from emomech.stats.estimates import Estimate

R = TypeVar("R")


@dataclass(frozen=True)
class Reading:
    """What a rule reads from the tables of its analysis."""

    estimates: Mapping[str, "Estimate | Family"] = field(default_factory=dict)
    """Estimate, or estimates of a family, by name of the criterion; one that is missing is undefined."""
    untested: str = ""
    """Why the claim cannot be tested here; empty if it can."""
    words: Mapping[str, str] = field(default_factory=dict)
    """Words that statement and criteria name in braces, such as the emotion."""
    draws: Mapping[str, Sequence[float]] = field(default_factory=dict)
    """The same estimates on other draws of the texts, by name of the criterion."""
    dictionaries: Mapping[str, Sequence["Estimate | Family"]] = field(default_factory=dict)
    """The same estimates with other SAEs of the same model, by name of the criterion."""
    remarks: Sequence[str] = ()
    """Sentences that follow the reason and do not change the outcome."""


@dataclass(frozen=True)
class Rule(Generic[R]):
    """A rule: the criteria that decide a claim, and how they are read from the tables of its analysis."""

    claim: str
    statement: str
    """The claim in one sentence; it may name words of the reading in braces."""
    criteria: tuple[Criterion, ...]
    read: Callable[[R], Reading]
    columns: tuple[str, ...] = ()
    """Columns of the tables whose values name controls."""
    own: frozenset[str] = frozenset()
    """Values of these columns that are no control, such as the trained model."""
    described: Mapping[str, str] = field(default_factory=dict)
    """Controls that the page only shows: name -> why they do not decide."""

    @property
    def parts(self) -> tuple[str, ...]:
        """Parts of the claim, in the order of the criteria that decide."""
        return tuple(dict.fromkeys(c.part for c in self.criteria if c.role == "decides"))

    @property
    def roles(self) -> dict[str, Role]:
        """Role of every control that the rule names; the strongest, if a control has several."""
        roles: dict[str, Role] = dict.fromkeys(self.described, "describes")
        weakest_first: tuple[Role, ...] = ("describes", "lowers", "decides")
        for role in weakest_first:
            roles |= {c.control: role for c in self.criteria if c.control and c.role == role}
        return roles

    def __call__(self, result: R) -> Verdict:
        """Decide the claim. Raises EmomechError if a table shows a control that the rule does not name."""
        reading = self.read(result)
        if not reading.untested and (unnamed := sorted(controls_shown(self, result) - set(self.roles))):
            raise EmomechError(f"rule {self.claim}: the tables show {unnamed}, which the rule does not name.")
        return self.decide(reading)

    def decide(self, reading: Reading) -> Verdict:
        """Decide the claim from a reading. Raises EmomechError for an estimate that no criterion names."""
        statement = self.statement.format(**reading.words)
        if reading.untested:
            reason = f"{reading.untested[0].upper()}{reading.untested[1:].rstrip('.')}."
            return Verdict(self.claim, statement, "cannot be tested here", reason)
        names = {criterion.name for criterion in self.criteria}
        if unknown := sorted({*reading.estimates, *reading.draws, *reading.dictionaries} - names):
            raise EmomechError(f"rule {self.claim}: has no criterion {unknown}, only {sorted(names)}.")
        judged = [_judged(self, criterion, reading) for criterion in self.criteria]
        reason = " ".join([_reason(judged), *reading.remarks])
        return Verdict(self.claim, statement, _outcome(self, judged), reason, tuple(check for _, check in judged))


def controls_shown(rule: Rule[R], result: R) -> set[str]:
    """Names of the controls in the tables of a result: the values of the rule's columns that are not its own."""
    if not is_dataclass(result):
        return set()
    tables = [getattr(result, f.name) for f in fields(result)]
    shown = {str(v) for table in tables for column in rule.columns if column in table for v in table[column].unique()}
    return shown - rule.own


_Judged = tuple[Criterion, Check]


def _judged(rule: Rule, criterion: Criterion, reading: Reading) -> _Judged:
    """A criterion with its line of the checklist."""
    comparisons = len(rule.parts) if criterion.role == "decides" else 1
    others = reading.dictionaries.get(criterion.name, ())
    status, estimate = judge(criterion, reading.estimates.get(criterion.name), others, comparisons)
    if status == "met" and not stable(criterion, reading.draws.get(criterion.name, ())):
        status = "not stable"
    text, estimand = (text.format(**reading.words) for text in (criterion.text, criterion.estimand))
    return criterion, Check(text, criterion.role, status, estimand, estimate, criterion.control)


def _outcome(rule: Rule, judged: Sequence[_Judged]) -> Outcome:
    deciding = [(criterion, check.status) for criterion, check in judged if criterion.role == "decides"]
    by_part = [[status for criterion, status in deciding if criterion.part == part] for part in rule.parts]
    holds = [all(status in ("met", "not stable") for status in statuses) for statuses in by_part]
    lowered = any(check.status != "met" for criterion, check in judged if criterion.role == "lowers")
    if all(holds):
        return "partly" if lowered or any(status == "not stable" for _, status in deciding) else "replicates"
    if any(holds):
        return "partly"
    effects = [status for criterion, status in deciding if not criterion.control]
    if "reversed" in effects:
        return "reversed"
    if effects and set(effects) == {"undefined"}:
        return "cannot be tested here"
    unmet = [{*statuses} - {"met", "not stable"} for statuses in by_part]
    return "no power here" if all(statuses == {"no power"} for statuses in unmet) else "does not replicate"


_HEADINGS: Mapping[Status, str] = {
    "reversed": "The opposite is shown",
    "not met": "Not shown",
    "no power": "Too small a sample to tell",
    "undefined": "Undefined, so not shown",
    "not stable": "Not stable over draws of the texts",
}


def _reason(judged: Sequence[_Judged]) -> str:
    """Say which effects are not shown, and which controls are not beaten; those that decide come first."""
    counted = [check for role in ("decides", "lowers") for criterion, check in judged if criterion.role == role]
    effects = [check for check in counted if not check.control]
    unmet = {status: [c.criterion.rstrip(".") for c in effects if c.status == status] for status in _HEADINGS}
    parts = [f"{heading}: {'; '.join(unmet[status])}." for status, heading in _HEADINGS.items() if unmet[status]]
    controls = {c.control: "" for c in counted if c.control and c.status != "met"}
    controls |= {c.control: " (undefined)" for c in counted if c.control and c.status == "undefined"}
    if controls:
        parts.append(f"Controls that are not beaten: {', '.join(name + why for name, why in controls.items())}.")
    return " ".join(parts) or f"All {len(counted)} criteria are met."
