"""The broker itself: topics, groups, and what makes consumers and producers."""

from __future__ import annotations

import itertools
import threading
import time
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from consumers.broker import Consumer, Headers, Message, Producer, TopicPartition
from consumers.lost_offsets import OffsetLostPolicy
from consumers.memory_broker.consumer import Group, MemoryConsumer
from consumers.memory_broker.log import PartitionLog
from medie_fhir.errors import RecordTooLarge, TopicMissing

__all__ = ["MemoryBroker"]


class MemoryBroker:
    """A cluster of one, living as long as the object."""

    def __init__(
        self,
        *,
        max_record_bytes: int = 1024 * 1024,
        revoke_limit_s: float = 30.0,
        offset_lost: OffsetLostPolicy = "stop",
    ) -> None:
        self._max_record_bytes = max_record_bytes
        self._revoke_limit_s = revoke_limit_s
        self._offset_lost: OffsetLostPolicy = offset_lost
        self._changed = threading.Condition()
        self._topics: dict[str, list[PartitionLog]] = {}
        self._groups: dict[str, Group] = defaultdict(Group)
        self._keyless = itertools.count()

    def consumer(self, topic: str, group: str, *, instance_id: str | None = None) -> Consumer:
        """See :class:`~consumers.broker.Broker`; ``instance_id`` means nothing here."""
        del instance_id
        self.check_topics([topic])
        logs = self._topics[topic]
        return MemoryConsumer(logs, self._groups[group], self._changed, self._revoke_limit_s, self._offset_lost)

    def producer(self) -> Producer:
        """See :class:`~consumers.broker.Broker`."""
        return MemoryProducer(self)

    def check_topics(self, topics: Iterable[str]) -> None:
        """See :class:`~consumers.broker.Broker`."""
        if missing := sorted(set(topics) - self._topics.keys()):
            raise TopicMissing(f"no such topic: {', '.join(missing)}. Create it, or mend the setting of its name")

    def create_topics(self, topics: Mapping[str, int]) -> None:
        """See :class:`~consumers.broker.Broker`."""
        with self._changed:
            for topic, partitions in topics.items():
                places = [TopicPartition(topic, number) for number in range(partitions)]
                self._topics.setdefault(topic, [PartitionLog(place) for place in places])

    def read(self, topic: str, *, since_ms: int | None = None) -> Iterator[Message]:
        """See :class:`~consumers.broker.Broker`."""
        self.check_topics([topic])
        with self._changed:
            return iter([message for part in self._topics[topic] for message in part.since(since_ms)])

    def progress(self, topic: str, group: str) -> dict[TopicPartition, tuple[int | None, int]]:
        """See :class:`~consumers.broker.Broker`."""
        self.check_topics([topic])
        with self._changed:
            offsets = self._groups[group].offsets
            return {part.place: (offsets.get(part.place), part.end) for part in self._topics[topic]}

    def records(self, topic: str) -> list[Message]:
        """All records of a topic, partition by partition."""
        with self._changed:
            return [message for part in self._topics[topic] for message in part.records]

    def committed(self, group: str, partition: TopicPartition) -> int | None:
        """A group's offset, or None where it has none."""
        with self._changed:
            return self._groups[group].offsets.get(partition)

    def expire(self, consumer: Consumer) -> None:
        """What happens to a member that is silent for too long: its partitions are taken from it."""
        if not isinstance(consumer, MemoryConsumer):
            raise TypeError("not a consumer of this broker")
        with self._changed:
            consumer.leave()
            self._changed.notify_all()

    def append(
        self, topic: str, key: bytes | None, value: bytes | None, headers: Headers, at_ms: int | None
    ) -> Message:
        """Write one record."""
        size = len(key or b"") + len(value or b"") + sum(len(name) + len(part or b"") for name, part in headers)
        if size > self._max_record_bytes:
            raise RecordTooLarge(f"{size} bytes; the topic takes {self._max_record_bytes}")
        self.check_topics([topic])
        with self._changed:
            logs = self._topics[topic]
            number = (zlib.crc32(key) if key is not None else next(self._keyless)) % len(logs)
            message = logs[number].append(key, value, headers, int(time.time() * 1000) if at_ms is None else at_ms)
            self._changed.notify_all()
            return message

    def log_of(self, partition: TopicPartition) -> list[Message]:
        """All records of a partition."""
        return self._topics[partition.topic][partition.partition].records

    def delete_records(self, partition: TopicPartition, before: int) -> None:
        """What retention does: the records before this offset are gone."""
        with self._changed:
            self._topics[partition.topic][partition.partition].delete_before(before)
            self._changed.notify_all()


class MemoryProducer:
    def __init__(self, broker: MemoryBroker) -> None:
        self._broker = broker

    async def send(
        self,
        topic: str,
        *,
        key: bytes | None,
        value: bytes | None,
        headers: Headers = (),
        timestamp_ms: int | None = None,
    ) -> None:
        self._broker.append(topic, key, value, headers, timestamp_ms)

    async def flush(self) -> None:
        """Nothing waits here."""

    def close(self) -> None:
        """Nothing is held here."""
