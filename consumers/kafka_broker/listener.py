"""Partitions come and go on the client's IO thread, which may await, and must never block or raise."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from kafka.consumer.subscription_state import AsyncConsumerRebalanceListener
from kafka.net.selector import KernelEvent

from consumers.broker import RebalanceListener, TopicPartition
from consumers.kafka_broker.client import CALL_MS, client_offsets, partitions_of

__all__ = ["ClientListener"]

log = logging.getLogger(__name__)


@contextmanager
def _logged(doing: str) -> Iterator[None]:
    """For the client's own threads, where an exception would make it poll in a hot loop."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - see above
        log.error("%s failed with %s", doing, type(error).__name__)  # noqa: TRY400 - no text in logs


class ClientListener(AsyncConsumerRebalanceListener):  # type: ignore[misc] # the client has no types
    """Runs on the client's IO thread. What it waits for is done by others meanwhile, heartbeats among them."""

    def __init__(self, listener: RebalanceListener, client: Any, limit_s: float) -> None:
        self._listener = listener
        self._client = client
        self._limit_s = limit_s
        self.closing = False

    async def on_partitions_assigned(self, assigned: Iterable[Any]) -> None:
        """Pass it on."""
        self._tell(self._listener.assigned, partitions_of(assigned))

    async def on_partitions_lost(self, lost: Iterable[Any]) -> None:
        """Pass it on."""
        self._tell(self._listener.lost, partitions_of(lost))

    async def on_partitions_revoked(self, revoked: Iterable[Any]) -> None:
        """Pass it on, wait for what runs to end, and commit it while the partitions are still ours."""
        given_up = self._tell(self._listener.revoked, partitions_of(revoked))
        if given_up is None or not await self._done(given_up.done, self._limit_s) or not (offsets := given_up.result()):
            return
        with _logged("committing what is given up"):
            committing = self._client.commit_async(client_offsets(offsets))
            if not await self._done(lambda: committing.is_done, CALL_MS / 1000) or committing.failed():
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
