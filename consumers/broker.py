"""What the loop asks of a Kafka broker. ``kafka_broker`` keeps it with a real one, ``memory_broker`` without.

Threads: a :class:`Consumer` belongs to the one thread that called :meth:`Consumer.subscribe`. A :class:`Producer`
belongs to no thread, and is awaited on any asyncio loop.

Errors: :class:`~medie_fhir.errors.BrokerUnavailable` (try again), :class:`~medie_fhir.errors.BrokerRefused` (a person
must act) and :class:`~medie_fhir.errors.RecordTooLarge`; a client's own exceptions never come through.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import NamedTuple, Protocol

__all__ = [
    "Broker",
    "Consumer",
    "Headers",
    "Message",
    "Producer",
    "RebalanceListener",
    "TopicPartition",
    "Topics",
]

Headers = tuple[tuple[str, bytes | None], ...]
"""A record's headers in their order; a name may come more than once, and a value may be null."""


class TopicPartition(NamedTuple):
    """One partition of one topic."""

    topic: str
    partition: int


class Message(NamedTuple):
    """One record as it was read. ``timestamp_ms`` counts from the epoch."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    timestamp_ms: int = 0

    @property
    def place(self) -> TopicPartition:
        """The partition that it came from."""
        return TopicPartition(self.topic, self.partition)

    def __repr__(self) -> str:
        return f"{self.topic}[{self.partition}]@{self.offset}"  # never a patient's note, in a traceback or anywhere


@dataclass(frozen=True, slots=True)
class Topics:
    """The names of our topics."""

    documents: str = "ehr.document-references"
    extractions: str = "medie.extractions"
    dead_letters: str = "medie.dead-letters"


class RebalanceListener(Protocol):
    """Hears of partitions that come and go. Called during ``poll``, from any thread; never blocks and never raises."""

    def assigned(self, partitions: frozenset[TopicPartition]) -> None:
        """These came. No record of them was returned yet."""
        ...

    def revoked(self, partitions: frozenset[TopicPartition]) -> Future[Mapping[TopicPartition, int]]:
        """These are about to go, and are still ours until the future is done: then its offsets are committed.

        The broker waits for it no longer than its own limit, and then lets them go without a commit.
        """
        ...

    def lost(self, partitions: frozenset[TopicPartition]) -> None:
        """These are someone else's already: nothing can be committed for them."""
        ...


class Consumer(Protocol):
    """A member of a consumer group, on one topic."""

    def subscribe(self, listener: RebalanceListener) -> None:
        """Begin. The calling thread is from now on the consumer's only one."""
        ...

    def poll(self, timeout_s: float, max_records: int) -> list[Message]:
        """Records in the order of their partitions, or none after about ``timeout_s``; keeps the membership alive.

        A member without partitions may wait for longer.
        """
        ...

    def pause(self, partitions: Iterable[TopicPartition]) -> None:
        """Return no more records of these until resumed. A partition that comes anew is not paused."""
        ...

    def resume(self, partitions: Iterable[TopicPartition]) -> None:
        """Return records of these again, from where they were left."""
        ...

    def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Commit the next offset to read of each; returns once it is acknowledged.

        BrokerUnavailable means not now (an outage, a rebalance under way): the caller keeps the offsets and tries
        again. BrokerRefused means never again (fenced by another member of the same name, not authorised).
        """
        ...

    def assignment(self) -> frozenset[TopicPartition]:
        """The partitions that are ours now."""
        ...

    def position(self, partition: TopicPartition) -> int:
        """The next offset that ``poll`` would return of a partition of ours."""
        ...

    def end_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """The offset after the last record of each."""
        ...

    def high_water(self, partition: TopicPartition) -> int | None:
        """The offset after the last record of a partition of ours as last heard of, without asking anyone."""
        ...

    def close(self) -> None:
        """Leave the group, without a commit and without a word to the listener."""
        ...


class Producer(Protocol):
    """Writes records."""

    async def send(
        self,
        topic: str,
        *,
        key: bytes | None,
        value: bytes | None,
        headers: Headers = (),
        timestamp_ms: int | None = None,
    ) -> None:
        """Write one record; returns once all in-sync replicas have it. Not cancelled once begun.

        Where it raises BrokerUnavailable the record may be there or not: to send it again may write it twice.
        """
        ...

    async def flush(self) -> None:
        """Return once all that was sent is acknowledged or failed."""
        ...

    def close(self) -> None:
        """Give up what is not yet sent, and end."""
        ...


class Broker(Protocol):
    """A cluster."""

    def read(self, topic: str, *, since_ms: int | None = None) -> Iterator[Message]:
        """All records that are on a topic when it is called, in the order of their partitions, without a group.

        With ``since_ms`` (from the epoch) only those written since. Nothing is committed. Belongs to one thread.
        """
        ...

    def progress(self, topic: str, group: str) -> dict[TopicPartition, tuple[int | None, int]]:
        """Of each partition: the offset that the group has committed, if any, and the offset after its last record."""
        ...

    def consumer(self, topic: str, group: str, *, instance_id: str | None = None) -> Consumer:
        """A member of a group. ``instance_id`` makes it a static one, which may restart without a rebalance."""
        ...

    def producer(self) -> Producer:
        """A producer."""
        ...

    def check_topics(self, topics: Iterable[str]) -> None:
        """Raise TopicMissing or TopicForbidden, naming all topics that are not there or not for us to see."""
        ...

    def create_topics(self, topics: Mapping[str, int]) -> None:
        """Make topics with so many partitions each; one that exists is left as it is."""
        ...
