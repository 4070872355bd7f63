"""Fix the rules in `book/rules.lock`, and check that none has changed since.

A rule is fixed with a date, a reason and what had been seen of the results by then. The rule that it replaces keeps its
entry, and gets the outcomes that it gave, as the executed page of verdicts shows them.
"""

import datetime
import textwrap
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emomech.book import claims
from emomech.book.executed_notebook import ExecutedNotebook
from emomech.chapters.rules import Rule
from emomech.core import files
from emomech.core.errors import EmomechError, UsageError, unknown
from emomech.notebook import rule_identity
from emomech.notebook.rule_identity import LOCK, SHORT, Entry

COMMAND = "emomech rules freeze"
_HEAD = """\
# The rules that decide the claims, in the order in which they were fixed; the last entry of a claim is the rule that
# holds. hash: of the rule's code and criteria, see emomech/notebook/rule_identity.py. seen: what had been seen of the
# results by then. outcomes: by model, under a rule that was replaced. said, wrong: what the page concluded under it,
# and what was wrong. Written by `emomech rules freeze`; `emomech check` compares the hashes.
"""
_WIDTH = 112


@dataclass(frozen=True)
class Reasons:
    """Why rules are fixed, by claim, and what had been seen by then."""

    by_claim: Mapping[str, str]
    seen: str = ""

    @classmethod
    def read(cls, file: Path) -> "Reasons":
        """Read a TOML file with the key `seen`, and a reason for each claim under `[reasons]`.

        Raises UsageError for a file that cannot be read or lacks them.
        """
        try:
            content = tomllib.loads(file.read_text(encoding="utf-8"))
            return cls({str(k): str(v) for k, v in content["reasons"].items()}, str(content["seen"]))
        except (OSError, tomllib.TOMLDecodeError, KeyError, AttributeError) as error:
            raise UsageError(
                f"{file}: cannot be read ({error}); expected TOML with seen = TEXT and [reasons] with CLAIM = TEXT."
            ) from error


def rules() -> dict[str, Rule[Any]]:
    """Give the rule of every claim, in the order of the matrix."""
    return {claim.name: claim.rule for claim in claims.CLAIMS}


def problems(file: Path = LOCK) -> list[str]:
    """List the rules that are not as they were fixed last; empty if all are."""
    try:
        lock, current = rule_identity.read(file), rules()
    except EmomechError as error:
        return [str(error)]
    found = []
    for claim, rule in current.items():
        entries, hash_ = lock.get(claim, []), rule_identity.rule_hash(rule)
        way_out = f'If that is meant, fix it: `{COMMAND} {claim} --reason "..."`.'
        if not entries:
            found.append(f"{file.name}: {claim}: the rule was never fixed. {way_out}")
        elif entries[-1].hash != hash_:
            was = f"{entries[-1].hash[:SHORT]}, {entries[-1].date}"
            found.append(f"{file.name}: {claim}: the rule has changed ({hash_[:SHORT]}; fixed: {was}). {way_out}")
    return found + [f"{file.name}: {claim}: there is no such claim" for claim in lock if claim not in current]


def freeze(names: Sequence[str], reasons: Reasons, executed: Path | None = None, file: Path = LOCK) -> list[str]:
    """Fix the rules of claims as they are today, and return the claims that were not fixed so already.

    `executed` is the executed page of verdicts, from which the outcomes under a replaced rule are taken. Raises
    UsageError for an unknown claim and for a claim without a reason.
    """
    lock, current, fixed = rule_identity.read(file), rules(), []
    for name in names:
        if name not in current:
            raise unknown("claim", name, current)
        entries, hash_ = lock.setdefault(name, []), rule_identity.rule_hash(current[name])
        if entries and entries[-1].hash == hash_:
            continue
        if not (reason := reasons.by_claim.get(name, "").strip()):
            raise UsageError(f"{name}: no reason is given for fixing its rule as it is now.")
        if entries and not entries[-1].outcomes:
            entries[-1] = entries[-1].model_copy(update={"outcomes": _outcomes(name, entries[-1].hash, executed)})
        entries.append(Entry(hash=hash_, date=datetime.date.today(), seen=reasons.seen, reason=reason))
        fixed.append(name)
    if fixed:
        files.write_atomic(file, text(lock))
    return fixed


def _outcomes(claim: str, hash_: str, executed: Path | None) -> dict[str, str]:
    """Outcomes of a claim by model on an executed page of verdicts, if the rule with this hash gave them."""
    page = ExecutedNotebook.read_if_valid(executed) if executed else None
    shown = page.matrix if page else ()
    return {v.model: v.outcome for v in shown if v.claim == claim and v.rule == hash_}


def text(lock: Mapping[str, Sequence[Entry]]) -> str:
    """Write a lock as TOML, the claims in the order of the matrix."""
    order = [claim.name for claim in claims.CLAIMS]
    by_place = sorted(lock, key=lambda claim: order.index(claim) if claim in order else len(order))
    return "\n".join([_HEAD, *(_entry(claim, entry) for claim in by_place for entry in lock[claim])])


def _entry(claim: str, entry: Entry) -> str:
    lines = [f"[[{claim}]]", f"hash = {_quoted(entry.hash)}", f"date = {entry.date.isoformat()}"]
    for name in ("rule", "said", "wrong", "seen", "reason"):
        if value := str(getattr(entry, name)):
            lines.append(f"{name} = {_paragraph(value)}")
    if entry.outcomes:
        pairs = ", ".join(f"{_quoted(model)} = {_quoted(outcome)}" for model, outcome in entry.outcomes.items())
        lines.append(f"outcomes = {{ {pairs} }}")
    return "\n".join(lines) + "\n"


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _paragraph(value: str) -> str:
    """Write a text over several lines, each of which ends in a backslash, so that it is read as one line."""
    value = " ".join(value.split())
    if len(value) <= _WIDTH - 12:
        return _quoted(value)
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return (
        '"""\\\n' + " \\\n".join(textwrap.wrap(escaped, _WIDTH, break_long_words=False, break_on_hyphens=False)) + '"""'
    )
