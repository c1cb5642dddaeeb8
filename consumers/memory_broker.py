"""A broker in memory: the twin of the real one for tests, for a demo without Java, and for reading this package.

It keeps what consumers rely on: order per partition, groups with offsets, cooperative rebalances, revocation that
waits for its commit, members that lose their partitions without a word (:meth:`MemoryBroker.expire`). Nothing is ever
deleted.
"""

from __future__ import annotations

import itertools
import logging
import threading
import time
import zlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from concurrent.futures import Future

from consumers.broker import Consumer, Headers, Message, Producer, RebalanceListener, TopicPartition
from medie_fhir.errors import BrokerRefused, BrokerUnavailable, RecordTooLarge

__all__ = ["MemoryBroker"]

log = logging.getLogger(__name__)


class _Group:
    def __init__(self) -> None:
        self.members: list[_MemoryConsumer] = []
        self.offsets: dict[TopicPartition, int] = {}
        self.owners: dict[TopicPartition, _MemoryConsumer] = {}

    def target(self, member: _MemoryConsumer, partitions: list[TopicPartition]) -> set[TopicPartition]:
        """The partitions that a member should have: an equal share, and as few moves as that allows."""
        count, extra = divmod(len(partitions), len(self.members))
        shares = {m: count + (i < extra) for i, m in enumerate(self.members)}
        kept: dict[_MemoryConsumer, list[TopicPartition]] = {m: [] for m in self.members}
        free = []
        for partition in partitions:
            owner = self.owners.get(partition)
            if owner in kept and len(kept[owner]) < shares[owner]:
                kept[owner].append(partition)
            else:
                free.append(partition)
        for m in self.members:
            while free and len(kept[m]) < shares[m]:
                kept[m].append(free.pop(0))
        return set(kept[member])


class MemoryBroker:
    """A cluster of one, living as long as the object."""

    def __init__(self, *, max_record_bytes: int = 1024 * 1024, revoke_limit_s: float = 30.0) -> None:
        self._max_record_bytes = max_record_bytes
        self._revoke_limit_s = revoke_limit_s
        self._changed = threading.Condition()
        self._topics: dict[str, list[list[Message]]] = {}
        self._groups: dict[str, _Group] = defaultdict(_Group)
        self._keyless = itertools.count()

    def consumer(self, topic: str, group: str, *, instance_id: str | None = None) -> Consumer:
        """See :class:`~consumers.broker.Broker`; ``instance_id`` means nothing here."""
        del instance_id
        self.check_topics([topic])
        return _MemoryConsumer(self, topic, self._groups[group])

    def producer(self) -> Producer:
        """See :class:`~consumers.broker.Broker`."""
        return _MemoryProducer(self)

    def check_topics(self, topics: Iterable[str]) -> None:
        """See :class:`~consumers.broker.Broker`."""
        if missing := sorted(set(topics) - self._topics.keys()):
            raise BrokerRefused(f"no such topic: {', '.join(missing)}. Create it, or mend the setting of its name")

    def create_topics(self, topics: Mapping[str, int]) -> None:
        """See :class:`~consumers.broker.Broker`."""
        with self._changed:
            for topic, partitions in topics.items():
                self._topics.setdefault(topic, [[] for _ in range(partitions)])

    def records(self, topic: str) -> list[Message]:
        """All records of a topic, partition by partition."""
        with self._changed:
            return [message for partition in self._topics[topic] for message in partition]

    def committed(self, group: str, partition: TopicPartition) -> int | None:
        """A group's offset, or None where it has none."""
        with self._changed:
            return self._groups[group].offsets.get(partition)

    def expire(self, consumer: Consumer) -> None:
        """What happens to a member that is silent for too long: its partitions are taken from it."""
        if not isinstance(consumer, _MemoryConsumer):
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
            partitions = self._topics[topic]
            number = (zlib.crc32(key) if key is not None else next(self._keyless)) % len(partitions)
            at_ms = int(time.time() * 1000) if at_ms is None else at_ms
            message = Message(topic, number, len(partitions[number]), key, value, headers, at_ms)
            partitions[number].append(message)
            self._changed.notify_all()
            return message

    def partitions(self, topic: str) -> list[TopicPartition]:
        """All of a topic."""
        return [TopicPartition(topic, number) for number in range(len(self._topics[topic]))]

    def log_of(self, partition: TopicPartition) -> list[Message]:
        """All records of a partition."""
        return self._topics[partition.topic][partition.partition]

    @property
    def changed(self) -> threading.Condition:
        """Guards everything; notified when a record, a member or an owner changes."""
        return self._changed

    @property
    def revoke_limit_s(self) -> float:
        """How long a member may take to give up partitions."""
        return self._revoke_limit_s


class _MemoryProducer:
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


class _MemoryConsumer:
    def __init__(self, broker: MemoryBroker, topic: str, group: _Group) -> None:
        self._broker = broker
        self._changed = broker.changed
        self._topic = topic
        self._group = group
        self._listener: RebalanceListener
        self._positions: dict[TopicPartition, int] = {}  # its keys are what we own
        self._paused: set[TopicPartition] = set()

    def subscribe(self, listener: RebalanceListener) -> None:
        self._listener = listener
        with self._changed:
            self._join()

    def poll(self, timeout_s: float, max_records: int) -> list[Message]:
        deadline = time.monotonic() + timeout_s
        while True:
            self._rebalance()
            with self._changed:
                if messages := self._fetch(max_records):
                    return messages
                left = deadline - time.monotonic()
                if left <= 0:
                    return []
                if not self._unbalanced():
                    self._changed.wait(left)

    def pause(self, partitions: Iterable[TopicPartition]) -> None:
        self._paused.update(partitions)

    def resume(self, partitions: Iterable[TopicPartition]) -> None:
        self._paused.difference_update(partitions)

    def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        with self._changed:
            if self not in self._group.members:
                raise BrokerUnavailable("not a member of the group at present")
            self._group.offsets.update(offsets)

    def assignment(self) -> frozenset[TopicPartition]:
        return frozenset(self._positions)

    def position(self, partition: TopicPartition) -> int:
        return self._positions[partition]

    def end_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        with self._changed:
            return {partition: len(self._broker.log_of(partition)) for partition in partitions}

    def close(self) -> None:
        with self._changed:
            self.leave()
            self._positions.clear()
            self._changed.notify_all()

    def leave(self) -> None:
        """Be no member any more; what we think we own is someone else's. Under the lock."""
        if self in self._group.members:
            self._group.members.remove(self)
        owners = self._group.owners
        for partition in [p for p, owner in owners.items() if owner is self]:
            del owners[partition]

    def _join(self) -> None:
        self._group.members.append(self)
        self._changed.notify_all()

    def _wanted(self) -> set[TopicPartition]:
        return self._group.target(self, self._broker.partitions(self._topic))

    def _unbalanced(self) -> bool:
        if self not in self._group.members:
            return True
        wanted, owned = self._wanted(), self._positions.keys()
        return bool(owned - wanted or {p for p in wanted - owned if p not in self._group.owners})

    def _rebalance(self) -> None:
        """Take part: lose, give up, then take what is free."""
        with self._changed:
            lost = frozenset() if self in self._group.members else frozenset(self._positions)
            if self not in self._group.members:
                self._forget(lost)
                self._join()
            going = frozenset(self._positions.keys() - self._wanted())
        if lost:
            self._listener.lost(lost)
        if going:
            self._give_up(going)
        with self._changed:
            coming = frozenset(p for p in self._wanted() if p not in self._group.owners)
            for partition in coming:
                self._group.owners[partition] = self
                self._positions[partition] = self._group.offsets.get(partition, 0)
        if coming:
            self._listener.assigned(coming)

    def _give_up(self, going: frozenset[TopicPartition]) -> None:
        offsets: Future[Mapping[TopicPartition, int]] = self._listener.revoked(going)
        try:
            self.commit(offsets.result(self._broker.revoke_limit_s))
        except (TimeoutError, BrokerUnavailable) as error:
            log.warning("partitions were given up without a commit: %s", type(error).__name__)
        with self._changed:
            self._forget(going)
            for partition in going:
                if self._group.owners.get(partition) is self:
                    del self._group.owners[partition]
            self._changed.notify_all()

    def _forget(self, partitions: frozenset[TopicPartition]) -> None:
        for partition in partitions:
            self._positions.pop(partition, None)
        self._paused -= partitions

    def _fetch(self, max_records: int) -> list[Message]:
        messages: list[Message] = []
        for partition in sorted(self._positions.keys() - self._paused):
            start = self._positions[partition]
            found = self._broker.log_of(partition)[start : start + max_records - len(messages)]
            if found:
                messages += found
                self._positions[partition] = found[-1].offset + 1
        return messages
