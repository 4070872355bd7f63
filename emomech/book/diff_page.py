"""The differences between two books as one HTML page, which has no scripts, loads no other file and follows the
reader's light or dark mode."""

from base64 import b64encode
from collections.abc import Iterable, Sequence
from html import escape

from emomech.book.diff import OTHER_RULE, ChangeKind, Differences, FigureChange, TableChange, models, table_line

_STYLE = """
:root { color-scheme: light dark; --ink: #1f2430; --soft: #5d6470; --ground: #fff; --rule: #d5d9df; --mark: #9a6200; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #dfe3ea; --soft: #a9b1bd; --ground: #14181e; --rule: #3a414c; --mark: #f0b44c; }
}
body { background: var(--ground); color: var(--ink); font: 1rem/1.6 system-ui, sans-serif; margin: 2.5rem auto;
  max-width: 70rem; padding: 0 1.25rem; }
h1 { font-size: 2.1rem; line-height: 1.15; letter-spacing: -0.012em; text-wrap: balance; }
h2 { font-size: 1.45rem; font-weight: 600; margin-top: 2.6rem; }
details { margin: 0.6rem 0; }
summary span { color: var(--soft); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.88rem; font-variant-numeric: tabular-nums; width: 100%; }
th, td { border-bottom: 1px solid var(--rule); padding: 0.35rem 1rem 0.35rem 0; text-align: left; vertical-align: top; }
thead th { color: var(--soft); font-weight: 600; }
code { font-size: 0.92em; overflow-wrap: anywhere; }
p.lead, .soft, figcaption { color: var(--soft); }
strong.beyond { color: var(--mark); }
.pair { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(min(24rem, 100%), 1fr)); }
.pair img { background: #fff; border: 1px solid var(--rule); border-radius: 4px; box-sizing: border-box;
  max-width: 100%; padding: 0.5rem; }
figure { margin: 1.5rem 0; break-inside: avoid; }
"""
_KINDS: dict[ChangeKind, tuple[str, str]] = {
    "beyond": ("Numbers beyond their intervals", "Neither estimate lies in the interval of the other."),
    "within": ("Numbers within their intervals", "Changed, but one estimate lies in the interval of the other."),
    "changed": ("Numbers and words without an interval", "Changed, with no interval to judge the change by."),
    "added": ("Numbers only in the second book", ""),
    "removed": ("Numbers only in the first book", ""),
}
"""Title and explanation of the section for each way in which a number can differ."""


def page(differences: Differences, before: str, after: str) -> str:
    """Write the page; `before` and `after` name the two books."""
    sections = [
        _pages(differences),
        _section(
            "Verdicts",
            "Claims with another outcome.",
            _table(
                ("claim", "model", "before", "after"),
                (
                    (
                        _strong(verdict.claim),
                        escape(models(verdict)),
                        _verdict(verdict.before, verdict.reason_before),
                        _verdict(verdict.after, verdict.reason_after)
                        + (f"<br>{escape(OTHER_RULE)}" if verdict.other_rule else ""),
                    )
                    for verdict in differences.verdicts
                ),
            ),
        ),
        *(_numbers(differences, kind) for kind in _KINDS),
        _section("Tables", "Cells as the pages show them.", "".join(map(_table_change, differences.tables))),
        _section("Figures", "", "".join(_figure(figure, before, after) for figure in differences.figures)),
        _section(
            "Parameters",
            "What the pages were executed with.",
            _table(
                ("page", "parameter", "before", "after"),
                (
                    (escape(p.notebook), _code(p.name), _code(repr(p.before)), _code(repr(p.after)))
                    for p in differences.parameters
                ),
            ),
        ),
    ]
    body = "\n".join(section for section in sections if section)
    title = "Differences between two books"
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head>\n'
        f'<body><main><h1>{title}</h1><p class="lead">Before: {_code(before)}<br>After: {_code(after)}</p>\n'
        f"{body or '<p>The two books show the same.</p>'}\n</main></body></html>\n"
    )


def _section(title: str, lead: str, body: str) -> str:
    explanation = f'<p class="soft">{escape(lead)}</p>' if lead else ""
    return f"<section><h2>{escape(title)}</h2>{explanation}{body}</section>" if body else ""


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a table whose cells are HTML; empty for no rows."""
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in heads)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="scroll" tabindex="0">{table}</div>' if body else ""


def _strong(text: str) -> str:
    return f"<strong>{escape(text)}</strong>"


def _code(text: str) -> str:
    return f"<code>{escape(text)}</code>"


def _verdict(outcome: str, reason: str) -> str:
    return f'{_strong(outcome)}<br><span class="soft">{escape(reason)}</span>'


def _pages(differences: Differences) -> str:
    rows = [(escape(name), "the second book") for name in differences.pages_added]
    rows += [(escape(name), "the first book") for name in differences.pages_removed]
    return _section("Pages", "Pages that only one of the books has.", _table(("page", "only in"), rows))


def _numbers(differences: Differences, kind: ChangeKind) -> str:
    title, lead = _KINDS[kind]
    changes = differences.numbers_of_kind(kind)
    mark = (lambda text: f'<strong class="beyond">{escape(text)}</strong>') if kind == "beyond" else escape
    rows = ((_code(change.name), escape(change.before), mark(change.after)) for change in changes)
    return _section(title, lead, _table(("number", "before", "after"), rows))


def _table_change(table: TableChange) -> str:
    cells = _table(
        ("row", "column", "before", "after"),
        ((escape(c.row), escape(c.column), escape(c.before), escape(c.after)) for c in table.cells),
    )
    only = [("the second book", row) for row in table.rows_added]
    only += [("the first book", row) for row in table.rows_removed]
    rows = _table(("only in", "row"), ((book, escape(row)) for book, row in only))
    summary = f"{escape(table.notebook)}: {escape(table.caption)} <span>{table_line(table)}</span>"
    return f"<details><summary>{summary}</summary>{cells}{rows}</details>"


def _figure(figure: FigureChange, before: str, after: str) -> str:
    pictures = _picture(figure.before, before) + _picture(figure.after, after)
    return (
        f"<figure><figcaption>{escape(figure.notebook)}: {escape(figure.caption)}</figcaption>"
        f'<div class="pair">{pictures}</div></figure>'
    )


def _picture(svg: str, book: str) -> str:
    if not svg:
        return f'<p class="soft">{escape(book)} does not have this figure.</p>'
    data = b64encode(svg.encode()).decode()
    return f'<img alt="The figure in {escape(book)}" src="data:image/svg+xml;base64,{data}">'
