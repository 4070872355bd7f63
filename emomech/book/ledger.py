"""The ledger of artefacts: every figure, table and quoted number of a book, and where it came from.

It follows from the executed notebooks alone. A commit that changes none of them changes no line of it, so that pages
that show it stay as they are.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from html import escape
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypedDict

from emomech.book import executed_notebook
from emomech.book.executed_notebook import Shown
from emomech.core import files
from emomech.core.errors import EmomechError

Kind: TypeAlias = Literal["figure", "table", "number", "piece"]
LEDGER = "ledger.json"
"""File of the ledger, beside the executed notebooks and again beside the pages."""
PAGE = "book/appendix/ledger"
"""The page of a book's contents that is made of the ledger."""
_SOURCE = "ledger.md"
_SHORT_HASH = 12
_INTRODUCTION = """# Where every number comes from

Every figure, table and quoted number of this book, with the cell of the notebook that made it and what that notebook
was executed with. The same as a file for programs: <a href="../../{file}" download>{file}</a>.
"""


class Artefact(TypedDict):
    """One thing that a page shows; `notebook` names the origin of the same ledger that it shares with others."""

    id: str
    kind: Kind
    notebook: str
    cell: int
    shows: str
    """The caption, or the number itself."""
    sha256: str
    """Of what is shown: a figure's specification, a table's cells, a number's text."""


class Origin(TypedDict):
    """What the artefacts of one notebook have in common."""

    key: str
    parameters: Mapping[str, Any]
    seed: object
    identity: Mapping[str, Any]
    """Model, SAEs and texts, each with its revision or a hash of its files."""
    versions: Mapping[str, str]
    commit: str
    seconds: float
    run: Mapping[str, Any]
    """The analysis behind the page: its key, and the commit and versions it was computed with."""


class Ledger(TypedDict):
    """The whole ledger."""

    notebooks: dict[str, Origin]
    artefacts: list[Artefact]


def collect(pages: Sequence[Shown]) -> Ledger:
    """List what executed notebooks show and where it came from."""
    return {
        "notebooks": {page.name: _origin(page) for page in pages},
        "artefacts": [artefact for page in pages for artefact in _artefacts(page)],
    }


def _origin(page: Shown) -> Origin:
    record = page.record
    return {
        "key": str(record.get("key", "")),
        "parameters": record.get("parameters", {}),
        "seed": record.get("parameters", {}).get("seed"),
        "identity": record.get("identity", {}),
        "versions": record.get("versions", {}),
        "commit": str(record.get("commit", "unknown")),
        "seconds": float(record.get("seconds", 0)),
        "run": page.provenance,
    }


def _artefacts(page: Shown) -> Iterator[Artefact]:
    for figure in page.figures:
        content = json.dumps(figure.spec, sort_keys=True)
        yield _artefact(page, "figure", figure.cell, f"figure-{figure.number}", figure.caption, content)
    for table in page.tables:
        content = json.dumps([table.columns, table.rows])
        yield _artefact(page, "table", table.cell, f"table-{table.number}", table.caption, content)
    for number in page.numbers:
        yield _artefact(page, "number", number.cell, number.name, number.text, number.text)
    for piece in page.pieces:
        yield _artefact(
            page, "piece", piece.cell, piece.name, "a part of this page that another page shows", piece.html
        )


def _artefact(page: Shown, kind: Kind, cell: int, name: str, shows: str, content: str) -> Artefact:
    own = name if name.startswith(f"{page.name}.") else f"{page.name}.{name}"
    digest = sha256(content.encode()).hexdigest()
    return {"id": own, "kind": kind, "notebook": page.name, "cell": cell, "shows": shows, "sha256": digest}


def write(results: Path, notebooks: Sequence[str]) -> None:
    """Write the ledger of a book's executed notebooks beside them, for programs and as the source of a page."""
    found = collect([executed_notebook.read(results / f"{name}.ipynb") for name in notebooks])
    files.write_atomic(results / LEDGER, text(found))
    files.write_atomic(results / _SOURCE, page(found))


def text(found: Ledger) -> str:
    """Write a ledger as JSON."""
    return json.dumps(found, indent=1, ensure_ascii=False) + "\n"


def source(results: Path) -> Path:
    """Say where the source of the ledger's page stands, once `write` wrote it."""
    return results / _SOURCE


def problems(results: Path, html: Path, notebooks: Sequence[str]) -> list[str]:
    """Say whether the ledger beside the pages is that of the executed notebooks, and names the origin of each."""
    try:
        found = collect([executed_notebook.read(results / f"{name}.ipynb") for name in notebooks])
    except EmomechError as error:
        return [f"{LEDGER}: cannot be checked: {error}"]
    file = html / LEDGER
    if not file.exists():
        return [f"{LEDGER}: is missing"]
    stale = file.read_text(encoding="utf-8") != text(found)
    nameless = [name for name, origin in found["notebooks"].items() if not origin["key"]]
    return ([f"{LEDGER}: is not that of the executed notebooks"] if stale else []) + [
        f"{LEDGER}: {name}: does not say what it was executed with" for name in nameless
    ]


def page(found: Ledger) -> str:
    """Write a ledger as the source of a page: for each notebook its origin and what it made."""
    parts = [_INTRODUCTION.format(file=LEDGER)]
    for name, origin in found["notebooks"].items():
        made = [artefact for artefact in found["artefacts"] if artefact["notebook"] == name]
        parts += [f"## {name}", "```{raw} html", _origin_html(name, origin), _made_html(name, made), "```"]
    return "\n\n".join(parts) + "\n"


def _origin_html(name: str, origin: Origin) -> str:
    rows = {
        "page": f'<a href="../results/{name}.html">{name}</a>',
        "parameters": _pairs(origin["parameters"]),
        "stands for": _pairs(_identities(origin["identity"])),
        "versions": _pairs(origin["versions"]),
        "commit": f"<code>{escape(origin['commit'])}</code>",
        "seconds": f"{origin['seconds']:.1f}",
        "run": _pairs({part: origin["run"][part] for part in ("key", "commit") if part in origin["run"]}),
    }
    body = "".join(f'<tr><th scope="row">{escape(row)}</th><td>{told}</td></tr>' for row, told in rows.items() if told)
    return f'<div class="emo emo-footer"><table><tbody>{body}</tbody></table></div>'


def _identities(identity: Mapping[str, Any]) -> dict[str, str]:
    """Shorten what names stand for to what tells one from another: a hash of files, or repository and revision."""
    told = {}
    for kind, entry in identity.items():
        if isinstance(entry, Mapping):
            published = [entry.get(part) for part in ("repository", "release", "grammar")]
            remote = [entry.get("revision")] if entry.get("repository") else []
            told[kind] = str(entry.get("content") or " ".join(str(part) for part in [*published, *remote] if part))
    return {kind: what for kind, what in told.items() if what}


def _pairs(values: Mapping[str, Any]) -> str:
    parts = [f"<span>{escape(str(k))} <code>{escape(str(v))}</code></span>" for k, v in values.items()]
    return f'<span class="emo-parts">{" ".join(parts)}</span>' if parts else ""


def _made_html(name: str, made: Sequence[Artefact]) -> str:
    head = "".join(f'<th scope="col">{column}</th>' for column in ("name", "kind", "cell", "shows", "sha256"))
    body = "\n".join(
        f"<tr><td><code>{escape(one['id'])}</code></td><td>{one['kind']}</td>"
        f'<td class="emo-number">{one["cell"]}</td><td class="emo-long">{escape(one["shows"])}</td>'
        f"<td><code>{one['sha256'][:_SHORT_HASH]}</code></td></tr>"
        for one in made
    )
    label = escape(f"What {name} shows")
    return (
        f'<details class="emo emo-table"><summary>{label} ({len(made)})</summary>'
        f'<div class="emo-scroll" tabindex="0" role="region" aria-label="{label}"><table aria-label="{label}">'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div></details>"
    )
