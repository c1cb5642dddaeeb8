"""A dead letter's record runs through its worker as it did in the stream, and what fails is told and not written."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from consumers.broker import Topics
from consumers.dead_letters import DeadLetters, Letter, LetterId, Letters, Settled, Settler
from consumers.extract import ExtractWorker
from consumers.inline import Inline, where
from consumers.memory_broker import MemoryBroker
from consumers.outcomes import Report
from consumers.publish import PublishWorker
from medie_fhir.adapters.fhir_twin import FhirTwin
from medie_fhir.errors import BrokenBase64, FhirUnavailable, NotJson, RecordError
from medie_fhir.pipeline import Pipeline

TOPICS = Topics("events", "extractions", "dead")
NOTE = "Assessment: lung cancer, stage IV."


class Desk:
    """A broker with letters, and what runs them."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.broker = MemoryBroker()
        self.broker.create_topics({"events": 1, "extractions": 1, "dead": 1})
        producer, report = self.broker.producer(), Report()
        self.producer = producer
        workers = (ExtractWorker(pipeline, producer, TOPICS, report), PublishWorker(pipeline, report))
        self.inline = Inline(workers, Settler(self.broker, producer, "dead"))

    async def condemn(self, topic: str, value: bytes | None, stage: str) -> None:
        await self.producer.send(topic, key=b"k", value=value, timestamp_ms=1_700_000_000_000)
        record = self.broker.records(topic)[-1]
        await DeadLetters(self.producer, "dead").send(record, FhirUnavailable(), stage=stage, attempts=1)

    async def run(self) -> None:
        message = self.broker.records("dead")[0]
        await self.inline.handle(Letter.of(message), message)

    @property
    def settled(self) -> list[Settled]:
        return list(Letters(self.broker.records("dead")).settled.values())


@pytest.fixture
def desk(pipeline: Pipeline) -> Desk:
    return Desk(pipeline)


async def test_what_no_longer_fails_is_done_and_its_letter_settled(
    desk: Desk, pipeline: Pipeline, event: Callable[..., bytes], twin: FhirTwin
) -> None:
    await desk.condemn("events", event(NOTE), "extract")
    await desk.run()
    [record] = desk.broker.records("extractions")
    assert pipeline.record(record.value or b"").document.reference == "DocumentReference/d1"
    assert desk.settled == [Settled.REDRIVEN]
    assert len(desk.broker.records("events")) == 1  # it went straight through, and not over the topic
    assert twin.current("Condition") == []


async def test_what_fails_still_is_raised_and_nothing_is_written(desk: Desk) -> None:
    await desk.condemn("events", b"not json", "extract")
    with pytest.raises(NotJson) as failed:
        await desk.run()
    assert where(failed.value).startswith("medie_fhir.event")
    assert desk.settled == []
    assert len(desk.broker.records("dead")) == 1


async def test_the_station_that_failed_is_told(desk: Desk, event: Callable[..., bytes]) -> None:
    broken = {"content": [{"attachment": {"contentType": "text/plain", "data": "!"}}]}
    await desk.condemn("events", event(NOTE, **broken), "extract")
    with pytest.raises(BrokenBase64) as failed:
        await desk.run()
    assert where(failed.value).startswith("medie_fhir.document.")


async def test_the_second_stage_has_its_own_worker(desk: Desk) -> None:
    await desk.condemn("extractions", b"{}", "publish")
    with pytest.raises(RecordError):
        await desk.run()


async def test_what_there_is_nothing_to_do_for_is_done(desk: Desk, event: Callable[..., bytes]) -> None:
    image = {"content": [{"attachment": {"contentType": "image/png", "data": "iVBORw0KGgo="}}]}
    await desk.condemn("events", event(NOTE, **image), "extract")
    await desk.run()
    assert desk.settled == [Settled.REDRIVEN]
    assert desk.broker.records("extractions") == []


def test_the_place_of_a_fault_is_the_last_line_of_our_own() -> None:
    with pytest.raises(ValueError, match="partition") as failed:
        LetterId.parse("x")
    assert where(failed.value).startswith("consumers.dead_letters.letter:")
    assert where(ValueError()) == "?"
