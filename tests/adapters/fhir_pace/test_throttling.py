"""A server in trouble is asked for less, and not before it said."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from medie_fhir.adapters.fhir_pace import PacedFhir
from medie_fhir.adapters.fhir_twin import FhirTwin
from medie_fhir.errors import FhirRejected, FhirThrottled, FhirUnavailable
from medie_fhir.model import Json

Make = Callable[..., Any]


@pytest.mark.parametrize("error", [FhirThrottled("429"), FhirUnavailable("503")])
async def test_a_server_in_trouble_is_asked_for_less(error: Exception, bench: Make) -> None:
    async with bench(most=4) as b:
        for patient in "abcdef":
            await b.send(patient)
        b.time.now += 1
        await b.answer("a", error=error)

        assert (b.paced.limit, b.paced.running, b.paced.waiting) == (2, 3, 2)
        with pytest.raises(type(error)):
            await b.tasks[0]
        await b.answer("b")
        await b.answer("c")
        assert b.server.order == ["a", "b", "c", "d", "e"]


@pytest.mark.parametrize("reading", ["read", "search", "history"])
async def test_a_read_that_is_throttled_holds_transactions_back_too(reading: str, stopped: Make) -> None:
    class Throttling(FhirTwin):
        async def read(self, resource_type: str, resource_id: str) -> Json | None:
            raise FhirThrottled("429", retry_after=30.0)

        async def search(self, resource_type: str, params: Mapping[str, str]) -> list[Json]:
            raise FhirThrottled("429", retry_after=30.0)

        async def history(self, resource_type: str, resource_id: str) -> list[Json]:
            raise FhirThrottled("429", retry_after=30.0)

    with Throttling() as twin:
        paced = PacedFhir(twin, most=4, max_entries=10, max_bytes=10_000, clock=stopped())
        asked = {
            "read": paced.read("Basic", "b"),
            "search": paced.search("Basic", {}),
            "history": paced.history("Basic", "b"),
        }
        with pytest.raises(FhirThrottled):
            await asked.pop(reading)
        for other in asked.values():
            other.close()

        assert (paced.limit, paced.paused) == (2, 30.0)


async def test_a_refused_content_says_nothing_of_the_pace(bench: Make) -> None:
    async with bench(most=4) as b:
        await b.send("a")
        await b.answer("a", error=FhirRejected("422"))
        assert b.paced.limit == 4


async def test_nothing_begins_before_the_server_said_and_then_all_that_may(bench: Make, settle: Make) -> None:
    async with bench(most=4) as b:
        await b.send("a")
        await b.send("b")
        await b.answer("a", error=FhirThrottled("429", retry_after=30.0))
        await b.send("c")
        await b.answer("b")
        assert b.server.order == ["a", "b"]
        assert b.paced.paused == 30.0

        b.time.goes_to(129.0)
        await settle()
        assert b.server.order == ["a", "b"]
        b.time.goes_to(130.0)
        await settle()
        assert b.server.order == ["a", "b", "c"]
        assert b.paced.paused == 0


async def test_a_longer_pause_holds_though_a_shorter_was_asked_for_too(bench: Make, settle: Make) -> None:
    async with bench(most=4) as b:
        await b.send("a")
        await b.send("b")
        await b.answer("a", error=FhirThrottled("429", retry_after=50.0))
        await b.send("c")
        await b.answer("b", error=FhirThrottled("429", retry_after=5.0))
        b.time.goes_to(106.0)
        await settle()
        assert b.paced.waiting == 1
        b.time.goes_to(150.0)
        await settle()
        assert b.server.order == ["a", "b", "c"]


async def test_no_pause_is_longer_than_ten_minutes(bench: Make) -> None:
    async with bench() as b:
        await b.send("a")
        await b.answer("a", error=FhirThrottled("429", retry_after=float("inf")))
        assert b.paced.paused == 600.0


async def test_the_timer_is_the_loops_own_where_none_is_given(about: Make, settle: Make, held: Make) -> None:
    with FhirTwin() as twin:
        server = held(twin)
        paced = PacedFhir(server, most=1, max_entries=10, max_bytes=10_000)
        first = asyncio.create_task(paced.transact(about("a")))
        await settle()
        server.answer("a", error=FhirThrottled("429", retry_after=0.01))
        with pytest.raises(FhirThrottled):
            await first

        second = asyncio.create_task(paced.transact(about("b")))
        async with asyncio.timeout(10):
            server.beginning.clear()
            await server.beginning.wait()
        server.answer("b")
        assert (await second)["type"] == "transaction-response"
