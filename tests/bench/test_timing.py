"""The timer: turns alternate, and the first does not count."""

import time

from emomech.bench.timing import matmul_rate, take_turns, timed


def test_turns_are_taken_in_order_and_the_first_does_not_count() -> None:
    calls: list[str] = []

    def slow() -> None:
        calls.append("slow")
        end = time.process_time() + (0.2 if len(calls) <= 2 else 0.01)
        while time.process_time() < end:
            pass

    times = take_turns({"slow": timed(slow), "fast": timed(lambda: calls.append("fast"))}, 3)
    assert calls == ["slow", "fast"] * 4
    assert 0.01 <= times["slow"].seconds < 0.1 and times["fast"].seconds < 0.01


def test_the_rate_of_a_matrix_product_is_measured() -> None:
    assert matmul_rate(1, size=64) > 1e6
