"""The ledger that readers download: every figure, table and quoted number of a book, and its origin.

The ledger depends only on the executed notebooks. A commit that changes none of them leaves the ledger, and the page
made of it, unchanged.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from html import escape
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypedDict

from emomech.book.executed_notebook import ExecutedNotebook
from emomech.core import files
from emomech.core.errors import EmomechError

ArtefactKind: TypeAlias = Literal["figure", "table", "number", "piece"]
LEDGER = "ledger.json"
"""File name of the ledger, which is beside the executed notebooks and again beside the pages."""
PAGE = "book/appendix/ledger"
"""The page, by its path inside the book and without suffix, that shows the ledger."""
_SOURCE = "ledger.md"
_SHORT_HASH = 12
"""Characters of a hash that the page shows."""
_INTRODUCTION = """# Where every number comes from

Every figure, table and quoted number of this book, with the notebook cell that made it and the parameters, model, texts
and versions of that notebook. The same list as a file for programs: <a href="../../{file}" download>{file}</a>.
"""


class Artefact(TypedDict):
    """One figure, table, number or piece of a page; `notebook` is the key of its `Origin` in the same ledger."""

    id: str
    kind: ArtefactKind
    notebook: str
    cell: int
    shows: str
    """The caption, or the number itself."""
    sha256: str
    """Hash of a figure's specification, a table's cells, a number's text or a piece's HTML."""


class Origin(TypedDict):
    """The origin of all artefacts of one notebook."""

    key: str
    parameters: Mapping[str, Any]
    seed: object
    identity: Mapping[str, Any]
    """Model, SAEs and texts, each with its revision or a hash of its files."""
    versions: Mapping[str, str]
    commit: str
    seconds: float
    run: Mapping[str, Any]
    """The provenance of the analysis behind the page: its key, and the commit and versions that computed it."""


class Ledger(TypedDict):
    """The whole ledger."""

    notebooks: dict[str, Origin]
    artefacts: list[Artefact]


def collect(notebooks: Sequence[ExecutedNotebook]) -> Ledger:
    """Make the ledger of executed notebooks."""
    return {
        "notebooks": {notebook.name: _origin(notebook) for notebook in notebooks},
        "artefacts": [artefact for notebook in notebooks for artefact in _artefacts(notebook)],
    }


def _origin(notebook: ExecutedNotebook) -> Origin:
    record = notebook.record
    return {
        "key": str(record.get("key", "")),
        "parameters": record.get("parameters", {}),
        "seed": record.get("parameters", {}).get("seed"),
        "identity": record.get("identity", {}),
        "versions": record.get("versions", {}),
        "commit": str(record.get("commit", "unknown")),
        "seconds": float(record.get("seconds", 0)),
        "run": notebook.provenance,
    }


def _artefacts(notebook: ExecutedNotebook) -> Iterator[Artefact]:
    for figure in notebook.figures:
        content = json.dumps(figure.spec, sort_keys=True)
        yield _artefact(notebook.name, "figure", figure.cell, f"figure-{figure.number}", figure.caption, content)
    for table in notebook.tables:
        content = json.dumps([table.columns, table.rows])
        yield _artefact(notebook.name, "table", table.cell, f"table-{table.number}", table.caption, content)
    for number in notebook.numbers:
        yield _artefact(notebook.name, "number", number.cell, number.name, number.text, number.text)
    for piece in notebook.pieces:
        caption = "a part of this page that another page shows"
        yield _artefact(notebook.name, "piece", piece.cell, piece.name, caption, piece.html)


def _artefact(notebook: str, kind: ArtefactKind, cell: int, name: str, shows: str, content: str) -> Artefact:
    id_ = name if name.startswith(f"{notebook}.") else f"{notebook}.{name}"
    digest = sha256(content.encode()).hexdigest()
    return {"id": id_, "kind": kind, "notebook": notebook, "cell": cell, "shows": shows, "sha256": digest}


def write(results: Path, notebooks: Sequence[str]) -> None:
    """Write the ledger of the named notebooks into their folder `results`, as JSON and as the source of a page."""
    ledger = collect([ExecutedNotebook.read(results / f"{name}.ipynb") for name in notebooks])
    files.write_atomic(results / LEDGER, text(ledger))
    files.write_atomic(results / _SOURCE, page(ledger))


def is_current(results: Path, notebooks: Sequence[str]) -> bool:
    """Whether the files of the ledger are there, and no notebook was changed after they were written."""
    times = [file.stat().st_mtime_ns for file in (results / LEDGER, results / _SOURCE) if file.exists()]
    changed = [(results / f"{name}.ipynb").stat().st_mtime_ns for name in notebooks]
    return len(times) == 2 and min(times) >= max(changed, default=0)


def text(ledger: Ledger) -> str:
    """Write a ledger as JSON."""
    return json.dumps(ledger, indent=1, ensure_ascii=False) + "\n"


def source(results: Path) -> Path:
    """Give the file that `write` writes as the source of the ledger's page."""
    return results / _SOURCE


def problems(results: Path, html: Path, notebooks: Sequence[str]) -> list[str]:
    """List what is wrong with the ledger beside the pages: missing, out of date, or a notebook without its origin."""
    try:
        ledger = collect([ExecutedNotebook.read(results / f"{name}.ipynb") for name in notebooks])
    except EmomechError as error:
        return [f"{LEDGER}: cannot be checked: {error}"]
    file = html / LEDGER
    if not file.exists():
        return [f"{LEDGER}: is missing"]
    stale = file.read_text(encoding="utf-8") != text(ledger)
    without_origin = [name for name, origin in ledger["notebooks"].items() if not origin["key"]]
    return ([f"{LEDGER}: is out of date: it does not match the executed notebooks"] if stale else []) + [
        f"{LEDGER}: {name}: does not say what it was executed with" for name in without_origin
    ]


def page(ledger: Ledger) -> str:
    """Write a ledger as the source of a page: the origin and the artefacts of each notebook."""
    parts = [_INTRODUCTION.format(file=LEDGER)]
    for name, origin in ledger["notebooks"].items():
        artefacts = [artefact for artefact in ledger["artefacts"] if artefact["notebook"] == name]
        parts += [f"## {name}", "```{raw} html", _origin_html(name, origin), _artefacts_html(name, artefacts), "```"]
    return "\n\n".join(parts) + "\n"


def _origin_html(name: str, origin: Origin) -> str:
    rows = {
        "page": f'<a href="../results/{name}.html">{name}</a>',
        "parameters": _pairs(origin["parameters"]),
        "identity": _pairs(_identities(origin["identity"])),
        "versions": _pairs(origin["versions"]),
        "commit": f"<code>{escape(origin['commit'])}</code>",
        "seconds": f"{origin['seconds']:.1f}",
        "run": _pairs({part: origin["run"][part] for part in ("key", "commit") if part in origin["run"]}),
    }
    body = "".join(f'<tr><th scope="row">{escape(row)}</th><td>{cell}</td></tr>' for row, cell in rows.items() if cell)
    return f'<div class="emo emo-footer"><table><tbody>{body}</tbody></table></div>'


def _identities(identity: Mapping[str, Any]) -> dict[str, str]:
    """Shorten a study's identity: of model, SAEs and texts, the hash of their files, or repository and revision."""
    short = {}
    for kind, entry in identity.items():
        if isinstance(entry, Mapping):
            published = [entry.get(part) for part in ("repository", "release", "grammar")]
            revision = [entry.get("revision")] if entry.get("repository") else []
            short[kind] = str(entry.get("content") or " ".join(str(part) for part in [*published, *revision] if part))
    return {kind: text for kind, text in short.items() if text}


def _pairs(values: Mapping[str, Any]) -> str:
    parts = [f"<span>{escape(str(k))} <code>{escape(str(v))}</code></span>" for k, v in values.items()]
    return f'<span class="emo-parts">{" ".join(parts)}</span>' if parts else ""


def _artefacts_html(name: str, artefacts: Sequence[Artefact]) -> str:
    head = "".join(f'<th scope="col">{column}</th>' for column in ("name", "kind", "cell", "shows", "sha256"))
    body = "\n".join(
        f"<tr><td><code>{escape(artefact['id'])}</code></td><td>{artefact['kind']}</td>"
        f'<td class="emo-number">{artefact["cell"]}</td><td class="emo-long">{escape(artefact["shows"])}</td>'
        f"<td><code>{artefact['sha256'][:_SHORT_HASH]}</code></td></tr>"
        for artefact in artefacts
    )
    label = escape(f"What {name} shows")
    return (
        f'<details class="emo emo-table"><summary>{label} ({len(artefacts)})</summary>'
        f'<div class="emo-scroll" tabindex="0" role="region" aria-label="{label}"><table aria-label="{label}">'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div></details>"
    )
