"""As many requests as keep a model server busy, and few that wait in its queue.

vLLM takes all that it is sent and lets it wait. Those that wait there get no answer the sooner, and whoever else asks
stands behind them; their time runs out, though nothing is wrong. So its own count of those that run and those that wait
is read while there is work (vLLM docs, "Production Metrics": ``vllm:num_requests_running`` and ``_waiting``), and the
limit follows it: additive increase, multiplicative decrease, after a slow start, as in TCP (RFC 5681 §3.1), so that
several consumers of one server come to equal shares (Chiu and Jain 1989, doi:10.1016/0169-7552(89)90019-6).

A queue of one request, and one more for every four that run, is kept, so that the next is there when one ends. Where a
longer one stands, a fifth is taken off the limit: the engine stays full. It stands where it was too long at each of
some readings, and an answer came meanwhile. Else it is a burst: what comes in waits for the end of the engine's step,
and on a CPU that takes seconds. (That the least of an interval tells a standing queue from a burst: CoDel, RFC 8289
§3.)
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from medie_fhir.adapters.turns import Turns

__all__ = ["NO_LOAD", "EnginePace", "Load", "QueueLaw", "load_of"]

_FIRST = 4  # requests at once, until something is known
_KEPT_WAITING = 0.25  # of what runs
_CUT = 0.8
_READINGS = 3  # at so many, one after another, it must have been too long
_GAUGE = re.compile(r"^vllm:num_requests_(running|waiting)(?:\{[^\n]*\})? ([0-9.e+]+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Load:
    """How many requests a server works on, and how many wait in its queue: everybody's."""

    running: float
    waiting: float


NO_LOAD: Final = Load(-1.0, -1.0)
"""The server tells nothing of the kind."""


def load_of(metrics: str) -> Load:
    """The load in vLLM's metrics (Prometheus text format), over all its engines; NO_LOAD where there is none in it."""
    sums: dict[str, float] = {}
    for name, value in _GAUGE.findall(metrics):
        sums[name] = sums.get(name, 0.0) + float(value)
    return Load(sums["running"], sums["waiting"]) if len(sums) == len(("running", "waiting")) else NO_LOAD


class QueueLaw:
    """The limit, from 1 to ``most``. Pure: told of each reading."""

    def __init__(self, most: int) -> None:
        if most < 1:
            raise ValueError("most: at least one request at once")
        self._most = float(most)
        self._limit = min(self._most, float(_FIRST))
        self._starting = True
        self._too_long: list[int] = []  # at these readings in a row: the answers until then

    @property
    def limit(self) -> int:
        """So many of our requests may be with the server now."""
        return int(self._limit)

    def read(self, load: Load, ours: int, answered: int) -> None:
        """What the server said, while ``ours`` were with it, after so many of ours that it has ``answered``.

        Where more are with it than may be, the last cut has not told yet; where fewer, the limit is not put to the
        test: it then stays as it is.
        """
        if load == NO_LOAD:
            self._limit = self._most
        elif load.waiting > 1 + _KEPT_WAITING * load.running and ours <= self.limit:
            self._too_long.append(answered)
            if len(self._too_long) >= _READINGS and answered > self._too_long[0]:
                self._limit, self._starting = max(1.0, self._limit * _CUT), False
                self._too_long.clear()
        else:
            self._too_long.clear()
            if ours == self.limit:
                self._limit = min(self._most, self._limit * 2 if self._starting else self._limit + 1)


class EnginePace:
    """Turns at a model server, in the order of arrival, ``most`` of them at once at most.

    ``ask`` gives the server's load, NO_LOAD where it tells none (it is then not asked again, and ``most`` is the
    limit), None where it gave no answer. It is asked every ``seconds`` while a turn runs, and not before.
    """

    def __init__(self, most: int, ask: Callable[[], Awaitable[Load | None]], *, seconds: float = 1.0) -> None:
        self._law = QueueLaw(most)
        self._ask = ask
        self._seconds = seconds
        self._turns: Turns[asyncio.Future[None]] = Turns()
        self._watches = most > 1
        self._answered = 0
        self._watching: asyncio.Task[None] | None = None

    @property
    def limit(self) -> int:
        """So many may run at once now."""
        return self._law.limit

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn, and have it until the end of the block."""
        turn = self._turns.join(frozenset(), asyncio.get_running_loop().create_future())
        self._admit()
        try:
            await turn.who
            if self._watches and self._watching is None:
                self._watching = asyncio.create_task(self._watch())
            yield
            self._answered += 1
        finally:
            self._turns.leave(turn)
            self._admit()

    async def aclose(self) -> None:
        """End the watch."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait([self._watching])

    def _admit(self) -> None:
        while self._turns.running < self.limit and (turn := self._turns.begin()):
            if not turn.who.done():  # else it was cancelled, and is about to leave
                turn.who.set_result(None)

    async def _watch(self) -> None:
        try:
            while self._turns.running and self._watches:
                await asyncio.sleep(self._seconds)
                ours = self._turns.running
                load = await self._ask()
                if load is not None:
                    self._watches = load != NO_LOAD
                    self._law.read(load, ours, self._answered)
                    self._admit()
        finally:
            self._watching = None
