"""The harness's own view of Kafka, by the bare client: what is written, committed, and on the topics."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

from corpus import Event
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError

__all__ = ["KafkaSide"]

_LARGEST = 16 * 1024 * 1024
PARTITIONS = 8


class KafkaSide:
    """Three topics of a row, and its two groups."""

    def __init__(self, address: str, name: str) -> None:
        self.address = address.split(",")
        self.events, self.extractions, self.dead_letters = f"{name}.events", f"{name}.extractions", f"{name}.dead"
        self.groups = {self.events: f"{name}-extract", self.extractions: f"{name}-publish"}
        self._client: dict[str, Any] = {"bootstrap_servers": self.address, "reconnect_backoff_max_ms": 500}
        self._admin = KafkaAdminClient(**self._client)
        self._reader = KafkaConsumer(**self._client, enable_auto_commit=False, fetch_max_bytes=_LARGEST)
        self._writer = KafkaProducer(
            **self._client, acks="all", max_request_size=_LARGEST, linger_ms=10,
            delivery_timeout_ms=180_000, request_timeout_ms=10_000,
        )  # fmt: skip
        large = {"max.message.bytes": str(_LARGEST), "retention.ms": "-1"}  # the events' times are years ago
        topics = {
            self.events: {"num_partitions": PARTITIONS, "configs": large},
            self.extractions: {"num_partitions": PARTITIONS, "configs": {"cleanup.policy": "compact"}},
            self.dead_letters: {"num_partitions": 2},
        }
        self._admin.create_topics(topics, wait_for_metadata=True)

    def write(self, events: Sequence[Event]) -> None:
        """Write events, in their order; they are acknowledged some time."""
        for event in events:
            self._writer.send(
                self.events,
                key=event.key,
                value=event.value,
                headers=list(event.headers),
                timestamp_ms=event.timestamp_ms,
            )

    def written(self) -> None:
        """Return when all is acknowledged."""
        self._writer.flush(timeout=180)

    def lag(self, topic: str) -> int | None:
        """Records of a topic that its group has not committed; None where the broker doesn't say."""
        partitions = [TopicPartition(topic, number) for number in range(PARTITIONS)]
        group = self.groups[topic]
        try:
            ends = self._reader.end_offsets(partitions, timeout_ms=5000)
            committed = self._admin.list_group_offsets({group: partitions})[group]
        except (KafkaError, RuntimeError, KeyError):
            return None
        done = {p: max(0, c.offset) for p, c in committed.items()}
        return sum(ends.values()) - sum(done.values())

    def read(self, topic: str) -> Iterator[Any]:
        """All records of a topic."""
        partitions = [TopicPartition(topic, p) for p in sorted(self._reader.partitions_for_topic(topic) or ())]
        self._reader.assign(partitions)
        self._reader.seek_to_beginning(*partitions)
        ends = self._reader.end_offsets(partitions)
        deadline = time.monotonic() + 120
        while any(self._reader.position(p) < ends[p] for p in partitions):
            assert time.monotonic() < deadline, f"{topic} can't be read to its end"
            for batch in self._reader.poll(timeout_ms=1000).values():
                yield from batch

    def close(self) -> None:
        """End the clients."""
        self._writer.close(timeout=5)
        self._reader.close()
        self._admin.close()
