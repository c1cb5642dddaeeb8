"""Answers remembered for a short time, and each asked for once however many ask at once."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from datetime import datetime, timedelta
from functools import partial
from typing import Generic, TypeVar

from medie_fhir.ports import Clock

__all__ = ["Remembered"]

Answer = TypeVar("Answer")


class Remembered(Generic[Answer]):
    """At most ``most`` answers, the one unused for the longest forgotten first. An error is not remembered.

    An answer's time runs from when it was asked for: what the server says may be older than what we hear.
    """

    def __init__(self, clock: Clock, most: int) -> None:
        self._clock, self._most = clock, most
        self._answers: OrderedDict[Hashable, tuple[Answer, datetime]] = OrderedDict()
        self._asking: dict[Hashable, asyncio.Future[Answer]] = {}

    def __len__(self) -> int:
        return len(self._answers)

    async def get(self, key: Hashable, ask: Callable[[], Awaitable[tuple[Answer, timedelta]]]) -> Answer:
        """The answer to ``key``, from memory or by asking; ``ask`` says also for how long it holds.

        Who is cancelled while waiting doesn't cancel the question, for others may wait for its answer too.
        """
        now = self._clock.now()
        if (known := self._answers.get(key)) and now < known[1]:
            self._answers.move_to_end(key)
            return known[0]
        asking = self._asking.get(key)
        if asking is None:
            asking = asyncio.ensure_future(self._asked(key, ask, now))
            self._asking[key] = asking
            asking.add_done_callback(partial(self._done, key))
        return await asyncio.shield(asking)

    async def _asked(
        self, key: Hashable, ask: Callable[[], Awaitable[tuple[Answer, timedelta]]], now: datetime
    ) -> Answer:
        answer, lasts = await ask()
        self._answers[key] = (answer, now + lasts)
        self._answers.move_to_end(key)
        while len(self._answers) > self._most:
            self._answers.popitem(last=False)
        return answer

    def _done(self, key: Hashable, asking: asyncio.Future[Answer]) -> None:
        self._asking.pop(key, None)
        if not asking.cancelled():
            asking.exception()  # seen, so that asyncio doesn't report one that nobody waited for
