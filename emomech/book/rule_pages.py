"""What the page on the rules shows: error rates, criteria, history and errata of every rule."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from IPython.display import HTML

from emomech.book import claims, edition, error_rates, frozen_rules, operating, rule_bounds, rule_history
from emomech.book.edition import Profile
from emomech.book.operating import Measured
from emomech.core.paths import CHECKOUT
from emomech.notebook import rule_identity, tables
from emomech.presets import lookup
from emomech.stats.estimates import Estimate
from emomech.stats.tables import frame

if TYPE_CHECKING:
    import pandas as pd


_SHOWN = ["sizes", "scenario", "outcome", "rate", "low", "high", "n", "bound", "kept", "world"]


def kept(measured: str) -> list[Measured]:
    """Read the record of simulated studies, by its path in the checkout or elsewhere."""
    return operating.read(CHECKOUT / measured)


def matrix(models: str, first: str, others: str, settings: str) -> "pd.DataFrame":
    """Decide every claim, with the parameters of the page of verdicts."""
    profiles = cast(tuple[Profile, Profile], (first, others))
    n_jobs = claims.parallel_jobs()
    return claims.matrix(lookup.listed(models), *profiles, settings=edition.parse_settings(settings), n_jobs=n_jobs)


def worst(rates: "pd.DataFrame") -> "pd.DataFrame":
    """Select, for each rule, kind of world and bound, the rate nearest to its bound, at the sizes of the page."""
    full = rates[rates.sizes == "full"]
    largest = full.bound.str.startswith("at most").map({True: 1.0, False: -1.0})
    nearest = (full.rate * largest).groupby([full.claim, full.world, full.outcome], sort=False).idxmax()
    return full.loc[list(nearest)].reset_index(drop=True)


def numbers(rates: "pd.DataFrame") -> dict[str, object]:
    """Give the numbers that prose quotes: bounds, those kept, rules, and the largest rate of a false *replicates*."""
    null = rates[(rates.world == "null") & (rates.outcome == rule_bounds.REPLICATES)]
    top = null.iloc[int(null.rate.to_numpy().argmax())]
    rate = Estimate(float(top.rate), float(top.low), float(top.high), int(top.n))
    n_kept = int((rates.kept == "yes").sum())
    return {"n_bounds": len(rates), "n_kept": n_kept, "n_rules": int(rates.claim.nunique()), "worst": rate}


def errata(found: "pd.DataFrame") -> HTML:
    """List what pages concluded under rules that were wrong, with the outcomes then and now."""
    lock = rule_identity.read()
    return HTML(rule_history.errata(lock, {claim: rule_history.now(found, claim) for claim in lock}))


def sections(found: "pd.DataFrame", record: Sequence[Measured]) -> HTML:
    """Show every rule: its history, its criteria, and its rates in every world."""
    return HTML("".join(_sections(found, {measured.claim: measured for measured in record})))


def _sections(found: "pd.DataFrame", record: Mapping[str, Measured]) -> Iterator[str]:
    lock, pages = rule_identity.read(), {claim.name: claim.page for claim in claims.CLAIMS}
    for claim, rule in frozen_rules.rules().items():
        of_rule = error_rates.rates([record[claim]]) if claim in record else frame(error_rates.RATES)
        caption = f"Rates of {claim} in every world, and their bounds."
        shown = tables.table(of_rule, error_rates.RATES, caption=caption, columns=_SHOWN).data
        yield rule_history.section(rule, pages[claim], lock.get(claim, []), rule_history.now(found, claim), shown or "")


def provenance(models: str, first: str, others: str, settings: str, record: Sequence[Measured]) -> dict[str, Any]:
    """Give the runs behind the outcomes, and the keys of the simulated studies, for the table that ends the page."""
    profiles = cast(tuple[Profile, Profile], (first, others))
    assignments = edition.parse_settings(settings)
    runs = claims.provenance(lookup.listed(models), *profiles, claims.CLAIMS, assignments)
    return runs | {"record": {measured.claim: measured.key for measured in record}}
