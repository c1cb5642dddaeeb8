"""Whether the broker is there, as the loop that polls it can tell."""

from __future__ import annotations

import logging
from collections.abc import Callable

from consumers.broker import Consumer
from consumers.monitor import Waiting
from medie_fhir.errors import BrokerUnavailable

__all__ = ["Reach"]

log = logging.getLogger(__name__)


class Reach:
    """Looks when told to, on the consumer's thread. ``waiting`` may be read from any thread."""

    def __init__(self, consumer: Consumer, stage: str, monotonic: Callable[[], float]) -> None:
        self._consumer = consumer
        self._stage = stage
        self._now = monotonic
        self._away: float | None = None

    @property
    def away(self) -> bool:
        """Whether it was not there when last looked for."""
        return self._away is not None

    @property
    def waiting(self) -> tuple[Waiting, ...]:
        """The outage, where there is one."""
        since = self._away
        return () if since is None else (Waiting("kafka", self._now() - since),)

    def look(self) -> None:
        """Ask for the ends of our partitions: a failed commit may be but a rebalance, and a poll hides an outage."""
        try:
            self._consumer.end_offsets(self._consumer.assignment())
        except BrokerUnavailable:
            if self._away is None:
                self._away = self._now()
                log.warning("%s: kafka is away: nothing is read until it answers", self._stage)
            return
        if self._away is not None:
            log.warning("%s: kafka answers again after %.1f s", self._stage, self._now() - self._away)
        self._away = None
