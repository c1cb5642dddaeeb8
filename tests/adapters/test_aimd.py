"""The law of the pace, alone and against simulated servers. How it is kept: test_fhir_pace.py."""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterator
from itertools import count, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.adapters.aimd import Aimd

ends = st.lists(st.tuples(st.booleans(), st.floats(0, 100), st.floats(0, 100), st.integers(1, 200)), max_size=200)


def serve(law: Aimd, *, capacity: int, refuses_above: float, requests: int, start: float = 0.0) -> Iterator[int]:
    """The limit after each of so many requests, sent as fast as the law lets one.

    The server does ``capacity`` at once in a second each, and shares itself among more; it refuses what comes while
    ``refuses_above`` run.
    """
    numbers, running = count(), list[tuple[float, int, float, bool]]()
    now = start
    for _ in range(requests):
        while len(running) < law.limit:
            refused = len(running) >= refuses_above
            took = 0.1 if refused else max(1.0, (len(running) + 1) / capacity)
            heapq.heappush(running, (now + took, next(numbers), now, refused))
        at_once = len(running)
        now, _, began, refused = heapq.heappop(running)
        if refused:
            law.refused(began, now)
        else:
            law.succeeded(began, now, at_once)
        yield law.limit


@given(st.integers(1, 64), ends)
def test_the_limit_stays_within_its_bounds(most: int, ends: list[tuple[bool, float, float, int]]) -> None:
    law, now = Aimd(most), 0.0
    for success, gap, took, running in ends:
        now += gap
        if success:
            law.succeeded(now - took, now, running)
        else:
            law.refused(now - took, now)
        assert 1 <= law.limit <= most


@given(st.integers(1, 32), ends)
def test_whatever_happened_a_server_that_is_well_again_gets_all_that_it_may(
    most: int, ends: list[tuple[bool, float, float, int]]
) -> None:
    law = Aimd(most)
    for success, _, took, running in ends:
        if success:
            law.succeeded(0, took, running)
        else:
            law.refused(0, took)

    a_minute = 60 * most  # requests of a second each, until what was taken for calm is forgotten
    requests = a_minute + 2 * most * most
    limits = list(serve(law, capacity=most, refuses_above=float("inf"), requests=requests, start=200.0))

    assert most in limits


@pytest.mark.parametrize("capacity", [2, 5, 10, 20])
def test_a_server_that_refuses_is_asked_for_what_it_takes(capacity: int) -> None:
    limits = list(serve(Aimd(64), capacity=64, refuses_above=capacity, requests=3000))[1000:]

    assert max(limits) <= capacity + 1
    assert min(limits) >= min(4, capacity // 2)
    assert sum(limits) / len(limits) >= 0.6 * capacity


@pytest.mark.parametrize("capacity", [4, 8, 16])
def test_a_server_that_grows_slow_is_asked_for_less_before_it_refuses(capacity: int) -> None:
    limits = list(serve(Aimd(100), capacity=capacity, refuses_above=float("inf"), requests=8000))[2000:]

    assert max(limits) <= 4 * capacity
    assert min(limits) >= 4
    assert sum(limits) / len(limits) >= 0.8 * capacity


def test_refusals_of_one_overload_halve_once() -> None:
    law = Aimd(64)
    full = next(limit for limit in serve(law, capacity=64, refuses_above=100, requests=4000) if limit == 16)

    for _ in range(full):
        law.refused(began=5000.0, ended=5001.0)
    assert law.limit == 8

    law.refused(began=5002.0, ended=5003.0)
    assert law.limit == 4


def test_a_server_that_answers_nothing_is_asked_by_one_at_a_time_and_no_fewer() -> None:
    law = Aimd(16)
    assert list(serve(law, capacity=16, refuses_above=0, requests=100))[-1] == 1


def test_slowness_alone_never_brings_it_to_a_crawl() -> None:
    law, now = Aimd(16), 0.0
    for seconds in (1.0, 3.0, 9.0, 27.0):
        for _ in range(40):
            law.succeeded(now, now + seconds, 16)
        now += seconds
    assert law.limit >= 4


def test_one_quick_transaction_among_many_is_no_measure() -> None:
    law = Aimd(16)
    law.succeeded(0.0, 0.001, 1)
    for tenth in range(1, 200):
        law.succeeded(tenth / 10, tenth / 10 + 0.1, 16)
    assert law.limit == 16


@pytest.mark.parametrize("spread", [0.5, 1.0, 1.5])
def test_latencies_that_scatter_widely_are_no_slowness(spread: float) -> None:
    """Log-normal, as servers' are, and no longer for being asked more."""
    chance, law, limits, now = random.Random(1), Aimd(16), list[int](), 0.0
    ends = list[tuple[float, float]]()
    while now < 50.0:  # within the minute
        while len(ends) < law.limit:
            heapq.heappush(ends, (now + 0.1 * chance.lognormvariate(0.0, spread), now))
        at_once = len(ends)
        now, began = heapq.heappop(ends)
        law.succeeded(began, now, at_once)
        limits.append(law.limit)

    assert sum(limits) / len(limits) >= 14


def test_the_calm_is_measured_anew_each_minute() -> None:
    law = Aimd(16)
    limits = list(serve(law, capacity=16, refuses_above=100, requests=1500))
    fallen = [n for n, (before, after) in enumerate(pairwise(limits)) if after < before]

    assert {limits[n + 1] for n in fallen} == {4}
    assert len(fallen) == 1


def test_what_was_not_tried_is_not_granted() -> None:
    law = Aimd(16)
    for second in range(100):
        law.succeeded(second, second + 1.0, running=1)
    assert law.limit == 4


def test_a_limit_below_one_is_no_limit() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Aimd(0)
