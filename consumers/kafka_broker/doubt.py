"""Whether silence is only silence.

A topic that was deleted or hidden polls nothing for ever, and a refused login looks like an outage that never ends. So
what has gone without an answer is asked about by other means, now and then.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from medie_fhir.errors import BrokerRefused, BrokerUnavailable

__all__ = ["Doubt"]

_LOOK_S: Final = 5.0
_ASK_S: Final = 30.0  # a question costs connections of its own


class Doubt:
    """``ask`` raises BrokerRefused where waiting is in vain, and BrokerUnavailable in an outage. For one thread."""

    def __init__(self, ask: Callable[[], object], monotonic: Callable[[], float] = time.monotonic) -> None:
        self._ask = ask
        self._now = monotonic
        self._next = float("-inf")
        self._grown = False
        self._refused = False

    def grow(self) -> None:
        """Something failed that should not: ask at the next occasion."""
        self._grown = True

    def end(self) -> None:
        """Something was heard."""
        self._grown = self._refused = False

    def settle(self, suspicious: Callable[[], bool]) -> None:
        """Ask if there is a doubt, or something to suspect. An outage is waited for.

        Raises BrokerRefused when it was heard twice: a broker that comes up may not know all topics and users yet.
        """
        if self._now() < self._next:
            return
        self._next = self._now() + _LOOK_S
        if not self._grown and not self._refused and not suspicious():
            return
        try:
            self._ask()
        except BrokerUnavailable:
            self._next = self._now() + _ASK_S
        except BrokerRefused:
            if self._refused:
                raise
            self._refused = True
        else:
            self._next = self._now() + _ASK_S
            self._grown = self._refused = False
