"""Whether silence is only silence.

A topic that was deleted or hidden polls nothing for ever, and a refused login looks like an outage that never ends. So
what has gone without an answer is asked about by other means, now and then.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from medie_fhir.errors import BrokerUnavailable

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

    def grow(self) -> None:
        """Something failed that should not: ask at the next occasion."""
        self._grown = True

    def end(self) -> None:
        """Something was heard."""
        self._grown = False

    def settle(self, suspicious: Callable[[], bool]) -> None:
        """Ask if there is a doubt, or something to suspect. Raises BrokerRefused; an outage is waited for instead."""
        if self._now() < self._next:
            return
        self._next = self._now() + _LOOK_S
        if not self._grown and not suspicious():
            return
        self._next = self._now() + _ASK_S
        try:
            self._ask()
        except BrokerUnavailable:
            return
        self._grown = False
