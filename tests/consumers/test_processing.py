"""One record's way, by the policy of what goes wrong."""

from __future__ import annotations

import asyncio

import pytest

from consumers.broker import Message
from consumers.dead_letters import DeadLetters
from consumers.lifecycle import Record, State
from consumers.memory_broker import MemoryBroker
from consumers.outcomes import NoteFailed, NoteOutcome, Report, Verdict
from consumers.processing import Processor, RetryOptions
from medie_fhir.errors import (
    FhirConflict,
    FhirThrottled,
    FhirUnauthorized,
    HashMismatch,
    NoteSkipped,
)


class Worker:
    """Raises these, one an attempt, and then succeeds."""

    stage = "test"

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.times: list[float] = []

    async def handle(self, message: Message) -> None:
        self.times.append(asyncio.get_running_loop().time())
        if self.errors:
            raise self.errors.pop(0)


class Bench:
    def __init__(self, *errors: Exception, **options: float) -> None:
        self.broker = MemoryBroker()
        self.broker.create_topics({"dead": 1})
        self.worker = Worker(*errors)
        self.outcomes: list[NoteOutcome] = []
        retry = RetryOptions(**{"initial_s": 0.001, "max_s": 0.004, "outage_after": 3, **options})
        letters = DeadLetters(self.broker.producer(), "dead")
        self.processor = Processor(self.worker, letters, Report(self.outcomes.append), retry)
        self.record = Record(Message("t", 0, 0, b"k", b"v"), 1)

    async def process(self) -> State:
        async with asyncio.timeout(10):
            await self.processor.process(self.record)
        return self.record.state

    async def backing_off(self) -> None:
        async with asyncio.timeout(10):
            while self.record.state is not State.BACKING_OFF:  # noqa: ASYNC110 - a record tells no one of its state
                await asyncio.sleep(0)


async def test_a_record_that_succeeds_is_done():
    assert await Bench().process() is State.DONE


async def test_a_transient_error_is_tried_again_for_as_long_as_it_lasts():
    bench = Bench(*[FhirConflict()] * 20)
    assert await bench.process() is State.DONE
    assert len(bench.worker.times) == 21
    assert not bench.broker.records("dead")


async def test_the_server_says_how_long_to_wait():
    bench = Bench(FhirThrottled("busy", retry_after=0.2))
    await bench.process()
    first, second = bench.worker.times
    assert second - first >= 0.19


async def test_no_server_holds_a_record_for_ever():
    bench = Bench(FhirThrottled("busy", retry_after=float("inf")), longest_retry_after_s=0.01)
    assert await bench.process() is State.DONE


async def test_who_is_on_call_can_find_the_record_that_is_stuck(caplog: pytest.LogCaptureFixture):
    bench = Bench(*[FhirConflict("said by the server")] * 3)
    await bench.process()
    assert [r.levelname for r in caplog.records] == ["WARNING"]
    assert "t[0]@0 waits: FhirConflict, attempt 3" in caplog.text
    assert "said by the server" not in caplog.text


async def test_an_abandoned_record_is_dropped_before_it_begins():
    bench = Bench()
    bench.record.abandoned.set()
    assert await bench.process() is State.DROPPED
    assert bench.worker.times == []


async def test_an_abandoned_record_stops_waiting_for_its_next_attempt():
    bench = Bench(*[FhirConflict()] * 5, initial_s=1000.0, max_s=1000.0)
    running = asyncio.create_task(bench.process())
    await bench.backing_off()
    bench.record.abandoned.set()
    assert await running is State.DROPPED
    assert len(bench.worker.times) == 1


async def test_it_is_an_outage_only_when_no_other_record_succeeds():
    bench = Bench(*[FhirConflict()] * 3, initial_s=1000.0, max_s=1000.0, outage_after=1)
    running = asyncio.create_task(bench.process())
    await bench.backing_off()
    assert bench.processor.outage
    bench.worker.errors.clear()
    other = Record(Message("t", 0, 1, b"o", b"v"), 1)
    await bench.processor.process(other)
    assert not bench.processor.outage
    bench.record.abandoned.set()
    await running


async def test_an_outage_is_over_when_those_who_suffer_it_are_dropped():
    bench = Bench(*[FhirConflict()] * 3, initial_s=1000.0, max_s=1000.0, outage_after=1)
    running = asyncio.create_task(bench.process())
    await bench.backing_off()
    bench.record.abandoned.set()
    await running
    assert not bench.processor.outage


async def test_attempts_are_counted_in_the_dead_letter_and_the_document_is_named():
    bench = Bench(FhirConflict(), NoteFailed(HashMismatch("text"), "DocumentReference/1", "|DocumentReference/1"))
    assert await bench.process() is State.DONE
    [letter] = bench.broker.records("dead")
    assert dict(letter.headers)["medie.attempts"] == b"2"
    assert "medie.document" in dict(letter.headers)
    [outcome] = bench.outcomes
    assert (outcome.document, outcome.verdict, outcome.detail) == (
        "DocumentReference/1",
        Verdict.DEAD_LETTER,
        "HashMismatch",
    )


async def test_an_error_carried_by_another_keeps_its_policy():
    skipped = Bench(NoteFailed(NoteSkipped("empty"), "DocumentReference/1"))
    assert await skipped.process() is State.DONE
    assert [(o.verdict, o.detail) for o in skipped.outcomes] == [(Verdict.SKIPPED, "empty")]
    stopped = Bench(NoteFailed(FhirUnauthorized("401")))
    with pytest.raises(FhirUnauthorized):
        await stopped.process()
    assert stopped.record.state is State.DROPPED
