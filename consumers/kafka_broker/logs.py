"""The Kafka client's log lines, made fit for production: few, and without a record's content.

kafka-python writes thousands of equal lines in one outage, and at DEBUG it writes keys, values and headers, which are
patients' notes. So its loggers are cut off below WARNING, whatever the root's level is, and repeated lines are counted
instead of written.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

__all__ = ["RateLimited", "tame"]

_CLIENT: Final = "kafka"
_SECONDS: Final = 30.0
# Warnings that warn of nothing: of its own slowness on a busy machine, of a topic it has not looked at yet.
_CHATTER: Final = ("kafka.net.selector", "kafka.coordinator.assignors")


class RateLimited(logging.Handler):
    """Passes one record of a kind (logger and message template) on in ``seconds``, with how many were held back."""

    def __init__(
        self, to: logging.Logger, seconds: float = _SECONDS, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(logging.WARNING)
        self._to = to
        self._seconds = seconds
        self._now = monotonic
        self._seen: dict[tuple[str, str], tuple[float, int]] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Pass it on, or count it."""
        kind = (record.name, str(record.msg))
        now = self._now()
        since, held = self._seen.get(kind, (float("-inf"), 0))
        if now - since < self._seconds:
            self._seen[kind] = (since, held + 1)
            return
        self._seen[kind] = (now, 0)
        if self._to.isEnabledFor(record.levelno):
            more = f" ({held} more such lines were held back)" if held else ""
            self._to.log(record.levelno, "%s: %s%s", record.name, record.getMessage(), more)


def tame() -> None:
    """Route the client's loggers through one :class:`RateLimited`. Doing it again changes nothing."""
    client = logging.getLogger(_CLIENT)
    if any(isinstance(handler, RateLimited) for handler in client.handlers):
        return
    client.setLevel(logging.WARNING)
    for chatter in _CHATTER:
        logging.getLogger(chatter).setLevel(logging.ERROR)
    client.propagate = False
    client.addHandler(RateLimited(logging.getLogger("consumers.kafka")))
