"""When a loop commits, and what becomes of a commit that fails. Lives on the consumer's thread alone."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from consumers.broker import Consumer
from consumers.flight import Flight
from consumers.loop_options import LoopOptions
from consumers.reach import Reach
from medie_fhir.errors import BrokerUnavailable

__all__ = ["Commits"]

log = logging.getLogger(__name__)


class Commits:
    """Stored state is advanced only by what the broker has acknowledged: what failed is due again the next time."""

    def __init__(
        self,
        consumer: Consumer,
        flight: Flight,
        reach: Reach,
        *,
        options: LoopOptions,
        stage: str,
        stopping: threading.Event,
        monotonic: Callable[[], float],
    ) -> None:
        self._consumer = consumer
        self._flight = flight
        self._reach = reach
        self._options = options
        self._stage = stage
        self._stopping = stopping
        self._now = monotonic
        self._made_at = monotonic()

    def if_due(self) -> None:
        """Commit where it is time to; while the broker is away, ask first whether it is there."""
        options, waited = self._options, self._now() - self._made_at
        if waited < options.commit_interval_s:
            return
        if self._reach.away:
            self._made_at = self._now()
            self._reach.look()
        self.make(again=waited >= options.idle_commit_s)

    def make(self, *, again: bool = False) -> bool:
        """Commit what is due, and ``again`` what isn't; False where it must be tried again."""
        offsets = self._flight.due(self._consumer.assignment(), again=again)
        if not offsets:
            return True
        try:
            self._consumer.commit(offsets)
        except BrokerUnavailable as error:
            self._flight.watched.commit_failures += 1
            if not self._stopping.is_set():  # who leaves has no time to ask for an outage
                self._reach.look()
            log.warning("%s: a commit failed with %s; kept for the next", self._stage, type(error).__name__)
            return False
        finally:
            self._made_at = self._now()  # after it: polling comes between two commits however long they take
        self._flight.watched.commits += 1
        self._flight.acknowledge(offsets)
        return True
