"""Find files from other hosts, broken links and heavy pages in built HTML.

Problems that only show in a browser, such as an error in a script, are left to the tests.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

MAX_BYTES = 1_500_000
"""Most bytes of a page with the files that it loads, without the shared ones."""
SHARED = "_static"
"""Folder of the files that all pages share."""
_SOURCES = {
    **dict.fromkeys(("script", "img", "iframe", "source", "video", "audio", "track", "embed", "input"), "src"),
    "object": "data",
}
_NAVIGATION = {"canonical", "next", "prev", "search", "index", "author", "copyright", "help", "license"}
_CSS_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_CSS_ADDRESS = re.compile(r"url\(\s*['\"]?([^'\")\s]+)|@import\s+['\"]([^'\"]+)")


class _Page(HTMLParser):
    """The anchors that a page defines, the pages it links to, the files it loads, and its inline styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.styles: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.ids |= {given[name] for name in ("id", "name") if name in given}
        if "style" in given:
            self.styles.append(given["style"])
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif tag == "link" and "href" in given and not _NAVIGATION & set(given.get("rel", "").split()):
            self.loads.append(given["href"])
        elif source := given.get(_SOURCES.get(tag, "")):
            self.loads.append(source)

    def handle_data(self, data: str) -> None:
        if self.lasttag == "style":
            self.styles.append(data)


def html_problems(html: Path) -> list[str]:
    """List the problems of built pages and of their style sheets."""
    files = [file for file in sorted(html.rglob("*.html")) if SHARED not in file.relative_to(html).parts]
    pages = {file: _Page(file.read_text(encoding="utf-8")) for file in files}
    sheets = {file: file.read_text(encoding="utf-8") for file in sorted(html.rglob("*.css"))}
    problems = [(file, problem) for file in pages for problem in _page_problems(file, pages)]
    problems += [(file, problem) for file in pages for problem in _weight_problems(file, pages[file])]
    problems += [(file, problem) for file, sheet in sheets.items() for problem in _foreign(_addresses(sheet))]
    return [f"{file.relative_to(html)}: {problem}" for file, problem in problems]


def _addresses(sheet: str) -> list[str]:
    """Find the addresses that a style sheet loads."""
    return [first or second for first, second in _CSS_ADDRESS.findall(_CSS_COMMENT.sub("", sheet))]


def _foreign(addresses: Iterable[str]) -> Iterator[str]:
    for address in addresses:
        if urlsplit(address).netloc:
            yield f"loads {address} from another host"


def _page_problems(file: Path, pages: Mapping[Path, _Page]) -> Iterator[str]:
    page = pages[file]
    yield from _foreign([*page.loads, *(address for style in page.styles for address in _addresses(style))])
    for address in dict.fromkeys([*page.links, *page.loads]):
        parts = urlsplit(address)
        if parts.scheme or parts.netloc:
            continue
        target = _target(file, address)
        if not target.exists():
            yield f"links to {address}, which does not exist"
        elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].ids:
            yield f"links to {address}, but that page has no such anchor"


def _target(file: Path, address: str) -> Path:
    path = unquote(urlsplit(address).path)
    return (file.parent / path).resolve() if path else file


def _weight_problems(file: Path, page: _Page) -> Iterator[str]:
    local = {_target(file, address) for address in page.loads if not urlsplit(address).scheme}
    loaded = {file, *(target for target in local if target.is_file() and SHARED not in target.parts)}
    n_bytes = sum(part.stat().st_size for part in loaded)
    if n_bytes > MAX_BYTES:
        yield f"has {n_bytes / 1e6:.1f} MB without shared files, expected at most {MAX_BYTES / 1e6:.1f} MB"
