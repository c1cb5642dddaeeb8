"""A server whose abilities are looked at when it is first needed, once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from medie_fhir.adapters.fhir_strategies import Adapting
from medie_fhir.adapters.fhir_twin import FhirTwin
from medie_fhir.errors import FhirError, FhirUnavailable, FhirUnfit
from medie_fhir.model import Json
from medie_fhir.ports import FhirServer
from medie_fhir.transaction import transaction

PATIENT: Json = {"resourceType": "Patient", "id": "p1"}
BINARY: Json = {"resourceType": "Binary", "id": "b1", "contentType": "text/plain", "data": "bm90ZQ=="}


class Looking:
    """Gives a server as its strategy, after so many errors; counts how often it was asked."""

    def __init__(self, strategy: FhirServer, *errors: FhirError) -> None:
        self.asked, self._strategy, self._errors = 0, strategy, list(errors)

    async def __call__(self) -> FhirServer:
        self.asked += 1
        await asyncio.sleep(0)  # others may come meanwhile
        if self._errors:
            raise self._errors.pop(0)
        return self._strategy


async def test_all_that_reads_or_writes_goes_through_the_strategy() -> None:
    bare, wrapped = FhirTwin(), FhirTwin()
    server = Adapting(bare, Looking(wrapped))
    await server.transact(transaction([PATIENT]))
    assert bare.current() == []
    assert await server.read("Patient", "p1") == wrapped.current("Patient")[0]
    assert await server.search("Patient", {"_id": "p1"}) == wrapped.current("Patient")
    assert await server.history("Patient", "p1") == wrapped.current("Patient")


async def test_what_needs_no_strategy_asks_for_none(twin: FhirTwin) -> None:
    looking = Looking(FhirTwin())
    server = Adapting(twin, looking)
    await twin.transact(transaction([BINARY]))
    assert (await server.capabilities())["resourceType"] == "CapabilityStatement"
    assert (await server.content("Binary/b1")).data == b"note"
    assert looking.asked == 0


async def test_many_at_once_look_once(twin: FhirTwin) -> None:
    looking = Looking(twin)
    server = Adapting(FhirTwin(), looking)
    assert await asyncio.gather(*(server.read("Patient", "p1") for _ in range(9))) == [None] * 9
    assert await server.search("Patient", {}) == []
    assert looking.asked == 1


@pytest.mark.parametrize("error", [FhirUnavailable("away"), FhirUnfit("can't")])
async def test_a_failed_look_is_not_remembered(error: FhirError, twin: FhirTwin) -> None:
    looking = Looking(twin, error)
    server = Adapting(FhirTwin(), looking)
    with pytest.raises(type(error)):
        await server.transact(transaction([PATIENT]))
    await server.transact(transaction([PATIENT]))
    assert (looking.asked, len(twin.current("Patient"))) == (2, 1)


async def test_who_gives_up_waiting_spoils_it_for_nobody(twin: FhirTwin) -> None:
    reached, go = asyncio.Event(), asyncio.Event()

    async def slow() -> FhirServer:
        reached.set()
        await go.wait()
        return twin

    server = Adapting(FhirTwin(), slow)
    first: asyncio.Task[Any] = asyncio.create_task(server.read("Patient", "p1"))
    await reached.wait()
    second = asyncio.create_task(server.read("Patient", "p1"))
    first.cancel()
    go.set()
    assert await second is None
    with pytest.raises(asyncio.CancelledError):
        await first
