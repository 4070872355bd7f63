"""What a page is expected to take is what its analysis takes: calls that are counted, and seconds that are measured."""

import importlib
import inspect
import subprocess
import sys
import time
from functools import cache
from typing import NamedTuple

import pytest
import torch
from model_calls import counted

from emomech.book.edition import Edition
from emomech.book.expected import declared_calls, expected, seconds_of_pages
from emomech.core.errors import UsageError
from emomech.core.machine import core_rate, described
from emomech.presets import lookup
from emomech.study.calls import Calls
from emomech.study.costs import Costs, seconds
from emomech.study.spec import StudySpec
from emomech.study.study import Study

QUICK = Edition("quick")
CHAPTERS = [entry.notebook for entry in QUICK.entries if declared_calls(QUICK, entry)]
ASKING = [chapter for chapter in CHAPTERS if chapter != "organism"]
LAPTOP = described("laptop-16gb")


def test_every_chapter_of_the_book_is_expected() -> None:
    times = expected(QUICK, LAPTOP)
    assert list(times) == CHAPTERS and len(CHAPTERS) == 13
    assert all(one.seconds.total > 0 for one in times.values())


def test_a_profile_with_more_texts_takes_longer() -> None:
    quick, full = expected(QUICK, LAPTOP), expected(Edition("full"), LAPTOP)
    assert all(quick[name].seconds.total < full[name].seconds.total for name in ASKING)


def test_parameters_of_an_edition_count() -> None:
    few, many = (expected(Edition("quick", {"n_permutations": n}), LAPTOP)["flow"] for n in ("30", "3000"))
    assert few.seconds.model == many.seconds.model and few.seconds.rest < many.seconds.rest


def test_saes_that_do_not_say_their_size_leave_out_the_pages_that_need_them(monkeypatch: pytest.MonkeyPatch) -> None:
    bare = lookup.sae("gpt2-small-res-jb").model_copy(update={"features": 0})
    monkeypatch.setattr(lookup, "sae", lambda name: bare)
    times = expected(Edition("quick", {"model": "gpt2-small", "limit": "399"}), LAPTOP)
    assert "behaviour" in times and "flow" not in times


def test_pages_about_other_models_are_as_deep_as_those() -> None:
    scarcity = next(entry for entry in QUICK.entries if entry.notebook == "scarcity")
    flow = next(entry for entry in QUICK.entries if entry.notebook == "flow")
    depths = [declared[1].layers for entry in (scarcity, flow) if (declared := declared_calls(QUICK, entry))]
    assert depths == [5, 8]


def test_a_parameter_that_does_not_fit_is_told() -> None:
    with pytest.raises(UsageError, match="n_edited"):
        expected(Edition("quick", {"n_edited": "3"}), LAPTOP)


def test_long_pages_are_known_before_the_book_is_made() -> None:
    listed = {entry.notebook: entry.seconds for entry in QUICK.entries}
    pages = seconds_of_pages(Edition("full"), listed)
    assert list(pages) == list(listed) and pages["verdicts"] == listed["verdicts"]
    assert max(pages["tracing"], pages["steering"]) > 3 * pages["behaviour"]
    wide = seconds_of_pages(Edition("full", {"model": "gpt2-small"}), {"tracing", "scarcity"})
    assert wide["tracing"] > 20 * pages["tracing"] and wide["scarcity"] == pages["scarcity"]


class Measured(NamedTuple):
    counts: dict[str, float]
    seconds: float
    declared: Calls
    planned: float


@cache
def measured(chapter: str) -> Measured:
    """Run the analysis of a page on one core, in the quick profile."""
    entry = next(entry for entry in QUICK.entries if entry.notebook == chapter)
    values = QUICK.planned[chapter].parameters
    analysis = getattr(importlib.import_module(f"emomech.chapters.{chapter}.analysis"), chapter)
    arguments = {name: values[name] for name in inspect.signature(analysis).parameters if name in values}
    Study(StudySpec(limit=8)).lm.module  # loads the libraries  # noqa: B018
    threads, rates = torch.get_num_threads(), [core_rate()]
    torch.set_num_threads(1)
    try:
        with counted() as counts:
            began = time.process_time()
            analysis(Study(StudySpec.of(values)), **arguments)
            taken = time.process_time() - began
    finally:
        torch.set_num_threads(threads)
    rates.append(core_rate())
    calls, scale = declared_calls(QUICK, entry) or (Calls(), None)
    assert scale is not None
    return Measured(dict(counts.total), taken, calls, seconds(calls, scale, Costs.kept().at(max(rates))).total)


@pytest.mark.slow
@pytest.mark.parametrize("chapter", ASKING)
def test_a_chapter_makes_the_calls_that_it_declares(chapter: str) -> None:
    counts, _, declared, _ = measured(chapter)
    for name in ("forward", "backward", "encoded", "decoded"):
        assert getattr(declared, name) == pytest.approx(counts.get(name, 0), rel=0.1, abs=1), name


@pytest.mark.slow
@pytest.mark.parametrize("chapter", ASKING)
def test_a_chapter_takes_the_time_that_is_planned(chapter: str) -> None:
    _, taken, _, planned = measured(chapter)
    assert taken / 1.5 < planned < 1.5 * taken


def test_estimates_load_no_model_library() -> None:
    """A book that is up to date would otherwise wait for it."""
    program = "import sys, emomech.book.build; sys.exit(bool({'torch', 'transformers', 'pandas'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
