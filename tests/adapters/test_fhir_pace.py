"""Transactions at the server's pace: how many, whose, when, and how large. The law of how many: test_aimd.py."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medie_fhir.adapters.fhir_pace import PacedFhir, subjects
from medie_fhir.adapters.fhir_twin import FhirTwin
from medie_fhir.adapters.watched import WatchedTarget
from medie_fhir.errors import ContentNotFound, FhirRejected, FhirThrottled, FhirUnavailable
from medie_fhir.model import Json


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


async def test_no_more_run_than_may_and_the_rest_come_in_their_order() -> None:
    async with bench(most=2) as b:
        for patient in "abcd":
            await b.send(patient)
        assert b.server.order == ["a", "b"]
        assert (b.paced.limit, b.paced.running, b.paced.waiting) == (2, 2, 2)

        await b.answer("b")
        await b.answer("a")
        assert b.server.order == ["a", "b", "c", "d"]


async def test_one_patients_transactions_run_one_after_the_other_and_others_beside_them() -> None:
    async with bench() as b:
        for patient in "aabac":
            await b.send(patient)
        assert b.server.order == ["a", "b", "c"]

        await b.answer("b")
        assert b.server.order == ["a", "b", "c"]
        await b.answer("a")
        assert b.server.order == ["a", "b", "c", "a"]


async def test_a_transaction_of_two_patients_waits_for_both_and_is_not_overtaken() -> None:
    async with bench() as b:
        for patients in ("a", "b", "ab", "a"):
            await b.send(*patients)
        await b.answer("a")
        assert b.server.order == ["a", "b"]
        await b.answer("b")
        assert b.server.order == ["a", "b", "a+b"]
        await b.answer("a", "b")
        assert b.server.order == ["a", "b", "a+b", "a"]


async def test_who_gives_up_in_the_queue_holds_up_nobody() -> None:
    async with bench(most=1) as b:
        await b.send("a")
        given_up = await b.send("b")
        await b.send("b")
        given_up.cancel()
        await settle()
        await b.answer("a")
        assert b.server.order == ["a", "b"]


async def test_who_gives_up_while_at_it_makes_room() -> None:
    async with bench(most=1) as b:
        given_up = await b.send("a")
        await b.send("a")
        given_up.cancel()
        await settle()
        assert b.server.order == ["a", "a"]


async def test_who_gives_up_in_the_moment_of_its_turn_makes_room() -> None:
    async with bench(most=1) as b:
        await b.send("a")
        given_up = await b.send("b")
        await b.send("c")
        b.server.answer("a")
        for _ in range(20):
            if b.paced.waiting == 1:
                break
            await asyncio.sleep(0)
        assert b.server.order == ["a"]
        given_up.cancel()
        await settle()
        assert b.server.order[-1] == "c"


@pytest.mark.parametrize("error", [FhirThrottled("429"), FhirUnavailable("503")])
async def test_a_server_in_trouble_is_asked_for_less(error: Exception) -> None:
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
async def test_a_read_that_is_throttled_holds_transactions_back_too(reading: str) -> None:
    class Throttling(FhirTwin):
        async def read(self, resource_type: str, resource_id: str) -> Json | None:
            raise FhirThrottled("429", retry_after=30.0)

        async def search(self, resource_type: str, params: Mapping[str, str]) -> list[Json]:
            raise FhirThrottled("429", retry_after=30.0)

        async def history(self, resource_type: str, resource_id: str) -> list[Json]:
            raise FhirThrottled("429", retry_after=30.0)

    with Throttling() as twin:
        paced = PacedFhir(twin, most=4, max_entries=10, max_bytes=10_000, clock=Time())
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


async def test_a_refused_content_says_nothing_of_the_pace() -> None:
    async with bench(most=4) as b:
        await b.send("a")
        await b.answer("a", error=FhirRejected("422"))
        assert b.paced.limit == 4


async def test_nothing_begins_before_the_server_said_and_then_all_that_may() -> None:
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


async def test_a_longer_pause_holds_though_a_shorter_was_asked_for_too() -> None:
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


async def test_no_pause_is_longer_than_ten_minutes() -> None:
    async with bench() as b:
        await b.send("a")
        await b.answer("a", error=FhirThrottled("429", retry_after=float("inf")))
        assert b.paced.paused == 600.0


async def test_the_timer_is_the_loops_own_where_none_is_given() -> None:
    with FhirTwin() as twin:
        server = Held(twin)
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


@pytest.mark.parametrize(
    ("bundle", "setting", "has"),
    [
        (about(*"abcdefghijk"), "fhir.max_bundle_entries is 10", "11 entries"),
        (about("a" * 10_000), "fhir.max_bundle_bytes is 10000", "bytes"),
    ],
)
async def test_what_is_too_large_is_refused_whole_and_says_which_limit(bundle: Json, setting: str, has: str) -> None:
    async with bench() as b:
        with pytest.raises(FhirRejected) as caught:
            await b.paced.transact(bundle)

        assert setting in str(caught.value)
        assert has in str(caught.value)
        assert b.server.begun == []


async def test_what_is_just_not_too_large_is_sent(twin: FhirTwin) -> None:
    bundle = about(*"abcdefghij")
    size = len(json.dumps(bundle, separators=(",", ":")))
    assert await PacedFhir(twin, most=1, max_entries=10, max_bytes=size).transact(bundle)
    with pytest.raises(FhirRejected, match=f"{size} bytes"):
        await PacedFhir(twin, most=1, max_entries=10, max_bytes=size - 1).transact(bundle)


async def test_all_else_is_passed_on(twin: FhirTwin) -> None:
    paced = PacedFhir(twin, most=1, max_entries=10, max_bytes=10_000)
    await paced.transact(bundle := about("a"))
    basic = bundle["entry"][0]["resource"]["id"]

    assert (await paced.capabilities())["resourceType"] == "CapabilityStatement"
    assert (await paced.read("Basic", basic) or {})["id"] == basic
    assert [r["id"] for r in await paced.search("Basic", {"_id": basic})] == [basic]
    assert len(await paced.history("Basic", basic)) == 1
    with pytest.raises(ContentNotFound):
        await paced.content("Binary/none")


async def test_a_fence_inside_is_asked_when_the_turn_has_come() -> None:
    async with bench(most=1) as b:
        asked: list[int] = []
        b.server.guard = lambda: asked.append(b.paced.running)
        await b.send("a")
        await b.send("b")
        assert asked == []
        await b.answer("a")
        assert asked == [1]


@given(st.lists(st.sampled_from(["a", "b", "ab", "c"]), max_size=12), st.integers(1, 4), st.randoms())
async def test_everyones_turn_comes_once_and_each_patients_in_order(sent: list[str], most: int, chance: object) -> None:
    async with bench(most) as b:
        for patients in sent:
            await b.send(*patients)
        while b.server.held:
            key = chance.choice(sorted(b.server.held, key=sorted))  # type: ignore[attr-defined]
            await b.answer(*(name.removeprefix("urn:mrn|") for name in key))

        assert len(b.server.order) == len(sent)
        for patient in "abc":
            assert [x.replace("+", "") for x in b.server.order if patient in x] == [x for x in sent if patient in x]


@pytest.mark.parametrize(
    ("resource", "named"),
    [
        ({"subject": {"reference": "Patient/p"}}, {"Patient/p"}),
        ({"subject": {"reference": "Patient/p/_history/3"}}, {"Patient/p"}),
        ({"patient": {"reference": "Patient?identifier=s|v"}}, {"Patient?identifier=s|v"}),
        ({"subject": {"identifier": {"system": "s", "value": "v"}}}, {"s|v"}),
        ({"resourceType": "Patient", "id": "p"}, {"Patient/p"}),
        ({"subject": {"display": "x"}}, set()),
        ({"subject": "x", "patient": None}, set()),
        ({}, set()),
    ],
)
def test_whom_a_bundle_is_about(resource: Json, named: set[str]) -> None:
    assert subjects({"entry": [{"resource": resource}, {"request": {"method": "DELETE"}}]}) == named
