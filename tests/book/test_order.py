"""Notebooks run after those that they need, and every worker is used."""

from collections.abc import Callable
from threading import Barrier, Event

import pytest

from emomech.book import order
from emomech.core.errors import EmomechError


def in_order(needs: dict[str, list[str]], execute: Callable[[str], None], n_workers: int) -> None:
    order.in_order(needs, dict.fromkeys(needs, 1.0), execute, n_workers)


def test_what_needs_another_waits_for_it_and_the_others_do_not() -> None:
    begun: list[str] = []
    barrier = Barrier(2, timeout=20)  # passed by two at once alone

    def execute(name: str) -> None:
        begun.append(name)
        if name != "last":
            barrier.wait()

    in_order({"last": ["a", "b"], "a": [], "b": ["not stale"]}, execute, 2)
    assert begun[-1] == "last" and set(begun) == {"a", "b", "last"}


def test_a_failure_stops_what_has_not_begun() -> None:
    begun: list[str] = []

    def execute(name: str) -> None:
        begun.append(name)
        raise EmomechError(f"{name} fails")

    with pytest.raises(EmomechError, match="a fails"):
        in_order({"a": [], "b": ["a"]}, execute, 2)
    assert begun == ["a"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_ends_what_runs(error: type[BaseException], monkeypatch: pytest.MonkeyPatch) -> None:
    interrupted, both = Event(), Barrier(2, timeout=20)
    monkeypatch.setattr(order, "_AGAIN", 0.01)
    monkeypatch.setattr(order.kernels, "interrupt", interrupted.set)
    ended: list[bool] = []

    def execute(name: str) -> None:
        both.wait()
        if name == "a":
            raise error
        ended.append(interrupted.wait(20))

    with pytest.raises(error):
        in_order({"a": [], "b": [], "c": ["b"]}, execute, 2)
    assert ended == [True]


def test_runs_that_need_one_another_are_named() -> None:
    with pytest.raises(EmomechError, match="need one another: .*a"):
        in_order({"a": ["b"], "b": ["a"]}, lambda name: None, 2)


def test_what_most_work_waits_for_comes_first() -> None:
    begun: list[str] = []
    needs = {"short": [], "long": [], "flow": [], "tracing": ["flow", "done before"], "verdicts": ["tracing", "long"]}
    seconds = {"short": 2.0, "long": 30.0, "flow": 10.0, "tracing": 25.0, "verdicts": 1.0}
    order.in_order(needs, seconds, begun.append, 1)
    assert begun == ["flow", "long", "tracing", "short", "verdicts"]
