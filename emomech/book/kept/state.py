"""The state of kept editions: which chapters are kept, stale, missing or cannot be asked, and what computing takes."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from emomech.book.kept import record
from emomech.book.kept.declared import FOLDER, KeptEdition, editions
from emomech.book.kept.record import Record
from emomech.core.errors import EmomechError

NOT_YET = "not computed yet"
_MOST = 4
"""Changes that a line names; the others are counted."""


@dataclass(frozen=True)
class ChapterState:
    """The state of one chapter of an edition."""

    kind: Literal["kept", "stale", "missing", "broken", "cannot be asked"]
    detail: str
    """What has changed, what is wrong, or why it cannot be asked."""
    record: Record | None = None


def of(edition: KeptEdition, chapter: str) -> ChapterState:
    """Give the state of a chapter that can be asked."""
    if chapter not in edition.kept_chapters:
        return ChapterState("missing", NOT_YET)
    try:
        kept = record.read(edition.folder / chapter)
    except EmomechError as error:
        return ChapterState("broken", str(error))
    changes = record.changes(edition, chapter, kept)
    return ChapterState("stale" if changes else "kept", _listed(changes), kept)


def states(edition: KeptEdition) -> dict[str, ChapterState]:
    """Give the state of every chapter of an edition by name, in the order of the book, then those without an answer."""
    without = edition.declaration.without.items()
    return {name: of(edition, name) for name in edition.chapters} | {
        name: ChapterState("cannot be asked", reason) for name, reason in without
    }


def _listed(changes: list[str]) -> str:
    more = len(changes) - _MOST
    return ", ".join([*changes[:_MOST], *([f"and {more} more"] if more > 0 else [])])


def rows(edition: KeptEdition) -> list[tuple[str, str]]:
    """Describe every chapter in a line: its state, when it was computed, and what computing it again takes."""
    found = [(name, _described(state)) for name, state in states(edition).items()]
    return [*found, ("to compute", edition.command())] if any(_is_open(text) for _, text in found) else found


def _is_open(text: str) -> bool:
    return text.startswith(("stale", NOT_YET, "broken"))


def _described(state: ChapterState) -> str:
    if state.record is None:
        return state.detail if state.kind == "missing" else f"{state.kind}: {state.detail}"
    took, on = f"{state.record.seconds:.0f} s", state.record.date.isoformat()
    if state.kind == "stale":
        return f"stale: {state.detail}; computing it again takes about {took} ({state.record.profile})"
    notes = record.other_versions(state.record)
    noted = f"; other versions: {', '.join(notes)}" if notes else ""
    return f"kept: computed on {on} in {took} ({state.record.profile}){noted}"


def summary(edition: KeptEdition) -> str:
    """Describe an edition in a line: how many chapters are kept, which are stale, and what computing them takes."""
    found = {name: of(edition, name) for name in edition.kept_chapters}
    if not found:
        return f"{NOT_YET}: {edition.command()}"
    parts = [f"{len(found)} of {len(edition.chapters)} chapters kept"]
    for kind in ("stale", "broken"):
        if named := {name: state for name, state in found.items() if state.kind == kind}:
            seconds = sum(state.record.seconds for state in named.values() if state.record)
            again = f" (about {seconds:.0f} s to compute again)" if seconds else ""
            reasons = "; ".join(f"{name}: {state.detail}" for name, state in named.items())
            parts.append(f"{kind}{again}: {reasons}")
    return "; ".join(parts) if len(parts) == 1 else f"{'; '.join(parts)}. To compute: {edition.command()}"


def problems(root: Path) -> Iterator[str]:
    """List the kept chapters that are stale or broken, and kept folders that no edition asks for."""
    known = {edition.name: edition for edition in editions(root)}
    for edition in known.values():
        for name in edition.kept_chapters:
            state = of(edition, name)
            if state.kind != "kept":
                yield (
                    f"{edition.name}/{name}: is {state.kind}: {state.detail}. Compute it again: "
                    f"`{edition.command(name, profile=state.record.profile if state.record else 'full')}`."
                )
    folder = root / FOLDER
    for path in sorted(folder.glob("*/*")) if folder.is_dir() else ():
        if path.is_dir() and not path.name.startswith("."):
            declared = known.get(path.parent.name)
            if declared is None or path.name not in declared.chapters:
                yield f"{path.relative_to(root)}: is kept, but book/editions.toml does not ask for it"
