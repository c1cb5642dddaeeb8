"""A member of a consumer group."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, Final

from kafka import errors as client_errors

from consumers.broker import Message, RebalanceListener, TopicPartition
from consumers.kafka_broker.client import CALL_MS, client_offsets, client_partition, messages_of, partitions_of
from consumers.kafka_broker.doubt import Doubt
from consumers.kafka_broker.failures import translated
from consumers.kafka_broker.listener import ClientListener
from consumers.lost_offsets import LostOffset, OffsetLostPolicy, face
from medie_fhir.errors import BrokerUnavailable

__all__ = ["GroupConsumer"]

_JOIN_POLL_S: Final = 1.0


class GroupConsumer:
    """See :class:`~consumers.broker.Consumer`, whose words are not repeated here."""

    def __init__(
        self,
        client: Any,
        topic: str,
        group: str,
        *,
        doubt: Doubt,
        revoke_limit_s: float,
        offset_lost: OffsetLostPolicy = "stop",
    ) -> None:
        self._client = client
        self._topic = topic
        self._translated = partial(translated, topic=topic, group=group)
        self._doubt = doubt
        self._revoke_limit_s = revoke_limit_s
        self._offset_lost: OffsetLostPolicy = offset_lost
        self._listener: ClientListener | None = None
        self._told: RebalanceListener
        self._astray: frozenset[TopicPartition] = frozenset()

    def subscribe(self, listener: RebalanceListener) -> None:
        """Begin."""
        self._told = listener
        self._listener = ClientListener(listener, self._client, self._revoke_limit_s)
        with self._translated("subscribing"):
            self._client.subscribe([self._topic], listener=self._listener)

    def poll(self, timeout_s: float, max_records: int) -> list[Message]:
        """Records. Raises BrokerRefused too where the topic is gone, or hidden, or our login refused since."""
        try:
            messages = self._polled(timeout_s, max_records)
        except BrokerUnavailable:
            self._doubt.grow()
            self._doubt.settle(self._topic_unknown)
            raise
        if messages:
            self._doubt.end()
        else:
            self._doubt.settle(self._topic_unknown)
        return messages

    def pause(self, partitions: Iterable[TopicPartition]) -> None:
        """Be silent."""
        self._each(self._client.pause, partitions)

    def resume(self, partitions: Iterable[TopicPartition]) -> None:
        """Go on."""
        self._each(self._client.resume, partitions)

    def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Commit, and wait for the answer. A place that was lost is left as it is, to be found lost again."""
        offsets = {partition: offset for partition, offset in offsets.items() if partition not in self._astray}
        if not offsets:
            return
        try:
            with self._translated("committing"):
                self._client.commit(client_offsets(offsets), timeout_ms=CALL_MS)
        except BrokerUnavailable:
            self._doubt.grow()
            raise

    def assignment(self) -> frozenset[TopicPartition]:
        """What is ours."""
        return partitions_of(self._client.assignment())

    def position(self, partition: TopicPartition) -> int:
        """Where we are."""
        with self._translated("asking for a position"):
            try:
                position = self._client.position(client_partition(partition), timeout_ms=CALL_MS)
            except client_errors.NoOffsetForPartitionError as error:
                self._each(self._client.seek_to_beginning, partitions_of(error.args[0]))
                position = self._client.position(client_partition(partition), timeout_ms=CALL_MS)
        if position is None:
            raise BrokerUnavailable("asking for a position: not known at present")
        return int(position)

    def end_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Where the partitions end."""
        with self._translated("asking for end offsets"):
            ends = self._client.end_offsets([client_partition(p) for p in partitions], timeout_ms=CALL_MS)
        return {TopicPartition(p.topic, p.partition): int(end) for p, end in ends.items()}

    def high_water(self, partition: TopicPartition) -> int | None:
        """The end as the last fetch told it."""
        try:
            end: int | None = self._client.highwater(client_partition(partition))
        except (KeyError, client_errors.IllegalStateError):  # it went
            return None
        return end

    def close(self) -> None:
        """Leave."""
        if self._listener is not None:
            self._listener.closing = True
        with self._translated("leaving the group"):
            self._client.close(autocommit=False, timeout_ms=CALL_MS)

    def _polled(self, timeout_s: float, max_records: int) -> list[Message]:
        """What came. A join that ends between two polls is thrown away, so without partitions a poll lasts."""
        if not self._client.assignment():
            timeout_s = max(timeout_s, _JOIN_POLL_S)
        with self._translated("polling"):
            try:
                batches = self._client.poll(timeout_ms=int(timeout_s * 1000), max_records=max_records)
            except client_errors.NoOffsetForPartitionError as error:
                self._each(self._client.seek_to_beginning, partitions_of(error.args[0]))
                return []
            except client_errors.OffsetOutOfRangeError as error:
                return self._go_on(error.args[0])
            except client_errors.LogTruncationError as error:
                cut = error.divergent_offsets.keys() & self._client.assignment()
                return self._go_on({p: self._client.position(p, timeout_ms=CALL_MS) for p in cut})
        return [message for batch in batches.values() for message in messages_of(batch)]

    def _topic_unknown(self) -> bool:
        """Whether the cluster tells us of no partition; asked of what the client has heard, where it has."""
        with self._translated("looking at the topic"):
            return not self._client.partitions_for_topic(self._topic)

    def _go_on(self, lost: Mapping[Any, int]) -> list[Message]:
        """These places are not on the topic. Where we may go on from the earliest, they come to the listener anew."""
        if not lost:  # they went meanwhile
            return []
        starts = self._client.beginning_offsets(list(lost), timeout_ms=CALL_MS)
        ends = self._client.end_offsets(list(lost), timeout_ms=CALL_MS)
        places = {p: TopicPartition(p.topic, p.partition) for p in lost}
        self._astray = frozenset(places.values())
        face([LostOffset(places[p], at, starts[p], ends[p]) for p, at in lost.items()], self._offset_lost)
        again, self._astray = self._each(self._client.seek_to_beginning, self._astray), frozenset()
        self._told.lost(again)
        self._told.assigned(again)
        return []

    def _each(self, change: Callable[[Any], None], partitions: Iterable[TopicPartition]) -> frozenset[TopicPartition]:
        """Do it to each; those that it was done to. The client's own thread may take any away meanwhile."""
        changed = set()
        for partition in partitions:
            with suppress(KeyError, ValueError):  # it went
                change(client_partition(partition))
                changed.add(partition)
        return frozenset(changed)
