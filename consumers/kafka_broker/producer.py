"""Writes records, each acknowledged by all in-sync replicas."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any

from kafka import KafkaProducer
from kafka import errors as client_errors

from consumers.broker import Headers
from consumers.kafka_broker.client import CALL_MS, made
from consumers.kafka_broker.doubt import Doubt
from consumers.kafka_broker.failures import ours, translated
from consumers.kafka_broker.topics import Rights
from medie_fhir.errors import BrokerError, BrokerRefused, BrokerUnavailable

__all__ = ["RecordProducer"]

log = logging.getLogger(__name__)


class RecordProducer:
    """Has one thread, the only one that touches the client: its ``send`` may block for metadata or memory."""

    def __init__(self, config: Mapping[str, Any], check: Callable[[Rights], None]) -> None:
        self._config = config
        self._check = check
        self._doubts: dict[str, Doubt] = {}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="kafka-producer")
        self._client: Any = None
        self._closing = False

    async def send(
        self,
        topic: str,
        *,
        key: bytes | None,
        value: bytes | None,
        headers: Headers = (),
        timestamp_ms: int | None = None,
    ) -> None:
        """Write one record, and wait for its replicas."""
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
        """Wait for all that was sent."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._flush)

    def close(self) -> None:
        """End; what is not yet sent fails."""
        self._closing = True  # each that waits for the thread might wait for the broker, one after another
        self._thread.submit(lambda: self._discard(self._client))
        self._thread.shutdown(wait=True)

    def _send(self, topic: str, fields: dict[str, Any], sent: Future[None]) -> None:
        if self._closing:
            sent.set_exception(BrokerUnavailable("sending: this producer is being closed"))
            return
        try:
            if self._client is None:
                self._client = made(KafkaProducer, **self._config)
            acknowledged = self._client.send(topic, **fields)
        except client_errors.KafkaError as error:
            sent.set_exception(self._explained(ours(error, "sending", topic=topic), topic))
        except (RuntimeError, OSError) as error:  # the client's own loop has died
            self._discard(self._client)
            sent.set_exception(BrokerUnavailable(f"sending: the client failed ({type(error).__name__})"))
        else:
            acknowledged.add_callback(lambda _: sent.set_result(None))
            acknowledged.add_errback(partial(self._failed, self._client, topic, sent))

    def _explained(self, failure: BrokerError, topic: str) -> BrokerError:
        """A topic that is not there, and a login that is refused, look like an outage: ask which it is."""
        if not isinstance(failure, BrokerUnavailable):
            return failure
        doubt = self._doubts.setdefault(topic, Doubt(partial(self._check, {topic: ("WRITE",)})))
        doubt.grow()
        try:
            doubt.settle(lambda: False)
        except BrokerRefused as refusal:
            return refusal
        return failure

    def _failed(self, client: Any, topic: str, sent: Future[None], error: BaseException) -> None:
        """On the client's thread. After a broker's refusal an idempotent producer may be dead: use another."""
        if not isinstance(error, client_errors.RetriableError):
            with suppress(RuntimeError):  # closed meanwhile
                self._thread.submit(self._discard, client)
        sent.set_exception(ours(error, "sending", topic=topic))

    def _discard(self, client: Any) -> None:
        """End a client; the next record makes a new one. What it had not sent fails, to be sent again."""
        if client is None or self._client is not client:
            return
        self._client = None
        try:
            client._sender.force_close()  # noqa: SLF001 - close() alone raises while anything is unsent, and ends nothing
            client.close(timeout=CALL_MS / 1000)
        except client_errors.KafkaError as error:
            log.warning("closing a producer failed with %s", type(error).__name__)

    def _flush(self) -> None:
        if self._client is not None:
            with translated("flushing"):
                self._client.flush(timeout=self._config["delivery_timeout_ms"] / 1000)
