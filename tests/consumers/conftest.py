"""Brokers for the tests, and members of consumer groups, each with a thread of its own as the protocol asks."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import socket
import sys
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from pathlib import Path
from queue import SimpleQueue
from types import ModuleType
from typing import Any

import pytest

from consumers.broker import Broker, Headers, Message, TopicPartition
from consumers.kafka_broker import KafkaBroker
from consumers.memory_broker import MemoryBroker

PATIENCE_S = 30.0


def _local_kafka() -> ModuleType:
    path = Path(__file__).parents[2] / "deploy" / "local" / "kafka" / "local_kafka.py"
    spec = importlib.util.spec_from_file_location("local_kafka", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["local_kafka"] = module
    spec.loader.exec_module(module)
    return module


def _free_port() -> int:
    """A free port whose successor is free too (the controller's)."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
            try:
                second.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port


def _started(directory: Path) -> Any:
    """A broker of our own, running. In CI, failing to start is a failure."""
    local = _local_kafka()
    if missing := local.missing_programs():
        pytest.skip(f"not installed: {', '.join(missing)}")
    kafka = local.LocalKafka(directory, _free_port())
    try:
        kafka.start()
    except local.LocalKafkaError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no real broker: {error}")
    return kafka


@pytest.fixture(scope="session")
def kafka_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real broker: that of MEDIE_TEST_KAFKA, or one started here."""
    if given := os.environ.get("MEDIE_TEST_KAFKA"):
        yield given
        return
    kafka = _started(tmp_path_factory.mktemp("kafka"))
    yield kafka.address
    kafka.wipe()


@pytest.fixture
def own_kafka(tmp_path: Path) -> Iterator[Any]:
    """A real broker for one test, to be killed and started again."""
    kafka = _started(tmp_path / "kafka")
    yield kafka
    kafka.wipe()


@pytest.fixture(params=["memory", pytest.param("kafka", marks=pytest.mark.kafka)])
def broker(request: pytest.FixtureRequest) -> Broker:
    """The in-memory broker, then a real one."""
    if request.param == "memory":
        return MemoryBroker()
    return KafkaBroker(request.getfixturevalue("kafka_address"), session_timeout_s=6.0, bootstrap_timeout_s=10.0)


@pytest.fixture
def name() -> str:
    """A name that no other test uses."""
    return f"t-{uuid.uuid4().hex[:12]}"


class Member(threading.Thread):
    """A member of a group that polls until it is ended, and keeps what it saw.

    What it gives up in a rebalance it commits up to what it saw, as the loop would.
    """

    def __init__(self, broker: Broker, topic: str, group: str, *, max_records: int = 100) -> None:
        super().__init__(daemon=True)
        self.broker, self.topic, self.group, self.max_records = broker, topic, group, max_records
        self.messages: list[Message] = []
        self.batches: list[int] = []
        self.owned: set[TopicPartition] = set()
        self.events: list[tuple[str, frozenset[TopicPartition]]] = []
        self._changed = threading.Condition()
        self._commands: SimpleQueue[tuple[Callable[[Any], Any], Future[Any]]] = SimpleQueue()
        self._ending = False
        self._failure: BaseException | None = None
        self.start()

    def run(self) -> None:
        consumer = self.broker.consumer(self.topic, self.group)
        try:
            consumer.subscribe(self)
            while not self._ending:
                messages = consumer.poll(0.1, self.max_records)
                with self._changed:
                    self.messages += messages
                    self.batches.append(len(messages))
                    self._changed.notify_all()
                while not self._commands.empty():
                    command, answer = self._commands.get()
                    try:
                        answer.set_result(command(consumer))
                    except Exception as error:  # noqa: BLE001 - the test that asked gets it
                        answer.set_exception(error)
        except BaseException as error:
            self._failure = error
            raise
        finally:
            consumer.close()

    def do(self, command: Callable[[Any], Any]) -> Any:
        """Have its thread do something with its consumer."""
        answer: Future[Any] = Future()
        self._commands.put((command, answer))
        return answer.result(PATIENCE_S)

    def wait(self, until: Callable[[Member], bool]) -> None:
        """Wait for something to be true of it."""
        with self._changed:
            assert self._changed.wait_for(lambda: until(self), PATIENCE_S), (self.owned, len(self.messages))

    def saw(self, values: Iterable[bytes | None]) -> None:
        """Wait until it saw just these values, in any order of the partitions."""
        wanted = sorted(values, key=repr)
        self.wait(lambda m: sorted((x.value for x in m.messages), key=repr) == wanted)

    def polled_again(self, times: int = 3) -> None:
        """Wait for some more polls."""
        with self._changed:
            count = len(self.batches) + times
            assert self._changed.wait_for(lambda: len(self.batches) >= count, PATIENCE_S)

    def end(self) -> None:
        """Leave the group."""
        self._ending = True
        self.join(PATIENCE_S)
        assert not self.is_alive()
        assert self._failure is None

    def seen_offsets(self) -> dict[TopicPartition, int]:
        """What it could commit."""
        return {m.place: m.offset + 1 for m in self.messages}

    def assigned(self, partitions: frozenset[TopicPartition]) -> None:
        self._note("assigned", partitions, self.owned | partitions)

    def revoked(self, partitions: frozenset[TopicPartition]) -> Future[Mapping[TopicPartition, int]]:
        future: Future[Mapping[TopicPartition, int]] = Future()
        future.set_result({p: o for p, o in self.seen_offsets().items() if p in partitions})
        self._note("revoked", partitions, self.owned - partitions)
        return future

    def lost(self, partitions: frozenset[TopicPartition]) -> None:
        self._note("lost", partitions, self.owned - partitions)

    def _note(self, event: str, partitions: frozenset[TopicPartition], owned: set[TopicPartition]) -> None:
        with self._changed:
            self.events.append((event, partitions))
            self.owned = set(owned)
            self._changed.notify_all()


@pytest.fixture
def join(broker: Broker) -> Iterator[Callable[..., Member]]:
    """Make members; those that are left at the end leave their group."""
    members: list[Member] = []

    def make(topic: str, group: str, **options: Any) -> Member:
        members.append(Member(broker, topic, group, **options))
        return members[-1]

    yield make
    for member in members:
        if member.is_alive():
            member.end()


@pytest.fixture
def produce(broker: Broker) -> Iterator[Callable[..., None]]:
    """Write records: ``(key, value)`` or ``(key, value, headers)`` each."""
    producer = broker.producer()

    def write(topic: str, *records: tuple[Any, ...]) -> None:
        async def send() -> None:
            for key, value, *rest in records:
                headers: Headers = rest[0] if rest else ()
                await producer.send(topic, key=key, value=value, headers=headers)

        asyncio.run(send())

    yield write
    producer.close()
