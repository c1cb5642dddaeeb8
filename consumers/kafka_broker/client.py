"""The client's own words, and ours: how one is made, what a partition, a record and an offset are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from kafka import OffsetAndMetadata
from kafka import TopicPartition as ClientPartition
from kafka.net.compat import KafkaNetClient

from consumers.broker import Headers, Message, TopicPartition

__all__ = ["CALL_MS", "client_offsets", "client_partition", "made", "messages_of", "partitions_of"]

CALL_MS: Final = 10_000
"""For one commit, position or farewell, in milliseconds: shorter than any drain."""


def made(kind: Callable[..., Any], **config: Any) -> Any:
    """A client, or what its making raised: it connects at once, and where it fails it leaves a thread and sockets."""
    networks: list[Any] = []

    def network(**options: Any) -> Any:
        networks.append(KafkaNetClient(**options))
        return networks[-1]

    try:
        return kind(**config, kafka_client=network)
    except BaseException:
        for each in networks:
            each.close()
        raise


def messages_of(records: Iterable[Any]) -> list[Message]:
    """Records as they were read."""
    new, no_headers = tuple.__new__, ()  # as Message(...) in half the time: it is done for each record
    return [
        new(Message, (r.topic, r.partition, r.offset, r.key, r.value, headers, r.timestamp or 0))
        for r in records
        for headers in [_headers(r.headers) if r.headers else no_headers]
    ]


def _headers(headers: Iterable[tuple[Any, bytes | None]]) -> Headers:
    return tuple([(str(name), value) for name, value in headers])


def partitions_of(partitions: Iterable[Any]) -> frozenset[TopicPartition]:
    """The client's partitions, as ours."""
    return frozenset(TopicPartition(p.topic, p.partition) for p in partitions)


def client_partition(partition: TopicPartition) -> Any:
    """Our partition, as the client's."""
    return ClientPartition(partition.topic, partition.partition)


def client_offsets(offsets: Mapping[TopicPartition, int]) -> dict[Any, Any]:
    """Offsets to commit, as the client wants them."""
    return {client_partition(p): OffsetAndMetadata(offset, "", -1) for p, offset in offsets.items()}
