"""Brokers for the tests, and members of consumer groups, each with a thread of its own as the protocol asks."""

from __future__ import annotations

import asyncio
import importlib
import os
import sys
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from types import ModuleType
from typing import Any, NoReturn

import pytest
from kafka import KafkaAdminClient
from kafka import TopicPartition as ClientPartition
from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import LogMessageWaitStrategy

from consumers.broker import Broker, Headers, Message, TopicPartition
from consumers.kafka_broker import KafkaBroker
from consumers.memory_broker import MemoryBroker

PATIENCE_S = 30.0


def _local_kafka() -> ModuleType:
    """deploy/local/kafka/local_kafka.py, which is a program and no package."""
    folder = str(Path(__file__).parents[2] / "deploy" / "local" / "kafka")
    if folder not in sys.path:
        sys.path.append(folder)
    return importlib.import_module("local_kafka")


def _no_broker(reason: str) -> NoReturn:
    """Tests with a real broker are skipped where there is none, but never in CI: nobody would notice."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def _started(kind: str, directory: Path, nodes: int = 1, **options: Any) -> Any:
    """A LocalKafka or LocalCluster, running."""
    local = _local_kafka()
    if missing := local.lacking():
        _no_broker(f"no real broker: not installed: {', '.join(missing)}")
    kafka = getattr(local, kind)(directory, local.free_for(nodes), **options)
    try:
        kafka.start()
    except local.LocalKafkaError as error:
        _no_broker(f"no real broker: {error}")
    return kafka


def _container() -> DockerContainer:
    """Apache Kafka's own image with the settings of our local broker, on a port that is known beforehand."""
    lines = (Path(__file__).parents[2] / "deploy" / "local" / "kafka" / "server.properties").read_text().splitlines()
    properties = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    port = _local_kafka().free_for()
    del properties["controller.quorum.bootstrap.servers"]
    properties |= {
        "listeners": "PLAINTEXT://:9092,CONTROLLER://:9093",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
        "controller.quorum.voters": "1@localhost:9093",
        "log.dirs": "/tmp/kraft-combined-logs",
    }
    container = DockerContainer("apache/kafka:4.3.1").with_bind_ports(9092, port)
    for key, value in properties.items():
        container.with_env(f"KAFKA_{key.upper().replace('.', '_')}", value)
    container.waiting_for(LogMessageWaitStrategy("Kafka Server started").with_startup_timeout(120))
    container.address = f"127.0.0.1:{port}"
    return container


@pytest.fixture(scope="session")
def kafka_address(docker_answers: bool, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real broker: that of MEDIE_TEST_KAFKA, else one in a container where Docker is, else one in a process."""
    if given := os.environ.get("MEDIE_TEST_KAFKA"):
        yield given
    elif docker_answers:
        with _container() as container:
            yield container.address
    else:
        kafka = _started("LocalKafka", tmp_path_factory.mktemp("kafka"))
        yield kafka.address
        kafka.wipe()


@pytest.fixture(scope="session")
def start_kafka_in() -> Callable[..., Any]:
    """Start a real broker that several tests share: ``start_kafka_in(directory, extra={…})``; wiped by who asked."""
    return partial(_started, "LocalKafka")


@pytest.fixture
def own_kafka(tmp_path: Path) -> Iterator[Any]:
    """A real broker for one test, to be killed and started again."""
    kafka = _started("LocalKafka", tmp_path / "kafka")
    yield kafka
    kafka.wipe()


@pytest.fixture
def kafka_cluster(tmp_path: Path) -> Iterator[Any]:
    """Three real brokers for one test; every topic has three replicas."""
    cluster = _started("LocalCluster", tmp_path / "kafka", nodes=3)
    yield cluster
    cluster.wipe()


@pytest.fixture
def broker_options() -> Mapping[str, Any]:
    """What both kinds of broker are made with; parametrize a test with it where the defaults don't do."""
    return {}


@pytest.fixture(params=["memory", pytest.param("kafka", marks=pytest.mark.kafka)])
def broker(request: pytest.FixtureRequest, broker_options: Mapping[str, Any]) -> Broker:
    """The in-memory broker, then a real one."""
    if request.param == "memory":
        return MemoryBroker(**broker_options)
    address = request.getfixturevalue("kafka_address")
    return KafkaBroker(address, session_timeout_s=6.0, bootstrap_timeout_s=10.0, **broker_options)


@pytest.fixture
def admin(kafka_address: str) -> Iterator[Any]:
    """The real broker's own client for what ours never does: deleting records and topics, setting a topic's limits."""
    client = KafkaAdminClient(bootstrap_servers=kafka_address)
    yield client
    client.close()


@pytest.fixture
def delete_before(broker: Broker, request: pytest.FixtureRequest) -> Callable[[TopicPartition, int], None]:
    """Have records of a partition deleted that lie before an offset, as retention would."""
    if isinstance(broker, MemoryBroker):
        return broker.delete_records
    client = request.getfixturevalue("admin")
    return lambda place, before: client.delete_records({ClientPartition(*place): before})


@pytest.fixture
def create_large(broker: Broker, request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Make a topic of one partition that takes records of six megabytes, as the broker must allow them too."""
    if isinstance(broker, MemoryBroker):
        return lambda topic: broker.create_topics({topic: 1})
    client = request.getfixturevalue("admin")
    large = {"num_partitions": 1, "configs": {"max.message.bytes": str(6 * 1024 * 1024)}}
    return lambda topic: client.create_topics({topic: large}, wait_for_metadata=True)


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
        except BaseException as error:  # noqa: BLE001 - the test that waits for the member's end gets it
            self._failure = error
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

    def failure(self) -> BaseException:
        """Wait until it has failed, and say with what."""
        self.join(PATIENCE_S)
        assert self._failure is not None
        return self._failure

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
