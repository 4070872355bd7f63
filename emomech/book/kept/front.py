"""The front page of each kept edition, and its part of the table of contents.

The page has the facts of the model, the card of the texts, a table of the chapters with their verdicts, and the limits.
It is written from presets, records and executed notebooks; nothing is typed.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from emomech.book import runner
from emomech.book.executed_notebook import ExecutedNotebook
from emomech.book.kept import state
from emomech.book.kept.declared import KeptEdition, editions
from emomech.core.errors import EmomechError
from emomech.presets import cards, lookup
from emomech.presets.kinds import CorpusPreset, ModelPreset

PAGE = "index"
_QUANTISATION = re.compile(r"q\d\w*", re.IGNORECASE)
_SMALL = 10**9
"""Parameters below which the page calls a model small."""


def shown(root: Path) -> list[KeptEdition]:
    """List the editions of which a chapter is kept, in order; the book has a part for each."""
    return [edition for edition in editions(root) if edition.kept_chapters]


def parts(root: Path, results: Path) -> list[dict[str, Any]]:
    """Give the parts of the table of contents; `results` is the folder of executed notebooks inside the book."""
    return [
        {
            "caption": edition.title,
            "chapters": [
                {"file": (results / edition.name / page).as_posix()} for page in (PAGE, *edition.kept_chapters)
            ],
        }
        for edition in shown(root)
    ]


def sources(root: Path, executed: Path, results: Path) -> dict[str, str]:
    """Write the front page of each edition; keys are paths inside the book, `executed` has the executed notebooks."""
    return {
        (results / edition.name / f"{PAGE}.md").as_posix(): text(edition, executed / edition.name)
        for edition in shown(root)
    }


def text(edition: KeptEdition, executed: Path) -> str:
    """Write the front page of an edition in MyST Markdown."""
    model, corpus = _model(edition.model), _corpus(edition.corpus)
    lines = [
        "# Model, texts and verdicts",
        "",
        f"**{edition.title}.** The chapters of this part are those of the book,",
    ]
    lines += [
        "asked of another model and of other texts. Their tables were computed once and are kept with the project,"
    ]
    lines += ["so that the book needs neither the model nor the texts. Verdicts follow from the same rules.", ""]
    lines += ["## The model", "", "| | |", "|---|---|"]
    lines += [f"| **{name}** | {value} |" for name, value in _facts(edition.model, model)]
    lines += ["", "## The chapters", "", "| chapter | verdict | computing took |", "|---|---|---|"]
    lines += list(_rows(edition, executed))
    lines += ["", "## Limits", "", *(f"- {limit}" for limit in _limits(model, corpus)), ""]
    if edition.corpus in cards.names():
        lines += ["## The texts", "", cards.card(edition.corpus).replace("## ", "### ", 1)]
    return "\n".join(lines).rstrip() + "\n"


def _model(name: str) -> ModelPreset | None:
    try:
        return lookup.model(name)
    except EmomechError:
        return None


def _corpus(name: str) -> CorpusPreset | None:
    try:
        return lookup.corpus(name)
    except EmomechError:
        return None


def _facts(name: str, model: ModelPreset | None) -> Iterator[tuple[str, str]]:
    yield "name", f"`{name}`"
    if model is None:
        return
    yield "model", model.summary
    if package := model.package:
        yield "file", ", ".join(f"`{Path(member).name}`" for member in package.members)
        yield "from", ", ".join(f"`{requirement}`" for requirement in package.requirements)
        yield "size of the file", f"{package.size / 1e6:.0f} MB"
        yield "SHA-256", f"`{package.sha256[:16]}…`"
        yield "licence", package.licence
    if quantisation := _quantisation(model):
        yield (
            "quantisation",
            f"{quantisation}: the weights are rounded to a few bits; they are not the weights of the hub",
        )
    for title, number in (("parameters", model.parameters), ("blocks", model.layers), ("width", model.d_model)):
        if number:
            yield title, f"{number:,}"
    if model.leading:
        yield "begins every text with", f"`{model.leading}`, because it has no token for a beginning"


def _quantisation(model: ModelPreset) -> str:
    files = model.package.members if model.package else [model.path]
    found = [match[0] for file in files if (match := _QUANTISATION.search(Path(file).name))]
    return found[0].split(".")[0].upper() if found else ""


def _rows(edition: KeptEdition, executed: Path) -> Iterator[str]:
    for chapter, found in state.states(edition).items():
        title = runner.title(runner.find(chapter))
        if found.kind in ("kept", "stale"):
            verdict = _verdicts(executed / f"{chapter}.ipynb")
            stale = " (stale)" if found.kind == "stale" else ""
            took = f"{found.record.seconds:.0f} s, {found.record.profile}" if found.record else "–"
            yield f"| [{title}]({chapter}.ipynb) | {verdict}{stale} | {took} |"
        elif found.kind == "cannot be asked":
            yield f"| {title} | cannot be asked: {found.detail} | – |"
        else:
            yield f"| {title} | {state.NOT_YET}: `{edition.command(chapter)}` | – |"


def _verdicts(file: Path) -> str:
    """Name the claims and verdicts of an executed page; a dash for a page that tests no claim."""
    notebook = ExecutedNotebook.read_if_valid(file)
    named = [f"{verdict.claim}: **{verdict.outcome}**" for verdict in (notebook.verdicts if notebook else ())]
    return "; ".join(named) or "–"


def _limits(model: ModelPreset | None, corpus: CorpusPreset | None) -> Iterator[str]:
    if model and 0 < model.parameters < _SMALL:
        yield (
            f"**The model is small.** It has {model.parameters / 1e6:.0f} million parameters. What it does may differ "
            "from what a model with billions of parameters does."
        )
    if model and _quantisation(model):
        yield (
            "**Its weights are quantised.** Rounding changes every activation a little. SAEs and effects of this part "
            "are those of the rounded model."
        )
    if corpus and corpus.card:
        yield (
            f"**The labels have errors.** Labelled by: {corpus.card.labelled_by.rstrip('.')}. People who label the "
            "same text do not always agree, so no model can be right on all of them. The card of the texts, below, "
            "says what is known of their agreement."
        )
    if corpus and not corpus.shown:
        yield "**The texts are not shown.** Their terms keep them out of the book, so no table or figure has one."
    yield "**One prompt asks all questions.** Another wording can change how the model answers."
