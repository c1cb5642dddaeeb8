"""The laws of the loop, on the in-memory broker, with a worker that does what each record's value says."""

from __future__ import annotations

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pytest

from consumers.broker import Consumer, Message, TopicPartition
from consumers.dead_letters import DeadLetters, TooManyDeadLetters
from consumers.dependencies import Dependency
from consumers.loop import Loop, LoopOptions
from consumers.memory_broker import MemoryBroker
from consumers.outcomes import NoteOutcome, Report, Verdict
from consumers.retrying import RetryOptions
from medie_fhir.errors import (
    BrokerRefused,
    BrokerUnavailable,
    FhirConflict,
    FhirUnauthorized,
    HashMismatch,
    ModelError,
    ModelUnavailable,
    NoteSkipped,
    RecordTooLarge,
)

TOPIC, DEAD, GROUP = "notes", "dead", "readers"
SECRET = "Mrs. Jones has a melanoma"
QUICK = LoopOptions(
    max_in_flight=8,
    commit_interval_s=0.0,
    drain_s=20.0,
    idle_poll_s=0.05,
    busy_poll_s=0.01,
    retry=RetryOptions(initial_s=0.001, max_s=0.01, outage_after=3, probe_s=0.002, longest_probe_s=0.01, spread_s=0.01),
)


class Worker:
    """Fails as the value says; otherwise waits at the gate, where there is one, and yields a few times."""

    stage = "test"

    def __init__(self) -> None:
        self.began: list[Message] = []
        self.handled: list[Message] = []
        self.running = self.most = 0
        self.gates: dict[bytes, asyncio.Event] = {}
        self.down = False
        self.probes = 0
        self._changed = asyncio.Condition()

    @property
    def model(self) -> Dependency:
        """What it depends on."""
        return Dependency("model", (ModelError,), self._probe, lambda: len(self.handled))

    async def _probe(self) -> None:
        self.probes += 1
        if self.down:
            raise ModelUnavailable("away")

    def gate(self, value: bytes) -> asyncio.Event:
        return self.gates.setdefault(value, asyncio.Event())

    async def handle(self, message: Message) -> None:
        value = message.value or b""
        self.began.append(message)
        self.running += 1
        self.most = max(self.most, self.running)
        await self._tell()
        try:
            if value in self.gates:
                await self.gates[value].wait()
            for _ in range(message.offset % 3):
                await asyncio.sleep(0)
            if self.down:
                raise ModelUnavailable("away")
            await self._obey(value)
            self.handled.append(message)
        finally:
            self.running -= 1
            await self._tell()

    async def _obey(self, value: bytes) -> None:
        if value.startswith(b"poison"):
            raise HashMismatch(SECRET)
        if value.startswith(b"bug"):
            raise ValueError(SECRET)
        if value.startswith(b"skip"):
            raise NoteSkipped("image")
        if value.startswith(b"stop"):
            raise FhirUnauthorized(SECRET)

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(20), self._changed:
            await self._changed.wait_for(true)

    @property
    def values(self) -> list[bytes | None]:
        return [message.value for message in self.handled]


class Wrapped:
    """A consumer that tells what was asked of it, and fails where it is told to."""

    def __init__(self, inner: Consumer) -> None:
        self.inner = inner
        self.polls = 0
        self.paused: set[TopicPartition] = set()
        self.commits: list[dict[TopicPartition, int]] = []
        self.commit_errors: list[Exception] = []
        self.poll_errors: list[BaseException] = []
        self.crash_when: Callable[[], bool] = lambda: False
        self.closed = self.away = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def poll(self, timeout_s: float, max_records: int) -> list[Message]:
        self.polls += 1
        if self.crash_when():
            raise RuntimeError("crash")
        if self.poll_errors:
            raise self.poll_errors.pop()
        return self.inner.poll(timeout_s, max_records)

    def pause(self, partitions: Iterable[TopicPartition]) -> None:
        self.paused |= set(partitions)
        self.inner.pause(partitions)

    def resume(self, partitions: Iterable[TopicPartition]) -> None:
        self.paused -= set(partitions)
        self.inner.resume(partitions)

    def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        if self.commit_errors:
            raise self.commit_errors.pop()
        self.inner.commit(offsets)
        self.commits.append(dict(offsets))

    def end_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        if self.away:
            raise BrokerUnavailable("away")
        return self.inner.end_offsets(partitions)

    def close(self) -> None:
        self.closed = True
        self.inner.close()


class FailingDeadLetters(DeadLetters):
    """Fails with these errors first."""

    def __init__(self, broker: MemoryBroker, errors: list[Exception]) -> None:
        super().__init__(broker.producer(), DEAD)
        self.errors = errors

    async def send(self, *args: Any, **kwargs: Any) -> None:
        if self.errors:
            raise self.errors.pop(0)
        await super().send(*args, **kwargs)


class Rig:
    """A broker with a topic, and loops over it."""

    def __init__(self, partitions: int = 2) -> None:
        self.broker = MemoryBroker()
        self.broker.create_topics({TOPIC: partitions, DEAD: 1})
        self.partitions = [TopicPartition(TOPIC, number) for number in range(partitions)]
        self.outcomes: list[NoteOutcome] = []
        self.report = Report(self.outcomes.append)
        self.consumers: list[Wrapped] = []

    def write(self, *values: bytes, key: bytes | None = None) -> None:
        for value in values:
            self.broker.append(TOPIC, value if key is None else key, value, (("h", b"1"),), None)

    def loop(self, worker: Worker, options: LoopOptions = QUICK, dead_letters: DeadLetters | None = None) -> Loop:
        self.consumers.append(Wrapped(self.broker.consumer(TOPIC, GROUP)))
        return Loop(
            consumer=self.consumers[-1],
            worker=worker,
            dead_letters=dead_letters or DeadLetters(self.broker.producer(), DEAD),
            report=self.report,
            options=options,
            dependencies=[worker.model],
        )

    @property
    def committed(self) -> int:
        return sum(self.broker.committed(GROUP, p) or 0 for p in self.partitions)

    @property
    def dead(self) -> list[Message]:
        return self.broker.records(DEAD)

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait for something that the consumer's thread does."""
        async with asyncio.timeout(20):
            while not true():  # noqa: ASYNC110 - what is waited for is in another thread, and tells no one
                await asyncio.sleep(0.002)


def numbered(count: int, start: int = 0) -> list[bytes]:
    return [str(i).encode() for i in range(start, start + count)]


async def finish(loop: Loop) -> None:
    async with asyncio.timeout(30):
        await loop.run(until_end=True)


async def test_all_records_are_handled_once_and_committed():
    rig, worker = Rig(3), Worker()
    rig.write(*numbered(100))
    await finish(rig.loop(worker))
    assert sorted(worker.values) == sorted(numbered(100))
    assert rig.committed == 100
    assert rig.consumers[0].closed


async def test_until_end_returns_where_there_is_nothing_to_do():
    rig, worker = Rig(), Worker()
    await finish(rig.loop(worker))
    rig.write(*numbered(3))
    await finish(rig.loop(worker))
    await finish(rig.loop(worker))
    assert len(worker.handled) == 3


async def test_records_of_one_key_run_one_after_another_and_others_side_by_side():
    rig, worker = Rig(2), Worker()
    for i in range(120):
        rig.write(str(i).encode(), key=f"k{random.Random(i).randrange(5)}".encode())
    await finish(rig.loop(worker))
    by_key = defaultdict(list)
    for message in worker.handled:
        by_key[message.key].append(message.offset)
    assert all(offsets == sorted(offsets) for offsets in by_key.values())
    assert 1 < worker.most <= 5


async def test_no_more_records_are_in_flight_than_allowed():
    rig, worker = Rig(2), Worker()
    rig.write(*numbered(60))
    for value in numbered(60):
        worker.gate(value)
    running = asyncio.create_task(finish(rig.loop(worker)))
    await worker.until(lambda: worker.running == QUICK.max_in_flight)
    await rig.until(lambda: rig.consumers[0].paused == set(rig.partitions))
    assert len(worker.began) == QUICK.max_in_flight
    for gate in worker.gates.values():
        gate.set()
    await running
    assert worker.most == QUICK.max_in_flight
    assert len(worker.handled) == 60


async def test_nothing_is_committed_past_an_unfinished_record():
    rig, worker = Rig(1), Worker()
    rig.write(*numbered(20))
    gate = worker.gate(b"5")
    running = asyncio.create_task(finish(rig.loop(worker)))
    await worker.until(lambda: len(worker.handled) == 19)
    await rig.until(lambda: rig.committed == 5)
    gate.set()
    await running
    assert rig.committed == 20
    assert all(0 < offset <= 5 or offset == 20 for commit in rig.consumers[0].commits for offset in commit.values())


async def test_a_stuck_record_stops_its_partition_at_the_span_limit_and_no_other():
    rig, worker = Rig(2), Worker()
    rig.write(*numbered(400))
    stuck = rig.broker.log_of(rig.partitions[0])[0].value
    gate = worker.gate(stuck)
    options = LoopOptions(**{f: getattr(QUICK, f) for f in QUICK.__slots__ if f != "span_limit"}, span_limit=20)
    running = asyncio.create_task(finish(rig.loop(worker, options)))
    other = len(rig.broker.log_of(rig.partitions[1]))
    await worker.until(lambda: sum(m.partition == 1 for m in worker.handled) == other)
    await rig.until(lambda: rig.consumers[0].paused == {rig.partitions[0]})
    assert sum(m.partition == 0 for m in worker.began) <= 20 + QUICK.max_in_flight
    gate.set()
    await running
    assert len(worker.handled) == 400


async def test_after_a_crash_every_record_is_handled_and_few_of_them_twice():
    rig, worker = Rig(2), Worker()
    rig.write(*numbered(100))
    crashing = rig.loop(worker)
    rig.consumers[0].crash_when = lambda: len(worker.handled) > 40
    with pytest.raises(RuntimeError, match="crash"):
        await finish(crashing)
    assert rig.committed < 100
    await finish(rig.loop(worker))
    times = Counter(worker.values)
    assert set(times) == set(numbered(100))
    # What ran, and what ended while the last poll took its place.
    assert sum(times.values()) - 100 <= 2 * QUICK.max_in_flight
    assert rig.committed == 100


async def test_a_poison_record_becomes_a_dead_letter_and_the_stream_goes_on():
    rig, worker = Rig(1), Worker()
    rig.write(b"1", b"poison", b"2")
    await finish(rig.loop(worker))
    assert worker.values == [b"1", b"2"]
    assert rig.committed == 3
    [letter] = rig.dead
    assert (letter.key, letter.value, letter.headers[0]) == (b"poison", b"poison", ("h", b"1"))
    headers = dict(letter.headers)
    assert headers["__connect.errors.topic"] == TOPIC.encode()
    assert headers["__connect.errors.offset"] == b"1"
    assert headers["medie.error.class"] == b"HashMismatch"
    assert [(o.verdict, o.detail, o.offset) for o in rig.outcomes] == [(Verdict.DEAD_LETTER, "HashMismatch", 1)]


async def test_a_bug_becomes_a_dead_letter_by_the_name_of_its_class_alone(caplog):
    rig, worker = Rig(1), Worker()
    rig.write(b"bug", b"poison", b"1")
    with caplog.at_level("DEBUG"):
        await finish(rig.loop(worker))
    classes = {dict(letter.headers)["medie.error.class"] for letter in rig.dead}
    assert classes == {b"ValueError", b"HashMismatch"}
    assert "ValueError" in caplog.text
    assert SECRET not in caplog.text
    assert SECRET.encode() not in b"".join(part or b"" for letter in rig.dead for _, part in letter.headers)


async def test_a_skipped_record_is_done_and_counted_with_its_reason():
    rig, worker = Rig(1), Worker()
    rig.write(b"skip", b"1")
    await finish(rig.loop(worker))
    assert rig.committed == 2
    assert not rig.dead
    assert [(o.verdict, o.detail) for o in rig.outcomes] == [(Verdict.SKIPPED, "image")]
    assert rig.report.counts() == {("test", Verdict.SKIPPED): 1}


async def test_an_outage_pauses_the_partitions_and_ends_by_itself():
    rig, worker = Rig(2), Worker()
    worker.down = True
    rig.write(*numbered(4))
    loop = rig.loop(worker)
    running = asyncio.create_task(loop.run())
    consumer = rig.consumers[0]
    await rig.until(lambda: consumer.paused == set(rig.partitions))
    rig.write(*numbered(30, 4))
    polls, probes, attempts = consumer.polls, worker.probes, len(worker.began)
    await rig.until(lambda: consumer.polls > polls + 20 and worker.probes > probes + 5)
    assert len(worker.began) == attempts  # polled on, and nothing begun, nor tried again
    assert [waiting.dependency for waiting in loop.view().waiting] == ["model"]
    assert rig.committed == 0
    worker.down = False
    await rig.until(lambda: rig.committed == 34)
    assert sorted(worker.values) == sorted(numbered(34))
    await rig.until(lambda: not consumer.paused)
    loop.stop()
    await running
    assert not rig.dead


async def test_an_error_that_says_stop_stops_and_leaves_its_record_undone():
    rig, worker = Rig(1), Worker()
    rig.write(b"1", b"2", b"stop", b"4")
    with pytest.raises(FhirUnauthorized):
        await finish(rig.loop(worker))
    assert rig.committed == 2
    assert rig.consumers[0].closed
    assert not rig.dead


async def test_after_a_stop_no_later_record_of_the_key_begins():
    rig, worker = Rig(1), Worker()
    rig.write(b"stop", b"later", key=b"k")
    with pytest.raises(FhirUnauthorized):
        await finish(rig.loop(worker))
    assert worker.handled == []
    assert len(worker.began) == 1


async def test_a_record_whose_dead_letter_cannot_be_written_stays_undone():
    rig, worker = Rig(1), Worker()
    rig.write(b"1", b"poison", b"2")
    with pytest.raises(BrokerRefused):
        await finish(rig.loop(worker, dead_letters=FailingDeadLetters(rig.broker, [BrokerRefused("no ACL")])))
    assert rig.committed == 1
    await finish(rig.loop(worker))
    assert rig.committed == 3
    assert len(rig.dead) == 1


async def test_a_dead_letter_is_sent_until_it_is_acknowledged():
    rig, worker = Rig(1), Worker()
    rig.write(b"poison")
    errors: list[Exception] = [BrokerUnavailable("away")] * 7
    await finish(rig.loop(worker, dead_letters=FailingDeadLetters(rig.broker, errors)))
    assert rig.committed == 1
    assert len(rig.dead) == 1
    assert errors == []


async def test_a_dead_letter_too_large_for_its_reference_stops_the_loop():
    rig, worker = Rig(1), Worker()
    rig.write(b"poison")
    with pytest.raises(RecordTooLarge):
        await finish(rig.loop(worker, dead_letters=FailingDeadLetters(rig.broker, [RecordTooLarge("key")])))
    assert rig.committed == 0


async def test_a_burst_of_dead_letters_stops_the_loop_and_does_not_empty_the_topic():
    rig, worker = Rig(1), Worker()
    rig.write(*(b"poison%d" % i for i in range(50)))
    retry = RetryOptions(initial_s=0.001, max_s=0.01, dead_letter_burst=10)
    with pytest.raises(TooManyDeadLetters, match="HashMismatch"):
        await finish(rig.loop(worker, LoopOptions(max_in_flight=4, idle_poll_s=0.05, drain_s=20, retry=retry)))
    letters = {int(dict(letter.headers)["__connect.errors.offset"]) for letter in rig.dead}
    assert len(letters) == 10
    assert set(range(rig.committed)) <= letters


async def test_a_failed_commit_is_made_again():
    rig, worker = Rig(1), Worker()
    rig.write(*numbered(5))
    loop = rig.loop(worker)
    rig.consumers[0].commit_errors = [BrokerUnavailable("rebalance")] * 3
    await finish(loop)
    assert rig.committed == 5


async def test_a_broker_that_is_away_is_named_until_it_answers():
    rig, worker = Rig(1), Worker()
    loop = rig.loop(worker)
    consumer = rig.consumers[0]
    running = asyncio.create_task(loop.run())
    await rig.until(lambda: bool(consumer.assignment()))
    consumer.away = True
    consumer.poll_errors = [BrokerUnavailable("away")]
    await rig.until(lambda: [w.dependency for w in loop.view().waiting] == ["kafka"])
    consumer.away = False
    await rig.until(lambda: loop.view().waiting == ())
    loop.stop()
    await running


async def test_a_commit_that_fails_in_a_rebalance_is_no_outage(caplog: pytest.LogCaptureFixture):
    rig, worker = Rig(1), Worker()
    rig.write(*numbered(5))
    loop = rig.loop(worker)
    rig.consumers[0].commit_errors = [BrokerUnavailable("rebalance")] * 3
    await finish(loop)
    assert loop.view().commit_failures == 3
    assert "away" not in caplog.text


async def test_a_poll_that_fails_is_made_again():
    rig, worker = Rig(1), Worker()
    rig.write(*numbered(5))
    loop = rig.loop(worker)
    rig.consumers[0].poll_errors = [BrokerUnavailable("away")] * 3
    await finish(loop)
    assert rig.committed == 5


@pytest.mark.parametrize("errors", ["poll_errors", "commit_errors"])
async def test_a_member_that_is_fenced_off_ends(errors):
    rig, worker = Rig(1), Worker()
    rig.write(*numbered(5))
    loop = rig.loop(worker)
    setattr(rig.consumers[0], errors, [BrokerRefused("fenced")])
    with pytest.raises(BrokerRefused):
        await finish(loop)


async def test_an_idle_member_commits_again_so_that_a_fenced_one_learns_it():
    rig, worker = Rig(1), Worker()
    rig.write(*numbered(5))
    await_first = LoopOptions(commit_interval_s=0.0, idle_commit_s=0.0, idle_poll_s=0.01)
    loop = rig.loop(worker, await_first)
    running = asyncio.create_task(loop.run())
    await rig.until(lambda: rig.committed == 5)
    commits = len(rig.consumers[0].commits)
    await rig.until(lambda: len(rig.consumers[0].commits) > commits + 3)
    rig.consumers[0].commit_errors = [BrokerRefused("fenced")]
    with pytest.raises(BrokerRefused):
        await running


async def test_stopping_finishes_what_runs_commits_it_and_begins_nothing():
    rig, worker = Rig(1), Worker()
    rig.write(b"a1", b"a2", key=b"a")
    rig.write(b"b1", key=b"b")
    worker.gate(b"a1")
    worker.gate(b"b1")
    loop = rig.loop(worker)
    running = asyncio.create_task(loop.run())
    await worker.until(lambda: worker.running == 2)
    loop.stop()
    worker.gate(b"a1").set()
    worker.gate(b"b1").set()
    await running
    assert sorted(worker.values) == [b"a1", b"b1"]
    assert rig.committed == 1  # b1 is done, but a2 before it is not
    assert rig.consumers[0].closed


async def test_what_is_not_finished_in_time_is_not_committed():
    rig, worker = Rig(1), Worker()
    rig.write(b"1", b"2", b"3")
    worker.gate(b"2")
    options = LoopOptions(idle_poll_s=0.01, busy_poll_s=0.01, drain_s=0.05)
    loop = rig.loop(worker, options)
    running = asyncio.create_task(loop.run())
    await worker.until(lambda: len(worker.handled) == 2)
    loop.stop()
    await running
    assert rig.committed == 1
    assert worker.running == 0


async def test_cancelling_stops_in_good_order():
    rig, worker = Rig(1), Worker()
    rig.write(*numbered(3))
    running = asyncio.create_task(rig.loop(worker).run())
    await worker.until(lambda: len(worker.handled) == 3)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert rig.committed == 3
    assert rig.consumers[0].closed


async def test_a_partition_that_goes_is_drained_and_committed_first():
    rig, first, second = Rig(2), Worker(), Worker()
    rig.write(*numbered(8))
    for value in numbered(8):
        first.gate(value)
    one = rig.loop(first)
    ones = asyncio.create_task(one.run())
    await first.until(lambda: first.running == 8)
    two = rig.loop(second)
    twos = asyncio.create_task(two.run())
    await rig.until(lambda: rig.consumers[1].polls > 3)
    assert not rig.consumers[1].assignment()  # waits for the other to give up
    for gate in first.gates.values():
        gate.set()
    await rig.until(lambda: len(rig.consumers[1].assignment()) == 1)
    rig.write(*numbered(20, 8))
    await rig.until(lambda: rig.committed == 28)
    one.stop()
    two.stop()
    await asyncio.gather(ones, twos)
    assert sorted(first.values + second.values) == sorted(numbered(28))  # none twice
    assert second.handled


async def test_what_is_not_drained_in_time_is_handled_by_the_next_owner():
    rig, first, second = Rig(2), Worker(), Worker()
    rig.write(*numbered(8))
    for value in numbered(8):
        first.gate(value)
    slow = LoopOptions(idle_poll_s=0.01, busy_poll_s=0.01, commit_interval_s=0.0, drain_s=0.05)
    one, two = rig.loop(first, slow), rig.loop(second)
    ones = asyncio.create_task(one.run())
    await first.until(lambda: first.running == 8)
    twos = asyncio.create_task(two.run())
    moved = rig.partitions[1]
    count = len(rig.broker.log_of(moved))
    await second.until(lambda: len(second.handled) == count)
    await rig.until(lambda: rig.broker.committed(GROUP, moved) == count)
    assert {m.place for m in second.handled} == {moved}
    for gate in first.gates.values():
        gate.set()
    await rig.until(lambda: rig.committed == 8)
    assert all(moved not in commit for commit in rig.consumers[0].commits)  # the late results moved nothing
    one.stop()
    two.stop()
    await asyncio.gather(ones, twos)
    assert len(first.handled) == 8


async def test_late_results_of_a_lost_partition_move_no_offset():
    rig, worker = Rig(1), Worker()
    rig.write(b"1", b"2", b"3")
    gate = worker.gate(b"1")
    loop = rig.loop(worker)
    running = asyncio.create_task(loop.run())
    await worker.until(lambda: len(worker.handled) == 2)
    rig.broker.expire(rig.consumers[0].inner)
    await worker.until(lambda: Counter(worker.values)[b"3"] == 2)  # it joined again, and got all again
    assert rig.committed == 0
    assert Counter(m.value for m in worker.began)[b"1"] == 1  # in its lane, behind the late one
    gate.set()
    await rig.until(lambda: rig.committed == 3)
    loop.stop()
    await running
    assert Counter(worker.values) == {b"1": 2, b"2": 2, b"3": 2}


async def test_no_more_bytes_are_in_flight_than_allowed_but_for_one_record():
    rig, worker = Rig(1), Worker()
    rig.write(*(b"%d" % i + b"x" * 999 for i in range(8)))
    for message in rig.broker.log_of(rig.partitions[0]):
        worker.gate(message.value)
    options = LoopOptions(
        max_in_flight=2, max_in_flight_bytes=1500, commit_interval_s=0.0, idle_poll_s=0.01, busy_poll_s=0.01
    )
    loop = rig.loop(worker, options)
    running = asyncio.create_task(finish(loop))
    await rig.until(lambda: loop.view().in_flight_bytes >= 1500 and bool(rig.consumers[0].paused))
    for gate in worker.gates.values():
        gate.set()
    await running
    assert len(worker.handled) == 8
    assert worker.most <= 2
    assert loop.view().in_flight_bytes == 0


async def test_a_view_shows_each_partition_and_what_is_unfinished():
    rig, worker = Rig(1), Worker()
    rig.write(*numbered(5))
    gate = worker.gate(b"2")
    loop = rig.loop(worker)
    running = asyncio.create_task(loop.run())
    await worker.until(lambda: len(worker.handled) == 4)
    await rig.until(lambda: rig.committed == 2 and len(loop.view().partitions) == 1)
    view = loop.view()
    [partition] = view.partitions
    assert (partition.position, partition.watermark, partition.committed, partition.end) == (5, 2, 2, 5)
    assert (partition.unfinished, partition.lag, partition.paused) == (1, 3, False)
    assert partition.oldest_s is not None
    assert (view.stage, view.running, view.in_flight, view.finished) == ("test", True, 1, 4)
    assert view.in_flight_bytes == 2  # key and value
    assert view.polled_s < 20
    assert view.heartbeat_s < 20
    assert view.rebalances >= 1
    assert view.commits >= 1
    gate.set()
    await rig.until(lambda: rig.committed == 5)
    loop.stop()
    await running
    assert not loop.view().running


async def test_a_member_that_was_frozen_may_not_write_before_it_has_polled_again():
    rig, worker, now = Rig(1), Worker(), [0.0]
    loop = Loop(
        consumer=rig.broker.consumer(TOPIC, GROUP),
        worker=worker,
        dead_letters=DeadLetters(rig.broker.producer(), DEAD),
        report=rig.report,
        options=LoopOptions(absent_after_s=40.0),
        monotonic=lambda: now[0],
    )
    assert loop.view().polled_s == float("inf")
    await finish(loop)
    loop.check_presence()
    now[0] = 41.0
    with pytest.raises(FhirConflict):
        loop.check_presence()


class Chaos:
    """Members of one group that come and go as a seed says, while records are written and the world fails."""

    options = LoopOptions(
        max_in_flight=6, commit_interval_s=0.0, idle_poll_s=0.01, busy_poll_s=0.005, drain_s=5.0, retry=QUICK.retry
    )

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.rig, self.worker = Rig(4), Worker()
        self.members: list[tuple[Loop, Wrapped, asyncio.Task[None]]] = []
        self.written = 0

    def write(self) -> None:
        for i in range(self.written, self.written + 20):
            self.rig.write(b"%d" % i, key=b"k%d" % (i % 13))
        self.written += 20

    def join(self) -> None:
        if len(self.members) < 3:
            loop = self.rig.loop(self.worker, self.options)
            self.members.append((loop, self.rig.consumers[-1], asyncio.create_task(loop.run())))

    def outage(self) -> None:
        self.worker.down = not self.worker.down

    def expire(self) -> None:
        if self.members:
            self.rig.broker.expire(self.rng.choice(self.members)[1].inner)

    async def leave(self) -> None:
        if self.members:
            loop, _, task = self.members.pop(self.rng.randrange(len(self.members)))
            loop.stop()
            await task

    async def crash(self) -> None:
        if self.members:
            _, consumer, task = self.members.pop(self.rng.randrange(len(self.members)))
            consumer.crash_when = lambda: True
            with pytest.raises(RuntimeError, match="crash"):
                await task

    async def act(self) -> None:
        acts = [self.write, self.write, self.join, self.leave, self.crash, self.expire, self.outage]
        waits = self.rng.choice(acts)()
        if waits is not None:
            await waits
        began, probes = len(self.worker.began), self.worker.probes
        await self.rig.until(
            lambda: (
                not self.members
                or len(self.worker.began) > began
                or self.worker.probes > probes  # an outage: what waits begins when it is over
                or self.rig.committed == self.written
            )
        )

    async def finish(self) -> None:
        self.worker.down = False
        while self.members:
            await self.leave()
        await finish(self.rig.loop(self.worker, self.options))

    def check_commits(self) -> None:
        """Nothing unfinished is below a commit."""
        done = {(m.partition, m.offset) for m in self.worker.handled}
        for partition in self.rig.partitions:
            committed = self.rig.broker.committed(GROUP, partition) or 0
            assert {(partition.partition, offset) for offset in range(committed)} <= done

    def check_order(self) -> None:
        """What was handled for the first time was handled in the order of its key."""
        first: dict[bytes | None, list[int]] = defaultdict(list)
        for message in self.worker.handled:
            if message.offset not in first[message.key]:
                first[message.key].append(message.offset)
        assert all(offsets == sorted(offsets) for offsets in first.values())


@pytest.mark.parametrize("seed", range(6))
async def test_members_that_join_leave_crash_and_expire_lose_nothing(seed):
    chaos = Chaos(seed)
    for _ in range(25):
        await chaos.act()
        chaos.check_commits()
    await chaos.finish()
    chaos.check_commits()
    chaos.check_order()
    assert {m.value for m in chaos.worker.handled} == {b"%d" % i for i in range(chaos.written)}
    assert chaos.rig.committed == chaos.written
    assert not chaos.rig.dead
