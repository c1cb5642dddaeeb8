"""A server that answers when it is told to, behind a pace whose clock stands still."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from medie_fhir.adapters.fhir_pace import PacedFhir, subjects
from medie_fhir.adapters.fhir_twin import FhirTwin
from medie_fhir.adapters.watched import WatchedTarget
from medie_fhir.model import Json

Make = Callable[..., Any]


def about(*patients: str) -> Json:
    """A transaction of one Basic resource for each patient, by a logical reference, which the twin doesn't look up."""
    entries = []
    for patient in patients:
        resource = {"resourceType": "Basic", "id": str(uuid.uuid4()), "code": {"text": "x"}}
        resource |= {"subject": {"identifier": {"system": "urn:mrn", "value": patient}}}
        entries.append({"resource": resource, "request": {"method": "PUT", "url": f"Basic/{resource['id']}"}})
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


class Held(WatchedTarget):
    """A server that answers when it is told to, and fails as it is told to."""

    def __init__(self, server: FhirTwin) -> None:
        super().__init__(server)
        self.begun: list[frozenset[str]] = []
        self.held: dict[frozenset[str], asyncio.Future[None]] = {}
        self.beginning = asyncio.Event()

    async def transact(self, bundle: Json) -> Json:
        key = subjects(bundle)
        assert key not in self.held, "two transactions of one patient at once"
        self.begun.append(key)
        self.held[key] = asyncio.get_running_loop().create_future()
        self.beginning.set()
        try:
            await self.held[key]
        finally:
            del self.held[key]
        return await super().transact(bundle)

    def answer(self, *patients: str, error: Exception | None = None) -> None:
        held = self.held[frozenset(f"urn:mrn|{patient}" for patient in patients)]
        held.set_exception(error) if error else held.set_result(None)

    @property
    def order(self) -> list[str]:
        return ["+".join(sorted(name.removeprefix("urn:mrn|") for name in key)) for key in self.begun]


class Time:
    """A clock that stands still, and what was to be called later."""

    def __init__(self) -> None:
        self.now = 100.0
        self.calls: list[tuple[float, Callable[[], None]]] = []

    def __call__(self) -> float:
        return self.now

    def later(self, seconds: float, call: Callable[[], None]) -> None:
        self.calls.append((self.now + seconds, call))

    def goes_to(self, moment: float) -> None:
        self.now = moment
        due, self.calls = [c for when, c in self.calls if when <= moment], [c for c in self.calls if c[0] > moment]
        for call in due:
            call()


async def settle() -> None:
    """Until every task that can go on has."""
    for _ in range(20):
        await asyncio.sleep(0)


class Bench:
    """A paced server at work."""

    def __init__(self, twin: FhirTwin, most: int) -> None:
        self.server, self.time = Held(twin), Time()
        self.paced = PacedFhir(
            self.server, most=most, max_entries=10, max_bytes=10_000, clock=self.time, later=self.time.later
        )
        self.tasks: list[asyncio.Task[Json]] = []

    async def send(self, *patients: str) -> asyncio.Task[Json]:
        self.tasks.append(asyncio.create_task(self.paced.transact(about(*patients))))
        await settle()
        return self.tasks[-1]

    async def answer(self, *patients: str, error: Exception | None = None) -> None:
        self.server.answer(*patients, error=error)
        await settle()


@asynccontextmanager
async def bench(most: int = 4) -> AsyncIterator[Bench]:
    with FhirTwin() as twin:
        held = Bench(twin, most)
        try:
            yield held
        finally:
            for task in held.tasks:
                task.cancel()
            await asyncio.gather(*held.tasks, return_exceptions=True)
        assert (held.paced.running, held.paced.waiting, held.paced._turns._lines) == (0, 0, {})


@pytest.fixture(scope="session", name="bench")
def given_bench() -> Make:
    """Opens a paced server."""
    return bench


@pytest.fixture(scope="session", name="about")
def given_about() -> Make:
    """A transaction of one resource for each patient."""
    return about


@pytest.fixture(scope="session", name="settle")
def given_settle() -> Make:
    """Lets every task go on that can."""
    return settle


@pytest.fixture(scope="session", name="held")
def given_held() -> Make:
    """The class of servers that answer when told to."""
    return Held


@pytest.fixture(scope="session", name="stopped")
def given_stopped() -> Make:
    """The class of clocks that stand still."""
    return Time
