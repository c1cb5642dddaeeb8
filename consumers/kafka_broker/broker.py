"""A cluster: what makes its consumers and producers, and looks after its topics."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

from kafka import KafkaAdminClient, KafkaConsumer
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor

from consumers.broker import Consumer, Message, Producer, TopicPartition
from consumers.kafka_broker.client import made
from consumers.kafka_broker.consumer import GroupConsumer
from consumers.kafka_broker.doubt import Doubt
from consumers.kafka_broker.failures import translated
from consumers.kafka_broker.header_names import tolerate
from consumers.kafka_broker.logs import tame
from consumers.kafka_broker.probe import Address, advertised_faults, knock
from consumers.kafka_broker.producer import RecordProducer
from consumers.kafka_broker.reading import progress_of, records_of
from consumers.kafka_broker.roles import READER, common, member, writer
from consumers.kafka_broker.security import clear_text, client_options
from consumers.kafka_broker.topics import Rights, check, check_group, create, fitness, missing, wanted
from consumers.lost_offsets import OffsetLostPolicy
from medie_fhir.errors import BrokerError, BrokerUnavailable
from medie_fhir.settings import KafkaSettings

__all__ = ["KafkaBroker"]

log = logging.getLogger(__name__)

_ANSWER_S: Final = 5.0  # for one answer of a broker that is asked who it is
_PAUSE_S: Final = 5.0
_HALVES: Final = ("extract", "publish")


class KafkaBroker:
    """A cluster at ``bootstrap_servers`` (``host:port``, several with commas).

    :meth:`of` makes one of settings. ``options`` go to every client as they are: ``security_protocol``, ``ssl_cafile``,
    ``sasl_mechanism`` … as kafka-python names them. ``instance_id`` is for consumers that are given no other. Times are
    in seconds, sizes in bytes; ``revoke_limit_s`` must be above the loop's ``drain_s`` and well under
    ``max_poll_interval_s``.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        *,
        options: Mapping[str, Any] | None = None,
        instance_id: str | None = None,
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
        self._servers = bootstrap_servers.split(",")
        self._patience_s = bootstrap_timeout_s
        self._instance_id = instance_id
        self._common = common(self._servers, options or {}, bootstrap_timeout_s)
        self._member = member(max_poll_interval_s, session_timeout_s)
        self._writer = {**self._common, **writer(max_record_bytes, delivery_timeout_s, bootstrap_timeout_s)}
        self._revoke_limit_s = revoke_limit_s
        self._offset_lost: OffsetLostPolicy = offset_lost

    @classmethod
    def of(cls, kafka: KafkaSettings, *, bootstrap_timeout_s: float = 30.0) -> KafkaBroker:
        """The cluster of the settings. Raises SettingsError with all that can't be right, before any connection."""
        return cls(
            kafka.bootstrap_servers,
            options=client_options(kafka),
            instance_id=kafka.instance_id,
            max_poll_interval_s=kafka.max_poll_interval_seconds,
            session_timeout_s=kafka.session_timeout_seconds,
            max_record_bytes=kafka.max_record_bytes,
            bootstrap_timeout_s=bootstrap_timeout_s,
            offset_lost=kafka.offset_lost,
        )

    def examine(self, kafka: KafkaSettings, halves: Collection[str] = _HALVES) -> list[str]:
        """All that can be known before work begins. What an operator should mend comes back, a line each.

        Waits for a broker that doesn't answer, as long as ``bootstrap_timeout_s`` says, with a line of log each time.
        Makes our topics where they are missing and ``kafka.create_topics`` says so. Raises what makes work impossible:
        BrokerUnavailable, LoginRefused, NotTrusted, TopicMissing, TopicForbidden, BrokerRefused.
        """
        brokers = self._reach(self._patience_s)
        warnings = [*clear_text(kafka), *self._advertised(brokers)]
        with self._admin("looking at the cluster") as admin:
            if kafka.create_topics:
                topics = wanted(kafka)
                create(admin, {name: topics[name] for name in missing(admin, topics)})
            check(admin, _rights(kafka, halves))
            for half in halves:
                check_group(admin, f"{kafka.group}-{half}")
            return [*warnings, *fitness(admin, kafka, len(brokers))]

    def read(self, topic: str, *, since_ms: int | None = None) -> Iterator[Message]:
        """See :class:`~consumers.broker.Broker`."""
        self.check_topics([topic])
        with translated("connecting"):
            client = made(KafkaConsumer, **self._common, **READER, auto_offset_reset="earliest")
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
                group_instance_id=instance_id or self._instance_id,
                # A fresh instance for each consumer: it keeps the group's state.
                partition_assignment_strategy=[CooperativeStickyAssignor()],
            )
        doubt = Doubt(partial(self._check, {topic: ("READ",)}))
        return GroupConsumer(
            client,
            topic,
            group,
            doubt=doubt,
            revoke_limit_s=self._revoke_limit_s,
            offset_lost=self._offset_lost,
        )

    def producer(self) -> Producer:
        """See :class:`~consumers.broker.Broker`. It connects with its first record."""
        return RecordProducer(self._writer, self._check)

    def check_topics(self, topics: Iterable[str]) -> None:
        """See :class:`~consumers.broker.Broker`."""
        self._check(dict.fromkeys(topics, ()))

    def create_topics(self, topics: Mapping[str, int]) -> None:
        """See :class:`~consumers.broker.Broker`. Replicas are as many as the cluster's default says."""
        with self._admin("creating topics") as admin:
            create(admin, {name: {"num_partitions": partitions} for name, partitions in topics.items()})

    def _check(self, rights: Rights) -> None:
        with self._admin("looking at topics") as admin:
            check(admin, rights)

    def _reach(self, patience_s: float) -> list[Address]:
        """Where the brokers are. Only what may pass is waited for: a refused login is refused in half a minute too."""
        deadline = time.monotonic() + patience_s
        pause_s = 0.5
        while True:
            try:
                return knock(self._servers, self._common, max(1.0, min(_ANSWER_S, self._patience_s)))
            except BrokerUnavailable as error:
                if time.monotonic() + pause_s > deadline:
                    raise
                log.warning("waiting for Kafka: %s", error)
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, _PAUSE_S)

    def _advertised(self, brokers: list[Address]) -> list[str]:
        faults: list[BrokerError] = advertised_faults(brokers, self._common, _ANSWER_S)
        if faults and len(faults) == len(brokers):
            raise faults[0]
        return [str(fault) for fault in faults]

    @contextmanager
    def _admin(self, doing: str) -> Iterator[Any]:
        self._reach(0.0)
        with translated(doing):
            admin = made(KafkaAdminClient, **self._common)
            try:
                yield admin
            finally:
                admin.close()


def _rights(kafka: KafkaSettings, halves: Collection[str]) -> Rights:
    """What each half reads and writes; a topic may be read by the one and written by the other."""
    rights: dict[str, set[str]] = {kafka.dead_letters: {"WRITE"}}
    if "extract" in halves:
        rights.setdefault(kafka.events, set()).add("READ")
        rights.setdefault(kafka.extractions, set()).add("WRITE")
    if "publish" in halves:
        rights.setdefault(kafka.extractions, set()).add("READ")
        if kafka.bundles:
            rights[kafka.bundles] = {"WRITE"}
    return rights
