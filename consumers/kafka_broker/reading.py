"""Reading a topic without a group, and how far a group is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, Final

from kafka.admin import OffsetSpec

from consumers.broker import Message, TopicPartition
from consumers.kafka_broker.client import CALL_MS, client_partition, messages_of
from consumers.kafka_broker.failures import translated
from medie_fhir.errors import BrokerUnavailable

__all__ = ["progress_of", "records_of"]

_POLL_MS: Final = 500
_PATIENCE_S: Final = 60.0
"""So long may a reading stand still (an outage) before it fails; one that never ends helps nobody."""


def records_of(client: Any, topic: str, since_ms: int | None) -> Iterator[Message]:
    """What is on a topic now. The client, which has no group, is closed at the end, or with the iterator."""
    reading = _reading(client, topic, since_ms)
    next(reading)  # up to where the ends are known: what is written after this call is not read
    return reading


def _reading(client: Any, topic: str, since_ms: int | None) -> Iterator[Any]:
    try:
        with translated("reading a topic"):
            ends = _span(client, topic, since_ms)
        yield None
        heard = time.monotonic()
        while ends:
            with translated("reading a topic"):
                batches = client.poll(timeout_ms=_POLL_MS)
            for partition, records in batches.items():
                yield from messages_of(record for record in records if record.offset < ends[partition])
            with translated("reading a topic"):
                # The position, and not the last record: markers of transactions and what compaction took have offsets
                read = [p for p, end in ends.items() if (client.position(p, timeout_ms=CALL_MS) or 0) >= end]
            client.pause(*read)
            for partition in read:
                del ends[partition]
            if batches or read:
                heard = time.monotonic()
            elif time.monotonic() - heard > _PATIENCE_S:
                raise BrokerUnavailable(f"reading a topic: nothing came for {_PATIENCE_S:.0f} s")
    finally:
        with translated("closing a reader"):
            client.close(timeout_ms=CALL_MS)


def _span(client: Any, topic: str, since_ms: int | None) -> dict[Any, int]:
    """Go to where the reading begins, and say where it ends (for a read_committed client: before open transactions)."""
    partitions = [client_partition(TopicPartition(topic, n)) for n in sorted(client.partitions_for_topic(topic) or ())]
    client.assign(partitions)
    ends = client.end_offsets(partitions, timeout_ms=CALL_MS)
    if since_ms is None:
        starts = client.beginning_offsets(partitions, timeout_ms=CALL_MS)
    else:
        found = client.offsets_for_times(dict.fromkeys(partitions, since_ms), timeout_ms=CALL_MS)
        starts = {p: at.offset if at else ends[p] for p, at in found.items()}
    for partition in partitions:
        client.seek(partition, starts[partition])
    return {p: end for p, end in ends.items() if starts[p] < end}


def progress_of(admin: Any, topic: str, group: str) -> dict[TopicPartition, tuple[int | None, int]]:
    """Committed offset, or None, and end of each partition of a topic."""
    [described] = admin.describe_topics([topic])
    ours = [TopicPartition(topic, part["partition_index"]) for part in described["partitions"]]
    partitions = {part: client_partition(part) for part in sorted(ours)}
    ends = admin.list_partition_offsets(dict.fromkeys(partitions.values(), OffsetSpec.LATEST))
    committed = admin.list_group_offsets({group: list(partitions.values())}).get(group, {})
    return {part: (_offset(committed.get(theirs)), ends[theirs].offset) for part, theirs in partitions.items()}


def _offset(committed: Any) -> int | None:
    return committed.offset if committed is not None and committed.offset >= 0 else None
