"""Answers are kept for a while, whatever they are; failures are not."""

from __future__ import annotations

import asyncio

import pytest

from medie_fhir.adapters.terminology_cached import CachedTerminology
from medie_fhir.errors import TerminologyUnavailable
from medie_fhir.model import Concept


class Server:
    """Knows one value, and counts. ``gate``: answers only when it is open; ``away``: fails."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.away = False
        self.gate = asyncio.Event()
        self.gate.set()
        self.reached = asyncio.Event()

    async def code(self, field: str, value: str) -> Concept | None:
        self.asked.append((field, value))
        self.reached.set()
        await self.gate.wait()
        if self.away:
            raise TerminologyUnavailable("away")
        return Concept("s|c") if value == "known" else None


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cached(server: Server, clock: Clock) -> CachedTerminology:
    return CachedTerminology(server, seconds=60, entries=2, now=clock)


async def test_an_answer_is_kept_and_so_is_that_there_is_none(cached, server):
    for _ in range(3):
        assert await cached.code("f", "known") == Concept("s|c")
        assert await cached.code("f", "unknown") is None
    assert server.asked == [("f", "known"), ("f", "unknown")]


async def test_the_same_value_of_another_field_is_another_question(cached, server):
    await cached.code("f", "known")
    await cached.code("g", "known")
    assert server.asked == [("f", "known"), ("g", "known")]


async def test_an_answer_is_asked_for_anew_when_its_time_is_over(cached, server, clock):
    await cached.code("f", "known")
    clock.now = 59.9
    await cached.code("f", "known")
    assert len(server.asked) == 1
    clock.now = 60.0
    await cached.code("f", "known")
    assert len(server.asked) == 2


async def test_no_more_are_kept_than_may_be_and_the_least_used_goes(cached, server):
    for value in ("a", "b", "a", "c"):  # b goes
        await cached.code("f", value)
    server.asked.clear()
    for value in ("a", "c", "b"):
        await cached.code("f", value)
    assert server.asked == [("f", "b")]


async def test_what_many_ask_at_once_is_asked_once(cached, server):
    server.gate.clear()
    asking = [asyncio.create_task(cached.code("f", "known")) for _ in range(5)]
    await server.reached.wait()
    server.gate.set()
    assert await asyncio.gather(*asking) == [Concept("s|c")] * 5
    assert len(server.asked) == 1


async def test_who_gives_up_takes_the_answer_from_nobody(cached, server):
    server.gate.clear()
    first, second = (asyncio.create_task(cached.code("f", "known")) for _ in range(2))
    await server.reached.wait()
    first.cancel()
    server.gate.set()
    assert await second == Concept("s|c")
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_a_failure_is_told_to_all_who_asked_and_is_not_kept(cached, server):
    server.away = True
    failed = await asyncio.gather(*(cached.code("f", "known") for _ in range(2)), return_exceptions=True)
    assert [type(error) for error in failed] == [TerminologyUnavailable] * 2
    server.away = False
    assert await cached.code("f", "known") == Concept("s|c")
    assert len(server.asked) == 2


async def test_at_the_end_nothing_is_asked_any_more(cached, server):
    server.gate.clear()
    asking = asyncio.create_task(cached.code("f", "known"))
    await server.reached.wait()
    await cached.aclose()
    with pytest.raises(asyncio.CancelledError):
        await asking
