"""The rig of the loop's tests: an in-memory broker, and a worker that does what each record's value says."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

import pytest

from consumers.broker import Consumer, Message, TopicPartition
from consumers.dead_letters import DeadLetters
from consumers.dependencies import Dependency
from consumers.loop import Loop, LoopOptions
from consumers.memory_broker import MemoryBroker
from consumers.outcomes import NoteOutcome, Report
from consumers.retrying import RetryOptions
from medie_fhir.errors import (
    BrokerUnavailable,
    FhirUnauthorized,
    HashMismatch,
    ModelError,
    ModelUnavailable,
    NoteSkipped,
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
    secret = SECRET

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
        self.on_act: Callable[[], object] = lambda: None
        self.closed = self.away = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def poll(self, timeout_s: float, max_records: int) -> list[Message]:
        self.polls += 1
        self.on_act()  # a poll comes after all else that its thread does
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


class Rig:
    """A broker with a topic, and loops over it."""

    topic, dead_topic, group = TOPIC, DEAD, GROUP

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
        """Wait for something that the consumer's thread does: it is looked for whenever one of our consumers acts."""
        acted, loop = asyncio.Event(), asyncio.get_running_loop()
        for consumer in self.consumers:
            consumer.on_act = lambda: loop.call_soon_threadsafe(acted.set)
        async with asyncio.timeout(20):
            while not true():
                acted.clear()
                await acted.wait()


@pytest.fixture
def new_rig() -> type[Rig]:
    """Make a broker with a topic of so many partitions, and loops over it."""
    return Rig


@pytest.fixture
def new_worker() -> type[Worker]:
    """Make a worker."""
    return Worker


@pytest.fixture
def quick() -> LoopOptions:
    """Options for tests: small bounds, short waits."""
    return QUICK


@pytest.fixture
def numbered() -> Callable[..., list[bytes]]:
    """``numbered(count, start)``: values that count up."""
    return lambda count, start=0: [str(i).encode() for i in range(start, start + count)]


@pytest.fixture
def finished() -> Callable[[Loop], Awaitable[None]]:
    """Run a loop until all that is there is finished."""

    async def finish(loop: Loop) -> None:
        async with asyncio.timeout(30):
            await loop.run(until_end=True)

    return finish
