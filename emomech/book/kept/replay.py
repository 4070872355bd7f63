"""Show kept chapters: the same notebooks, with the parameters of the edition, on tables that are read and not computed.

Each page begins with a banner: model, texts, profile, day, the rules that decide, and, if the result is stale, what has
changed and the command that computes it again.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from html import escape
from pathlib import Path

import nbformat

from emomech.book import runner
from emomech.book.executed_notebook import RECORD, content_hash
from emomech.book.kept import record, state
from emomech.book.kept.declared import KeptEdition, editions
from emomech.book.kept.state import ChapterState
from emomech.book.runner import Planned
from emomech.core import files
from emomech.notebook import parameters
from emomech.notebook.parameters import Parameter
from emomech.notebook.rule_identity import SHORT
from emomech.study.kept import KEPT

SECONDS = 3.0
"""About how long a page takes whose tables are read, on one core."""
FRONT = "index.html"
"""The page of an edition that describes its model and texts."""
_TITLE = re.compile(r"^# +.+$", re.MULTILINE)


@dataclass(frozen=True)
class KeptPage:
    """A page of a kept chapter, ready to be executed."""

    edition: KeptEdition
    chapter: str
    state: ChapterState
    planned: Planned

    @property
    def name(self) -> str:
        """The page below the folder of the executed notebooks, without suffix."""
        return f"{self.edition.name}/{self.chapter}"

    @property
    def environment(self) -> dict[str, str]:
        """Variables of its kernel."""
        return {KEPT: str(self.edition.folder)}


def pages(root: Path) -> dict[str, KeptPage]:
    """Give the page of every kept chapter by name, in the order of the book; those with a damaged record are left out.

    Neither a model nor texts are looked for.
    """
    found = [_page(edition, chapter) for edition in editions(root) for chapter in edition.kept_chapters]
    return {page.name: page for page in found if page}


def _page(edition: KeptEdition, chapter: str) -> KeptPage | None:
    kept = state.of(edition, chapter)
    if kept.record is None:
        return None
    source = runner.find(chapter).read_text(encoding="utf-8")
    declared = parameters.parse(source, f"{chapter}.md")
    values = parameters.validate(declared, _still_fitting(declared, kept.record.parameters), chapter)
    changed = {name: value for name, value in values.items() if value != declared[name].default}
    source = with_banner(source, banner(edition, chapter, kept))
    identity = {"kept": _hash(edition, [chapter, *edition.entry(chapter).needs])}
    planned = Planned(chapter, values, runner.key(source, values, identity), changed, source, kept.record.identity)
    return KeptPage(edition, chapter, kept, planned)


def _still_fitting(declared: Mapping[str, Parameter], values: Mapping[str, object]) -> dict[str, object]:
    """The kept values of the parameters that the notebook still has."""
    return {name: value for name, value in values.items() if name in declared}


def _hash(edition: KeptEdition, chapters: Sequence[str]) -> str:
    digest = blake2b(digest_size=16)
    for file in sorted(file for chapter in chapters for file in (edition.folder / chapter).rglob("*")):
        if file.is_file():
            digest.update(file.relative_to(edition.folder).as_posix().encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def with_banner(source: str, html: str) -> str:
    """Put a banner below the title of a notebook in MyST Markdown.

    Example:
        >>> from emomech.book.kept import replay
        >>> replay.with_banner("# A title\\n\\nText.", "<aside>Kept.</aside>")
        '# A title\\n\\n<aside>Kept.</aside>\\n\\nText.'
    """
    return _TITLE.sub(lambda title: f"{title[0]}\n\n{html}", source, count=1)


def banner(edition: KeptEdition, chapter: str, kept: ChapterState) -> str:
    """Write the banner of a kept chapter: what it was computed with, under which rules, and what has changed since."""
    if kept.record is None:
        return ""
    made = kept.record
    date, hash_ = record.rules_lock()
    corpus = str(made.parameters.get("corpus", edition.corpus))
    later = "" if hash_ == made.rules_hash else f"; decided here by the rules of {date}, <code>{hash_[:SHORT]}</code>"
    told = (
        f"<p><strong>{escape(edition.title)}.</strong> Model <code>{escape(edition.model)}</code>, texts "
        f"<code>{escape(corpus)}</code>, profile {made.profile}, computed on "
        f"{made.date} and shown from kept tables. Rules as fixed on {made.rules_date}, <code>rules.lock</code> "
        f"<code>{made.rules_hash[:SHORT]}</code>{later}. "
        f'<a href="{FRONT}">About this model and these texts</a></p>'
    )
    if kept.kind != "stale":
        return f'<aside class="emo emo-note emo-kept">{told}</aside>'
    command = edition.command(chapter, profile=made.profile)
    stale = (
        f"<p><strong>This page is stale.</strong> Since it was computed: {escape(kept.detail)}. "
        f"<code>{escape(command)}</code> computes it again, in about {made.seconds:.0f} s.</p>"
    )
    return f'<aside class="emo emo-note emo-kept emo-forced" role="alert">{told}{stale}</aside>'


def write_unreadable(page: KeptPage, destination: Path, reason: str) -> None:
    """Write the page of a stale chapter whose tables the present code cannot show: its title, its banner and why."""
    title = runner.title(runner.find(page.chapter))
    told = reason.replace(f"{page.edition.root}/", "").replace("`", " ")
    shown = f"The present code cannot show the kept tables: `{told}`"
    text = "\n\n".join([f"# {title}", banner(page.edition, page.chapter, page.state), shown])
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(text, id="why")])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    cells = json.loads(nbformat.writes(notebook))["cells"]
    notebook.metadata[RECORD] = {"key": page.planned.key, "content": content_hash(cells)}
    files.write_atomic(destination, nbformat.writes(notebook) + "\n")
