"""The two halves together, over the in-memory broker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from consumers.loop import Loop
from consumers.memory_broker import MemoryBroker
from consumers.outcomes import NoteOutcome, Report
from consumers.programs import extract_loop, publish_loop, run_together
from medie_fhir.errors import FhirUnauthorized, FhirUnavailable
from medie_fhir.model import Json
from medie_fhir.settings import Settings
from medie_fhir.wiring import WatchedPipeline

SETTINGS = Settings()
KAFKA = SETTINGS.kafka


class Both:
    """The two loops, on a broker with these events."""

    def __init__(self, pipeline: WatchedPipeline, stack: ExitStack, *events: bytes) -> None:
        self.broker = MemoryBroker()
        self.broker.create_topics({KAFKA.events: 2, KAFKA.extractions: 2, KAFKA.dead_letters: 1})
        for number, value in enumerate(events):
            self.broker.append(KAFKA.events, b"k%d" % number, value, (), None)
        self.outcomes: list[NoteOutcome] = []
        report = Report(self.outcomes.append)
        self.loops: list[Loop] = [
            stack.enter_context(half(SETTINGS, self.broker, pipeline, report)) for half in (extract_loop, publish_loop)
        ]

    async def run(self, *, until_end: bool = False) -> None:
        async with asyncio.timeout(30):
            await run_together(self.loops, self.stop_all, until_end=until_end)

    def stop_all(self) -> None:
        for loop in self.loops:
            loop.stop()


@pytest.fixture
def both(pipeline: WatchedPipeline) -> Iterator[Callable[..., Both]]:
    with ExitStack() as stack:
        yield lambda *events: Both(pipeline, stack, *events)


async def test_until_the_end_means_until_what_the_first_half_wrote_is_published_too(both, event, model, twin):
    model.script = {"lung": {"cancer_type": "lung cancer"}}
    rig = both(*(event("Assessment: lung cancer.", f"d{number}") for number in range(20)))
    await rig.run(until_end=True)
    assert len([o for o in rig.outcomes if o.stage == "publish"]) == 20
    assert len(twin.current("Condition")) == 20


async def test_when_one_half_must_stop_the_other_stops_in_good_order(both, event, model, twin, monkeypatch):
    async def refused(bundle: Json) -> Json:
        raise FhirUnauthorized("401")

    model.script = {"lung": {"cancer_type": "lung cancer"}}
    monkeypatch.setattr(twin, "transact", refused)
    rig = both(event("Assessment: lung cancer.", "d1"))
    with pytest.raises(FhirUnauthorized):
        await rig.run()
    assert not any(loop.view().running for loop in rig.loops)


async def test_a_server_that_is_away_is_named_by_the_half_that_needs_it(both, event, model, twin, monkeypatch):
    async def away(*_: object) -> Json:
        raise FhirUnavailable("503")

    model.script = {"lung": {"cancer_type": "lung cancer"}}
    working: dict[str, Callable[..., object]] = {name: getattr(twin, name) for name in ("transact", "capabilities")}
    for name in working:
        monkeypatch.setattr(twin, name, away)
    rig = both(event("Assessment: lung cancer.", "d1"))
    running = asyncio.create_task(rig.run())
    extracting, publishing = rig.loops
    async with asyncio.timeout(30):
        while not publishing.view().waiting:  # noqa: ASYNC110 - a loop tells no one
            await asyncio.sleep(0.02)
    assert [w.dependency for w in publishing.view().waiting] == ["fhir"]
    assert extracting.view().waiting == ()
    for name, work in working.items():
        monkeypatch.setattr(twin, name, work)
    async with asyncio.timeout(30):
        while not twin.current("Condition"):  # noqa: ASYNC110 - nor does the server
            await asyncio.sleep(0.02)
    rig.stop_all()
    await running
