"""A real Kafka cluster, by kafka-python. The only file that knows the client, and what 3.0.12 does that it should not.

* A group join that ends between two polls is thrown away, so a member without partitions polls for a second at least.
* Partitions that a member keeps in an eager rebalance are not read again, so only the cooperative protocol is used.
* Rebalance callbacks run on the client's IO thread, while the polling thread waits in ``poll``: they may await, and
  must never block or raise.
* After a broker refuses a record as too large, an idempotent producer is dead for every partition: it is replaced.
* The default reconnect backoff grows to 30 s, so that a consumer comes back a minute after its broker.
* A topic that is not there, or not ours to see, polls nothing for ever: topics are checked first.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, Final

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, OffsetAndMetadata
from kafka import TopicPartition as ClientPartition
from kafka import errors as client_errors
from kafka.consumer.subscription_state import AsyncConsumerRebalanceListener
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.net.compat import KafkaNetClient
from kafka.net.selector import KernelEvent

from consumers.broker import Consumer, Headers, Message, Producer, RebalanceListener, TopicPartition
from consumers.kafka_logs import tame
from medie_fhir.errors import BrokerError, BrokerRefused, BrokerUnavailable, RecordTooLarge

__all__ = ["KafkaBroker"]

log = logging.getLogger(__name__)

_JOIN_POLL_S: Final = 1.0
_CALL_MS: Final = 10_000  # commits, positions, leaving: shorter than any drain
_TOO_LARGE: Final = (client_errors.MessageSizeTooLargeError, client_errors.RecordListTooLargeError)
_REFUSED: Final = (
    client_errors.AuthorizationError,
    client_errors.FencedInstanceIdError,
    client_errors.GroupMaxSizeReachedError,
    client_errors.InconsistentGroupProtocolError,
    client_errors.InvalidGroupIdError,
    client_errors.InvalidSessionTimeoutError,
    client_errors.InvalidTopicError,
    client_errors.KafkaConfigurationError,
    client_errors.SaslAuthenticationFailedError,
    client_errors.UnsupportedSaslMechanismError,
    client_errors.UnsupportedVersionError,
)


def _ours(error: BaseException, doing: str) -> BrokerError:
    """Our error for a client's. The client's text is left out: it may repeat what was sent."""
    name = type(error).__name__
    if isinstance(error, _TOO_LARGE):
        return RecordTooLarge(f"{doing}: larger than the topic, or this program, allows ({name})")
    if isinstance(error, _REFUSED) or "AuthorizationFailed" in str(error):
        return BrokerRefused(f"{doing}: the broker refuses it ({name}). Check credentials, ACLs and member names")
    return BrokerUnavailable(f"{doing}: not possible at present ({name})")


@contextmanager
def _translated(doing: str) -> Iterator[None]:
    try:
        yield
    except client_errors.KafkaError as error:
        raise _ours(error, doing) from None


@contextmanager
def _logged(doing: str) -> Iterator[None]:
    """For the client's own threads, where an exception would make it poll in a hot loop."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - see above
        log.error("%s failed with %s", doing, type(error).__name__)  # noqa: TRY400 - no text in logs


def _made(kind: Callable[..., Any], **config: Any) -> Any:
    """A client, or what its making raised: it connects at once, and where it fails it leaves a thread and sockets."""
    networks: list[Any] = []

    def network(**options: Any) -> Any:
        networks.append(KafkaNetClient(**options))
        return networks[-1]

    try:
        return kind(**config, kafka_client=network)
    except BaseException:
        for made in networks:
            made.close()
        raise


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
    ) -> None:
        tame()
        self._common: dict[str, Any] = {
            **(security or {}),
            "bootstrap_servers": bootstrap_servers.split(","),
            "client_id": client_id,
            "reconnect_backoff_max_ms": 1000,
            "bootstrap_timeout_ms": int(bootstrap_timeout_s * 1000),
        }
        self._member: dict[str, Any] = {
            "enable_auto_commit": False,
            "auto_offset_reset": "earliest",
            "isolation_level": "read_committed",  # what its sender took back never happened
            "max_poll_interval_ms": int(max_poll_interval_s * 1000),
            "session_timeout_ms": int(session_timeout_s * 1000),
            "heartbeat_interval_ms": min(3000, int(session_timeout_s * 1000 / 3)),
            "allow_auto_create_topics": False,
        }
        self._writer: dict[str, Any] = {
            "acks": "all",
            "enable_idempotence": True,
            "compression_type": "zstd",
            "linger_ms": 5,
            "max_block_ms": _CALL_MS,
            "max_request_size": max_record_bytes,
            "delivery_timeout_ms": int(delivery_timeout_s * 1000),
            "allow_auto_create_topics": False,
        }
        self._revoke_limit_s = revoke_limit_s

    def consumer(self, topic: str, group: str, *, instance_id: str | None = None) -> Consumer:
        """See :class:`~consumers.broker.Broker`. Raises BrokerRefused where the topic can't be read."""
        self.check_topics([topic])
        with _translated("connecting"):
            client = _made(
                KafkaConsumer,
                **self._common,
                **self._member,
                group_id=group,
                group_instance_id=instance_id,
                # A fresh instance for each consumer: it keeps the group's state.
                partition_assignment_strategy=[CooperativeStickyAssignor()],
            )
        return _KafkaConsumer(client, topic, self._revoke_limit_s)

    def producer(self) -> Producer:
        """See :class:`~consumers.broker.Broker`. It connects with its first record."""
        return _KafkaProducer({**self._common, **self._writer})

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
        with _translated(doing):
            admin = _made(KafkaAdminClient, **self._common)
            try:
                yield admin
            finally:
                admin.close()


class _Listener(AsyncConsumerRebalanceListener):  # type: ignore[misc] # the client has no types
    """Runs on the client's IO thread. What it waits for is done by others meanwhile, heartbeats among them."""

    def __init__(self, listener: RebalanceListener, client: Any, limit_s: float) -> None:
        self._listener = listener
        self._client = client
        self._limit_s = limit_s
        self.closing = False

    async def on_partitions_assigned(self, assigned: Iterable[Any]) -> None:
        self._tell(self._listener.assigned, _partitions(assigned))

    async def on_partitions_lost(self, lost: Iterable[Any]) -> None:
        self._tell(self._listener.lost, _partitions(lost))

    async def on_partitions_revoked(self, revoked: Iterable[Any]) -> None:
        given_up = self._tell(self._listener.revoked, _partitions(revoked))
        if given_up is None or not await self._done(given_up.done, self._limit_s) or not (offsets := given_up.result()):
            return
        with _logged("committing what is given up"):
            committing = self._client.commit_async(_offsets(offsets))
            if not await self._done(lambda: committing.is_done, _CALL_MS / 1000) or committing.failed():
                log.warning("partitions are given up without a commit: their last records will be delivered again")

    def _tell(self, event: Callable[[frozenset[TopicPartition]], Any], partitions: frozenset[TopicPartition]) -> Any:
        if partitions and not self.closing:
            with _logged("a rebalance"):
                return event(partitions)
        return None

    async def _done(self, done: Any, limit_s: float) -> bool:
        """Wait on the client's own loop, which has no public way to sleep, and isn't woken by another thread."""
        deadline = time.monotonic() + limit_s
        while not done() and time.monotonic() < deadline:
            await KernelEvent("_sleep", 0.02)
        return bool(done())


class _KafkaConsumer:
    def __init__(self, client: Any, topic: str, revoke_limit_s: float) -> None:
        self._client = client
        self._topic = topic
        self._revoke_limit_s = revoke_limit_s
        self._listener: _Listener | None = None

    def subscribe(self, listener: RebalanceListener) -> None:
        self._listener = _Listener(listener, self._client, self._revoke_limit_s)
        with _translated("subscribing"):
            self._client.subscribe([self._topic], listener=self._listener)

    def poll(self, timeout_s: float, max_records: int) -> list[Message]:
        if not self._client.assignment():
            timeout_s = max(timeout_s, _JOIN_POLL_S)
        with _translated("polling"):
            batches = self._client.poll(timeout_ms=int(timeout_s * 1000), max_records=max_records)
        return [_message(record) for batch in batches.values() for record in batch]

    def pause(self, partitions: Iterable[TopicPartition]) -> None:
        self._client.pause(*map(_client_partition, partitions))

    def resume(self, partitions: Iterable[TopicPartition]) -> None:
        self._client.resume(*map(_client_partition, partitions))

    def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        with _translated("committing"):
            self._client.commit(_offsets(offsets), timeout_ms=_CALL_MS)

    def assignment(self) -> frozenset[TopicPartition]:
        return _partitions(self._client.assignment())

    def position(self, partition: TopicPartition) -> int:
        with _translated("asking for a position"):
            position = self._client.position(_client_partition(partition), timeout_ms=_CALL_MS)
        if position is None:
            raise BrokerUnavailable("asking for a position: not known at present")
        return int(position)

    def end_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        with _translated("asking for end offsets"):
            ends = self._client.end_offsets([_client_partition(p) for p in partitions], timeout_ms=_CALL_MS)
        return {TopicPartition(p.topic, p.partition): int(end) for p, end in ends.items()}

    def close(self) -> None:
        if self._listener is not None:
            self._listener.closing = True
        with _translated("leaving the group"):
            self._client.close(autocommit=False, timeout_ms=_CALL_MS)


class _KafkaProducer:
    """Has one thread, the only one that touches the client: its ``send`` may block for metadata or memory."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._config = config
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="kafka-producer")
        self._client: Any = None

    async def send(
        self,
        topic: str,
        *,
        key: bytes | None,
        value: bytes | None,
        headers: Headers = (),
        timestamp_ms: int | None = None,
    ) -> None:
        if key is None and value is None:
            key = b""  # the client refuses a record of nothing; a dead letter of one must not be lost
        # Nor does it write null headers: they become empty.
        fields: dict[str, Any] = {"key": key, "value": value, "timestamp_ms": timestamp_ms}
        fields["headers"] = [(name, part or b"") for name, part in headers]
        sent: Future[None] = Future()
        sending = asyncio.get_running_loop().run_in_executor(self._thread, self._send, topic, fields, sent)
        await asyncio.shield(sending)
        await asyncio.shield(asyncio.wrap_future(sent))

    async def flush(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, self._flush)

    def close(self) -> None:
        self._thread.submit(lambda: self._discard(self._client))
        self._thread.shutdown(wait=True)

    def _send(self, topic: str, fields: dict[str, Any], sent: Future[None]) -> None:
        try:
            if self._client is None:
                self._client = _made(KafkaProducer, **self._config)
            acknowledged = self._client.send(topic, **fields)
        except client_errors.KafkaError as error:
            sent.set_exception(_ours(error, "sending"))
        except (RuntimeError, OSError) as error:  # the client's own loop has died
            self._discard(self._client)
            sent.set_exception(BrokerUnavailable(f"sending: the client failed ({type(error).__name__})"))
        else:
            acknowledged.add_callback(lambda _: sent.set_result(None))
            acknowledged.add_errback(partial(self._failed, self._client, sent))

    def _failed(self, client: Any, sent: Future[None], error: BaseException) -> None:
        """On the client's thread. After a broker's refusal an idempotent producer may be dead: use another."""
        if not isinstance(error, client_errors.RetriableError):
            with suppress(RuntimeError):  # closed meanwhile
                self._thread.submit(self._discard, client)
        sent.set_exception(_ours(error, "sending"))

    def _discard(self, client: Any) -> None:
        """End a client; the next record makes a new one. What it had not sent fails, to be sent again."""
        if client is None or self._client is not client:
            return
        self._client = None
        try:
            client._sender.force_close()  # noqa: SLF001 - close() alone raises while anything is unsent, and ends nothing
            client.close(timeout=_CALL_MS / 1000)
        except client_errors.KafkaError as error:
            log.warning("closing a producer failed with %s", type(error).__name__)

    def _flush(self) -> None:
        if self._client is not None:
            with _translated("flushing"):
                self._client.flush(timeout=self._config["delivery_timeout_ms"] / 1000)


def _message(record: Any) -> Message:
    headers = tuple((str(name), value) for name, value in record.headers or ())
    return Message(
        record.topic, record.partition, record.offset, record.key, record.value, headers, record.timestamp or 0
    )


def _partitions(partitions: Iterable[Any]) -> frozenset[TopicPartition]:
    return frozenset(TopicPartition(p.topic, p.partition) for p in partitions)


def _client_partition(partition: TopicPartition) -> Any:
    return ClientPartition(partition.topic, partition.partition)


def _offsets(offsets: Mapping[TopicPartition, int]) -> dict[Any, Any]:
    return {_client_partition(p): OffsetAndMetadata(offset, "", -1) for p, offset in offsets.items()}
