"""What came of asking a terminology server, counted; and where it isn't required, its failures are answers, too."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

from medie_fhir.errors import TerminologyError, TerminologyRejected
from medie_fhir.model import Concept
from medie_fhir.ports import TerminologyServer

__all__ = ["WatchedTerminology"]

log = logging.getLogger(__name__)

_REST_SECONDS: Final = 30.0


class WatchedTerminology:
    """A TerminologyServer (see ports) over another.

    ``answers`` counts values: ``coded``, ``unknown`` to the server, and ``unanswered``, for it failed.

    Where it is not ``required``, a value that it fails to answer has no code, and it is left alone for a while after:
    else each note would wait for a server that is away.
    """

    def __init__(
        self, server: TerminologyServer, *, required: bool = True, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._server, self._required, self._now = server, required, now
        self._rests_until = float("-inf")
        self.answers = {"coded": 0, "unknown": 0, "unanswered": 0}

    async def code(self, field: str, value: str) -> Concept | None:
        """See :class:`~medie_fhir.ports.TerminologyServer`. Raises only where it is required."""
        if self._now() < self._rests_until:
            self.answers["unanswered"] += 1
            return None
        try:
            concept = await self._server.code(field, value)
        except TerminologyError as error:
            self.answers["unanswered"] += 1
            if self._required:
                raise
            if not isinstance(error, TerminologyRejected):  # of one value, and the next may be fine
                self._rests_until = self._now() + _REST_SECONDS
            log.warning("%s: %s: the value is written as text", type(error).__name__, error)
            return None
        self.answers["coded" if concept else "unknown"] += 1
        return concept
