"""A cluster: what makes its consumers and producers, and looks after its topics."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer
from kafka import errors as client_errors
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor

from consumers.broker import Consumer, Message, Producer, TopicPartition
from consumers.kafka_broker.client import CALL_MS, made
from consumers.kafka_broker.consumer import GroupConsumer
from consumers.kafka_broker.failures import translated
from consumers.kafka_broker.header_names import tolerate
from consumers.kafka_broker.logs import tame
from consumers.kafka_broker.producer import RecordProducer
from consumers.kafka_broker.reading import progress_of, records_of
from consumers.lost_offsets import OffsetLostPolicy
from medie_fhir.errors import BrokerRefused

__all__ = ["KafkaBroker"]


class KafkaBroker:
    """A cluster at ``bootstrap_servers`` (``host:port``, several with commas).

    ``security`` goes to every client as it is: ``security_protocol``, ``ssl_cafile``, ``sasl_mechanism`` … as
    kafka-python names them. Times are in seconds, sizes in bytes; ``revoke_limit_s`` must be above the loop's
    ``drain_s`` and well under ``max_poll_interval_s``.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        *,
        security: Mapping[str, Any] | None = None,
        client_id: str = "medie-fhir",
        max_poll_interval_s: float = 120.0,
        session_timeout_s: float = 45.0,
        revoke_limit_s: float = 40.0,
        max_record_bytes: int = 4 * 1024 * 1024,
        delivery_timeout_s: float = 120.0,
        bootstrap_timeout_s: float = 30.0,
        offset_lost: OffsetLostPolicy = "stop",
    ) -> None:
        tame()
        tolerate()
        self._common: dict[str, Any] = {
            **(security or {}),
            "bootstrap_servers": bootstrap_servers.split(","),
            "client_id": client_id,
            "reconnect_backoff_max_ms": 1000,
            "bootstrap_timeout_ms": int(bootstrap_timeout_s * 1000),
        }
        self._reader: dict[str, Any] = {
            "enable_auto_commit": False,
            "isolation_level": "read_committed",  # what its sender took back never happened
            "allow_auto_create_topics": False,
        }
        self._member: dict[str, Any] = {
            **self._reader,
            "auto_offset_reset": "none",  # GroupConsumer decides: it tells a new group from one that lost its place
            "max_poll_interval_ms": int(max_poll_interval_s * 1000),
            "session_timeout_ms": int(session_timeout_s * 1000),
            "heartbeat_interval_ms": min(3000, int(session_timeout_s * 1000 / 3)),
        }
        self._writer: dict[str, Any] = {
            "acks": "all",
            "enable_idempotence": True,
            "compression_type": "zstd",
            "linger_ms": 5,
            "max_block_ms": CALL_MS,
            "max_request_size": max_record_bytes,
            "delivery_timeout_ms": int(delivery_timeout_s * 1000),
            "allow_auto_create_topics": False,
        }
        self._revoke_limit_s = revoke_limit_s
        self._offset_lost: OffsetLostPolicy = offset_lost

    def read(self, topic: str, *, since_ms: int | None = None) -> Iterator[Message]:
        """See :class:`~consumers.broker.Broker`."""
        self.check_topics([topic])
        with translated("connecting"):
            client = made(KafkaConsumer, **self._common, **self._reader, auto_offset_reset="earliest")
        return records_of(client, topic, since_ms)

    def progress(self, topic: str, group: str) -> dict[TopicPartition, tuple[int | None, int]]:
        """See :class:`~consumers.broker.Broker`."""
        self.check_topics([topic])
        with self._admin("asking how far a group is") as admin:
            return progress_of(admin, topic, group)

    def consumer(self, topic: str, group: str, *, instance_id: str | None = None) -> Consumer:
        """See :class:`~consumers.broker.Broker`. Raises BrokerRefused where the topic can't be read."""
        self.check_topics([topic])
        with translated("connecting"):
            client = made(
                KafkaConsumer,
                **self._common,
                **self._member,
                group_id=group,
                group_instance_id=instance_id,
                # A fresh instance for each consumer: it keeps the group's state.
                partition_assignment_strategy=[CooperativeStickyAssignor()],
            )
        return GroupConsumer(client, topic, self._revoke_limit_s, self._offset_lost)

    def producer(self) -> Producer:
        """See :class:`~consumers.broker.Broker`. It connects with its first record."""
        return RecordProducer({**self._common, **self._writer})

    def check_topics(self, topics: Iterable[str]) -> None:
        """See :class:`~consumers.broker.Broker`."""
        names = sorted(set(topics))
        faults = []
        with self._admin("looking at topics") as admin:
            for topic in admin.describe_topics(names):
                code = topic["error_code"]
                error = client_errors.for_code(code)
                if issubclass(error, client_errors.AuthorizationError):
                    faults.append(f"{topic['name']}: not ours to see")
                elif error is client_errors.UnknownTopicOrPartitionError:
                    faults.append(f"{topic['name']}: not there")
                elif issubclass(error, client_errors.InvalidTopicError):
                    faults.append(f"{topic['name']}: no topic can have this name")
        if faults:
            raise BrokerRefused(f"topics: {'; '.join(faults)}. Create them or grant READ/WRITE, or mend their names")

    def create_topics(self, topics: Mapping[str, int]) -> None:
        """See :class:`~consumers.broker.Broker`. Replicas are as many as the cluster's default says."""
        with self._admin("creating topics") as admin:
            for name, partitions in topics.items():
                try:
                    admin.create_topics({name: {"num_partitions": partitions}}, wait_for_metadata=True)
                except client_errors.TopicAlreadyExistsError:
                    continue

    @contextmanager
    def _admin(self, doing: str) -> Iterator[Any]:
        with translated(doing):
            admin = made(KafkaAdminClient, **self._common)
            try:
                yield admin
            finally:
                admin.close()
