"""One record's way, by the policy of what goes wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from consumers.broker import Message
from consumers.dead_letters import DeadLetters, TooManyDeadLetters
from consumers.dependencies import Dependency
from consumers.lifecycle import Record, State
from consumers.memory_broker import MemoryBroker
from consumers.outcomes import NoteFailed, NoteOutcome, Report, Verdict
from consumers.processing import Processor
from consumers.retrying import RetryOptions
from medie_fhir.errors import (
    FhirConflict,
    FhirError,
    FhirThrottled,
    FhirUnauthorized,
    FhirUnavailable,
    HashMismatch,
    ModelUnavailable,
    NoteSkipped,
)
from medie_fhir.telemetry import trace_headers

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Worker:
    """Raises these, one an attempt, and then succeeds."""

    stage = "test"

    def __init__(self, *errors: BaseException) -> None:
        self.errors = list(errors)
        self.times: list[float] = []
        self.on_attempt: Callable[[], None] = lambda: None

    async def handle(self, message: Message) -> None:
        self.on_attempt()
        self.times.append(asyncio.get_running_loop().time())
        if self.errors:
            raise self.errors.pop(0)


def a_record(offset: int, key: bytes = b"k") -> Record:
    message = Message("t", 0, offset, key, b"v")
    return Record(message, message.place, 1)


class Bench:
    def __init__(self, *errors: BaseException, **options: float) -> None:
        self.broker = MemoryBroker()
        self.broker.create_topics({"dead": 1})
        self.worker = Worker(*errors)
        self.outcomes: list[NoteOutcome] = []
        quick = {"initial_s": 0.001, "max_s": 0.004, "outage_after": 3, "probe_s": 0.005, "spread_s": 0.001}
        letters = DeadLetters(self.broker.producer(), "dead")
        self.report = Report(self.outcomes.append)
        self.away, self.worked, self.probes = False, 0, 0
        fhir = Dependency("fhir", (FhirError,), self.probe, lambda: self.worked)
        retry = RetryOptions(**{**quick, **options})
        self.processor = Processor(self.worker, letters, self.report, retry, dependencies=[fhir])
        self.record = a_record(0)

    async def probe(self) -> None:
        self.probes += 1
        if self.away:
            raise FhirUnavailable("away")

    def beside_others(self) -> None:
        """Have the dependency do something for others at each attempt."""

        def work() -> None:
            self.worked += 1

        self.worker.on_attempt = work

    async def outage(self) -> None:
        async with asyncio.timeout(10):
            while not self.processor.waiting:  # noqa: ASYNC110 - it tells no one
                await asyncio.sleep(0)

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


class Panic(BaseException):
    """As native code raises one."""


@pytest.mark.parametrize("stray", [asyncio.CancelledError, Panic])
async def test_what_no_exception_should_be_is_a_dead_letter_and_not_a_record_undone_for_ever(stray, caplog):
    bench = Bench(stray("Mrs. Jones"))
    assert await bench.process() is State.DONE
    assert [outcome.detail for outcome in bench.outcomes] == [stray.__name__]
    assert "Mrs. Jones" not in caplog.text


async def test_what_is_meant_for_the_task_or_the_program_ends_it_and_leaves_the_record_undone(monkeypatch):
    bench, began = Bench(), asyncio.Event()

    async def for_ever(_: Message) -> None:
        began.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(bench.worker, "handle", for_ever)
    task = asyncio.create_task(bench.process())
    await began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert bench.record.state is State.RUNNING
    bench = Bench(SystemExit())
    with pytest.raises(SystemExit):
        await bench.processor.process(bench.record)
    assert bench.record.state is State.RUNNING


async def test_an_abandoned_record_is_dropped_before_it_begins():
    bench = Bench()
    bench.record.abandon()
    assert await bench.process() is State.DROPPED
    assert bench.worker.times == []


async def test_an_abandoned_record_stops_waiting_for_its_next_attempt():
    bench = Bench(*[FhirConflict()] * 5, initial_s=1000.0, max_s=1000.0)
    running = asyncio.create_task(bench.process())
    await bench.backing_off()
    bench.record.abandon()
    assert await running is State.DROPPED
    assert len(bench.worker.times) == 1


async def test_it_is_an_outage_when_the_dependency_itself_does_not_answer():
    bench = Bench(*[FhirUnavailable("503")] * 3, initial_s=0.001, outage_after=3)
    bench.away = True
    running = asyncio.create_task(bench.process())
    await bench.outage()
    [waiting] = bench.processor.waiting
    assert waiting.dependency == "fhir"
    assert len(bench.worker.times) == 3
    probes = bench.probes
    async with asyncio.timeout(10):
        while bench.probes < probes + 3:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.001)
    assert len(bench.worker.times) == 3  # while it is away, nothing is tried
    bench.away = False
    assert await running is State.DONE
    assert not bench.processor.waiting
    assert not bench.broker.records("dead")


async def test_a_failure_that_took_long_is_asked_about_at_once():
    bench = Bench(FhirUnavailable("no answer in time"), outage_after=100, outage_after_s=0.0)
    await bench.process()
    assert bench.probes == 1


async def test_a_record_that_has_not_begun_waits_for_the_end_of_an_outage():
    bench = Bench(*[FhirUnavailable("503")] * 3, initial_s=0.001, outage_after=3)
    bench.away = True
    running = asyncio.create_task(bench.process())
    await bench.outage()
    other = a_record(1, b"other")
    following = asyncio.create_task(bench.processor.process(other))
    await asyncio.sleep(0.01)
    assert other.state is State.WAITING
    other.abandon()
    await following
    assert other.state is State.DROPPED
    bench.record.abandon()
    assert await running is State.DROPPED
    await bench.processor.aclose()


async def test_a_record_that_fails_while_its_dependency_answers_and_does_nothing_for_anyone_is_tried_for_ever():
    bench = Bench(*[FhirUnavailable("500")] * 30, max_attempts=5)
    assert await bench.process() is State.DONE
    assert len(bench.worker.times) == 31
    assert bench.probes >= 27
    assert bench.processor.struggling == 0


async def test_a_record_that_fails_while_its_dependency_works_for_others_becomes_a_dead_letter():
    bench = Bench(*[FhirUnavailable("500")] * 100, max_attempts=5)
    bench.beside_others()
    assert await bench.process() is State.DONE
    [letter] = bench.broker.records("dead")
    assert dict(letter.headers)["medie.error.class"] == b"FhirUnavailable"
    assert dict(letter.headers)["medie.attempts"] == b"6"  # the first failure has nothing to be compared with
    assert [o.detail for o in bench.outcomes] == ["FhirUnavailable"]


async def test_what_is_throttled_is_never_at_fault():
    bench = Bench(*[FhirThrottled("429")] * 20, max_attempts=2)
    bench.beside_others()
    assert await bench.process() is State.DONE
    assert not bench.broker.records("dead")


async def test_an_error_of_no_dependency_has_an_end():
    bench = Bench(*[ModelUnavailable("of nothing known")] * 9, max_attempts=4)
    assert await bench.process() is State.DONE
    [letter] = bench.broker.records("dead")
    assert dict(letter.headers)["medie.attempts"] == b"4"


async def test_a_burst_of_dead_letters_among_others_stops_the_loop_and_says_what_to_do():
    bench = Bench(dead_letter_burst=3)
    for offset in range(6):
        bench.worker.errors = [HashMismatch("text")] if offset % 2 else []
        await bench.processor.process(a_record(offset))
    bench.worker.errors = [HashMismatch("text")]
    last = a_record(6)
    with pytest.raises(TooManyDeadLetters, match=r"3 of the last 6 records .* dead-letters list"):
        await bench.processor.process(last)
    assert last.state is State.DROPPED
    assert len(bench.broker.records("dead")) == 3


async def test_every_failure_is_counted_by_its_class():
    bench = Bench(FhirConflict(), FhirConflict(), HashMismatch("text"))
    await bench.process()
    assert bench.report.errors() == {("test", "FhirConflict"): 2, ("test", "HashMismatch"): 1}
    assert bench.processor.retries == 2


async def test_the_trace_of_a_record_is_passed_on_while_it_is_handled():
    bench, seen = Bench(), []

    async def handle(message: Message) -> None:
        seen.append(dict(trace_headers()))

    bench.worker.handle = handle  # type: ignore[method-assign]
    headers = (("traceparent", TRACE.encode()), ("other", b"x"), ("tracestate", None))
    message = Message("t", 0, 0, b"k", b"v", headers)
    await bench.processor.process(Record(message, message.place, 1))
    assert seen == [{"traceparent": TRACE}]
    assert not trace_headers()


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
