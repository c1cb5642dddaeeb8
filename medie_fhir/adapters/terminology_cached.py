"""A terminology server whose answers are kept in memory for a while, that there is no code included."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable

from medie_fhir.model import Concept
from medie_fhir.ports import TerminologyServer

__all__ = ["CachedTerminology"]


class CachedTerminology:
    """A TerminologyServer (see ports) over another. What several ask at once is asked once.

    An answer is kept for ``seconds``, and ``entries`` of them at most: those that were used least lately go. A failure
    is no answer. Nothing is written to disk, for the values are patients' data.
    """

    def __init__(
        self,
        server: TerminologyServer,
        *,
        seconds: float,
        entries: int,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._server = server
        self._seconds, self._entries, self._now = seconds, entries, now
        self._kept: OrderedDict[tuple[str, str], tuple[float, Concept | None]] = OrderedDict()
        self._asking: dict[tuple[str, str], asyncio.Task[Concept | None]] = {}

    async def code(self, field: str, value: str) -> Concept | None:
        """The answer that is kept, or else the server's."""
        key = (field, value)
        until, answer = self._kept.get(key, (float("-inf"), None))
        if self._now() < until:
            self._kept.move_to_end(key)
            return answer
        if (asking := self._asking.get(key)) is None:
            asking = self._asking[key] = asyncio.create_task(self._asked(key))
            asking.add_done_callback(_heard)
        return await asyncio.shield(asking)  # who is cancelled doesn't take the answer from the others

    async def aclose(self) -> None:
        """End what is being asked; not the server."""
        for task in (running := list(self._asking.values())):
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _asked(self, key: tuple[str, str]) -> Concept | None:
        try:
            answer = await self._server.code(*key)
        finally:
            del self._asking[key]
        self._kept[key] = self._now() + self._seconds, answer
        self._kept.move_to_end(key)
        while len(self._kept) > self._entries:
            self._kept.popitem(last=False)
        return answer


def _heard(task: asyncio.Task[Concept | None]) -> None:
    """An error that nobody waits for any more is none to be logged with its traceback."""
    if not task.cancelled():
        task.exception()
