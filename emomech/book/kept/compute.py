"""Compute chapters of an edition: execute their notebooks, and keep the tables and the provenance of each.

A chapter appears in `book/editions/` whole or not at all, and one that is kept and up to date is not computed again. So
the command can be interrupted and repeated.
"""

import datetime
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from emomech.book import order, runner, warm_kernels
from emomech.book.edition import Profile
from emomech.book.kept import guard, record
from emomech.book.kept.declared import KeptEdition
from emomech.book.kept.record import Record
from emomech.book.progress_board import Board
from emomech.book.runner import Planned
from emomech.core import files, outputs
from emomech.core.errors import EmomechError
from emomech.core.paths import CHECKOUT
from emomech.study import kept
from emomech.study.identity import commit, versions
from emomech.study.spec import StudySpec

MOST_AT_ONCE = 2
"""Most chapters at a time; each holds the model and its SAEs in memory."""


@dataclass(frozen=True)
class _Work:
    """The chapters of an edition that are computed in a profile."""

    edition: KeptEdition
    profile: Profile
    planned: dict[str, Planned]
    shield: guard.Texts | None
    """The texts that no table may hold; None if they may be shown."""
    say: Callable[[str], None]
    failed: dict[str, EmomechError] = field(default_factory=dict)


def missing(edition: KeptEdition, profile: Profile, chapters: Sequence[str] = ()) -> list[str]:
    """List the chapters, of those named or of all, that are not kept, stale, or kept in the quick profile only.

    Raises UsageError for a chapter that cannot be asked.
    """
    names = [edition.entry(chapter).notebook for chapter in chapters] or edition.chapters
    return [name for name in edition.chapters if name in names and not _is_kept(edition, name, profile)]


def _is_kept(edition: KeptEdition, chapter: str, profile: Profile) -> bool:
    try:
        kept_record = record.read(edition.folder / chapter)
    except EmomechError:
        return False
    enough = kept_record.profile in ("full", profile)
    return enough and not record.changes(edition, chapter, kept_record)


def compute(
    edition: KeptEdition, chapters: Sequence[str], profile: Profile, say: Callable[[str], None]
) -> dict[str, float]:
    """Compute the chapters that are named, or all, unless they are kept and up to date; return the seconds of each.

    A chapter that fails does not stop the others. Raises UsageError for a chapter that cannot be asked, a parameter
    that does not fit, a model or texts that are missing; and EmomechError at the end if a chapter failed.
    """
    names = missing(edition, profile, chapters)
    for name in chapters:
        if name not in names:
            say(f"{name}: is kept and up to date")
    planned = {name: runner.prepare(name, edition.overrides(name, profile)) for name in names}
    outputs.writable_folder(edition.folder, "the kept edition:")
    specs = {StudySpec.of(plan.parameters) for plan in planned.values()}
    shield = guard.texts_of(specs) if guard.are_protected(specs, edition.declaration.texts_may_be_shown) else None
    work = _Work(edition, profile, planned, shield, say)
    _execute_all(work)
    if work.failed:
        lines = [f"{name}: {error}" for name, error in work.failed.items()]
        raise EmomechError("\n".join([f"{edition.name}: these chapters are not kept:", *lines]))
    return {name: record.read(edition.folder / name).seconds for name in names}


def _execute_all(work: _Work) -> None:
    n_workers = order.workers(MOST_AT_ONCE)
    threads = {"OMP_NUM_THREADS": "1"} if min(n_workers, len(work.planned)) > 1 else {}
    seconds = {name: work.edition.entry(name).seconds for name in work.planned}
    needs = {name: work.edition.entry(name).needs for name in work.planned}

    def execute(name: str) -> None:
        board.say(f"{name}: computing")
        try:
            with board.running(name) as shown:
                _keep(
                    work,
                    name,
                    lambda destination, variables: runner.execute(
                        work.planned[name],
                        destination,
                        on_cell=shown.on_cell,
                        environment={**threads, **shown.environment, **variables},
                        server=server,
                    ),
                )
        except EmomechError as error:
            board.say(f"{name}: failed: {error}")
            work.failed[name] = error

    with Board(seconds, n_workers, work.say) as board, warm_kernels.server_for(len(needs), threads) as server:
        order.in_order(needs, seconds, execute, n_workers)


def _keep(work: _Work, name: str, execute: Callable[[Path, dict[str, str]], object]) -> None:
    """Execute a notebook so that its runs copy their tables, check these, and put them in place."""
    parent = CHECKOUT / "book" / "_build" / "editions"
    parent.mkdir(parents=True, exist_ok=True)
    with files.temporary_folder(parent) as staging:
        execute(staging / f"{name}.ipynb", {kept.KEEP: str(staging)})
        if not (staging / name / record.PROVENANCE).is_file():
            raise EmomechError(f"{name}: its notebook made no run of the analysis of this name.")
        guard.check(staging / name, work.shield)
        made = _record(work.planned[name], staging / name, work.profile)
        files.write_atomic(staging / name / record.NAME, made.text())
        with files.atomic_folder(work.edition.folder / name) as target:
            shutil.copytree(staging / name, target, dirs_exist_ok=True)


def _record(planned: Planned, folder: Path, profile: Profile) -> Record:
    rules_date, rules_hash = record.rules_lock()
    return Record(
        profile=profile,
        date=datetime.date.today(),
        seconds=record.seconds(folder),
        parameters=planned.parameters,
        identity=planned.identity,
        presets=record.presets(StudySpec.of(planned.parameters)),
        sources=record.sources(record.analyses(folder)),
        versions=versions(),
        commit=commit(),
        rules_date=rules_date,
        rules_hash=rules_hash,
    )
