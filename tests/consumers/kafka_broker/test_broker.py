"""The loop on a real broker, and what only a real broker does."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable

import pytest
from kafka import KafkaProducer

from consumers.broker import Message, Producer, TopicPartition
from consumers.dead_letters import DeadLetters
from consumers.kafka_broker import KafkaBroker
from consumers.loop import Loop, LoopOptions
from consumers.outcomes import Report
from medie_fhir.errors import BrokerUnavailable, HashMismatch, MemberFenced
from medie_fhir.settings import KafkaSettings

pytestmark = pytest.mark.kafka
OPTIONS = LoopOptions(max_in_flight=16, commit_interval_s=0.1, drain_s=10.0)


class Worker:
    """Keeps what it handled; ``poison`` fails; waits at the gate where one is set."""

    stage = "test"

    def __init__(self) -> None:
        self.handled: list[bytes | None] = []
        self.running = 0
        self.gate: asyncio.Event | None = None

    async def handle(self, message: Message) -> None:
        self.running += 1
        if self.gate is not None:
            await self.gate.wait()
        self.running -= 1
        if message.value == b"poison":
            raise HashMismatch("text")
        self.handled.append(message.value)


@pytest.fixture
def kafka(kafka_address) -> KafkaBroker:
    return KafkaBroker(kafka_address, session_timeout_s=6.0, bootstrap_timeout_s=10.0)


@pytest.fixture
def broker(kafka) -> KafkaBroker:
    return kafka


@pytest.fixture
def loop_of(kafka, name):
    producer = kafka.producer()

    def make(worker: Worker, **options: str) -> Loop:
        consumer = kafka.consumer(name, name, **options)
        letters = DeadLetters(producer, f"{name}-dead")
        return Loop(consumer=consumer, worker=worker, dead_letters=letters, report=Report(), options=OPTIONS)

    yield make
    producer.close()


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not true():  # noqa: ASYNC110 - what is waited for is in another thread, and tells no one
            await asyncio.sleep(0.01)


async def off_loop(do: Callable[..., None], *args: object) -> None:
    await asyncio.get_running_loop().run_in_executor(None, do, *args)


def records(count: int, start: int = 0) -> list[tuple[bytes, bytes]]:
    return [(b"k%d" % (i % 11), b"%d" % i) for i in range(start, start + count)]


async def test_the_loop_handles_all_and_resumes_after_what_it_committed(kafka, name, produce, join, loop_of):
    kafka.create_topics({name: 3, f"{name}-dead": 1})
    await off_loop(produce, name, *records(50), (b"k", b"poison"))
    worker = Worker()
    await loop_of(worker).run(until_end=True)
    assert Counter(worker.handled) == Counter(value for _, value in records(50))
    await off_loop(produce, name, *records(10, 50))
    again = Worker()
    await loop_of(again).run(until_end=True)
    assert Counter(again.handled) == Counter(value for _, value in records(10, 50))
    reader = join(f"{name}-dead", f"{name}-reader")
    await off_loop(reader.saw, [b"poison"])
    assert dict(reader.messages[0].headers)["medie.error.class"] == b"HashMismatch"


async def test_partitions_that_move_are_drained_so_that_nothing_is_handled_twice(kafka, name, produce, loop_of):
    kafka.create_topics({name: 4, f"{name}-dead": 1})
    await off_loop(produce, name, *records(16))
    first, second = Worker(), Worker()
    first.gate = asyncio.Event()
    one = await asyncio.to_thread(loop_of, first)
    ones = asyncio.create_task(one.run())
    await until(lambda: first.running == 11)  # a lane for each key
    two = await asyncio.to_thread(loop_of, second)
    twos = asyncio.create_task(two.run())
    await until(lambda: bool(one._lanes._watches))  # asked to give up, and waiting for what runs
    assert not second.handled
    first.gate.set()
    await off_loop(produce, name, *records(100, 16))
    await until(lambda: len(first.handled) + len(second.handled) >= 116 and bool(second.handled))
    one.stop()
    two.stop()
    await asyncio.gather(ones, twos)
    assert Counter(first.handled + second.handled) == Counter(value for _, value in records(116))


async def test_a_member_that_another_of_its_name_fences_off_ends(name, produce, loop_of, kafka):
    kafka.create_topics({name: 2, f"{name}-dead": 1})
    await off_loop(produce, name, *records(4))
    first, second = Worker(), Worker()
    one = await asyncio.to_thread(loop_of, first, instance_id="same")
    ones = asyncio.create_task(one.run())
    await until(lambda: len(first.handled) == 4)
    two = await asyncio.to_thread(loop_of, second, instance_id="same")
    twos = asyncio.create_task(two.run())
    await until(lambda: two._consumer.assignment() != frozenset())
    await off_loop(produce, name, *records(20, 4))
    async with asyncio.timeout(30):
        with pytest.raises(MemberFenced):
            await ones
    await until(lambda: len(second.handled) >= 20)
    two.stop()
    await twos


async def test_what_its_sender_took_back_never_happened(kafka, kafka_address, name, produce, loop_of):
    kafka.create_topics({name: 1, f"{name}-dead": 1})

    def transact() -> None:
        producer = KafkaProducer(bootstrap_servers=kafka_address, transactional_id=name)
        producer.init_transactions()
        for value, end in ((b"kept", producer.commit_transaction), (b"taken back", producer.abort_transaction)):
            producer.begin_transaction()
            producer.send(name, key=b"k", value=value)
            producer.flush()
            end()
        producer.close()

    await asyncio.to_thread(transact)
    worker = Worker()
    async with asyncio.timeout(30):
        await loop_of(worker).run(until_end=True)  # the end is behind markers that are no records
    assert worker.handled == [b"kept"]


async def test_the_loops_thread_and_no_other_owns_the_consumer(kafka, name, loop_of):
    kafka.create_topics({name: 1, f"{name}-dead": 1})
    loop = await asyncio.to_thread(loop_of, Worker())
    running = asyncio.create_task(loop.run())
    await until(lambda: loop._consumer.assignment() == {TopicPartition(name, 0)})
    assert "test-consumer" in {thread.name for thread in threading.enumerate()}
    loop.stop()
    await running
    assert "test-consumer" not in {thread.name for thread in threading.enumerate()}


def test_a_broker_that_does_not_answer_is_unavailable_and_leaves_no_thread(name):
    threads = threading.active_count()
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        broker = KafkaBroker(f"127.0.0.1:{deaf.getsockname()[1]}", bootstrap_timeout_s=1.0)
        with pytest.raises(BrokerUnavailable):
            broker.check_topics([name])

        async def send() -> None:
            producer = broker.producer()
            try:
                await producer.send(name, key=b"k", value=b"v")
            finally:
                producer.close()

        with pytest.raises(BrokerUnavailable):
            asyncio.run(send())
    assert threading.active_count() == threads


def test_at_the_start_a_broker_is_waited_for_with_a_line_each_time_and_not_for_ever(caplog):
    kafka = KafkaSettings(bootstrap_servers="127.0.0.1:1")
    began = time.monotonic()
    with pytest.raises(BrokerUnavailable, match=r"nothing listens at 127\.0\.0\.1:1"):
        KafkaBroker.of(kafka, bootstrap_timeout_s=2.0).examine(kafka)
    assert 1.0 < time.monotonic() - began < 10
    assert {record.getMessage().partition(" at ")[0] for record in caplog.records} == {
        "waiting for Kafka: nothing listens"
    }
    assert len(caplog.records) == 2


class Copier(Worker):
    """Writes each record to another topic, as the extract worker does."""

    def __init__(self, producer: Producer, topic: str) -> None:
        super().__init__()
        self.producer, self.topic = producer, topic

    async def handle(self, message: Message) -> None:
        await self.producer.send(self.topic, key=message.key, value=message.value)
        await super().handle(message)


async def test_a_broker_that_dies_and_comes_back_costs_time_and_no_record(own_kafka, name):
    kafka = KafkaBroker(own_kafka.address, session_timeout_s=6.0, bootstrap_timeout_s=10.0)
    await asyncio.to_thread(kafka.create_topics, {name: 3, f"{name}-out": 2, f"{name}-dead": 1})
    producer = kafka.producer()
    async with asyncio.TaskGroup() as group:
        for key, value in records(300):
            group.create_task(producer.send(name, key=key, value=value))

    def loop_of(worker: Worker, topic: str, group: str) -> Loop:
        letters = DeadLetters(producer, f"{name}-dead")
        consumer = kafka.consumer(topic, group)
        return Loop(consumer=consumer, worker=worker, dead_letters=letters, report=Report(), options=OPTIONS)

    worker = Copier(producer, f"{name}-out")
    loop = await asyncio.to_thread(loop_of, worker, name, "copy")
    running = asyncio.create_task(loop.run())
    await until(lambda: len(worker.handled) > 50)
    await asyncio.to_thread(own_kafka.kill)
    await asyncio.to_thread(own_kafka.start)
    await until(lambda: len(set(worker.handled)) == 300)
    loop.stop()
    await running
    reader = Worker()
    await (await asyncio.to_thread(loop_of, reader, f"{name}-out", "read")).run(until_end=True)
    assert set(reader.handled) == {value for _, value in records(300)}
    rest = Worker()
    await (await asyncio.to_thread(loop_of, rest, name, "copy")).run(until_end=True)
    assert rest.handled == []  # all of it was committed
    producer.close()
