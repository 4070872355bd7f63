"""What each page of the book is expected to take, from the calls that its chapter declares; nothing is executed.

Example:
    >>> from emomech.book.edition import Edition
    >>> from emomech.book.expected import expected
    >>> from emomech.core.machine import described
    >>> times = expected(Edition("quick"), described("laptop-16gb"))
    >>> times["flow"].seconds.total > times["behaviour"].seconds.total > 0
    True
"""

from collections.abc import Container, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from emomech.book import runner
from emomech.book.edition import Edition, Entry
from emomech.chapters.declared import calls_of
from emomech.core.errors import UsageError
from emomech.core.machine import Machine
from emomech.core.settings import Settings
from emomech.notebook import parameters
from emomech.presets import lookup
from emomech.study.calls import Calls, Scale
from emomech.study.costs import Costs, Expected, seconds
from emomech.study.scale import scale_of
from emomech.study.spec import StudySpec

AROUND = 5.0
"""Seconds that a page takes besides its analysis: its kernel, its tables and its figures."""


def expected(edition: Edition, machine: Machine, settings: Settings | None = None) -> dict[str, Expected]:
    """Estimate every page that is a chapter, by name; a page whose model or SAEs have no known sizes is left out.

    Raises UsageError for a parameter that does not fit.
    """
    found = {}
    for entry in edition.entries:
        if declared := declared_calls(edition, entry, settings):
            found[entry.notebook] = Expected.of(*declared, machine)
    return found


def seconds_of_pages(edition: Edition, names: Container[str]) -> dict[str, float]:
    """Estimate how long some pages take on one core of a common machine, for the order of the book's jobs.

    For a page that is no chapter, or of which sizes are not known, it is what the list of pages says.
    """
    entries, costs = [entry for entry in edition.entries if entry.notebook in names], Costs.kept()
    taken = {entry.notebook: entry.seconds for entry in entries}
    for entry in entries:
        if declared := declared_calls(edition, entry):
            taken[entry.notebook] = AROUND + seconds(*declared, costs).total
    return taken


def declared_calls(edition: Edition, entry: Entry, settings: Settings | None = None) -> tuple[Calls, Scale] | None:
    """Return the calls of a page and the sizes that they follow from; None if it is no chapter or has no known sizes.

    Raises UsageError for a parameter that does not fit.
    """
    calls = calls_of(entry.notebook)
    if calls is None:
        return None
    values = parameters.validate(parameters.read(runner.find(entry.notebook)), edition.overrides(entry), entry.notebook)
    try:
        scale = _scale(_spec(values), settings or Settings.from_environment())
    except UsageError:
        return None
    return calls(scale, values), scale


def _spec(values: Mapping[str, Any]) -> StudySpec:
    """The study of a page; of a page about several models, that of the first."""
    spec = StudySpec.of(values)
    if "models" not in values:
        return spec
    name = lookup.listed(values["models"])[0]
    preset = lookup.model(name)
    sae = preset.sae or str(lookup.shipped(preset.path).parent / "saes")
    return replace(spec, model=name, sae=sae)


@lru_cache(maxsize=64)
def _scale(spec: StudySpec, settings: Settings) -> Scale:
    return scale_of(spec, settings)
