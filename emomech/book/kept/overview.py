"""All kept editions at once: the verdict on every claim in each of them, and their depth profiles.

Verdicts follow from the kept tables and the rules of today; neither model nor texts are looked for.
"""

import datetime
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, cast

from emomech.book.claims import CLAIMS, Claim
from emomech.book.edition import Profile, format_settings
from emomech.book.kept import record, state
from emomech.book.kept.declared import KeptEdition, editions
from emomech.core.errors import EmomechError, UsageError
from emomech.core.paths import CHECKOUT
from emomech.notebook import rule_identity
from emomech.stats.tables import Schema
from emomech.study import run
from emomech.study.identity import commit
from emomech.study.spec import StudySpec

if TYPE_CHECKING:
    import pandas as pd

VERDICTS = Schema(
    keys={"claim": "name of the claim", "edition": "the studied model and texts"},
    values={
        "label": "a short title of the edition",
        "page": "the page that tests the claim, below the folder of the results",
        "rule": "hash of the rule that decides the claim",
        "statement": "the claim in one sentence",
        "outcome": "the verdict; empty: it was not asked or is not computed yet",
        "reason": "the reason, by the rule of the claim, or why there is no verdict",
    },
)
PROFILES = Schema(
    keys={
        "edition": "a short title of the edition",
        "measure": "the measure",
        "depth": "relative depth: 0 the embedding, 1 the last block",
    },
    values={"value": "0 chance, 1 the maximum", "low": "95 % interval, from", "high": "95 % interval, to"},
)
BOOK = "the embedded model"
"""Title of the study of the book itself."""
_DEPTH = "depth"


def verdicts(model: str, profile: Profile, settings: Mapping[str, str], root: Path = CHECKOUT) -> "pd.DataFrame":
    """Decide every claim on the model of the book and in each kept edition: a table of `VERDICTS`, claims in order.

    `settings` are parameters of the whole book. An edition of which nothing is kept has no rows.
    """
    import pandas as pd

    kept = [edition for edition in editions(root) if edition.kept_chapters]
    rows = []
    for claim in CLAIMS:
        own = claim.verdict(model, profile, settings)
        named = {"claim": claim.name, "rule": rule_identity.fixed(claim.name)[0], "statement": own.statement}
        title = BOOK if model == StudySpec().model else Path(model).name
        decided = {"outcome": own.outcome, "reason": own.reason}
        rows.append(named | decided | {"edition": "", "label": title, "page": claim.page})
        for edition in kept:
            place = {"edition": edition.name, "label": edition.label, "page": f"{edition.name}/{claim.page}"}
            rows.append(named | place | _decided(claim, edition))
    return VERDICTS.check(pd.DataFrame(rows)[list(VERDICTS.columns)], "verdicts of all editions")


def _decided(claim: Claim, edition: KeptEdition) -> dict[str, str]:
    """Outcome and reason of a claim in an edition; without an outcome, the reason says why there is none."""
    if claim.page not in edition.chapters:
        why = edition.declaration.without.get(claim.page, "It is about the embedded models alone.")
        return {"outcome": "", "reason": why}
    if claim.page not in edition.kept_chapters:
        return {"outcome": "", "reason": state.NOT_YET}
    try:
        verdict = claim.rule(run.read(claim.analysis, edition.folder / claim.page))
    except (EmomechError, OSError, ValueError, KeyError) as error:
        return {"outcome": "", "reason": f"the kept tables cannot be read: {error}"}
    return {"outcome": verdict.outcome, "reason": verdict.reason}


def told(verdicts: "pd.DataFrame", missing: Sequence[tuple[str, str]]) -> str:
    """Count in a sentence the verdicts of the editions that are computed, and name how many are not."""
    decided = verdicts[(verdicts.edition != "") & (verdicts.outcome != "")]
    if decided.empty:
        return "No edition is computed yet."
    counts = decided.outcome.value_counts()
    listed = ", ".join(f"{n} times {outcome}" for outcome, n in counts.items())
    n_editions, open_ = decided.edition.nunique(), f"; {len(missing)} are not computed yet" if missing else ""
    return f"In {n_editions} edition{'s' * (n_editions > 1)}{open_}, {len(decided)} verdicts: {listed}."


def provenance(model: str, profile: Profile, settings: Mapping[str, str], root: Path = CHECKOUT) -> dict[str, object]:
    """Say where the columns come from, for the table that ends the page: the day on which each edition was computed."""
    days = {
        edition.name: ", ".join(sorted({str(_date(edition, chapter)) for chapter in edition.kept_chapters}))
        for edition in editions(root)
        if edition.kept_chapters
    }
    told: dict[str, object] = {"model": model, "profile": profile, "commit": commit(), "computed on": days}
    return told | ({"settings": format_settings(settings)} if settings else {})


def _date(edition: KeptEdition, chapter: str) -> datetime.date:
    return record.read(edition.folder / chapter).date


def open_editions(root: Path = CHECKOUT) -> list[tuple[str, str]]:
    """List title and command of the editions of which nothing is kept yet."""
    return [(edition.title, edition.command()) for edition in editions(root) if not edition.kept_chapters]


def profiles(model: str, profile: Profile, settings: Mapping[str, str], root: Path = CHECKOUT) -> "pd.DataFrame":
    """Give the depth profiles of emotion at the answer: of the model of the book, then of one edition of each model.

    The edition is the first of the model whose chapter on depth is kept and can be read. A table of `PROFILES`.
    """
    import pandas as pd

    claim = next(claim for claim in CLAIMS if claim.page == _DEPTH)
    title = BOOK if model == StudySpec().model else Path(model).name
    tables = {}
    with suppress(UsageError):  # the page of the chapter says why this model cannot be measured
        tables[title] = _answer(claim.run(model, profile, settings).result())
    shown: set[str] = set()
    for edition in editions(root):
        if edition.model in shown or _DEPTH not in edition.kept_chapters:
            continue
        try:
            tables[edition.label] = _answer(run.read(claim.analysis, edition.folder / _DEPTH))
        except (EmomechError, OSError, ValueError, KeyError):
            continue  # the page of the chapter says so
        shown.add(edition.model)
    parts = [pd.DataFrame(columns=list(PROFILES.columns))] if not tables else []
    parts += [table.assign(edition=label) for label, table in tables.items()]
    return PROFILES.check(pd.concat(parts, ignore_index=True)[list(PROFILES.columns)], "depth profiles")


def _answer(result: object) -> "pd.DataFrame":
    table = cast("pd.DataFrame", vars(result)["profile"])
    at_answer = table[(table["where"] == "answer") & (table.condition == "trained")]
    return at_answer[at_answer.task == "emotion"]
